{{ config(meta={'dagster': {'ref': {'name': 'headcount_walk'}}}) }}
-- What: a month shows the headcounts of all values of gender or ethnicity or of none, and of no value with few people.
-- Why: parts add up to the company, so one that is missing could be worked out.
-- A returned row is a month and dimension of which a part is shown.
select month, slice_dimension
from {{ ref('headcount_walk') }}
where {{ is_demographic() }} and not {{ has_held_populations() }}
group by month, slice_dimension
having
    count(closing) > 0
    and (count(closing) < count(*) or min(case when closing > 0 then closing end) < {{ var('minimum_group') }})
