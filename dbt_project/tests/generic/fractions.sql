{# Shares lie between 0 and 1. A returned row has one that does not. #}
{% test fractions(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where
    {%- for column in columns %}
    {% if not loop.first %}or {% endif %}{{ column }} < -1e-9 or {{ column }} > 1 + 1e-9
    {%- endfor %}
{% endtest %}
