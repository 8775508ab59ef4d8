-- What: answers come while the survey is open.
-- Why: an answer after the close counts, but the survey tool should not have taken it.
-- A returned row is a survey with such an answer.
{{ config(severity='warn') }}
select r.survey_id
from {{ ref('stg_survey_responses') }} as r
inner join (
    select survey_id, max(closes_on) as closes_on
    from {{ source('validated', 'survey_invitations') }}
    group by survey_id
) as i on r.survey_id = i.survey_id
where cast(r.responded_at as date) > i.closes_on
