with observation as (

    select * from {{ ref('hist_observation') }}

),

-- Stints whose hire month is observed from its first day, in the slice of that day.
hired as (

    select
        {{ month_start('t.hire_date') }} as hire_month,
        s.slice_dimension,
        s.slice_value,
        {{ whole_months('t.hire_date', 'o.observed_to') }} as months_observed,
        case
            when t.last_day is null then {{ whole_months('t.hire_date', 'o.observed_to') }}
            else {{ whole_months('t.hire_date', 't.last_day') }}
        end as months_employed
    from {{ ref('fct_stint') }} as t
    inner join {{ ref('hist_slices') }} as s
        on
            t.employee_id = s.employee_id
            and t.stint_number = s.stint_number
            and t.hire_date = s.valid_from
            and {{ in_dimensions('retention_cohort', 's.slice_dimension') }}
    cross join observation as o
    where {{ month_start('t.hire_date') }} >= o.observed_from

),

cohorts as (

    select hire_month, slice_dimension, slice_value, count(*) as cohort_size, max(months_observed) as last_month
    from hired
    group by hire_month, slice_dimension, slice_value

),

numbers as (

    {{ numbers(3) }}

),

last_months as (

    select hire_month, slice_dimension, slice_value, months_observed as month_number, 1 as observed, 0 as employed
    from hired
    union all
    select hire_month, slice_dimension, slice_value, months_employed as month_number, 0 as observed, 1 as employed
    from hired

),

ended as (

    select
        hire_month,
        slice_dimension,
        slice_value,
        month_number,
        sum(observed) as observed,
        sum(employed) as employed
    from last_months
    group by hire_month, slice_dimension, slice_value, month_number

),

-- Who is observed, or employed, to a later month is so in this one: nobody is multiplied by months.
counted as (

    select
        c.hire_month,
        c.slice_dimension,
        c.slice_value,
        n.n as months_since_hire,
        c.cohort_size,
        sum(coalesce(e.observed, 0)) over later as observable,
        sum(coalesce(e.employed, 0)) over later as retained
    from cohorts as c
    inner join numbers as n on n.n <= c.last_month
    left join ended as e
        on
            c.hire_month = e.hire_month
            and c.slice_dimension = e.slice_dimension
            and c.slice_value = e.slice_value
            and n.n = e.month_number
    window later as (
        partition by c.hire_month, c.slice_dimension, c.slice_value order by n.n
        rows between current row and unbounded following
    )

),

typed as (

    select
        hire_month,
        slice_dimension,
        slice_value,
        months_since_hire,
        cast(cohort_size as bigint) as cohort_size,
        cast(observable as bigint) as observable,
        cast(retained as bigint) as retained,
        {{ ratio('retained', 'observable') }} as retention_rate,
        observable as people_in_base
    from counted

),

-- From one month to the next a cohort loses few people, so that each one's gender or ethnicity would follow.
final as (

    select
        hire_month,
        slice_dimension,
        slice_value,
        months_since_hire,
        {% for figure in ['cohort_size', 'observable', 'retained', 'retention_rate'] -%}
        case when not {{ is_demographic() }} then {{ figure }} end as {{ figure }},
        {% endfor -%}
        {{ is_demographic() }} as is_suppressed,
        case
            when {{ is_demographic() }} and people_in_base < {{ var('minimum_group') }} then 'below_minimum'
            when {{ is_demographic() }} then 'complementary'
        end as suppression_reason
    from typed

)

select * from final
