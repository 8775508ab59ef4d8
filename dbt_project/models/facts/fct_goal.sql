with recursive observation as (

    select * from {{ ref('hist_observation') }}

),

goals as (

    select
        g.*,
        case when g.period_ends_on <= o.observed_to then g.period_ends_on else o.observed_to end as judged_on,
        o.observed_to,
        coalesce(g.status, '') = 'cancelled' as is_cancelled
    from {{ ref('stg_goals') }} as g
    cross join observation as o

),

alignments as (

    select a.goal_id, a.parent_goal_id
    from {{ ref('stg_goal_alignments') }} as a
    inner join (select distinct goal_id from goals where not is_cancelled) as c on a.goal_id = c.goal_id
    inner join (select distinct goal_id from goals where not is_cancelled) as p on a.parent_goal_id = p.goal_id

),

-- A graph, not a tree: each goal is reached once, whatever cycles there are.
aligned as (

    select distinct goal_id from goals where goal_level = 'company' and not is_cancelled
    union
    select a.goal_id
    from alignments as a
    inner join aligned as p on a.parent_goal_id = p.goal_id

),

attained as (

    select
        *,
        case
            when attainment is not null then attainment
            when coalesce(start_value, 0) = target_value
                then case
                    when actual_value >= target_value or status = 'completed' then 1.0
                    when actual_value is not null then 0.0
                end
            else (actual_value - coalesce(start_value, 0)) / (target_value - coalesce(start_value, 0))
        end as attainment_raw,
        -- Where some of a person's goals have a weight, the others weigh as much as these do on average.
        coalesce(
            weight,
            cast(
                sum(cast(case when not is_cancelled then weight end as decimal(38, 12))) over (partition by owner_id, period)
                as double precision
            ) / nullif(count(case when not is_cancelled then weight end) over (partition by owner_id, period), 0),
            1
        ) as weight_in_force
    from goals

),

weighed as (

    select
        *,
        cast(
            sum(cast(case when not is_cancelled then weight_in_force end as decimal(38, 12))) over (partition by owner_id, period)
            as double precision
        ) as weights
    from attained

),

final as (

    select
        w.goal_id,
        w.period,
        w.owner_id,
        w.title,
        w.goal_level,
        w.period_starts_on,
        w.period_ends_on,
        w.judged_on,
        w.status,
        w.is_cancelled,
        coalesce(w.status = 'completed', w.attainment_raw >= 1, false) as is_completed,
        cast(w.attainment_raw as double precision) as attainment_raw,
        cast(
            case when w.attainment_raw > 1 then 1 when w.attainment_raw < 0 then 0 else w.attainment_raw end
            as double precision
        ) as attainment_capped,
        cast(w.weight_in_force as double precision) as weight,
        case when not w.is_cancelled then {{ ratio('w.weight_in_force', 'w.weights') }} end as normalised_weight,
        w.weight is not null and abs(w.weights - 100) > 1e-9 and abs(w.weights - 1) > 1e-9 as is_weight_normalised,
        w.due_on,
        w.completed_on,
        w.due_on <= w.observed_to as is_due,
        coalesce(w.completed_on <= w.due_on, false) as is_on_time,
        w.updated_on,
        not coalesce(w.status = 'completed', w.attainment_raw >= 1, false)
        and {{ days_between('w.updated_on', 'w.judged_on') }} >= 30 as is_stale,
        a.goal_id is not null and not w.is_cancelled as is_aligned
    from weighed as w
    left join aligned as a on w.goal_id = a.goal_id

)

select * from final
