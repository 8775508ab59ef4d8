with source as (

    select * from {{ source('validated', 'trainings') }}

),

-- Delivered again once it is completed; without a day of assignment, each completion is a training of its own.
newest as (

    {{ newest_by(
        'source', ['employee_id', 'course', 'assigned_on', 'case when assigned_on is null then completed_on end']
    ) }}

),

final as (

    select {{ person('employee_id') }}, course, assigned_on, completed_on, lower(status) as status, score
    from newest
    {{ with_person(['employee_id']) }}

)

select * from final
