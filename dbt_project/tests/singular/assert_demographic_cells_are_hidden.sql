-- What: where one demographic group of a month is hidden, the walk hides its whole dimension: parts add up to the company.
-- A returned row is a month and dimension that shows a part.
select month, slice_dimension
from {{ ref('headcount_walk') }}
where {{ is_demographic() }}
group by month, slice_dimension
having
    count(opening) > 0
    and (count(opening) < count(*) or min(greatest(opening, headcount_last_day)) < {{ var('minimum_group') }})
