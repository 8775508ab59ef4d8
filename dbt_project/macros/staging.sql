{# The newest of the rows that several deliveries give for one key: the later file, in it the later line. #}
{% macro newest_by(relation, keys, first_by=none) -%}
    select * from (
        select
            *,
            row_number() over (
                partition by {{ keys | join(', ') }}
                order by {% if first_by %}{{ first_by }}, {% endif %}delivery_number desc, line_number desc
            ) as newest_place
        from {{ relation }}
    ) as ranked
    where newest_place = 1
{%- endmacro %}
