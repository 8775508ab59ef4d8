{%- set attributes = attribute_columns() -%}
{%- set types = {'fte': 'double precision', 'salary': 'double precision', 'pay_range_mid': 'double precision', 'birth_date': 'date'} -%}
{%- for column in described_columns() %}{% do attributes.update({column: column}) %}{% endfor -%}
with changes as (

    select
        employee_id,
        employment_number,
        valid_from,
        {% for attribute, column in attributes.items() -%}
        max(case when attribute = '{{ attribute }}' then value end) as {{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ ref('hist_attributes') }}
    group by employee_id, employment_number, valid_from

),

-- An attribute holds until it changes: rows up to its next change share a number.
numbered as (

    select
        *,
        lead(valid_from) over person as next_valid_from,
        {% for column in attributes.values() -%}
        count({{ column }}) over person as {{ column }}_number{% if not loop.last %},{% endif %}
        {% endfor %}
    from changes
    window person as (partition by employee_id, employment_number order by valid_from)

),

filled as (

    select
        employee_id,
        employment_number,
        valid_from,
        next_valid_from,
        {% for column in attributes.values() -%}
        nullif(
            max({{ column }}) over (partition by employee_id, employment_number, {{ column }}_number), 'unknown'
        ) as {{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from numbered

),

final as (

    select
        f.employee_id,
        f.valid_from,
        coalesce(f.next_valid_from, {{ add_days('e.ends_on', 1) }}) as valid_to,
        f.next_valid_from is null and e.ends_on is null as is_current,
        s.stint_number,
        coalesce(s.hire_date, e.starts_on) as hire_date,
        {% for column in attributes.values() -%}
        {% if column in types -%}
        cast(f.{{ column }} as {{ types[column] }}) as {{ column }}
        {%- else -%}
        f.{{ column }}
        {%- endif %}{% if not loop.last %},{% endif %}
        {% endfor %}
    from filled as f
    inner join {{ ref('hist_employments') }} as e
        on f.employee_id = e.employee_id and f.employment_number = e.employment_number
    left join {{ ref('fct_stint') }} as s
        on
            f.employee_id = s.employee_id
            and f.employment_number = s.employment_number
            and f.valid_from >= s.hire_date
            and f.valid_from <= coalesce(s.last_day, {{ forever() }})

)

select * from final
