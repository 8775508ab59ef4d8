{#
    Which surveys a group of items compares with: the one before and that of a year before, where the items and their
    scales are the same.

    group: the column that names the group (driver or item_id); group_items: a CTE of items and their groups.
#}
{% macro comparable_surveys(group, group_items) -%}
    item_sets as (

        select
            survey_id,
            {{ group }},
            {{ list_of("item_id || ':' || cast(scale_min as varchar) || '-' || cast(scale_max as varchar)", '|', 'item_id') }} as items
        from (
            select distinct a.survey_id, g.{{ group }}, a.item_id, i.scale_min, i.scale_max
            from {{ ref('fct_survey_answer') }} as a
            inner join {{ ref('stg_survey_items') }} as i on a.item_id = i.item_id
            inner join {{ group_items }} as g on a.item_id = g.item_id
        ) as answered_items
        group by survey_id, {{ group }}

    ),

    comparable as (

        select m.survey_id, m.{{ group }}, p.survey_id as previous, y.survey_id as previous_year
        from item_sets as m
        inner join {{ ref('fct_survey') }} as s on m.survey_id = s.survey_id
        {% for name, column in [('p', 'previous'), ('y', 'previous_year')] -%}
        left join item_sets as {{ name }}
            on s.{{ column }} = {{ name }}.survey_id and m.{{ group }} = {{ name }}.{{ group }} and m.items = {{ name }}.items
        {% endfor %}
    )
{%- endmacro %}

{#
    Shares, mean and change of a group of items, per survey × slice × group.

    mart: its name, for the dimensions; group: the column that names the group (driver or item_id);
    answers: a CTE or relation with survey_id, respondent_id, the group, score sum and counts per respondent.
    A CTE `group_items` says which items are in which group.
#}
{% macro morale_figures(mart, group, answers) -%}
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
            on
                a.survey_id = s.survey_id
                and a.respondent_id = s.respondent_id
                and {{ in_dimensions(mart, 's.slice_dimension') }}
        group by a.survey_id, s.slice_dimension, s.slice_value, a.{{ group }}

    ),

    answerable as (

        select
            c.*,
            i.invited,
            i.could_answer,
            c.respondents < {{ var('minimum_group') }} as is_suppressed
        from counted as c
        left join {{ ref('hist_survey_invited') }} as i
            on
                c.survey_id = i.survey_id
                and c.slice_dimension = i.slice_dimension
                and c.slice_value = i.slice_value

    ),

    protected as (

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
            case when not is_suppressed then score / answers end as mean_score_100,
            is_suppressed,
            case when is_suppressed then 'below_minimum' end as suppression_reason
        from answerable

    ),

    {{ comparable_surveys(group, 'group_items') }},

    final as (

        {{ with_trend(
            'protected', 'survey_id', ['slice_dimension', 'slice_value', group], 'mean_score_100', 'comparable', [group]
        ) }}

    )
{%- endmacro %}
