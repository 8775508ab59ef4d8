{{ config(materialized='view') }}
{%- set marts = ['morale', 'morale_item', 'enps', 'rating_distribution', 'rating_gap'] -%}
-- What the choice of hidden slices is told of the settings.
{% for mart in marts -%}
{%- set is_last = loop.last -%}
{%- for dimension in dimensions_of(mart) -%}
select
    '{{ mart }}' as mart,
    '{{ dimension }}' as slice_dimension,
    {{ loop.index }} as place,
    {{ var('minimum_group') }} as minimum_group,
    '{{ var('unanimity') }}' as unanimity,
    {{ var('minimum_perspective') }} as minimum_perspective
{% if not (is_last and loop.last) %}union all
{% endif -%}
{%- endfor -%}
{%- endfor %}
