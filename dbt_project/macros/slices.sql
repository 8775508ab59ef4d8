{# Slice dimensions, and the protection of small groups in them. #}

{# Attributes of people that slices are made of, as the columns of employees name them; dimension → column. #}
{% macro attribute_columns() -%}
    {{ return({
        'department': 'department',
        'division': 'division',
        'location': 'location',
        'country': 'country',
        'job_level': 'job_level',
        'employment_type': 'employment_type',
        'manager': 'manager_id',
        'gender': 'gender',
        'ethnicity': 'ethnicity',
    }) }}
{%- endmacro %}

{# Those that survey, review and recognition files may carry themselves. #}
{% macro carried_attributes() -%}
    {{ return(['department', 'division', 'location', 'country', 'job_level', 'employment_type', 'gender', 'ethnicity']) }}
{%- endmacro %}

{# Tenure bands: name, from years, to years (none: open). #}
{% macro tenure_bands() -%}
    {{ return([('<1y', 0, 1), ('1-3y', 1, 3), ('3-5y', 3, 5), ('5-10y', 5, 10), ('10y+', 10, none)]) }}
{%- endmacro %}

{# Whether a slice dimension belongs to a mart. #}
{% macro in_dimensions(mart, column='slice_dimension') -%}
    {{ column }} in ({% for d in var('dimensions')[mart] %}'{{ d }}'{% if not loop.last %}, {% endif %}{% endfor %})
{%- endmacro %}

{# Whether a slice speaks of protected attributes. #}
{% macro is_demographic(column='slice_dimension') %}{{ column }} in ('gender', 'ethnicity'){% endmacro %}

{#
    Hides small demographic groups in a mart whose parts add up: one group below the minimum hides the whole
    dimension of that period, since it could be worked out from the others.

    relation: a CTE with the figures and `people_in_base`; period: its period column; figures: what is hidden;
    reach_back: for figures over a window of months, how many months before (a column), else none.
#}
{% macro with_demographics_protected(relation, keys, period, figures, shown=[]) -%}
    select
        {% for key in keys %}{{ key }}, {% endfor %}
        {% for figure in figures -%}
        case when not is_hidden then {{ figure }} end as {{ figure }},
        {% endfor -%}
        {% for column in shown %}{{ column }}, {% endfor %}
        is_hidden as is_suppressed,
        case
            when is_hidden and people_in_base < {{ var('minimum_group') }} then 'below_minimum'
            when is_hidden then 'complementary'
        end as suppression_reason
    from (
        select
            *,
            {{ is_demographic() }} and min(people_in_base) over (
                partition by slice_dimension, {{ period }}
            ) < {{ var('minimum_group') }} as is_hidden
        from {{ relation }}
    ) as guarded
{%- endmacro %}

{# Counts as rates: null instead of a division by zero. #}
{% macro ratio(numerator, denominator) -%}
    (cast({{ numerator }} as double precision) / nullif({{ denominator }}, 0))
{%- endmacro %}

{#
    Sums and means that do not depend on the order of the rows, so that equal input gives equal marts to the last bit:
    floating-point addition does, decimal addition does not. Twelve places after the point are kept.
#}
{% macro exact_sum(value) %}cast(sum(cast({{ value }} as decimal(38, 12))) as double precision){% endmacro %}
{% macro exact_mean(value) %}({{ exact_sum(value) }} / nullif(count({{ value }}), 0)){% endmacro %}
