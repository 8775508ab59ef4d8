-- What: the answer to a scaled item is a number on its scale, and each item answered is described.
-- Why: other answers cannot be scored; they are left out and reported here.
-- A returned row is such an answer.
{{ config(severity='warn') }}
select r.survey_id, r.item_id
from {{ ref('stg_survey_responses') }} as r
left join {{ ref('stg_survey_items') }} as i on r.item_id = i.item_id
left join {{ ref('fct_survey_answer') }} as a
    on
        r.survey_id = a.survey_id
        and r.respondent_id = a.respondent_id
        and r.item_id = a.item_id
        and r.place_from_end = a.place_from_end
where a.survey_id is null and not coalesce(i.is_comment, false)
