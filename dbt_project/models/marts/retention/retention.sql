with months as (

    select * from {{ ref('hist_months') }}

),

span_of_months as (

    select min(month_number) as first_number, max(month_number) as last_number from months

),

populations as (

    {{ population_decisions(['closing', 'retained']) }}

),

headcount as (

    select * from {{ ref('agg_headcount_monthly') }} where {{ in_dimensions('retention') }}

),

observation as (

    select * from {{ ref('hist_observation') }}

),

-- For each span the months at whose close it holds, and the last month at whose close its stint goes on.
closes as (

    select
        s.slice_dimension,
        s.slice_value,
        {{ month_number('s.valid_from') }} as first_close,
        coalesce(
            {{ month_number('case when s.valid_to > t.last_day then t.last_day else s.valid_to end') }} - 1,
            m.last_number
        ) as last_close,
        coalesce({{ month_number('t.last_day') }} - 1, m.last_number) as last_close_of_stint,
        case
            when {{ add_days('t.hire_date', 365) }} <= o.observed_to
                then {{ month_number(add_days('t.hire_date', 365)) }}
        end as first_close_after_a_year,
        m.first_number,
        m.last_number
    from {{ ref('hist_slices') }} as s
    inner join {{ ref('fct_stint') }} as t
        on s.employee_id = t.employee_id and s.stint_number = t.stint_number
    cross join span_of_months as m
    cross join observation as o
    where {{ in_dimensions('retention', 's.slice_dimension') }}

),

-- A range of months becomes one step up and one step down; nobody is multiplied by months.
ranges as (

    select
        slice_dimension,
        slice_value,
        'still_employed' as figure,
        greatest(first_close, first_number) + 12 as from_number,
        least(last_close + 12, last_close_of_stint) as to_number
    from closes

    union all

    select
        slice_dimension,
        slice_value,
        'a_year_on' as figure,
        greatest(first_close, first_close_after_a_year, first_number) as from_number,
        last_close as to_number
    from closes
    where first_close_after_a_year is not null

),

steps as (

    select slice_dimension, slice_value, figure, from_number as month_number, 1 as step
    from ranges
    where from_number <= to_number

    union all

    select slice_dimension, slice_value, figure, to_number + 1 as month_number, -1 as step
    from ranges
    where from_number <= to_number

),

steps_by_month as (

    select
        slice_dimension,
        slice_value,
        month_number,
        sum(case when figure = 'still_employed' then step else 0 end) as still_employed,
        sum(case when figure = 'a_year_on' then step else 0 end) as a_year_on
    from steps
    group by slice_dimension, slice_value, month_number

),

hires as (

    select
        v.slice_dimension,
        v.slice_value,
        {{ month_number('v.moved_on') }} as month_number,
        {% for days in [90, 365] -%}
        sum(case when {{ add_days('v.moved_on', days) }} <= o.observed_to then 1 else 0 end) as new_hires_{{ days }}d,
        sum(
            case
                when
                    {{ add_days('v.moved_on', days) }} <= o.observed_to
                    and coalesce(t.last_day, {{ forever() }}) >= {{ add_days('v.moved_on', days) }}
                    then 1
                else 0
            end
        ) as retained_{{ days }}d
        {%- if not loop.last %},
        {% endif %}
        {%- endfor %}
    from {{ ref('fct_movement') }} as v
    inner join {{ ref('fct_stint') }} as t
        on v.employee_id = t.employee_id and v.stint_number = t.stint_number
    cross join observation as o
    where v.movement = 'hire'
    group by v.slice_dimension, v.slice_value, {{ month_number('v.moved_on') }}

),

