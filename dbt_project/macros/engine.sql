{# What engines write differently. Models call these and nothing of one engine's own. #}

{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

{# A date some days later (or earlier). #}
{% macro add_days(day, days) %}{{ return(adapter.dispatch('add_days')(day, days)) }}{% endmacro %}
{% macro default__add_days(day, days) %}cast({{ day }} + {{ days }} as date){% endmacro %}
{% macro spark__add_days(day, days) %}date_add({{ day }}, {{ days }}){% endmacro %}

{# A date some calendar months later, clipped to the month's end. #}
{% macro add_months(day, months) %}{{ return(adapter.dispatch('add_months')(day, months)) }}{% endmacro %}
{% macro default__add_months(day, months) %}cast({{ day }} + ({{ months }}) * interval '1 month' as date){% endmacro %}
{% macro spark__add_months(day, months) %}add_months({{ day }}, {{ months }}){% endmacro %}

{# Whole days from one date to a later one. #}
{% macro days_between(earlier, later) %}{{ return(adapter.dispatch('days_between')(earlier, later)) }}{% endmacro %}
{% macro default__days_between(earlier, later) %}({{ later }} - {{ earlier }}){% endmacro %}
{% macro spark__days_between(earlier, later) %}datediff({{ later }}, {{ earlier }}){% endmacro %}

{# The text as a number, null where it is not written as one. #}
{% macro to_number(text) %}{{ return(adapter.dispatch('to_number')(text)) }}{% endmacro %}
{% macro default__to_number(text) -%}
    case when trim({{ text }}) ~ '^[+-]?[0-9]{1,15}([.][0-9]+)?$' then cast(trim({{ text }}) as double precision) end
{%- endmacro %}
{% macro duckdb__to_number(text) -%}
    case
        when regexp_full_match(trim({{ text }}), '[+-]?[0-9]{1,15}([.][0-9]+)?') then cast(trim({{ text }}) as double)
    end
{%- endmacro %}
{% macro spark__to_number(text) -%}
    case when trim({{ text }}) rlike '^[+-]?[0-9]{1,15}([.][0-9]+)?$' then cast(trim({{ text }}) as double) end
{%- endmacro %}

{# All values of a group in one text. #}
{% macro list_of(value, separator) %}{{ return(adapter.dispatch('list_of')(value, separator)) }}{% endmacro %}
{% macro default__list_of(value, separator) -%}
    string_agg({{ value }}, '{{ separator }}' order by {{ value }})
{%- endmacro %}
{# An ordered string_agg takes seven times the memory. #}
{% macro duckdb__list_of(value, separator) -%}
    array_to_string(list_sort(list({{ value }})), '{{ separator }}')
{%- endmacro %}
{% macro spark__list_of(value, separator) -%}
    array_join(sort_array(collect_list({{ value }})), '{{ separator }}')
{%- endmacro %}

{# ln(n!) #}
{% macro log_factorial(n) %}{{ return(adapter.dispatch('log_factorial')(n)) }}{% endmacro %}
{% macro duckdb__log_factorial(n) %}lgamma({{ n }} + 1){% endmacro %}
{# Stirling's series, which is exact to twelve places from 10 on; the first ones are written out. #}
{% macro default__log_factorial(n) -%}
    case
        {% for small in range(10) -%}
        when {{ n }} = {{ small }} then ln(cast({{ range(1, small + 1) | list | join(' * ') or 1 }} as double precision))
        {% endfor -%}
        else ({{ n }} + 0.5) * ln({{ n }}) - {{ n }} + 0.918938533204672742
            + 1 / (12.0 * {{ n }}) - 1 / (360.0 * power({{ n }}, 3)) + 1 / (1260.0 * power({{ n }}, 5))
            - 1 / (1680.0 * power({{ n }}, 7))
    end
{%- endmacro %}

{# The digest of a text, as a text: what a keyed digest is made of. #}
{% macro digest_of(text) %}md5({{ text }}){% endmacro %}

{# A number that stands for a text, the same on every engine and in every version of it. #}
{% macro text_number(text) %}{{ return(adapter.dispatch('text_number')(text)) }}{% endmacro %}
{% macro default__text_number(text) %}cast(('x' || substr(md5({{ text }}), 1, 7))::bit(28) as bigint){% endmacro %}
{% macro duckdb__text_number(text) %}cast(concat('0x', substr(md5({{ text }}), 1, 7)) as bigint){% endmacro %}
{% macro spark__text_number(text) %}cast(conv(substr(md5({{ text }}), 1, 7), 16, 10) as bigint){% endmacro %}
