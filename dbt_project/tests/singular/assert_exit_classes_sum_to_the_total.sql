-- What: voluntary + involuntary + other + unknown = total; unknown is not "no".
-- A returned row is a cell of turnover in which they do not.
select month, slice_dimension, slice_value, definition
from {{ ref('turnover') }}
where not is_suppressed and exit_class <> 'regretted'
group by month, slice_dimension, slice_value, definition
having
    sum(case when exit_class = 'total' then separations else 0 end)
    <> sum(case when exit_class <> 'total' then separations else 0 end)
