{{ config(meta={'dagster': {'ref': {'name': 'headcount_walk'}}}) }}
-- What: each month opens with the closing of the month before, without a gap between a slice's months.
-- A returned row is a month that does not.
with walk as (

    select
        *,
        lag(closing) over (partition by slice_dimension, slice_value order by month) as closing_before,
        lag(month) over (partition by slice_dimension, slice_value order by month) as month_before
    from {{ ref('headcount_walk') }}

)

select month, slice_dimension, slice_value
from walk
where
    (opening <> closing_before and not {{ has_held_populations() }})
    or {{ month_number('month') }} <> {{ month_number('month_before') }} + 1
