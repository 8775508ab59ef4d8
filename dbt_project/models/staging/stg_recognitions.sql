with source as (

    select * from {{ source('validated', 'recognitions') }}

),

newest as (

    {{ newest_by('source', ['recognition_id', 'receiver_id']) }}

),

final as (

    select
        recognition_id,
        {{ person('giver_id') }},
        {{ person('receiver_id') }},
        given_on,
        category,
        points,
        {{ present_attributes('newest') }}
    from newest
    {{ with_person(['giver_id', 'receiver_id']) }}

)

select * from final
