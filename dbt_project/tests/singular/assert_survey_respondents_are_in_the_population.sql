-- What: who answers a confidential survey is in the population, neither unknown nor outside of it (a contractor).
-- Why: their answers are left out of morale and reported here; no fault of the build.
-- A returned row is such a respondent.
{{ config(severity='warn') }}
select survey_id
from {{ ref('fct_survey_respondent') }}
where left_out_because = 'not_in_population'
