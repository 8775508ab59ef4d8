-- What: nobody is employed twice on one day.
-- A returned row is a stint that begins before the one before it has ended.
select employee_id, stint_number
from (
    select
        *,
        lag(coalesce(last_day, {{ forever() }})) over (partition by employee_id order by stint_number) as ended_on
    from {{ ref('fct_stint') }}
) as stints
where hire_date <= ended_on or last_day < hire_date
