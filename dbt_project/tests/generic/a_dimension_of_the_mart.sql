{# A mart has the dimensions that are configured for it, no others. A returned row has another one. #}
{% test a_dimension_of_the_mart(model, column_name) %}
select {{ column_name }}
from {{ model }}
where not ({{ in_dimensions(model.name if model.name is defined else model.identifier, column_name) }})
{% endtest %}
