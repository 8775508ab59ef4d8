-- Who could answer a survey that knows who answers: the invited people, else everyone employed at launch.
with surveys as (

    select * from {{ ref('fct_survey') }}

),

invited as (

    select
        i.survey_id,
        i.employee_id,
        min(coalesce(i.launched_on, s.launched_on)) as launched_on
    from {{ ref('stg_survey_invitations') }} as i
    inner join surveys as s on i.survey_id = s.survey_id
    where i.employee_id is not null
    group by i.survey_id, i.employee_id

),

employed as (

    select v.survey_id, t.employee_id, v.launched_on
    from surveys as v
    inner join {{ ref('fct_stint') }} as t
        on t.hire_date <= v.launched_on and coalesce(t.last_day, {{ forever() }}) >= v.launched_on
    where v.names_employees and not v.has_invitations

),

final as (

    select survey_id, employee_id, launched_on, true as is_invited from invited
    union all
    select distinct survey_id, employee_id, launched_on, false as is_invited from employed

)

select * from final
