with respondents as (

    select * from {{ ref('fct_survey_respondent') }} where left_out_because is null

),

anonymous as (

    select * from respondents where not is_person

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
            and {{ is_valid_on('s', 'r.referred_on') }}
    where r.is_person

),

by_file as (

    {{ carried_slices('anonymous', ['survey_id', 'respondent_id']) }}

),

final as (

    select * from by_history
    union all
    select * from by_file

)

select * from final
