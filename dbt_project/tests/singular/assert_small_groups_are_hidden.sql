-- What: no survey figure stands on fewer people than the minimum group, and a hidden row shows nothing at all.
-- A returned row shows what it must not.
select survey_id, slice_dimension, slice_value
from {{ ref('morale') }}
where
    respondents < {{ minimum_group_of('survey_id') }}
    or is_suppressed and coalesce(
        cast(invited as double precision), respondents, response_rate, favourable, neutral, unfavourable, mean_score_100,
        delta_vs_previous
    ) is not null

union all

select survey_id, slice_dimension, slice_value
from {{ ref('morale_item') }}
where
    respondents < {{ minimum_group_of('survey_id') }}
    or is_suppressed and coalesce(
        cast(invited as double precision), respondents, response_rate, favourable, neutral, unfavourable, mean_score_100,
        delta_vs_previous
    ) is not null

union all

select survey_id, slice_dimension, slice_value
from {{ ref('enps') }}
where
    respondents < {{ minimum_group_of('survey_id') }}
    or is_suppressed
    and coalesce(cast(promoters as double precision), passives, detractors, respondents, enps, delta_vs_previous) is not null
