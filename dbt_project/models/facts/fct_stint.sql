{%- set excluded = var('excluded_employment_types') -%}
with employments as (

    select * from {{ ref('hist_employments') }}

),

-- Contractors and interns are outside of every mart; who is taken on begins a stint on that day.
within_scope as (

    select
        employee_id,
        employment_number,
        valid_from,
        valid_to,
        lag(valid_to) over (partition by employee_id, employment_number order by valid_from) as valid_to_before
    from {{ ref('hist_attributes') }}
    where
        attribute = 'employment_type'
        {% if excluded -%}
        and lower(value) not in ({% for t in excluded %}'{{ t }}'{% if not loop.last %}, {% endif %}{% endfor %})
        {%- endif %}

),

numbered as (

    select
        *,
        sum(case when valid_from is distinct from valid_to_before then 1 else 0 end) over (
            partition by employee_id, employment_number order by valid_from
            rows between unbounded preceding and current row
        ) as part
    from within_scope

),

parts as (

    select
        employee_id,
        employment_number,
        part,
        min(valid_from) as hire_date,
        case when count(*) = count(valid_to) then {{ add_days('max(valid_to)', -1) }} end as last_day
    from numbered
    group by employee_id, employment_number, part

),

final as (

    select
        p.employee_id,
        cast(row_number() over (partition by p.employee_id order by p.hire_date) as integer) as stint_number,
        p.employment_number,
        p.hire_date,
        p.last_day,
        -- Who goes on as a contractor leaves the population, neither of their own will nor against it.
        case
            when p.last_day is null then null
            when p.last_day = e.ends_on then e.exit_class
            else 'other'
        end as exit_class,
        case when p.last_day = e.ends_on then e.exit_reason end as exit_reason,
        case when p.last_day = e.ends_on then e.is_regretted end as is_regretted,
        case when p.last_day = e.ends_on then e.has_vanished else false end as has_vanished
    from parts as p
    inner join employments as e
        on p.employee_id = e.employee_id and p.employment_number = e.employment_number

)

select * from final
