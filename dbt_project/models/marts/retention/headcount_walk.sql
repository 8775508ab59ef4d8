{#- Figure of a gender or ethnicity → the population of the month that it rests on. -#}
{%- set figures = {
    'opening': 'opening',
    'hires': 'hires',
    'rehires': 'rehires',
    'transfers_in': 'changes_in',
    'transfers_out': 'changes_out',
    'exits': 'exits',
    'closing': 'closing',
    'headcount_last_day': 'last_day',
    'average_headcount': 'average',
} -%}
{%- set classes = ['voluntary', 'involuntary', 'other', 'unknown'] -%}
with headcount as (

    select * from {{ ref('agg_headcount_monthly') }} where {{ in_dimensions('headcount_walk') }}

),

populations as (

    {{ population_decisions(figures.values() | list) }}

),

shown_before as (

    {{ shown_before_by_population('headcount_walk') }}

),

joined as (

    select
        h.*,
        h.exits_voluntary + h.exits_involuntary + h.exits_other + h.exits_unknown as exits,
        {% for class in classes -%}
        x.{{ class }}_month as shown_{{ class }},
        {% endfor -%}
        {{ is_demographic('h.slice_dimension') }} as is_demographic,
        -- A value of 1 to k - 1 people suppresses the dimension of the month: it could be worked out from the others.
        min(h.smallest_headcount) over (
            partition by h.slice_dimension, h.month
        ) < {{ var('minimum_group') }} as has_small_value,
        {% for population in figures.values() -%}
        {{ shows_population('p.shows_' ~ population, 'h.slice_dimension') }} as shows_{{ population }}
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from headcount as h
    left join populations as p on h.slice_dimension = p.slice_dimension and h.month = p.month
    left join {{ ref('agg_exit_classes') }} as x
        on h.slice_dimension = x.slice_dimension and h.slice_value = x.slice_value and h.month = x.month

),

protected as (

    select
        j.month,
        j.slice_dimension,
        j.slice_value,
        {% for figure, population in figures.items() -%}
        case
            when j.is_demographic and j.shows_{{ population }} = 1 then e.{{ figure }}
            when not j.is_demographic or (j.shows_{{ population }} = 2 and not j.has_small_value)
                then cast(j.{{ figure }} as {{ 'double precision' if figure == 'average_headcount' else 'bigint' }})
        end as {{ figure }},
        {% endfor -%}
        -- Why 1 to k - 1 people left is not shown.
        {% for class in classes -%}
        case
            when j.is_demographic and j.shows_exits = 1 then e.exits_{{ class }}
            when not j.is_demographic or (j.shows_exits = 2 and not j.has_small_value) then cast(j.shown_{{ class }} as bigint)
        end as exits_{{ class }},
        {% endfor -%}
        j.is_complete,
        case
            when j.is_demographic and j.shows_closing = 1 then coalesce(e.is_suppressed, true)
            else j.is_demographic and (j.has_small_value or j.shows_closing = 0)
        end as is_suppressed,
        case
            when j.is_demographic and j.shows_closing = 1
                then case when e.month is null then 'complementary' else e.suppression_reason end
            when j.is_demographic and j.has_small_value and j.smallest_headcount < {{ var('minimum_group') }} then 'below_minimum'
            when j.is_demographic and (j.has_small_value or j.shows_closing = 0) then 'complementary'
        end as suppression_reason
    from joined as j
    left join shown_before as e
        on j.slice_dimension = e.slice_dimension and j.slice_value = e.slice_value and j.month = e.month

),

final as (

    {{ with_trend('protected', 'month', ['slice_dimension', 'slice_value'], 'closing') }}

)

select * from final
