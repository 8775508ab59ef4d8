with final as (

    select
        recognition_id,
        giver_id,
        receiver_id,
        given_on,
        category,
        points,
        {% for attribute in carried_attributes() %}{{ attribute }}{% if not loop.last %},
        {% endif %}{% endfor %}
    from {{ ref('stg_recognitions') }}

)

select * from final
