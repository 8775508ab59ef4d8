with source as (

    select * from {{ source('validated', 'job_changes') }}

),

final as (

    select distinct {{ person('employee_id', 'source') }}, effective_date, lower(change_type) as change_type, old_value, new_value
    from source
    {{ with_person(['employee_id'], 'source') }}

)

select * from final
