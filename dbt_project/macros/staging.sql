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

{# A person under the id that they have now, whether an id, an address or a name was given; needs `with_person`. #}
{% macro person(column, relation='newest') -%}
    coalesce({{ column }}_now.person_id, {{ relation }}.{{ column }}) as {{ column }}
{%- endmacro %}
{% macro with_person(columns, relation='newest') -%}
    {% for column in columns -%}
    left join {{ ref('stg_person_references') }} as {{ column }}_now
        on {{ as_reference(relation ~ '.' ~ column) }} = {{ column }}_now.reference and {{ column }}_now.people = 1
    {% endfor %}
{%- endmacro %}

{# What is given for a person, as `stg_person_references` writes it: case does not matter in addresses. #}
{% macro as_reference(given) %}case when {{ given }} like '%@%' then lower({{ given }}) else {{ given }} end{% endmacro %}

{# The attributes that a file carries itself, under their present names. #}
{% macro present_attributes(relation) -%}
    {% for attribute in carried_attributes() -%}
    {{ present_name(attribute, relation ~ '.' ~ attribute) }} as {{ attribute }}{% if not loop.last %},
    {% endif %}
    {%- endfor %}
{%- endmacro %}

{#
    Whether a job change tells the value that exports show: departments under old names too, numbers written in any way.

    told, shown: the texts; attribute: the column that names the attribute; numbers: the attributes that are numbers.
#}
{% macro same_value(told, shown, attribute, numbers) -%}
    (
        coalesce(
            {%- if var('renamed') %}
            case {{ attribute }}
                {% for name in carried_attributes() if var('renamed').get(name) -%}
                when '{{ name }}' then {{ present_name(name, told) }}
                {% endfor -%}
                else {{ told }}
            end
            {%- else %} {{ told }}{% endif %}, ''
        ) = coalesce({{ shown }}, '')
        or {{ attribute }} in ('{{ numbers | join("', '") }}') and {{ to_number(told) }} = {{ to_number(shown) }}
    )
{%- endmacro %}
