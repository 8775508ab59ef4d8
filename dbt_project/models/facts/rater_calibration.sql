-- A rating of a rater is that of one person, over all competencies, as it was before calibration. What people say of
-- themselves says nothing of how strict they are.
with ratings as (

    select
        cycle,
        rater_id,
        reviewee_id,
        relationship,
        {{ exact_mean('original_score_100') }} as score
    from {{ ref('fct_review_rating') }}
    where relationship <> 'self' and rater_id is not null and original_score_100 is not null
    group by cycle, rater_id, reviewee_id, relationship

),

-- Peers are milder than managers: each is compared with their own kind.
perspectives as (

    select cycle, relationship, {{ exact_mean('score') }} as mean
    from ratings
    group by cycle, relationship

),

deviations as (

    select r.cycle, r.rater_id, r.score, r.score - p.mean as deviation
    from ratings as r
    inner join perspectives as p on r.cycle = p.cycle and r.relationship = p.relationship

),

means as (

    select
        cycle,
        rater_id,
        count(*) as ratings,
        {{ exact_mean('score') }} as mean,
        {{ exact_mean('deviation') }} as deviation,
        min(score) as lowest,
        max(score) as highest
    from deviations
    group by cycle, rater_id

),

raters as (

    select
        m.cycle,
        m.rater_id,
        m.ratings,
        m.mean,
        m.deviation,
        m.lowest,
        m.highest,
        {{ exact_sum('(d.score - m.mean) * (d.score - m.mean)') }} as squares,
        {{ exact_sum('(d.deviation - m.deviation) * (d.deviation - m.deviation)') }} as squared_deviations
    from means as m
    inner join deviations as d on m.cycle = d.cycle and m.rater_id = d.rater_id
    group by m.cycle, m.rater_id, m.ratings, m.mean, m.deviation, m.lowest, m.highest

),

-- One-way random effects, unbalanced: the method of moments.
sums as (

    select
        cycle,
        sum(ratings) as ratings,
        count(*) as raters,
        {{ exact_sum('squared_deviations') }} as within_sum,
        {{ exact_sum('ratings * deviation * deviation') }} as between_sum,
        sum(ratings * ratings) as squared_ratings
    from raters
    group by cycle

),

mean_squares as (

    select
        cycle,
        within_sum / nullif(ratings - raters, 0) as within_mean,
        between_sum / nullif(raters - 1, 0) as between_mean,
        (ratings - cast(squared_ratings as double precision) / ratings) / nullif(raters - 1, 0) as ratings_per_rater
    from sums

),

variances as (

    select
        cycle,
        case when within_mean > 1e-9 then within_mean else within_mean * 0 end as within_variance,
        case
            when between_mean - within_mean > 1e-9 then (between_mean - within_mean) / ratings_per_rater
            else (between_mean - within_mean) * 0
        end as between_variance
    from mean_squares

),

judged as (

    select
        r.*,
        v.within_variance,
        v.between_variance,
        r.ratings * v.between_variance / nullif(r.ratings * v.between_variance + v.within_variance, 0) as shrinkage,
        abs(r.deviation) / nullif(sqrt(v.between_variance + v.within_variance / r.ratings), 0) as distance,
        r.highest - r.lowest < 1e-9 as is_even
    from raters as r
    inner join variances as v on r.cycle = v.cycle

),

final as (

    select
        cycle,
        rater_id,
        cast(ratings as bigint) as ratings,
        mean,
        -shrinkage * deviation as severity,
        case
            when ratings > 1 and is_even then 0
            when ratings > 1 then sqrt(squares / (ratings - 1))
        end as spread,
        ratings >= {{ var('minimum_group') }}
        and (coalesce(distance >= 2, false) or coalesce(is_even and within_variance > 0, false)) as is_outlier
    from judged

)

select * from final
