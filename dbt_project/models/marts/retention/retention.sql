with months as (

    select * from {{ ref('hist_months') }}

),

span_of_months as (

    select min(month_number) as first_number, max(month_number) as last_number from months

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
        coalesce(n.retained_365d, 0) as retained_365d
    from headcount as h
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
        -- Nobody hired reveals nobody; one to k - 1 hired reveal them.
        least(
            coalesce(employed_12m_ago, {{ var('minimum_group') }}),
            case when new_hires_90d > 0 then new_hires_90d else {{ var('minimum_group') }} end,
            case when new_hires_365d > 0 then new_hires_365d else {{ var('minimum_group') }} end
        ) as people_in_base
    from counted

),

protected as (

    {{ with_demographics_protected(
        'typed',
        ['month', 'slice_dimension', 'slice_value'],
        'month',
        [
            'employed_12m_ago', 'still_employed', 'retention_rate_12m', 'stability_index', 'new_hires_90d',
            'retained_90d', 'new_hire_90d_rate', 'new_hires_365d', 'retained_365d', 'new_hire_365d_rate',
        ],
    ) }}

),

final as (

    {{ with_trend('protected', 'month', ['slice_dimension', 'slice_value'], 'retention_rate_12m') }}

)

select * from final
