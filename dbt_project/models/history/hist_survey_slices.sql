with respondents as (

    select * from {{ ref('fct_survey_respondent') }} where left_out_because is null

),

by_history as (

    select
        r.survey_id,
        r.respondent_id,
        s.slice_dimension,
        s.slice_value
    from respondents as r
    inner join {{ ref('hist_slices') }} as s
        on
            r.employee_id = s.employee_id
            and s.valid_from <= r.referred_on
            and coalesce(s.valid_to, {{ forever() }}) > r.referred_on
    where r.is_person

),

by_file as (

    select survey_id, respondent_id, 'company' as slice_dimension, 'all' as slice_value
    from respondents
    where not is_person
    {% for attribute in carried_attributes() %}
    union all

    select survey_id, respondent_id, '{{ attribute }}' as slice_dimension, coalesce({{ attribute }}, 'unknown') as slice_value
    from (
        select *, count({{ attribute }}) over (partition by survey_id) > 0 as is_known
        from respondents
        where not is_person
    ) as file_respondents
    where is_known
    {% endfor %}
),

final as (

    select * from by_history
    union all
    select * from by_file

)

select * from final
