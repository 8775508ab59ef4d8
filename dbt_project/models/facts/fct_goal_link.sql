{{ config(schema='facts') }}
with recursive goals as (

    select * from {{ ref('fct_goal') }} where not is_cancelled

),

edges as (

    -- A cancelled goal leads nowhere, and so nowhere through it.
    select distinct a.goal_id, a.parent_goal_id
    from {{ ref('stg_goal_alignments') }} as a
    inner join goals as c on a.goal_id = c.goal_id

),

-- Which goals each one serves, by whatever way; each pair is reached once, so that no cycle is walked twice.
served as (

    select goal_id, parent_goal_id as served_goal_id from edges
    union
    select s.goal_id, e.parent_goal_id as served_goal_id
    from served as s
    inner join edges as e on s.served_goal_id = e.goal_id

),

final as (

    select s.goal_id, s.served_goal_id, e.goal_id is not null as is_direct
    from served as s
    left join edges as e on s.goal_id = e.goal_id and s.served_goal_id = e.parent_goal_id

)

select * from final
