with source as (

    select * from {{ source('validated', 'job_changes') }}

),

final as (

    select distinct employee_id, effective_date, lower(change_type) as change_type, old_value, new_value
    from source

)

select * from final
