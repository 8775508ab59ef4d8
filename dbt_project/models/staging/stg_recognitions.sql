with source as (

    select * from {{ source('validated', 'recognitions') }}

),

newest as (

    {{ newest_by('source', ['recognition_id', 'receiver_id']) }}

),

final as (

    select
        recognition_id,
        giver_id,
        receiver_id,
        given_on,
        category,
        points,
        {% for attribute in carried_attributes() %}{{ attribute }}{% if not loop.last %},
        {% endif %}{% endfor %}
    from newest

)

select * from final
