-- What: who rates is somebody whom the exports know.
-- Why: an unknown rater is most likely a typing error, or somebody from outside; the rating counts.
-- A returned row is a rater who is nobody's record.
{{ config(severity='warn') }}
select distinct r.rater_id
from {{ ref('fct_review_rating') }} as r
cross join (select count(*) as people from {{ ref('stg_employees') }}) as c
left join (select distinct employee_id from {{ ref('stg_employees') }}) as e on r.rater_id = e.employee_id
where r.rater_id is not null and e.employee_id is null and c.people > 0
