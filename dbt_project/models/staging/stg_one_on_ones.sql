with source as (

    select * from {{ source('validated', 'one_on_ones') }}

),

newest as (

    {{ newest_by('source', ['meeting_id']) }}

),

final as (

    select meeting_id, manager_id, employee_id, scheduled_on, held_on, status
    from newest

)

select * from final
