with rated as (

    select r.cycle, r.reviewee_id, r.rating_band, s.slice_dimension, s.slice_value
    from {{ ref('fct_reviewee') }} as r
    inner join {{ ref('hist_review_slices') }} as s
        on
            r.cycle = s.cycle
            and r.reviewee_id = s.reviewee_id
            and {{ in_dimensions('rating_distribution', 's.slice_dimension') }}
    where r.rating_band is not null

),

-- Slices in which nobody has a rating are there as well: what is hidden looks the same whether nobody or a few have.
slices as (

    select s.cycle, s.slice_dimension, s.slice_value, count(r.rating_band) as reviewees
    from {{ ref('hist_review_slices') }} as s
    inner join {{ ref('fct_reviewee') }} as r on s.cycle = r.cycle and s.reviewee_id = r.reviewee_id
    where {{ in_dimensions('rating_distribution', 's.slice_dimension') }}
    group by s.cycle, s.slice_dimension, s.slice_value

),

numbers as (

    {{ numbers(3) }}

),

-- Every band of the cycle's scale has a row, so that what is missing tells nothing; without a scale, those in use.
extents as (

    select
        r.cycle,
        min(least(r.rating_band, coalesce(floor(c.scale_min + 0.5), r.rating_band))) as lowest,
        max(greatest(r.rating_band, coalesce(floor(c.scale_max + 0.5), r.rating_band))) as highest
    from rated as r
    inner join {{ ref('fct_review_cycle') }} as c on r.cycle = c.cycle
    group by r.cycle

),

bands as (

    select e.cycle, cast(e.lowest + n.n as integer) as rating_band
    from extents as e
    inner join numbers as n on n.n <= e.highest - e.lowest

),

counted as (

    select cycle, slice_dimension, slice_value, rating_band, count(*) as reviewees
    from rated
    group by cycle, slice_dimension, slice_value, rating_band

),

shares as (

    select
        s.cycle,
        s.slice_dimension,
        s.slice_value,
        b.rating_band,
        cast(coalesce(c.reviewees, 0) as bigint) as reviewees,
        {{ ratio('coalesce(c.reviewees, 0)', 's.reviewees') }} as share,
        max({{ ratio('coalesce(c.reviewees, 0)', 's.reviewees') }}) over (
            partition by s.cycle, s.slice_dimension, s.slice_value
        ) as largest,
        s.reviewees as people
    from slices as s
    inner join bands as b on s.cycle = b.cycle
    left join counted as c
        on
            s.cycle = c.cycle
            and s.slice_dimension = c.slice_dimension
            and s.slice_value = c.slice_value
            and b.rating_band = c.rating_band

),

typed as (

    select
        cycle,
        slice_dimension,
        slice_value,
        rating_band,
        {{ unless_banded('reviewees', 'largest', 'people') }} as reviewees,
        {{ unless_banded('share', 'largest', 'people') }} as share
    from shares

),

protected as (

    {{ disclosed('rating_distribution', 'typed') }}

),

final as (

    {{ with_trend(
        'protected', 'cycle', ['slice_dimension', 'slice_value', 'rating_band'], 'share', ref('fct_review_cycle')
    ) }}

)

select * from final
