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

invited_by_slice as (

    select i.survey_id, s.slice_dimension, s.slice_value, count(distinct i.employee_id) as people
    from invited as i
    inner join {{ ref('hist_slices') }} as s
        on
            i.employee_id = s.employee_id
            and {{ is_valid_on('s', 'i.launched_on') }}
    group by i.survey_id, s.slice_dimension, s.slice_value

),

-- Where no person is known behind the invitations, only their number is.
invited_codes as (

    select
        i.survey_id,
        'company' as slice_dimension,
        'all' as slice_value,
        count(distinct coalesce(i.employee_id, i.respondent_id)) as people
    from {{ ref('stg_survey_invitations') }} as i
    left join (select distinct survey_id from invited_by_slice) as p on i.survey_id = p.survey_id
    where p.survey_id is null
    group by i.survey_id

),

-- Without invitations everyone employed at launch could answer a survey that knows who answers.
employed as (

    select v.survey_id, s.slice_dimension, s.slice_value, count(distinct s.employee_id) as people
    from surveys as v
    inner join {{ ref('hist_slices') }} as s
        on
            {{ is_valid_on('s', 'v.launched_on') }}
    where v.names_employees and not v.has_invitations
    group by v.survey_id, s.slice_dimension, s.slice_value

),

final as (

    select survey_id, slice_dimension, slice_value, people as invited, people as could_answer from invited_by_slice
    union all
    select survey_id, slice_dimension, slice_value, people as invited, people as could_answer from invited_codes
    union all
    select survey_id, slice_dimension, slice_value, cast(null as bigint) as invited, people as could_answer from employed

)

select * from final
