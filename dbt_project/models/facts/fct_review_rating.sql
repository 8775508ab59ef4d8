with turned as (

    select
        r.*,
        c.scale_min as cycle_scale_min,
        c.scale_max as cycle_scale_max,
        {{ turned_round('r.rating') }} as original_rating,
        {{ turned_round('coalesce(r.calibrated_rating, r.rating)') }} as own_scale_rating
    from {{ ref('stg_reviews') }} as r
    inner join {{ ref('fct_review_cycle') }} as c on r.cycle = c.cycle

),

final as (

    select
        cycle,
        reviewee_id,
        rater_id,
        relationship,
        coalesce(competency, 'overall') as competency,
        rating as rating_delivered,
        calibrated_rating as calibrated_rating_delivered,
        coalesce(calibrated_rating, rating) as rating_in_force,
        -- On the cycle's scale, where a file has another one.
        case
            when scale_min = cycle_scale_min and scale_max = cycle_scale_max then own_scale_rating
            when scale_min is null or cycle_scale_min is null then own_scale_rating
            else
                (own_scale_rating - scale_min) / (scale_max - scale_min) * (cycle_scale_max - cycle_scale_min)
                + cycle_scale_min
        end as rating,
        (own_scale_rating - scale_min) / nullif(scale_max - scale_min, 0) * 100 as score_100,
        (original_rating - scale_min) / nullif(scale_max - scale_min, 0) * 100 as original_score_100,
        scale_min,
        scale_max,
        submitted_at,
        {% for attribute in carried_attributes() %}{{ attribute }}{% if not loop.last %},
        {% endif %}{% endfor %}
    from turned

)

select * from final
