-- What: nobody answers a survey after the last day.
-- Why: their answers are left out of morale and reported here; no fault of the build.
-- A returned row is such a respondent.
{{ config(severity='warn') }}
select survey_id
from {{ ref('fct_survey_respondent') }}
where left_out_because = 'after_exit'
