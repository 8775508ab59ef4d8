{%- set share = ratio('promoters', 'answers') -%}
with enps_items as (

    select item_id, 'enps' as item_group from {{ ref('stg_survey_items') }} where is_enps

),

counted as (

    select
        a.survey_id,
        s.slice_dimension,
        s.slice_value,
        count(*) as answers,
        count(distinct a.respondent_id) as respondents,
        sum(case when a.enps_group = 'promoter' then 1 else 0 end) as promoters,
        sum(case when a.enps_group = 'passive' then 1 else 0 end) as passives,
        sum(case when a.enps_group = 'detractor' then 1 else 0 end) as detractors
    from {{ ref('fct_survey_answer') }} as a
    inner join {{ ref('hist_survey_slices') }} as s
        on
            a.survey_id = s.survey_id
            and a.respondent_id = s.respondent_id
            and {{ in_dimensions('enps', 's.slice_dimension') }}
    where a.is_enps and a.is_counted
    group by a.survey_id, s.slice_dimension, s.slice_value

),

-- Who could have answered and did not is there as well: what is hidden looks the same whether nobody or a few did.
cells as (

    select survey_id, slice_dimension, slice_value from counted
    union
    select i.survey_id, i.slice_dimension, i.slice_value
    from {{ ref('hist_survey_invited') }} as i
    inner join (select distinct survey_id from counted) as g on i.survey_id = g.survey_id
    where {{ in_dimensions('enps', 'i.slice_dimension') }}

),

answerable as (

    select
        s.*,
        coalesce(c.respondents, 0) as respondents,
        c.answers,
        c.promoters,
        c.passives,
        c.detractors
    from cells as s
    left join counted as c
        on
            s.survey_id = c.survey_id
            and s.slice_dimension = c.slice_dimension
            and s.slice_value = c.slice_value

),

typed as (

    select
        survey_id,
        slice_dimension,
        slice_value,
        cast(round({{ banded(share, 'respondents') }} * answers) as bigint) as promoters,
        cast({{ unless_banded('passives', share, 'respondents') }} as bigint) as passives,
        cast({{ unless_banded('detractors', share, 'respondents') }} as bigint) as detractors,
        cast(respondents as bigint) as respondents,
        {{ unless_banded(ratio('(promoters - detractors)', 'answers') ~ ' * 100', share, 'respondents') }} as enps
    from answerable

),

protected as (

    {{ disclosed('enps', 'typed') }}

),

{{ comparable_surveys('item_group', 'enps_items') }},

final as (

    {{ with_trend('protected', 'survey_id', ['slice_dimension', 'slice_value'], 'enps', 'comparable') }}

)

select * from final
