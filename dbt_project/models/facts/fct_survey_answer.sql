with answers as (

    select * from {{ ref('stg_survey_responses') }}

),

items as (

    select * from {{ ref('stg_survey_items') }}

),

numeric as (

    select
        a.survey_id,
        a.respondent_id,
        a.item_id,
        i.driver,
        i.is_enps,
        i.scale_min,
        i.scale_max,
        i.is_reversed,
        a.responded_at,
        a.is_last_answer,
        a.place_from_end,
        {{ to_number('a.answer') }} as answer
    from answers as a
    inner join items as i on a.item_id = i.item_id
    where not i.is_comment and i.scale_min is not null and i.scale_max is not null

),

-- Reversed items are turned round first, so that high is good everywhere.
turned as (

    select
        *,
        case when is_reversed then scale_min + scale_max - answer else answer end as value,
        cast(scale_max - scale_min as integer) + 1 as points,
        case when scale_max - scale_min > 10 then (scale_max - scale_min) / 10.0 else 1.0 end as step
    from numeric
    where answer between scale_min and scale_max

),

final as (

    select
        t.survey_id,
        t.respondent_id,
        r.employee_id,
        t.item_id,
        t.driver,
        t.is_enps,
        t.place_from_end,
        t.responded_at,
        t.answer,
        t.value,
        cast((t.value - t.scale_min) / (t.scale_max - t.scale_min) * 100 as double precision) as score_100,
        -- Two answers at each end of a scale of 4 to 9 points, one at each end of a shorter one; 9-10 and 0-6 of 10 or 11.
        case
            when t.points >= 10 and t.value >= t.scale_max - t.step then 'favourable'
            when t.points >= 10 and t.value < t.scale_max - 3 * t.step then 'unfavourable'
            when t.points >= 10 then 'neutral'
            when t.value > t.scale_max - case when t.points >= 4 then 2 else 1 end then 'favourable'
            when t.value < t.scale_min + case when t.points >= 4 then 2 else 1 end then 'unfavourable'
            else 'neutral'
        end as favourability,
        case
            when not t.is_enps then null
            when t.answer >= 9 then 'promoter'
            when t.answer >= 7 then 'passive'
            else 'detractor'
        end as enps_group,
        t.is_last_answer and r.left_out_because is null as is_counted
    from turned as t
    inner join {{ ref('fct_survey_respondent') }} as r
        on t.survey_id = r.survey_id and t.respondent_id = r.respondent_id

)

select * from final
