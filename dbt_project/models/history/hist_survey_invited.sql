with could_answer as (

    select o.survey_id, o.is_invited, s.slice_dimension, s.slice_value, count(distinct o.employee_id) as people
    from {{ ref('hist_survey_open') }} as o
    inner join {{ ref('hist_slices') }} as s
        on
            o.employee_id = s.employee_id
            and {{ is_valid_on('s', 'o.launched_on') }}
    group by o.survey_id, o.is_invited, s.slice_dimension, s.slice_value

),

-- Where no person is known behind the invitations, only their number is.
invited_codes as (

    select
        i.survey_id,
        'company' as slice_dimension,
        'all' as slice_value,
        count(distinct coalesce(i.employee_id, i.respondent_id)) as people
    from {{ ref('stg_survey_invitations') }} as i
    left join (select distinct survey_id from could_answer where is_invited) as p on i.survey_id = p.survey_id
    where p.survey_id is null
    group by i.survey_id

),

final as (

    select
        survey_id,
        slice_dimension,
        slice_value,
        case when is_invited then people end as invited,
        people as could_answer
    from could_answer
    union all
    select survey_id, slice_dimension, slice_value, people as invited, people as could_answer from invited_codes

)

select * from final
