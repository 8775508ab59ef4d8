with surveys as (

    select * from {{ ref('fct_survey') }}

),

item_sets as (

    select
        survey_id,
        {{ list_of("item_id || ':' || cast(scale_min as varchar) || '-' || cast(scale_max as varchar)", '|', 'item_id') }} as items
    from (
        select distinct a.survey_id, a.item_id, i.scale_min, i.scale_max
        from {{ ref('fct_survey_answer') }} as a
        inner join {{ ref('stg_survey_items') }} as i on a.item_id = i.item_id
        where a.is_enps
    ) as answered_items
    group by survey_id

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
        on a.survey_id = s.survey_id and a.respondent_id = s.respondent_id
    where a.is_enps and a.is_counted and {{ in_dimensions('enps', 's.slice_dimension') }}
    group by a.survey_id, s.slice_dimension, s.slice_value

),

scored as (

    select
        *,
        {{ ratio('(promoters - detractors)', 'answers') }} * 100 as score,
        respondents < {{ var('minimum_group') }} as is_suppressed
    from counted

),

final as (

    select
        a.survey_id,
        a.slice_dimension,
        a.slice_value,
        case when not a.is_suppressed then cast(a.promoters as bigint) end as promoters,
        case when not a.is_suppressed then cast(a.passives as bigint) end as passives,
        case when not a.is_suppressed then cast(a.detractors as bigint) end as detractors,
        case when not a.is_suppressed then cast(a.respondents as bigint) end as respondents,
        case when not a.is_suppressed then a.score end as enps,
        case when not a.is_suppressed and not p.is_suppressed then a.score - p.score end as delta_vs_previous,
        a.is_suppressed,
        case when a.is_suppressed then 'below_minimum' end as suppression_reason
    from scored as a
    inner join surveys as s on a.survey_id = s.survey_id
    left join item_sets as mine on a.survey_id = mine.survey_id
    left join item_sets as theirs on s.previous_survey_id = theirs.survey_id and mine.items = theirs.items
    left join scored as p
        on
            theirs.survey_id = p.survey_id
            and a.slice_dimension = p.slice_dimension
            and a.slice_value = p.slice_value

)

select * from final
