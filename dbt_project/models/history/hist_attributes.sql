{#- attribute → its column; the numbers among them -#}
{%- set attributes = attribute_columns() -%}
{%- set numbers = [] -%}
{%- for column, is_number in described_columns().items() -%}
{%- do attributes.update({column: column}) -%}
{%- if is_number %}{% do numbers.append(column) %}{% endif -%}
{%- endfor -%}
with observation as (

    select * from {{ ref('hist_observation') }}

),

employments as (

    select * from {{ ref('hist_employments') }}

),

-- Jobs beside the main one give no attributes.
delivered as (

    select
        e.employee_id,
        j.employment_number,
        e.seen_on,
        e.is_snapshot,
        {% for column in attributes.values() %}e.{{ column }},
        {% endfor %}row_number() over (
            partition by e.employee_id, j.employment_number, e.seen_on order by e.hire_date desc
        ) as place
    from {{ ref('stg_employees') }} as e
    inner join {{ ref('hist_jobs') }} as j
        on e.employee_id = j.employee_id and e.hire_date = j.delivered_hire_date
    inner join observation as o on e.seen_on <= o.observed_to
    where e.is_primary

),

compared as (

    select
        *,
        row_number() over seen as seen_place,
        lag(seen_on) over seen as seen_before_on
        {%- for column in attributes.values() %},
        lag({{ column }}) over seen as {{ column }}_before
        {%- endfor %}
    from delivered
    where place = 1
    window seen as (partition by employee_id, employment_number order by seen_on)

),

changed as (

    {% for attribute, column in attributes.items() -%}
    select
        employee_id,
        employment_number,
        '{{ attribute }}' as attribute,
        cast({{ column }} as varchar) as value,
        cast({{ column }}_before as varchar) as value_before,
        seen_place = 1 as is_first,
        seen_on,
        seen_before_on,
        is_snapshot
    from compared
    where seen_place = 1 or {{ column }} is distinct from {{ column }}_before
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

-- A change counts from the snapshot that shows it, unless a job change between the two snapshots dates it.
dated_changes as (

    select
        c.employee_id,
        c.employment_number,
        c.attribute,
        c.seen_on,
        min(j.effective_date) as changed_on
    from changed as c
    inner join {{ ref('stg_job_changes') }} as j
        on
            c.employee_id = j.employee_id
            and j.effective_date > c.seen_before_on
            and j.effective_date <= c.seen_on
            and {{ same_value('j.old_value', 'c.value_before', 'c.attribute', numbers) }}
            and {{ same_value('j.new_value', 'c.value', 'c.attribute', numbers) }}
            -- A word that names other attributes does not date this one, even where the values agree.
            and case j.change_type
                when 'promotion' then c.attribute in ('job_level', 'job_title')
                when 'demotion' then c.attribute in ('job_level', 'job_title')
                when 'transfer' then c.attribute in ('department', 'division', 'location', 'country')
                when 'manager' then c.attribute = 'manager'
                when 'pay' then c.attribute = 'salary'
                else true
            end
    where c.is_snapshot and not c.is_first
    group by c.employee_id, c.employment_number, c.attribute, c.seen_on

),

-- The first row's attributes hold from the first day.
dated as (

    select
        c.employee_id,
        c.employment_number,
        c.attribute,
        coalesce(c.value, 'unknown') as value,
        c.seen_on,
        case
            when c.is_first or coalesce(d.changed_on, c.seen_on) < e.starts_on then e.starts_on
            else coalesce(d.changed_on, c.seen_on)
        end as valid_from,
        e.ends_on
    from changed as c
    inner join employments as e
        on c.employee_id = e.employee_id and c.employment_number = e.employment_number
    left join dated_changes as d
        on
            c.employee_id = d.employee_id
            and c.employment_number = d.employment_number
            and c.attribute = d.attribute
            and c.seen_on = d.seen_on

),

-- Of several changes on one day the last one holds.
one_a_day as (

    select
        *,
        row_number() over (
            partition by employee_id, employment_number, attribute, valid_from order by seen_on desc
        ) as place
    from dated
    where ends_on is null or valid_from <= ends_on

),

stepped as (

    select
        *,
        lag(value) over (
            partition by employee_id, employment_number, attribute order by valid_from
        ) as value_before
    from one_a_day
    where place = 1

),

spans as (

    select
        employee_id,
        employment_number,
        attribute,
        value,
        valid_from,
        coalesce(
            lead(valid_from) over (
                partition by employee_id, employment_number, attribute order by valid_from
            ),
            {{ add_days('ends_on', 1) }}
        ) as valid_to
    from stepped
    where value is distinct from value_before

),

-- An employment that only has jobs beside a main one nobody delivered.
without_attributes as (

    {% for attribute in attributes.keys() -%}
    select
        e.employee_id,
        e.employment_number,
        '{{ attribute }}' as attribute,
        'unknown' as value,
        e.starts_on as valid_from,
        {{ add_days('e.ends_on', 1) }} as valid_to
    from employments as e
    left join (select distinct employee_id, employment_number from compared) as c
        on e.employee_id = c.employee_id and e.employment_number = c.employment_number
    where c.employee_id is null
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

final as (

    select * from spans
    union all
    select * from without_attributes

)

select * from final
