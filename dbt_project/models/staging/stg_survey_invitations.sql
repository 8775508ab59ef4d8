with source as (

    select * from {{ source('validated', 'survey_invitations') }}

),

newest as (

    {{ newest_by('source', ['survey_id', 'employee_id', 'respondent_id']) }}

),

final as (

    select survey_id, {{ person('employee_id') }}, respondent_id, launched_on, closes_on
    from newest
    {{ with_person(['employee_id']) }}

)

select * from final
