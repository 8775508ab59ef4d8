{# A share lies between 0 and 1. A returned row has one that does not. #}
{% test fraction(model, column_name) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} < -1e-9 or {{ column_name }} > 1 + 1e-9
{% endtest %}
