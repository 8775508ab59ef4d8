-- Who went on under a new employee id (a move between legal entities, a new system), and under which id they are now.
with recursive moves as (

    select distinct old_value as employee_id, new_value as next_id, effective_date as moved_on
    from {{ source('validated', 'job_changes') }}
    where lower(change_type) = 'employee_id' and old_value <> new_value

),

-- Each id is reached once, whatever way back and forth there is.
reached as (

    select employee_id, next_id, moved_on from moves
    union
    select r.employee_id, m.next_id, m.moved_on
    from reached as r
    inner join moves as m on r.next_id = m.employee_id

),

ranked as (

    select
        employee_id,
        next_id as person_id,
        row_number() over (partition by employee_id order by moved_on desc, next_id asc) as place
    from reached

),

final as (

    select employee_id, person_id from ranked where place = 1

)

select * from final
