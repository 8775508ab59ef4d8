with reviewees as (

    select * from {{ ref('fct_reviewee') }} where left_out_because is null

),

unknown_people as (

    select * from reviewees where not is_person

),

by_history as (

    select r.cycle, r.reviewee_id, s.slice_dimension, s.slice_value
    from reviewees as r
    inner join {{ ref('hist_slices') }} as s
        on
            r.reviewee_id = s.employee_id
            and {{ is_valid_on('s', 'r.referred_on') }}
    where r.is_person

),

by_file as (

    {{ carried_slices('unknown_people', ['cycle', 'reviewee_id']) }}

),

final as (

    select * from by_history
    union all
    select * from by_file

)

select * from final
