{{ config(schema='facts') }}
{%- set attributes = carried_attributes() -%}
with recognitions as (

    select * from {{ ref('fct_recognition') }}

),

has_history as (

    select count(*) > 0 as has_history from {{ ref('fct_stint') }}

),

roles as (

    select recognition_id, receiver_id, giver_id as person_id, 'giver' as role, given_on from recognitions
    union all
    select recognition_id, receiver_id, receiver_id as person_id, 'receiver' as role, given_on from recognitions

),

by_history as (

    select r.*, s.slice_dimension, s.slice_value
    from roles as r
    inner join {{ ref('hist_slices') }} as s
        on
            r.person_id = s.employee_id
            and {{ is_valid_on('s', 'r.given_on') }}
            and s.slice_dimension <> 'company'
            and {{ in_dimensions('recognition', 's.slice_dimension') }}

),

carried as (

    select r.recognition_id, r.receiver_id{% for attribute in attributes %}, r.{{ attribute }}{% endfor %}, 1 as everything
    from recognitions as r
    cross join has_history as h
    where not h.has_history

),

carried_slices as (

    {{ carried_slices('carried', ['everything', 'recognition_id', 'receiver_id']) }}

),

by_file as (

    select r.*, s.slice_dimension, s.slice_value
    from roles as r
    inner join carried_slices as s
        on
            r.recognition_id = s.recognition_id
            and r.receiver_id = s.receiver_id
            and s.slice_dimension <> 'company'
            and {{ in_dimensions('recognition', 's.slice_dimension') }}

),

sliced as (

    select roles.*, 'company' as slice_dimension, 'all' as slice_value from roles
    union all
    select * from by_history
    union all
    select * from by_file

),

final as (

    select * from sliced

)

select * from final
