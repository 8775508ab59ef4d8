-- What people have contributed to surveys and review cycles, and the slices that it counts in: name=value each, separated
-- by a character that is in no text.
{%- set between = '\x1f' %}
with answers as (

    select
        survey_id,
        respondent_id,
        -- The score, and f, n or u for favourable, neutral and unfavourable.
        {{ list_of(
            "item_id || '=' || cast(score_100 as varchar) || substring(favourability, 1, 1)", between
        ) }} as content
    from {{ ref('fct_survey_answer') }}
    where is_counted
    group by survey_id, respondent_id

),

survey_slices as (

    select
        survey_id,
        respondent_id,
        {{ list_of("slice_dimension || '=' || slice_value", between) }} as slices
    from {{ ref('hist_survey_slices') }}
    group by survey_id, respondent_id

),

scores as (

    select cycle, reviewee_id, relationship || ' ' || competency as part, cast(score as varchar) as score
    from {{ ref('agg_review_competency') }}
    where score is not null

    union all

    select cycle, reviewee_id, '' as part, cast(rating_band as varchar) as score
    from {{ ref('fct_reviewee') }}
    where rating_band is not null

),

reviews as (

    select cycle, reviewee_id, {{ list_of("part || '=' || score", between) }} as content
    from scores
    group by cycle, reviewee_id

),

review_slices as (

    select
        cycle,
        reviewee_id,
        {{ list_of("slice_dimension || '=' || slice_value", between) }} as slices
    from {{ ref('hist_review_slices') }}
    group by cycle, reviewee_id

),

final as (

    select 'survey' as kind, a.survey_id as occasion, a.respondent_id as person_id, s.slices, a.content
    from answers as a
    inner join survey_slices as s on a.survey_id = s.survey_id and a.respondent_id = s.respondent_id

    union all

    select 'review' as kind, r.cycle as occasion, r.reviewee_id as person_id, s.slices, r.content
    from reviews as r
    inner join review_slices as s on r.cycle = s.cycle and r.reviewee_id = s.reviewee_id

)

select * from final
