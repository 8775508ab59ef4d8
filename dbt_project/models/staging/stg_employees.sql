with recursive source as (

    select * from {{ source('validated', 'employees') }}

),

-- Moves from one employee id to another: no exit, no hire.
moves as (

    select distinct old_value as old_id, new_value as new_id, effective_date as moved_on
    from {{ source('validated', 'job_changes') }}
    where lower(change_type) = 'employee_id' and old_value <> new_value

),

hired_before as (

    select m.old_id, m.new_id, m.moved_on, max(s.hire_date) as hire_date
    from moves as m
    inner join source as s on m.old_id = s.employee_id and s.hire_date < m.moved_on
    group by m.old_id, m.new_id, m.moved_on

),

-- Who has moved more than once was hired before the first of their moves.
hired_first as (

    select old_id, new_id, moved_on, hire_date from hired_before
    union
    select e.old_id, h.new_id, h.moved_on, e.hire_date
    from hired_first as h
    inner join hired_before as e on h.old_id = e.new_id and h.hire_date = e.moved_on

),

hired as (

    select new_id, moved_on, min(hire_date) as hire_date
    from hired_first
    group by new_id, moved_on

),

-- The last day under an old id is none of the person's.
left_behind as (

    select old_id, moved_on from moves
    union
    select old_id, {{ add_days('moved_on', -1) }} as moved_on from moves

),

renamed as (

    select
        coalesce(ids.person_id, s.employee_id) as employee_id,
        case when ids.person_id is null then 0 else 1 end as has_old_id,
        coalesce(s.effective_on, s.as_of) as seen_on,
        s.as_of,
        s.effective_on is null as is_snapshot,
        coalesce(h.hire_date, s.hire_date) as hire_date,
        case when l.old_id is null then s.last_day end as last_day,
        case when l.old_id is null then lower(s.exit_type) end as exit_type,
        case when l.old_id is null then s.exit_reason end as exit_reason,
        case when l.old_id is null then s.is_regretted end as is_regretted,
        coalesce(s.is_primary, true) as is_primary,
        coalesce(s.is_partial, false) as is_partial,
        s.full_name,
        lower(s.email) as email,
        {% for attribute in carried_attributes() -%}
        {{ present_name(attribute, 's.' ~ attribute) }} as {{ attribute }},
        {% endfor -%}
        s.job_title,
        s.fte,
        s.manager_id as manager_reference,
        s.salary,
        s.currency,
        s.pay_range_mid,
        s.birth_date,
        s.delivery_number,
        s.line_number
    from source as s
    left join {{ ref('stg_person_ids') }} as ids on s.employee_id = ids.employee_id
    left join hired as h on s.employee_id = h.new_id and s.hire_date = h.moved_on
    left join left_behind as l on s.employee_id = l.old_id and s.last_day = l.moved_on

),

newest as (

    {{ newest_by('renamed', ['employee_id', 'seen_on', 'hire_date', 'is_primary'], first_by='has_old_id') }}

),

final as (

    select
        newest.employee_id,
        newest.seen_on,
        newest.as_of,
        newest.is_snapshot,
        newest.hire_date,
        newest.last_day,
        newest.exit_type,
        newest.exit_reason,
        newest.is_regretted,
        newest.is_primary,
        newest.is_partial,
        {% for attribute in carried_attributes() -%}
        newest.{{ attribute }},
        {% endfor -%}
        coalesce(m.person_id, newest.manager_reference) as manager_id,
        {% for column in described_columns() -%}
        newest.{{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from newest
    left join {{ ref('stg_person_references') }} as m
        on {{ as_reference('newest.manager_reference') }} = m.reference and m.people = 1

)

select * from final
