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

counted as (

    select
        {{ month_start('given_on') }} as month,
        slice_dimension,
        slice_value,
        sum(case when role = 'giver' then 1 else 0 end) as given,
        sum(case when role = 'receiver' then 1 else 0 end) as received,
        count(distinct case when role = 'giver' then person_id end) as givers,
        count(distinct case when role = 'receiver' then person_id end) as receivers
    from sliced
    group by {{ month_start('given_on') }}, slice_dimension, slice_value

),

months as (

    select * from {{ ref('hist_months') }}

),

employed as (

    select m.month, s.slice_dimension, s.slice_value, count(distinct s.employee_id) as people
    from (select distinct month from counted) as c
    inner join months as m on c.month = m.month
    inner join {{ ref('hist_slices') }} as s
        on
            s.valid_from <= m.closes_on
            and coalesce(s.valid_to, {{ forever() }}) > m.month
            and {{ in_dimensions('recognition', 's.slice_dimension') }}
    group by m.month, s.slice_dimension, s.slice_value

),

typed as (

    select
        c.month,
        c.slice_dimension,
        c.slice_value,
        cast(c.given as bigint) as given,
        cast(c.received as bigint) as received,
        cast(c.givers as bigint) as givers,
        cast(c.receivers as bigint) as receivers,
        {{ ratio('c.receivers', 'e.people') }} as reach,
        coalesce(e.people, greatest(c.givers, c.receivers)) as people_in_base
    from counted as c
    left join employed as e
        on c.month = e.month and c.slice_dimension = e.slice_dimension and c.slice_value = e.slice_value

),

protected as (

    {{ with_demographics_protected(
        'typed',
        ['month', 'slice_dimension', 'slice_value'],
        'month',
        ['given', 'received', 'givers', 'receivers', 'reach'],
    ) }}

),

final as (

    {{ with_trend('protected', 'month', ['slice_dimension', 'slice_value'], 'reach') }}

)

select * from final
