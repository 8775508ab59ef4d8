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
        {{ is_demographic('w.slice_dimension') }} as is_demographic,
        {% for suffix in ['1', '12', '3', 'ytd'] -%}
        min(w.people_{{ suffix }}) over (partition by w.slice_dimension, w.month) < {{ var('minimum_group') }}
            as has_small_value_{{ suffix }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ ref('agg_turnover_windows') }} as w
    inner join months as m on w.month = m.month
    where {{ in_dimensions('turnover', 'w.slice_dimension') }}

),

rates as (

    {% for definition, (suffix, denominator, whole) in definitions.items() -%}
    {%- set shows = 'w.shows_population_' ~ suffix -%}
    {%- if definition == 'jolts' %}{% set shows = 'least(' ~ shows ~ ', w.shows_twelfth)' %}{% endif -%}
    {%- for exit_class in exit_classes -%}
    select
        w.month,
        w.slice_dimension,
        w.slice_value,
        '{{ definition }}' as definition,
        '{{ exit_class }}' as exit_class,
        w.{{ exit_class }}_{{ suffix }} as separations,
        cast({{ denominator }} as double precision) as denominator,
        {% if definition == 'annualised_3m' -%}
        case when w.months_3 = 3 then {{ ratio('w.' ~ exit_class ~ '_3', '(' ~ denominator ~ ')') }} * 4 end as rate,
        {%- else -%}
        {{ ratio('w.' ~ exit_class ~ '_' ~ suffix, '(' ~ denominator ~ ')') }} as rate,
        {%- endif %}
        w.months_{{ suffix }} as window_months,
        w.complete_{{ suffix }} = 1 and w.months_{{ suffix }} = {{ whole }} as is_complete,
        -- Teams below the minimum show their headcount only; so do people of a gender or ethnicity until many have changed.
        case
            when w.people_{{ suffix }} < {{ var('minimum_group') }} then 'below_minimum'
            when w.is_demographic and (w.has_small_value_{{ suffix }} or {{ shows }} = 0) then 'complementary'
            {% if exit_class != 'total' -%}
            when w.{{ exit_class }}_{{ suffix }} is null and w.total_{{ suffix }} < {{ var('minimum_group') }} then 'below_minimum'
            when w.{{ exit_class }}_{{ suffix }} is null then 'complementary'
            {% endif -%}
        end as suppression_reason,
        w.is_demographic,
        w.is_demographic and {{ shows }} = 1 as is_held
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

shown_before as (

    {{ shown_before_by_population('turnover') }}

),

protected as (

    select
        r.month,
        r.slice_dimension,
        r.slice_value,
        r.definition,
        r.exit_class,
        case
            when r.is_held then e.separations
            when r.suppression_reason is null then cast(r.separations as bigint)
        end as separations,
        case
            when r.is_held then e.denominator
            when r.suppression_reason is null or not r.is_demographic then r.denominator
        end as denominator,
        case when r.is_held then e.rate when r.suppression_reason is null then r.rate end as rate,
        cast(r.window_months as integer) as window_months,
        r.is_complete,
        case when r.is_held then coalesce(e.is_suppressed, true) else r.suppression_reason is not null end as is_suppressed,
        case
            when r.is_held and e.month is null then 'complementary'
            when r.is_held then e.suppression_reason
            else r.suppression_reason
        end as suppression_reason
    from rates as r
    left join shown_before as e
        on
            r.slice_dimension = e.slice_dimension
            and r.slice_value = e.slice_value
            and r.month = e.month
            and r.definition = e.definition
            and r.exit_class = e.exit_class

),

final as (

    {{ with_trend('protected', 'month', ['slice_dimension', 'slice_value', 'definition', 'exit_class'], 'rate') }}

)

select * from final
