-- What: who gives and who receives are people whom the exports know.
-- Why: an unknown one is most likely a typing error, or somebody from outside; the recognition counts.
-- A returned row is a giver or receiver who is nobody's record.
{{ config(severity='warn') }}
select distinct r.person_id
from (
    select giver_id as person_id from {{ ref('fct_recognition') }}
    union
    select receiver_id as person_id from {{ ref('fct_recognition') }}
) as r
cross join (select count(*) as people from {{ ref('stg_employees') }}) as c
left join (select distinct employee_id from {{ ref('stg_employees') }}) as e on r.person_id = e.employee_id
where e.employee_id is null and c.people > 0
