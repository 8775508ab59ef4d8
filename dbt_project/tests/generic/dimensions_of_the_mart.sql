{# A mart has the slice dimensions that are configured for it, no others. A returned row has another one. #}
{% test dimensions_of_the_mart(model, mart) %}
select slice_dimension
from {{ model }}
where not ({{ in_dimensions(mart) }})
{% endtest %}
