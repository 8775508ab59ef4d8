{%- set exit_classes = ['total', 'voluntary', 'involuntary', 'other', 'unknown', 'regretted'] -%}
with observation as (

    select * from {{ ref('hist_observation') }}

),

-- Day n of a stint is hire_date + n - 1. Who was there before the observation began is seen from its first day on.
stints as (

    select
        s.slice_dimension,
        s.slice_value,
        {{ days_between('t.hire_date', 'greatest(t.hire_date, o.observed_from)') }} + 1 as first_day_seen,
        {{ days_between('t.hire_date', 'coalesce(t.last_day, o.observed_to)') }} + 1 as duration,
        t.exit_class,
        coalesce(t.is_regretted, false) as is_regretted
    from {{ ref('fct_stint') }} as t
    cross join observation as o
    inner join {{ ref('hist_slices') }} as s
        on
            t.employee_id = s.employee_id
            and t.stint_number = s.stint_number
            and {{ is_valid_on('s', 'greatest(t.hire_date, o.observed_from)') }}
            and {{ in_dimensions('retention_survival', 's.slice_dimension') }}
    where coalesce(t.last_day, o.observed_to) >= o.observed_from

),

slices as (

    select distinct slice_dimension, slice_value from stints

),

tenure_months as (

    select n as tenure_month, cast(floor(30.4375 * n + 0.5) as integer) as tenure_day
    from ({{ numbers(3) }}) as numbers
    where n between 1 and 120

),

-- On which days of tenure people come under observation, go out of it, or leave; the days asked for are among them.
days as (

    select slice_dimension, slice_value, first_day_seen as tenure_day, 1 as step
        {% for c in exit_classes %}, 0 as {{ c }}{% endfor %}
    from stints

    union all

    select slice_dimension, slice_value, duration + 1 as tenure_day, -1 as step
        {% for c in exit_classes %}, 0 as {{ c }}{% endfor %}
    from stints

    union all

    select slice_dimension, slice_value, duration as tenure_day, 0 as step
        {% for c in exit_classes %},
        {% if c == 'total' %}1{% elif c == 'regretted' %}case when is_regretted then 1 else 0 end
        {%- else %}case when exit_class = '{{ c }}' then 1 else 0 end{% endif %} as {{ c }}
        {% endfor %}
    from stints
    where exit_class is not null

    union all

    select s.slice_dimension, s.slice_value, m.tenure_day, 0 as step
        {% for c in exit_classes %}, 0 as {{ c }}{% endfor %}
    from slices as s
    cross join tenure_months as m

),

by_day as (

    select slice_dimension, slice_value, tenure_day, sum(step) as step
        {% for c in exit_classes %}, sum({{ c }}) as {{ c }}{% endfor %}
    from days
    group by slice_dimension, slice_value, tenure_day

),

at_risk as (

    select
        slice_dimension,
        slice_value,
        tenure_day,
        {% for c in exit_classes %}{{ c }},
        {% endfor -%}
        sum(step) over (
            partition by slice_dimension, slice_value order by tenure_day
            rows between unbounded preceding and current row
        ) as at_risk
    from by_day

),

