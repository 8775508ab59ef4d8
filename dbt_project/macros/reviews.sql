{# A rating turned round where 1 is best, so that high is good everywhere; r: the relation with the scale. #}
{% macro turned_round(rating, r='r') -%}
    case when {{ r }}.is_scale_reversed then {{ r }}.scale_min + {{ r }}.scale_max - {{ rating }} else {{ rating }} end
{%- endmacro %}
