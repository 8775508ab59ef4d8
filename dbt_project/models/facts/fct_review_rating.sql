with final as (

    select
        cycle,
        reviewee_id,
        rater_id,
        relationship,
        competency,
        rating as rating_delivered,
        calibrated_rating as calibrated_rating_delivered,
        coalesce(calibrated_rating, rating) as rating_in_force,
        -- Turned round where 1 is best, so that high is good everywhere.
        case
            when is_scale_reversed then scale_min + scale_max - coalesce(calibrated_rating, rating)
            else coalesce(calibrated_rating, rating)
        end as rating,
        scale_min,
        scale_max,
        submitted_at
    from {{ ref('stg_reviews') }}

)

select * from final
