{#
    Shares, mean and change of a group of items, per survey × slice × group.

    mart: its name, for the dimensions; group: the column that names the group (driver or item_id);
    answers: a CTE or relation with survey_id, respondent_id, the group, score sum and counts per respondent.
#}
{% macro morale_figures(mart, group, answers) -%}
    surveys as (

        select * from {{ ref('fct_survey') }}

    ),

    -- Two surveys compare only where the items of a group, and their scales, are the same.
    item_sets as (

        select survey_id, {{ group }}, {{ list_of("item_id || ':' || cast(scale_min as varchar) || '-' || cast(scale_max as varchar)", '|', 'item_id') }} as items
        from (
            select distinct a.survey_id, g.{{ group }}, a.item_id, i.scale_min, i.scale_max
            from {{ ref('fct_survey_answer') }} as a
            inner join {{ ref('stg_survey_items') }} as i on a.item_id = i.item_id
            inner join group_items as g on a.item_id = g.item_id
        ) as answered_items
        group by survey_id, {{ group }}

    ),

    counted as (

        select
            a.survey_id,
            s.slice_dimension,
            s.slice_value,
            a.{{ group }},
            count(*) as respondents,
            sum(a.answers) as answers,
            sum(a.favourable) as favourable,
            sum(a.unfavourable) as unfavourable,
            {{ exact_sum('a.score') }} as score
        from {{ answers }} as a
        inner join {{ ref('hist_survey_slices') }} as s
            on a.survey_id = s.survey_id and a.respondent_id = s.respondent_id
        where {{ in_dimensions(mart, 's.slice_dimension') }}
        group by a.survey_id, s.slice_dimension, s.slice_value, a.{{ group }}

    ),

    answerable as (

        select
            c.*,
            i.invited,
            i.could_answer,
            c.score / c.answers as mean_score_100,
            c.respondents < {{ var('minimum_group') }} as is_suppressed
        from counted as c
        left join {{ ref('hist_survey_invited') }} as i
            on
                c.survey_id = i.survey_id
                and c.slice_dimension = i.slice_dimension
                and c.slice_value = i.slice_value

    ),

    compared as (

        select
            a.*,
            case when not p.is_suppressed then a.mean_score_100 - p.mean_score_100 end as delta_vs_previous
        from answerable as a
        inner join surveys as s on a.survey_id = s.survey_id
        left join item_sets as mine on a.survey_id = mine.survey_id and a.{{ group }} = mine.{{ group }}
        left join item_sets as theirs
            on
                s.previous_survey_id = theirs.survey_id
                and mine.{{ group }} = theirs.{{ group }}
                and mine.items = theirs.items
        left join answerable as p
            on
                theirs.survey_id = p.survey_id
                and a.{{ group }} = p.{{ group }}
                and a.slice_dimension = p.slice_dimension
                and a.slice_value = p.slice_value

    ),

    final as (

        select
            survey_id,
            slice_dimension,
            slice_value,
            {{ group }},
            case when not is_suppressed then cast(invited as bigint) end as invited,
            case when not is_suppressed then cast(respondents as bigint) end as respondents,
            case when not is_suppressed then {{ ratio('respondents', 'could_answer') }} end as response_rate,
            case when not is_suppressed then {{ ratio('favourable', 'answers') }} end as favourable,
            case when not is_suppressed then {{ ratio('(answers - favourable - unfavourable)', 'answers') }} end as neutral,
            case when not is_suppressed then {{ ratio('unfavourable', 'answers') }} end as unfavourable,
            case when not is_suppressed then mean_score_100 end as mean_score_100,
            case when not is_suppressed then delta_vs_previous end as delta_vs_previous,
            is_suppressed,
            case when is_suppressed then 'below_minimum' end as suppression_reason
        from compared

    )
{%- endmacro %}
