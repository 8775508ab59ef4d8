with group_items as (

    select item_id from {{ ref('stg_survey_items') }}

),

per_respondent as (

    select
        survey_id,
        respondent_id,
        item_id,
        1 as answers,
        case when favourability = 'favourable' then 1 else 0 end as favourable,
        case when favourability = 'unfavourable' then 1 else 0 end as unfavourable,
        score_100 as score
    from {{ ref('fct_survey_answer') }}
    where is_counted

),

{{ morale_figures('morale_item', 'item_id', 'per_respondent') }}

select * from final
