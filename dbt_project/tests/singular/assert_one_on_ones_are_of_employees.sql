-- What: whom a 1:1 meeting is scheduled with is employed on that day, and in the population.
-- Why: other meetings are left out of one_on_one and reported here; no fault of the build.
-- A returned row is such a meeting.
{{ config(severity='warn') }}
select m.meeting_id
from {{ ref('fct_one_on_one') }} as m
left join {{ ref('fct_stint') }} as s
    on
        m.employee_id = s.employee_id
        and m.scheduled_on >= s.hire_date
        and m.scheduled_on <= coalesce(s.last_day, {{ forever() }})
where s.employee_id is null and exists (select 1 from {{ ref('fct_stint') }})
