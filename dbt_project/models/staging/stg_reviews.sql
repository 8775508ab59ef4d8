with source as (

    select * from {{ source('validated', 'reviews') }}

),

newest as (

    {{ newest_by(
        'source', ['cycle', 'reviewee_id', 'rater_id', 'relationship', 'competency'], first_by='submitted_at desc nulls last'
    ) }}

),

final as (

    select
        cycle,
        {{ person('reviewee_id') }},
        {{ person('rater_id') }},
        relationship,
        competency,
        rating,
        calibrated_rating,
        scale_min,
        scale_max,
        coalesce(scale_reversed, false) as is_scale_reversed,
        submitted_at,
        {{ present_attributes('newest') }}
    from newest
    {{ with_person(['reviewee_id', 'rater_id']) }}

)

select * from final
