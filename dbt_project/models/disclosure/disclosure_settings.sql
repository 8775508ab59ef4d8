{{ config(materialized='view') }}
{%- set told = {
    'minimum_group': var('minimum_group'),
    'minimum_groups': var('minimum_groups'),
    'minimum_perspective': var('minimum_perspective'),
    'unanimity': var('unanimity'),
    'budget': var('disclosure_budget'),
    'dimensions': {},
} -%}
{%- for mart in var('dimensions') %}{% do told['dimensions'].update({mart: dimensions_of(mart)}) %}{% endfor -%}
-- The settings of disclosure control, for the model in Python, which cannot read variables.
select {{ quoted(tojson(told)) }} as settings