by_class as (

    {% for c in exit_classes -%}
    select slice_dimension, slice_value, '{{ c }}' as exit_class, tenure_day, at_risk, {{ c }} as exits from at_risk
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

-- Kaplan–Meier; where all at risk leave, the logarithm has no value, and survival is 0 from then on.
curves as (

    select
        slice_dimension,
        slice_value,
        exit_class,
        tenure_day,
        at_risk,
        sum(exits) over so_far as exits_so_far,
        sum(case when exits < at_risk then ln(1 - cast(exits as double precision) / at_risk) else 0 end) over so_far
            as log_survival,
        sum(
            case when exits < at_risk then cast(exits as double precision) / (cast(at_risk as double precision) * (at_risk - exits)) else 0 end
        ) over so_far as greenwood,
        max(case when exits > 0 and exits = at_risk then 1 else 0 end) over so_far as has_ended
    from by_class
    window so_far as (
        partition by slice_dimension, slice_value, exit_class order by tenure_day
        rows between unbounded preceding and current row
    )

),

monthly as (

    select
        c.*,
        m.tenure_month,
        c.exits_so_far - coalesce(
            lag(c.exits_so_far) over (
                partition by c.slice_dimension, c.slice_value, c.exit_class order by m.tenure_month
            ), 0
        ) as exits,
        case when c.has_ended = 1 then 0 else exp(c.log_survival) end as survival
    from curves as c
    inner join tenure_months as m on c.tenure_day = m.tenure_day

),

-- The interval is that of the logarithm of the logarithm, so that it stays between 0 and 1.
typed as (

    select
        slice_dimension,
        slice_value,
        exit_class,
        cast(tenure_month as integer) as tenure_month,
        cast(at_risk as bigint) as at_risk,
        cast(exits as bigint) as exits,
        cast(survival as double precision) as survival,
        case when has_ended = 0 then survival * sqrt(greenwood) end as std_error,
        {% for name, sign in [('ci_low', '+'), ('ci_high', '-')] -%}
        case
            when has_ended = 1 then null
            when greenwood = 0 then 1.0
            else exp(-exp(ln(-log_survival) {{ sign }} 1.959963984540054 * sqrt(greenwood) / -log_survival))
        end as {{ name }},
        {% endfor -%}
        at_risk as people_in_base
    from monthly

),

-- Classes of exits are shown for the company, by years of tenure, where they are in every year of the calendar.
class_decisions as (

    select
        figures,
        max(case when decision <> 'new' then 1 else 0 end) = 0 as is_shown
    from {{ ref('cell_decisions') }}
    where kind = 'exits' and slice_dimension = 'company' and figures like 'tenure-%'
    group by figures

),

-- The step of a curve at an exit follows from how many were at risk, which is known. From a value that rests on few
-- exits one could find out which of these exits belong to the class. Among so many exits many sets have the same value.
exits_by_year as (

    select
        ceil(tenure_month / 12.0) as tenure_year,
        sum(exits) as exits
    from monthly
    where slice_dimension = 'company' and exit_class = 'total'
    group by ceil(tenure_month / 12.0)

),

years_of_many as (

    select
        tenure_year,
        min(exits) over (order by tenure_year rows between unbounded preceding and current row)
        >= {{ 50 * (var('minimum_group') - 1) }} as has_many_exits
    from exits_by_year

),

guarded as (

    select
        t.*,
        case
            when {{ is_demographic('t.slice_dimension') }} then true
            when t.exit_class = 'total' then false
            else not (
                t.slice_dimension = 'company'
                and t.tenure_month % 12 = 0
                and coalesce(d.is_shown, true)
                and coalesce(y.has_many_exits, false)
            )
        end as is_hidden
    from typed as t
    left join years_of_many as y on ceil(t.tenure_month / 12.0) = y.tenure_year
    left join class_decisions as d
        on 'tenure-' || lpad(cast(cast(floor(t.tenure_month / 12.0) as integer) as varchar), 2, '0') || ':' = d.figures

),

final as (

    select
        slice_dimension,
        slice_value,
        exit_class,
        tenure_month,
        case when not is_hidden then at_risk end as at_risk,
        -- Few leave in one month of tenure, so how many of a class did is not shown.
        case when not is_hidden and exit_class = 'total' then exits end as exits,
        {% for figure in ['survival', 'std_error', 'ci_low', 'ci_high'] -%}
        case when not is_hidden then {{ figure }} end as {{ figure }},
        {% endfor -%}
        is_hidden as is_suppressed,
        case
            when is_hidden and people_in_base < {{ var('minimum_group') }} then 'below_minimum'
            when is_hidden then 'complementary'
        end as suppression_reason
    from guarded

)

select * from final
