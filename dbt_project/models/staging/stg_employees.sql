with source as (

    select * from {{ source('validated', 'employees') }}

),

renamed as (

    select
        employee_id,
        coalesce(effective_on, as_of) as seen_on,
        as_of,
        effective_on is null as is_snapshot,
        hire_date,
        last_day,
        lower(exit_type) as exit_type,
        exit_reason,
        is_regretted,
        coalesce(is_primary, true) as is_primary,
        original_hire_date,
        full_name,
        lower(email) as email,
        department,
        division,
        location,
        country,
        job_level,
        job_title,
        employment_type,
        fte,
        manager_id as manager_reference,
        salary,
        currency,
        pay_range_mid,
        gender,
        ethnicity,
        birth_date,
        delivery_number,
        line_number
    from source

),

newest as (

    {{ newest_by('renamed', ['employee_id', 'seen_on', 'hire_date', 'is_primary']) }}

),

people as (

    select distinct employee_id from newest

),

by_email as (

    select email, min(employee_id) as employee_id
    from newest
    where email is not null
    group by email
    having count(distinct employee_id) = 1

),

-- A name that two people bear names nobody.
by_name as (

    select full_name, min(employee_id) as employee_id
    from newest
    where full_name is not null
    group by full_name
    having count(distinct employee_id) = 1

),

references_to_managers as (

    select distinct manager_reference from newest where manager_reference is not null

),

managers as (

    select
        r.manager_reference,
        coalesce(p.employee_id, e.employee_id, n.employee_id, r.manager_reference) as manager_id
    from references_to_managers as r
    left join people as p on r.manager_reference = p.employee_id
    left join by_email as e on lower(r.manager_reference) = e.email
    left join by_name as n on r.manager_reference = n.full_name

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
        newest.department,
        newest.division,
        newest.location,
        newest.country,
        newest.job_level,
        newest.employment_type,
        managers.manager_id,
        newest.gender,
        newest.ethnicity
    from newest
    left join managers on newest.manager_reference = managers.manager_reference

)

select * from final
