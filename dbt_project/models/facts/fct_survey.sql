with invitations as (

    select
        survey_id,
        min(launched_on) as launched_on,
        count(respondent_id) > 0 as has_respondent_codes
    from {{ ref('stg_survey_invitations') }}
    group by survey_id

),

responses as (

    select
        survey_id,
        cast(min(responded_at) as date) as first_answered_on,
        count(employee_id) > 0 as names_employees
    from {{ ref('stg_survey_responses') }}
    group by survey_id

),

surveys as (

    select
        coalesce(r.survey_id, i.survey_id) as survey_id,
        coalesce(i.launched_on, r.first_answered_on) as launched_on,
        i.survey_id is not null as has_invitations,
        coalesce(i.has_respondent_codes, false) as has_respondent_codes,
        coalesce(r.names_employees, false) as names_employees
    from responses as r
    full outer join invitations as i on r.survey_id = i.survey_id

),

final as (

    {{ with_previous_occasions('surveys', 'survey_id', 'launched_on') }}

)

select * from final