counted as (

    select
        h.month,
        h.slice_dimension,
        h.slice_value,
        case when h.months_before >= 12 then coalesce(b.closing, 0) end as employed_12m_ago,
        sum(coalesce(s.still_employed, 0)) over so_far as still_employed,
        sum(coalesce(s.a_year_on, 0)) over so_far as a_year_on,
        h.months_before,
        coalesce(n.new_hires_90d, 0) as new_hires_90d,
        coalesce(n.retained_90d, 0) as retained_90d,
        coalesce(n.new_hires_365d, 0) as new_hires_365d,
        coalesce(n.retained_365d, 0) as retained_365d,
        h.people_in_base,
        h.people_in_month,
        {{ shows_population('p.shows_closing', 'h.slice_dimension') }} as shows_then,
        {{ shows_population('r.shows_retained', 'h.slice_dimension') }} as shows_retained
    from headcount as h
    left join populations as p on h.slice_dimension = p.slice_dimension and {{ add_months('h.month', -12) }} = p.month
    left join populations as r on h.slice_dimension = r.slice_dimension and h.month = r.month
    left join headcount as b
        on
            h.slice_dimension = b.slice_dimension
            and h.slice_value = b.slice_value
            and h.month_number = b.month_number + 12
    left join steps_by_month as s
        on
            h.slice_dimension = s.slice_dimension
            and h.slice_value = s.slice_value
            and h.month_number = s.month_number
    left join hires as n
        on
            h.slice_dimension = n.slice_dimension
            and h.slice_value = n.slice_value
            and h.month_number = n.month_number
    window so_far as (
        partition by h.slice_dimension, h.slice_value order by h.month_number
        rows between unbounded preceding and current row
    )

),

{%- set then, since, of_hires = ['employed_12m_ago'], ['still_employed', 'retention_rate_12m'], [
    'stability_index',
    'new_hires_90d', 'retained_90d', 'new_hire_90d_rate', 'new_hires_365d', 'retained_365d', 'new_hire_365d_rate',
] %}
typed as (

    select
        month,
        slice_dimension,
        slice_value,
        cast(employed_12m_ago as bigint) as employed_12m_ago,
        case when months_before >= 12 then cast(still_employed as bigint) end as still_employed,
        case when months_before >= 12 then {{ ratio('still_employed', 'employed_12m_ago') }} end as retention_rate_12m,
        case when months_before >= 12 then {{ ratio('a_year_on', 'employed_12m_ago') }} end as stability_index,
        cast(new_hires_90d as bigint) as new_hires_90d,
        cast(retained_90d as bigint) as retained_90d,
        {{ ratio('retained_90d', 'new_hires_90d') }} as new_hire_90d_rate,
        cast(new_hires_365d as bigint) as new_hires_365d,
        cast(retained_365d as bigint) as retained_365d,
        {{ ratio('retained_365d', 'new_hires_365d') }} as new_hire_365d_rate,
        {{ is_demographic() }} as is_demographic,
        -- A team below the minimum, now or a year before, shows its headcount only.
        people_in_month > 0 and people_in_base < {{ var('minimum_group') }}
        or employed_12m_ago between 1 and {{ var('minimum_group') - 1 }} as is_small,
        shows_then,
        least(shows_then, shows_retained) as shows_retained
    from counted

),

guarded as (

    select
        *,
        case
            when is_small then 'below_minimum'
            when is_demographic and shows_retained = 0 then 'complementary'
            when is_demographic and max(case when is_small then 1 else 0 end) over (partition by slice_dimension, month) = 1
                then 'complementary'
        end as suppression_reason
    from typed

),

shown_before as (

    {{ shown_before_by_population('retention') }}

),

protected as (

    select
        g.month,
        g.slice_dimension,
        g.slice_value,
        {% for figure in then -%}
        case
            when g.is_demographic and g.shows_then = 1 then e.{{ figure }}
            when not g.is_demographic or (g.suppression_reason is null and g.shows_then = 2) then g.{{ figure }}
        end as {{ figure }},
        {% endfor -%}
        {% for figure in since -%}
        case
            when g.is_demographic and g.shows_retained = 1 then e.{{ figure }}
            when g.suppression_reason is null then g.{{ figure }}
        end as {{ figure }},
        {% endfor -%}
        -- What became of a month's few hires of a gender or ethnicity is not shown, and no decision is made on who is
        -- there for a year.
        {% for figure in of_hires -%}
        case when g.suppression_reason is null and not g.is_demographic then g.{{ figure }} end as {{ figure }},
        {% endfor -%}
        case
            when g.is_demographic and g.shows_retained = 1 then coalesce(e.is_suppressed, true)
            else g.suppression_reason is not null
        end as is_suppressed,
        case
            when g.is_demographic and g.shows_retained = 1 and e.month is null then 'complementary'
            when g.is_demographic and g.shows_retained = 1 then e.suppression_reason
            else g.suppression_reason
        end as suppression_reason
    from guarded as g
    left join shown_before as e
        on g.slice_dimension = e.slice_dimension and g.slice_value = e.slice_value and g.month = e.month

),

final as (

    {{ with_trend('protected', 'month', ['slice_dimension', 'slice_value'], 'retention_rate_12m') }}

)

select * from final
