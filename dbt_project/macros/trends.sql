{#
    The headline figure of a mart beside that of the period before and of the same period a year before, and the
    differences, so that nobody needs a window function. What is hidden is null already.

    relation: a CTE with the mart's rows; keys: what tells its rows of one period apart; figure: the headline figure;
    periods: a relation with the period, `previous` and `previous_year`, for each of `period_keys` where these are
    given; without it the period is a month.
#}
{% macro with_trend(relation, period, keys, figure, periods=none, period_keys=[]) -%}
    select
        r.*,
        p.{{ figure }} as {{ figure }}_previous,
        y.{{ figure }} as {{ figure }}_previous_year,
        r.{{ figure }} - p.{{ figure }} as delta_vs_previous,
        r.{{ figure }} - y.{{ figure }} as delta_vs_previous_year
    from {{ relation }} as r
    {%- if periods %}
    left join {{ periods }} as c
        on r.{{ period }} = c.{{ period }}{% for key in period_keys %} and r.{{ key }} = c.{{ key }}{% endfor %}
    {%- endif %}
    {%- for name, months, column in [('p', -1, 'previous'), ('y', -12, 'previous_year')] %}
    left join {{ relation }} as {{ name }}
        on
            {% if periods %}c.{{ column }}{% else %}{{ add_months('r.' ~ period, months) }}{% endif %} = {{ name }}.{{ period }}
            {%- for key in keys %}
            and r.{{ key }} = {{ name }}.{{ key }}
            {%- endfor %}
    {%- endfor %}
{%- endmacro %}

{#
    Occasions without a calendar of their own (surveys, review cycles): the one before, and that of a year before,
    which is the nearest to it within 45 days.
#}
{% macro with_previous_occasions(relation, occasion, day) -%}
    select
        o.*,
        lag(o.{{ occasion }}) over (order by o.{{ day }}, o.{{ occasion }}) as previous,
        y.year_before as previous_year
    from {{ relation }} as o
    left join (
        select
            later.{{ occasion }},
            earlier.{{ occasion }} as year_before,
            row_number() over (
                partition by later.{{ occasion }}
                order by
                    abs({{ days_between('earlier.' ~ day, add_months('later.' ~ day, -12)) }}), earlier.{{ day }},
                    earlier.{{ occasion }}
            ) as place
        from {{ relation }} as later
        inner join {{ relation }} as earlier
            on abs({{ days_between('earlier.' ~ day, add_months('later.' ~ day, -12)) }}) <= 45
    ) as y
        on o.{{ occasion }} = y.{{ occasion }} and y.place = 1
{%- endmacro %}
