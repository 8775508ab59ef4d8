with source as (

    select * from {{ source('validated', 'one_on_ones') }}

),

newest as (

    {{ newest_by('source', ['meeting_id']) }}

),

final as (

    select meeting_id, {{ person('manager_id') }}, {{ person('employee_id') }}, scheduled_on, held_on, lower(status) as status
    from newest
    {{ with_person(['manager_id', 'employee_id']) }}

)

select * from final
