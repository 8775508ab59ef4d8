{{ config(meta={'dagster': {'ref': {'name': 'turnover'}}}) }}
-- What: voluntary + involuntary + other + unknown = total; unknown is not "no". Where a class is suppressed there is nothing to sum.
-- A returned row is a cell of turnover in which they do not.
select month, slice_dimension, slice_value, definition
from {{ ref('turnover') }}
where exit_class <> 'regretted' and not {{ has_held_populations() }} and not {{ has_held_exits() }}
group by month, slice_dimension, slice_value, definition
having
    count(separations) = count(*)
    and sum(case when exit_class = 'total' then separations else 0 end)
    <> sum(case when exit_class <> 'total' then separations else 0 end)
