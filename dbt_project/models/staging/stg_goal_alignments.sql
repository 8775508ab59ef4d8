with source as (

    select * from {{ source('validated', 'goal_alignments') }}

),

final as (

    select distinct goal_id, parent_goal_id
    from source

)

select * from final
