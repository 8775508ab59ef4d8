{{ config(meta={'dagster': {'ref': {'name': 'headcount_walk'}}}) }}
-- What: in every dimension the slices' headcounts sum to the company's, since each person is in one slice of it.
-- A returned row is a month and dimension in which they do not. Hidden dimensions have nothing to sum.
with company as (

    select month, closing, headcount_last_day from {{ ref('headcount_walk') }} where slice_dimension = 'company'

),

dimensions as (

    select
        month,
        slice_dimension,
        sum(closing) as closing,
        sum(headcount_last_day) as headcount_last_day,
        count(*) - count(closing) as closings_suppressed,
        count(*) - count(headcount_last_day) as last_days_suppressed
    from {{ ref('headcount_walk') }}
    -- Departments within others are counted in these; pairs of theirs with something else as well.
    where
        (
            slice_dimension <> 'department'
            or slice_value not in (
                select department from ({{ department_ancestors() }}) as contained where department is not null
            )
        )
        {%- for name, first, second in slice_pairs() if var('department_ancestors') and 'department' in (first, second) %}
        and slice_dimension <> '{{ name }}'
        {%- endfor %}
    group by month, slice_dimension

)

select d.month, d.slice_dimension
from dimensions as d
inner join company as c on d.month = c.month
where
    not {{ has_held_populations('d.slice_dimension') }}
    and (
        (d.closings_suppressed = 0 and d.closing <> c.closing)
        or (d.last_days_suppressed = 0 and d.headcount_last_day <> c.headcount_last_day)
    )
