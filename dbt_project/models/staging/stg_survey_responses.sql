with source as (

    select
        survey_id,
        respondent_id,
        item_id,
        answer,
        responded_at,
        employee_id,
        {% for attribute in carried_attributes() %}{{ attribute }},
        {% endfor %}delivery_number,
        line_number
    from {{ source('validated', 'survey_responses') }}

),

items as (

    select item_id, not_applicable from {{ ref('stg_survey_items') }}

),

-- "Not applicable" is no answer, so that an earlier answer may still count.
answered as (

    select source.*
    from source
    left join items on source.item_id = items.item_id
    where
        source.answer is not null
        and not coalesce(
            position('|' || lower(source.answer) || '|' in '|' || lower(items.not_applicable) || '|') > 0, false
        )

),

latest as (

    {{ newest_by('answered', ['survey_id', 'respondent_id', 'item_id'], first_by='responded_at desc nulls last') }}

),

final as (

    select
        survey_id,
        respondent_id,
        item_id,
        answer,
        responded_at,
        employee_id,
        {% for attribute in carried_attributes() %}{{ attribute }}{% if not loop.last %},
        {% endif %}{% endfor %}
    from latest

)

select * from final
