-- What: who owns a goal of a period was employed on a day of it.
-- Why: other goals are left out of goal_attainment and reported here; no fault of the build.
-- A returned row is an owner and period that do not fit.
{{ config(severity='warn') }}
select period
from {{ ref('fct_goal_owner') }}
where not is_eligible
