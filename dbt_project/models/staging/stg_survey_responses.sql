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

-- A respondent's last answer to an item counts; the earlier ones are kept and marked.
ranked as (

    select
        *,
        row_number() over (
            partition by survey_id, respondent_id, item_id
            order by responded_at desc nulls last, delivery_number desc, line_number desc
        ) as place_from_end
    from answered

),

final as (

    select
        survey_id,
        respondent_id,
        item_id,
        answer,
        responded_at,
        {{ person('employee_id', 'ranked') }},
        {{ present_attributes('ranked') }},
        place_from_end = 1 as is_last_answer,
        place_from_end
    from ranked
    {{ with_person(['employee_id'], 'ranked') }}

)

select * from final
