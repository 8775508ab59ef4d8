with source as (

    select * from {{ source('validated', 'survey_items') }}

),

newest as (

    {{ newest_by('source', ['item_id']) }}

),

final as (

    select
        item_id,
        text as item_text,
        driver,
        scale_min,
        scale_max,
        coalesce(reversed, false) as is_reversed,
        coalesce(is_enps, false) as is_enps,
        coalesce(is_comment, false) as is_comment,
        not_applicable
    from newest

)

select * from final
