with observation as (

    select * from {{ ref('hist_observation') }}

),

stints as (

    select * from {{ ref('fct_stint') }}

),

attributes as (

    select employee_id, employment_number, attribute as slice_dimension, value as slice_value, valid_from, valid_to
    from {{ ref('hist_attributes') }}
    where
        attribute in ('{{ carried_attributes() | join("', '") }}')
        and attribute not in ('gender', 'ethnicity')

    union all

    select * from {{ ref('hist_demographics') }}

    union all

    select
        a.employee_id,
        a.employment_number,
        a.attribute as slice_dimension,
        coalesce(p.pseudonym, 'unknown') as slice_value,
        a.valid_from,
        a.valid_to
    from {{ ref('hist_attributes') }} as a
    left join {{ source('validated', 'person_pseudonyms') }} as p on a.value = p.person_id
    where a.attribute = 'manager'

),

attribute_spans as (

    select
        s.employee_id,
        s.stint_number,
        a.slice_dimension,
        a.slice_value,
        case when a.valid_from > s.hire_date then a.valid_from else s.hire_date end as valid_from,
        case
            when a.valid_to <= s.last_day or s.last_day is null then a.valid_to
            else {{ add_days('s.last_day', 1) }}
        end as valid_to
    from stints as s
    inner join attributes as a
        on
            s.employee_id = a.employee_id
            and s.employment_number = a.employment_number
            and a.valid_from <= coalesce(s.last_day, {{ forever() }})
            and coalesce(a.valid_to, {{ forever() }}) > s.hire_date

),

company_spans as (

    select
        employee_id,
        stint_number,
        'company' as slice_dimension,
        'all' as slice_value,
        hire_date as valid_from,
        {{ add_days('last_day', 1) }} as valid_to
    from stints

),

tenure_starts as (

    {% for name, from_year, to_year in var('tenure_bands') -%}
    select
        employee_id,
        stint_number,
        '{{ name }}' as slice_value,
        {{ add_months('hire_date', 12 * from_year) }} as valid_from,
        {% if to_year is none -%}
        {{ add_days('last_day', 1) }} as valid_to,
        {%- else -%}
        {{ add_months('hire_date', 12 * to_year) }} as valid_to,
        {%- endif %}
        last_day
    from stints
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

tenure_spans as (

    select
        t.employee_id,
        t.stint_number,
        'tenure_band' as slice_dimension,
        t.slice_value,
        t.valid_from,
        case
            when t.last_day is not null and t.valid_to > t.last_day then {{ add_days('t.last_day', 1) }}
            when t.valid_to <= o.observed_to then t.valid_to
        end as valid_to
    from tenure_starts as t
    inner join observation as o on t.valid_from <= o.observed_to
    where t.last_day is null or t.valid_from <= t.last_day

),

{% if var('department_ancestors') -%}
-- A department contains those below it. Who moves between two of its own stays in it, so that spans that touch are one.
contained as (

    select employee_id, stint_number, slice_dimension, slice_value, valid_from, valid_to
    from attribute_spans
    where slice_dimension = 'department'

    union all

    select s.employee_id, s.stint_number, s.slice_dimension, d.ancestor as slice_value, s.valid_from, s.valid_to
    from attribute_spans as s
    inner join ({{ department_ancestors() }}) as d on s.slice_value = d.department
    where s.slice_dimension = 'department'

),

touching as (

    select
        *,
        case
            when valid_from = lag(valid_to) over (
                partition by employee_id, stint_number, slice_value order by valid_from
            ) then 0
            else 1
        end as is_apart
    from contained

),

islands as (

    select
        *,
        sum(is_apart) over (
            partition by employee_id, stint_number, slice_value order by valid_from
            rows between unbounded preceding and current row
        ) as island
    from touching

),

-- Used where departments contain others.
department_spans as ( -- noqa: ST03

    select
        employee_id,
        stint_number,
        'department' as slice_dimension,
        slice_value,
        min(valid_from) as valid_from,
        case when count(*) = count(valid_to) then max(valid_to) end as valid_to
    from islands
    group by employee_id, stint_number, slice_value, island

),
{%- endif %}

single_spans as (

    select * from company_spans
    union all
    select * from attribute_spans
    {% if var('department_ancestors') -%}
    where slice_dimension <> 'department'
    union all
    select * from department_spans
    {% endif -%}
    union all
    select * from tenure_spans

),

final as (

    select * from single_spans
    {%- for name, first, second in slice_pairs() %}
    union all
    select
        a.employee_id,
        a.stint_number,
        '{{ name }}' as slice_dimension,
        a.slice_value || ' × ' || b.slice_value as slice_value,
        greatest(a.valid_from, b.valid_from) as valid_from,
        case
            when a.valid_to is null then b.valid_to
            when b.valid_to is null then a.valid_to
            else least(a.valid_to, b.valid_to)
        end as valid_to
    from single_spans as a
    inner join single_spans as b
        on
            a.employee_id = b.employee_id
            and a.stint_number = b.stint_number
            and a.valid_from < coalesce(b.valid_to, {{ forever() }})
            and b.valid_from < coalesce(a.valid_to, {{ forever() }})
    where a.slice_dimension = '{{ first }}' and b.slice_dimension = '{{ second }}'
    {%- endfor %}

)

select * from final
