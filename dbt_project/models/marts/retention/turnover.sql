{%- set exit_classes = {
    'total': 'exits_voluntary + exits_involuntary + exits_other + exits_unknown',
    'voluntary': 'exits_voluntary',
    'involuntary': 'exits_involuntary',
    'other': 'exits_other',
    'unknown': 'exits_unknown',
    'regretted': 'exits_regretted',
} -%}
with headcount as (

    select *, extract(month from month) as month_of_year
    from {{ ref('agg_headcount_monthly') }}
    where {{ in_dimensions('turnover') }}

),

-- One row per month and class, with the exits of that class.
classes as (

    {% for name, exits in exit_classes.items() -%}
    select
        slice_dimension,
        slice_value,
        month,
        month_number,
        months_before,
        month_of_year,
        is_complete,
        average_headcount,
        employed_on_twelfth,
        people_in_base,
        '{{ name }}' as exit_class,
        {{ exits }} as exits
    from headcount
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

-- A month in which a slice has nobody has no row, or zeros; both count as 0 in a mean over months.
windows as (

    select
        *,
        sum(exits) over twelve as exits_12,
        sum(average_headcount) over twelve as headcounts_12,
        min(case when is_complete then 1 else 0 end) over twelve as complete_12,
        min(people_in_base) over twelve as people_12,
        case when months_before < 11 then months_before + 1 else 12 end as months_12,
        sum(exits) over three as exits_3,
        sum(average_headcount) over three as headcounts_3,
        min(case when is_complete then 1 else 0 end) over three as complete_3,
        min(people_in_base) over three as people_3,
        case when months_before < 2 then months_before + 1 else 3 end as months_3,
        sum(exits) over this_year as exits_ytd,
        sum(average_headcount) over this_year as headcounts_ytd,
        min(case when is_complete then 1 else 0 end) over this_year as complete_ytd,
        min(people_in_base) over this_year as people_ytd,
        case when months_before + 1 < month_of_year then months_before + 1 else month_of_year end as months_ytd
    from classes
    window
        twelve as (
            partition by slice_dimension, slice_value, exit_class order by month_number
            range between 11 preceding and current row
        ),
        three as (
            partition by slice_dimension, slice_value, exit_class order by month_number
            range between 2 preceding and current row
        ),
        this_year as (
            partition by slice_dimension, slice_value, exit_class, month_number - month_of_year order by month_number
            rows between unbounded preceding and current row
        )

),

figures as (

    select
        month, slice_dimension, slice_value, 'monthly' as definition, exit_class,
        exits as separations,
        average_headcount as denominator,
        {{ ratio('exits', 'average_headcount') }} as rate,
        1 as window_months,
        is_complete,
        people_in_base
    from windows

    union all

    select
        month, slice_dimension, slice_value, 'rolling_12m' as definition, exit_class,
        exits_12 as separations,
        headcounts_12 / months_12 as denominator,
        {{ ratio('exits_12', '(headcounts_12 / months_12)') }} as rate,
        months_12 as window_months,
        complete_12 = 1 and months_12 = 12 as is_complete,
        people_12 as people_in_base
    from windows

    union all

    select
        month, slice_dimension, slice_value, 'annualised_3m' as definition, exit_class,
        exits_3 as separations,
        headcounts_3 / months_3 as denominator,
        case when months_3 = 3 then {{ ratio('exits_3', '(headcounts_3 / months_3)') }} * 4 end as rate,
        months_3 as window_months,
        complete_3 = 1 and months_3 = 3 as is_complete,
        people_3 as people_in_base
    from windows

    union all

    select
        month, slice_dimension, slice_value, 'year_to_date' as definition, exit_class,
        exits_ytd as separations,
        headcounts_ytd / months_ytd as denominator,
        {{ ratio('exits_ytd', '(headcounts_ytd / months_ytd)') }} as rate,
        months_ytd as window_months,
        complete_ytd = 1 and months_ytd = month_of_year as is_complete,
        people_ytd as people_in_base
    from windows

    union all

    select
        month, slice_dimension, slice_value, 'jolts' as definition, exit_class,
        exits as separations,
        employed_on_twelfth as denominator,
        {{ ratio('exits', 'employed_on_twelfth') }} as rate,
        1 as window_months,
        is_complete,
        people_in_base
    from windows

),

typed as (

    select
        month,
        slice_dimension,
        slice_value,
        definition,
        exit_class,
        cast(separations as bigint) as separations,
        cast(denominator as double precision) as denominator,
        rate,
        cast(window_months as integer) as window_months,
        is_complete,
        people_in_base
    from figures

),

-- Hidden where the walk is hidden in a month of the window: sums over windows would give it away.
final as (

    {{ with_demographics_protected(
        'typed',
        ['month', 'slice_dimension', 'slice_value', 'definition', 'exit_class'],
        'month, definition',
        ['separations', 'denominator', 'rate'],
        shown=['window_months', 'is_complete'],
    ) }}

)

select * from final
