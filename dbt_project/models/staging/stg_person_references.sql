-- How exports name people (an id of former times, an e-mail address, a name), and who they are. A reference that two
-- people share names nobody; an id wins over an address, an address over a name.
with employees as (

    select distinct
        coalesce(ids.person_id, s.employee_id) as person_id,
        s.employee_id,
        lower(s.email) as email,
        s.full_name
    from {{ source('validated', 'employees') }} as s
    left join {{ ref('stg_person_ids') }} as ids on s.employee_id = ids.employee_id

),

named as (

    select employee_id as reference, person_id, 1 as rank from {{ ref('stg_person_ids') }}
    union
    select employee_id as reference, person_id, 1 as rank from employees
    union
    select email as reference, person_id, 2 as rank from employees where email is not null
    union
    select full_name as reference, person_id, 3 as rank from employees where full_name is not null

),

ranked as (

    select
        reference,
        person_id,
        rank,
        min(rank) over (partition by reference) as best_rank
    from named

),

final as (

    select
        reference,
        min(person_id) as person_id,
        count(distinct person_id) as people
    from ranked
    where rank = best_rank
    group by reference

)

select * from final
