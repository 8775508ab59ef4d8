with enps_items as (

    select item_id, 'enps' as item_group from {{ ref('stg_survey_items') }} where is_enps

),

counted as (

    select
        a.survey_id,
        s.slice_dimension,
        s.slice_value,
        count(*) as answers,
        count(distinct a.respondent_id) as respondents,
        sum(case when a.enps_group = 'promoter' then 1 else 0 end) as promoters,
        sum(case when a.enps_group = 'passive' then 1 else 0 end) as passives,
        sum(case when a.enps_group = 'detractor' then 1 else 0 end) as detractors
    from {{ ref('fct_survey_answer') }} as a
    inner join {{ ref('hist_survey_slices') }} as s
        on
            a.survey_id = s.survey_id
            and a.respondent_id = s.respondent_id
            and {{ in_dimensions('enps', 's.slice_dimension') }}
    where a.is_enps and a.is_counted
    group by a.survey_id, s.slice_dimension, s.slice_value

),

answerable as (

    select *, respondents < {{ var('minimum_group') }} as is_suppressed
    from counted

),

protected as (

    select
        survey_id,
        slice_dimension,
        slice_value,
        case when not is_suppressed then cast(promoters as bigint) end as promoters,
        case when not is_suppressed then cast(passives as bigint) end as passives,
        case when not is_suppressed then cast(detractors as bigint) end as detractors,
        case when not is_suppressed then cast(respondents as bigint) end as respondents,
        case when not is_suppressed then {{ ratio('(promoters - detractors)', 'answers') }} * 100 end as enps,
        is_suppressed,
        case when is_suppressed then 'below_minimum' end as suppression_reason
    from answerable

),

{{ comparable_surveys('item_group', 'enps_items') }},

final as (

    {{ with_trend('protected', 'survey_id', ['slice_dimension', 'slice_value'], 'enps', 'comparable') }}

)

select * from final
