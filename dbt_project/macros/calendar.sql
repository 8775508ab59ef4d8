{# Months and periods, in SQL that every engine reads. #}

{# First day of a date's month. #}
{% macro month_start(day) %}cast(date_trunc('month', {{ day }}) as date){% endmacro %}

{# Months since year 0: consecutive months have consecutive numbers. #}
{% macro month_number(day) -%}
    cast(extract(year from {{ day }}) * 12 + extract(month from {{ day }}) - 1 as integer)
{%- endmacro %}

{# 0 … 9999 (or to more digits), one a row, in column n. #}
{% macro numbers(digits=4) %}{{ return(adapter.dispatch('numbers')(digits)) }}{% endmacro %}
{% macro duckdb__numbers(digits) %}select cast(range as integer) as n from range({{ 10 ** digits }}){% endmacro %}
{% macro default__numbers(digits) -%}
    select cast({% for p in range(digits) %}{{ 10 ** p }} * place{{ p }}.d{% if not loop.last %} + {% endif %}{% endfor %} as integer) as n
    from {% for p in range(digits) %}{{ _digits('place' ~ p) }}{% if not loop.last %}
    cross join {% endif %}{% endfor %}
{%- endmacro %}
{% macro _digits(name) -%}
    (
        {% for d in range(10) %}select {{ d }} as d{% if not loop.last %} union all {% endif %}{% endfor %}
    ) as {{ name }}
{%- endmacro %}

{# Whole calendar months from a date to a later one: the most that can be added to the first (clipped) without passing it. #}
{% macro whole_months(earlier, later) -%}
    ({{ month_number(later) }} - {{ month_number(earlier) }} - case
        when {{ add_months(earlier, month_number(later) ~ ' - ' ~ month_number(earlier)) }} > {{ later }} then 1
        else 0
    end)
{%- endmacro %}

{# Whether a text is written as a period is. #}
{% macro is_period(text) -%}
    ({{ to_number('substr(' ~ text ~ ', 1, 4)') }} is not null and substr({{ text }}, 5) in (
        '', '-H1', '-H2', '-Q1', '-Q2', '-Q3', '-Q4'
        {%- for n in range(1, 13) %}, '-{{ '%02d' % n }}'{% endfor %}
    ))
{%- endmacro %}

{# First day of a period written 2024, 2024-H1, 2024-Q1 or 2024-03. #}
{% macro period_start(period) -%}
    cast(
        substr({{ period }}, 1, 4) || case substr({{ period }}, 5)
            when '' then '-01'
            when '-H1' then '-01' when '-H2' then '-07'
            when '-Q1' then '-01' when '-Q2' then '-04' when '-Q3' then '-07' when '-Q4' then '-10'
            else substr({{ period }}, 5)
        end || '-01' as date
    )
{%- endmacro %}

{# Months that such a period lasts. #}
{% macro period_months(period) -%}
    case
        when length({{ period }}) = 4 then 12
        when substr({{ period }}, 6, 1) = 'H' then 6
        when substr({{ period }}, 6, 1) = 'Q' then 3
        else 1
    end
{%- endmacro %}

{# A date later than all others, where an open end has to be compared. #}
{% macro forever() %}cast('9999-12-31' as date){% endmacro %}

{# In which year of tenure a stint ended, 1 for the first; 11 for all after the tenth. Years are 365.25 days. #}
{% macro tenure_years_at_exit(hired_on, last_day) -%}
    case
        {% for years in range(1, 11) -%}
        when {{ days_between(hired_on, last_day) }} + 1 <= {{ (30.4375 * 12 * years + 0.5) | int }} then {{ years }}
        {% endfor -%}
        else 11
    end
{%- endmacro %}
