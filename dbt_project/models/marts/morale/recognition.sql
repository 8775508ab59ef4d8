with sliced as (

    select * from {{ ref('fct_recognition_role') }}

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
        {{ ratio('c.receivers', 'e.people') }} as reach
    from counted as c
    left join employed as e
        on c.month = e.month and c.slice_dimension = e.slice_dimension and c.slice_value = e.slice_value

),

protected as (

    {{ disclosed('recognition', 'typed') }}

),

final as (

    {{ with_trend('protected', 'month', ['slice_dimension', 'slice_value'], 'reach') }}

)

select * from final
