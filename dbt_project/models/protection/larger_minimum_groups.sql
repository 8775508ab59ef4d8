{{ config(materialized='view') }}
-- Surveys and review cycles whose minimum group is larger than that of all.
{% for occasion, people in var('minimum_groups').items() -%}
select {{ quoted(occasion) }} as occasion, {{ people }} as minimum_group
{% if not loop.last %}union all
{% endif -%}
{%- else -%}
select cast(null as varchar) as occasion, cast(null as integer) as minimum_group where false
{%- endfor %}
