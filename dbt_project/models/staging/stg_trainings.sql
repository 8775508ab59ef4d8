with source as (

    select * from {{ source('validated', 'trainings') }}

),

final as (

    select distinct employee_id, course, assigned_on, completed_on, status, score
    from source

)

select * from final
