{%- set attributes = carried_attributes() -%}
with surveys as (

    select * from {{ ref('fct_survey') }}

),

invitations as (

    select * from {{ ref('stg_survey_invitations') }}

),

codes as (

    select survey_id, respondent_id, min(employee_id) as employee_id, min(launched_on) as launched_on
    from invitations
    where respondent_id is not null
    group by survey_id, respondent_id

),

invited_people as (

    select survey_id, employee_id, min(launched_on) as launched_on
    from invitations
    where employee_id is not null
    group by survey_id, employee_id

),

has_history as (

    select count(*) > 0 as has_history from {{ ref('fct_stint') }}

),

respondents as (

    select
        r.survey_id,
        r.respondent_id,
        coalesce(max(r.employee_id), max(c.employee_id)) as employee_id,
        max(case when c.respondent_id is not null then 1 else 0 end) = 1 as has_invited_code,
        max(c.launched_on) as code_launched_on,
        cast(min(r.responded_at) as date) as first_answered_on
        {%- for attribute in attributes %},
        max(r.{{ attribute }}) as {{ attribute }}
        {%- endfor %}
    from {{ ref('stg_survey_responses') }} as r
    left join codes as c on r.survey_id = c.survey_id and r.respondent_id = c.respondent_id
    group by r.survey_id, r.respondent_id

),

-- The day whose attributes count: the launch; without invitations, the day of the person's first answer.
referred as (

    select
        r.*,
        s.has_invitations,
        s.has_respondent_codes,
        i.employee_id is not null or r.has_invited_code as is_invited,
        r.employee_id is not null and h.has_history as is_person,
        coalesce(
            case
                when s.has_invitations then coalesce(i.launched_on, r.code_launched_on, s.launched_on)
                else r.first_answered_on
            end,
            s.launched_on,
            o.observed_to
        ) as referred_on
    from respondents as r
    inner join surveys as s on r.survey_id = s.survey_id
    left join invited_people as i on r.survey_id = i.survey_id and r.employee_id = i.employee_id
    cross join has_history as h
    cross join {{ ref('hist_observation') }} as o

),

stints as (

    select employee_id, min(hire_date) as first_hired_on, max(coalesce(last_day, {{ forever() }})) as last_employed_on
    from {{ ref('fct_stint') }}
    group by employee_id

),

final as (

    select
        r.survey_id,
        r.respondent_id,
        r.employee_id,
        r.referred_on,
        r.is_person,
        {% for attribute in attributes %}r.{{ attribute }},
        {% endfor %}
        case
            when
                r.has_invitations and not r.is_invited
                and (r.employee_id is not null or r.has_respondent_codes) then 'not_invited'
            when r.is_person and s.employee_id is null then 'not_in_population'
            when r.is_person and r.referred_on < s.first_hired_on then 'before_hire'
            when r.is_person and r.referred_on > s.last_employed_on then 'after_exit'
            when
                r.is_person
                and not exists (
                    select 1 from {{ ref('fct_stint') }} as t
                    where
                        t.employee_id = r.employee_id
                        and t.hire_date <= r.referred_on
                        and coalesce(t.last_day, {{ forever() }}) >= r.referred_on
                ) then 'between_stints'
        end as left_out_because
    from referred as r
    left join stints as s on r.employee_id = s.employee_id

)

select * from final
