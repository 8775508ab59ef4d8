-- What people have contributed to surveys and review cycles, and the slices that it counts in: part=value,
-- separated by a character that is in no text.
with answers as (

    select
        survey_id,
        respondent_id,
        {{ list_of("item_id || '=' || coalesce(cast(score_100 as varchar), '') || ' ' || favourability", '\x1f', 'item_id') }} as told
    from {{ ref('fct_survey_answer') }}
    where is_counted
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

    select cycle, reviewee_id, {{ list_of("part || '=' || score", '\x1f', 'part') }} as told
    from scores
    group by cycle, reviewee_id

),

final as (

    select
        'survey' as kind,
        a.survey_id as occasion,
        a.respondent_id as person_id,
        s.slice_dimension,
        s.slice_value,
        case when s.slice_dimension = 'company' then a.told end as content
    from answers as a
    inner join {{ ref('hist_survey_slices') }} as s on a.survey_id = s.survey_id and a.respondent_id = s.respondent_id

    union all

    select
        'review' as kind,
        r.cycle as occasion,
        r.reviewee_id as person_id,
        s.slice_dimension,
        s.slice_value,
        case when s.slice_dimension = 'company' then r.told end as content
    from reviews as r
    inner join {{ ref('hist_review_slices') }} as s on r.cycle = s.cycle and r.reviewee_id = s.reviewee_id

)

select * from final
