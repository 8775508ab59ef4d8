{{ config(schema='facts') }}
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

),

-- A slice's rows have no gap, so that rows are months. Before its first and after its last it had nobody: 0 in a mean.
final as (

    select
        slice_dimension,
        slice_value,
        month,
        is_complete,
        people_in_base as people_1,
        average_headcount,
        employed_on_twelfth,
        {% for name, exits in exit_classes.items() -%}
        {{ exits }} as {{ name }}_1,
        sum({{ exits }}) over twelve as {{ name }}_12,
        sum({{ exits }}) over three as {{ name }}_3,
        sum({{ exits }}) over this_year as {{ name }}_ytd,
        {% endfor -%}
        {% for window in ['twelve', 'three', 'this_year'] -%}
        {%- set suffix = {'twelve': '12', 'three': '3', 'this_year': 'ytd'}[window] -%}
        sum(average_headcount) over {{ window }} as headcounts_{{ suffix }},
        min(people_in_base) over {{ window }} as people_{{ suffix }},
        {% endfor -%}
        -- How many months are observed in each window, and whether all of them wholly: the same for every slice.
        case when months_before < 11 then months_before + 1 else 12 end as months_12,
        case when months_before < 2 then months_before + 1 else 3 end as months_3,
        case when months_before + 1 < month_of_year then months_before + 1 else month_of_year end as months_ytd,
        month_of_year
    from headcount
    window
        twelve as (
            partition by slice_dimension, slice_value order by month_number rows between 11 preceding and current row
        ),
        three as (
            partition by slice_dimension, slice_value order by month_number rows between 2 preceding and current row
        ),
        this_year as (
            partition by slice_dimension, slice_value, month_number - month_of_year order by month_number
            rows between unbounded preceding and current row
        )

)

select * from final
