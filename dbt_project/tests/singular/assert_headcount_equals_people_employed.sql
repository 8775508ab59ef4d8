-- What: the walk's closing, last-day headcount and average agree with the people themselves, counted span by span.
-- Why: the walk is made of movements; this counts who is there, without them.
-- A returned row is a company-wide or departmental month in which they differ.
with months as (

    select * from {{ ref('hist_months') }}

),

counted as (

    select
        m.month,
        m.days_seen,
        s.slice_dimension,
        s.slice_value,
        sum(
            case when s.valid_from <= m.closes_on and coalesce(s.valid_to, {{ forever() }}) > m.closes_on then 1 else 0 end
        ) as headcount_last_day,
        sum(
            case
                when
                    s.valid_from <= m.closes_on and coalesce(s.valid_to, {{ forever() }}) > m.closes_on
                    and coalesce(t.last_day, {{ forever() }}) > m.closes_on
                    then 1
                else 0
            end
        ) as closing,
        sum(
            {{ days_between(
                'greatest(s.valid_from, m.month)',
                'least(' ~ add_days('coalesce(s.valid_to, ' ~ forever() ~ ')', -1) ~ ', m.closes_on)'
            ) }} + 1
        ) as person_days
    from {{ ref('hist_slices') }} as s
    inner join {{ ref('fct_stint') }} as t on s.employee_id = t.employee_id and s.stint_number = t.stint_number
    inner join months as m on s.valid_from <= m.closes_on and coalesce(s.valid_to, {{ forever() }}) > m.month
    where s.slice_dimension in ('company', 'department')
    group by m.month, m.days_seen, s.slice_dimension, s.slice_value

)

select c.month, c.slice_dimension, c.slice_value
from counted as c
left join {{ ref('agg_headcount_monthly') }} as h
    on c.month = h.month and c.slice_dimension = h.slice_dimension and c.slice_value = h.slice_value
where
    h.month is null
    or h.closing <> c.closing
    or h.headcount_last_day <> c.headcount_last_day
    or abs(h.average_headcount * c.days_seen - c.person_days) > 1e-6
