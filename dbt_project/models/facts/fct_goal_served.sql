{{ config(schema='facts') }}
with goals as (

    select * from {{ ref('fct_goal') }} where not is_cancelled

),

-- A goal counts beneath another one where their periods overlap.
final as (

    select
        t.goal_id as top_goal_id,
        t.period as top_period,
        g.goal_id,
        g.owner_id,
        g.period,
        g.attainment_raw
    from goals as t
    inner join {{ ref('fct_goal_link') }} as s on t.goal_id = s.served_goal_id and t.goal_id <> s.goal_id
    inner join goals as g
        on
            s.goal_id = g.goal_id
            and g.period_starts_on <= t.period_ends_on
            and g.period_ends_on >= t.period_starts_on
    where t.goal_level = 'company'

)

select * from final
