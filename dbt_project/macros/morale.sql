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
            {{ list_of("item_id || ':' || cast(scale_min as varchar) || '-' || cast(scale_max as varchar)", '|') }} as items
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

    -- Who could have answered and did not is there as well: what is hidden looks the same whether nobody or a few did.
    cells as (

        select survey_id, slice_dimension, slice_value, {{ group }} from counted
        union
        select i.survey_id, i.slice_dimension, i.slice_value, g.{{ group }}
        from {{ ref('hist_survey_invited') }} as i
        inner join (select distinct survey_id, {{ group }} from counted) as g on i.survey_id = g.survey_id
        where {{ in_dimensions(mart, 'i.slice_dimension') }}

    ),

    answerable as (

        select
            s.*,
            coalesce(c.respondents, 0) as respondents,
            c.answers,
            c.favourable,
            c.unfavourable,
            c.score,
            i.invited,
            i.could_answer
        from cells as s
        left join counted as c
            on
                s.survey_id = c.survey_id
                and s.slice_dimension = c.slice_dimension
                and s.slice_value = c.slice_value
                and s.{{ group }} = c.{{ group }}
        left join {{ ref('hist_survey_invited') }} as i
            on
                s.survey_id = i.survey_id
                and s.slice_dimension = i.slice_dimension
                and s.slice_value = i.slice_value

    ),

    {%- set share = ratio('favourable', 'answers') %}

    typed as (

        select
            survey_id,
            slice_dimension,
            slice_value,
            {{ group }},
            cast(invited as bigint) as invited,
            cast(respondents as bigint) as respondents,
            {{ ratio('respondents', 'could_answer') }} as response_rate,
            {{ banded(share, 'respondents') }} as favourable,
            {{ unless_banded(ratio('(answers - favourable - unfavourable)', 'answers'), share, 'respondents') }} as neutral,
            {{ unless_banded(ratio('unfavourable', 'answers'), share, 'respondents') }} as unfavourable,
            {{ unless_banded('score / answers', share, 'respondents') }} as mean_score_100
        from answerable

    ),

    protected as (

        {{ disclosed(mart, 'typed') }}

    ),

    {{ comparable_surveys(group, 'group_items') }},

    final as (

        {{ with_trend(
            'protected', 'survey_id', ['slice_dimension', 'slice_value', group], 'mean_score_100', 'comparable', [group]
        ) }}

    )
{%- endmacro %}
