-- What: managers are people whom the exports know.
-- Why: an unknown manager is a slice like any other, and most likely a typing error.
-- A returned row is a manager who is nobody's record.
{{ config(severity='warn') }}
select distinct a.value
from {{ ref('hist_attributes') }} as a
left join (select distinct employee_id from {{ ref('stg_employees') }}) as e on a.value = e.employee_id
where a.attribute = 'manager' and a.value <> 'unknown' and e.employee_id is null
