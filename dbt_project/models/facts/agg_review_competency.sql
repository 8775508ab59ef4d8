{{ config(schema='facts') }}
-- What a perspective says of a person: several raters of it count as their mean.
with final as (

    select
        r.cycle,
        r.reviewee_id,
        r.relationship,
        r.competency,
        count(*) as ratings,
        {{ exact_mean('r.rating') }} as rating,
        {{ exact_mean('r.score_100') }} as score,
        -- A calibrated rating has been set right already.
        {{ exact_mean(
            'r.score_100 + case when r.calibrated_rating_delivered is null then coalesce(c.severity, 0) else 0 end'
        ) }} as adjusted_score
    from {{ ref('fct_review_rating') }} as r
    -- A condition of its own on one side of an outer join would make the engine compare every row with every other.
    left join {{ ref('rater_calibration') }} as c
        on r.cycle = c.cycle and case when r.relationship <> 'self' then r.rater_id end = c.rater_id
    group by r.cycle, r.reviewee_id, r.relationship, r.competency

)

select * from final
