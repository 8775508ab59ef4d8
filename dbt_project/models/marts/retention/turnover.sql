{%- set exit_classes = ['total', 'voluntary', 'involuntary', 'other', 'unknown', 'regretted'] -%}
{#- definition: suffix of its window, denominator; months the window has when it is whole -#}
{%- set definitions = {
    'monthly': ('1', 'w.average_headcount', '1'),
    'rolling_12m': ('12', 'w.headcounts_12 / w.months_12', '12'),
    'annualised_3m': ('3', 'w.headcounts_3 / w.months_3', '3'),
    'year_to_date': ('ytd', 'w.headcounts_ytd / w.months_ytd', 'w.month_of_year'),
    'jolts': ('1', 'w.employed_on_twelfth', '1'),
} -%}
-- Whether all months of a window are wholly observed does not depend on the slice.
with months as (

    select
        month,
        1 as months_1,
        case when is_complete then 1 else 0 end as complete_1,
        min(case when is_complete then 1 else 0 end) over (order by month rows between 11 preceding and current row)
            as complete_12,
        min(case when is_complete then 1 else 0 end) over (order by month rows between 2 preceding and current row)
            as complete_3,
        min(case when is_complete then 1 else 0 end) over (
            partition by extract(year from month) order by month rows between unbounded preceding and current row
        ) as complete_ytd
    from {{ ref('hist_months') }}

),

windows as (

    select
        w.*,
        m.months_1,
        m.complete_1,
        m.complete_12,
        m.complete_3,
        m.complete_ytd,
        -- Hidden where the walk is hidden in a month of the window: sums over windows would give it away.
        {% for suffix in ['1', '12', '3', 'ytd'] -%}
        {{ is_demographic('w.slice_dimension') }}
        and min(w.people_{{ suffix }}) over (partition by w.slice_dimension, w.month)
        < {{ var('minimum_group') }} as is_hidden_{{ suffix }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ ref('agg_turnover_windows') }} as w
    inner join months as m on w.month = m.month
    where {{ in_dimensions('turnover', 'w.slice_dimension') }}

),

protected as (

    {% for definition, (suffix, denominator, whole) in definitions.items() -%}
    {%- for exit_class in exit_classes -%}
    select
        w.month,
        w.slice_dimension,
        w.slice_value,
        '{{ definition }}' as definition,
        '{{ exit_class }}' as exit_class,
        case when not w.is_hidden_{{ suffix }} then cast(w.{{ exit_class }}_{{ suffix }} as bigint) end as separations,
        case when not w.is_hidden_{{ suffix }} then cast({{ denominator }} as double precision) end as denominator,
        case
            when not w.is_hidden_{{ suffix }} {% if definition == 'annualised_3m' %}and w.months_3 = 3 {% endif -%}
                then {{ ratio('w.' ~ exit_class ~ '_' ~ suffix, '(' ~ denominator ~ ')') }}
                {%- if definition == 'annualised_3m' %} * 4{% endif %}
        end as rate,
        cast(w.months_{{ suffix }} as integer) as window_months,
        w.complete_{{ suffix }} = 1 and w.months_{{ suffix }} = {{ whole }} as is_complete,
        w.is_hidden_{{ suffix }} as is_suppressed,
        case
            when w.is_hidden_{{ suffix }} and w.people_{{ suffix }} < {{ var('minimum_group') }} then 'below_minimum'
            when w.is_hidden_{{ suffix }} then 'complementary'
        end as suppression_reason
    from windows as w
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor -%}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

final as (

    {{ with_trend('protected', 'month', ['slice_dimension', 'slice_value', 'definition', 'exit_class'], 'rate') }}

)

select * from final
