-- Each item belongs to its driver, and to `all`.
with group_items as (

    select item_id, driver from {{ ref('stg_survey_items') }} where driver is not null
    union all
    select item_id, 'all' as driver from {{ ref('stg_survey_items') }}

),

per_respondent as (

    select
        a.survey_id,
        a.respondent_id,
        g.driver,
        count(*) as answers,
        sum(case when a.favourability = 'favourable' then 1 else 0 end) as favourable,
        sum(case when a.favourability = 'unfavourable' then 1 else 0 end) as unfavourable,
        {{ exact_sum('a.score_100') }} as score
    from {{ ref('fct_survey_answer') }} as a
    inner join group_items as g on a.item_id = g.item_id
    where a.is_counted
    group by a.survey_id, a.respondent_id, g.driver

),

{{ morale_figures('morale', 'driver', 'per_respondent') }}

select * from final
