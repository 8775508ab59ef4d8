with observation as (

    select * from {{ ref('hist_observation') }}

),

goals as (

    select * from {{ ref('fct_goal') }}

),

periods as (

    select period, period_starts_on, period_ends_on from {{ ref('fct_goal_period') }}

),

-- Everyone employed on a day of the period, and the last such day.
eligible as (

    select
        p.period,
        s.employee_id,
        max(
            least(coalesce(s.last_day, p.period_ends_on), p.period_ends_on, o.observed_to)
        ) as last_employed_on
    from periods as p
    cross join observation as o
    inner join {{ ref('fct_stint') }} as s
        on
            s.hire_date <= least(p.period_ends_on, o.observed_to)
            and coalesce(s.last_day, p.period_ends_on) >= p.period_starts_on
    group by p.period, s.employee_id

),

owners as (

    select
        period,
        owner_id as employee_id,
        count(*) as goals,
        sum(case when is_completed then 1 else 0 end) as completed,
        sum(case when is_due then 1 else 0 end) as due,
        sum(case when is_due and is_on_time then 1 else 0 end) as on_time,
        sum(case when is_stale then 1 else 0 end) as stale,
        count(updated_on) as with_update,
        sum(case when is_aligned then 1 else 0 end) as aligned,
        {{ exact_sum('case when is_aligned then normalised_weight else 0 end') }} as aligned_weight,
        {{ exact_sum('case when attainment_raw is not null then weight * attainment_raw end') }}
        / nullif({{ exact_sum('case when attainment_raw is not null then weight end') }}, 0) as attainment_raw,
        {{ exact_sum('case when attainment_raw is not null then weight * attainment_capped end') }}
        / nullif({{ exact_sum('case when attainment_raw is not null then weight end') }}, 0) as attainment_capped,
        max(case when normalised_weight is not null then 1 else 0 end) as has_weights
    from goals
    where not is_cancelled
    group by period, owner_id

),

final as (

    select
        coalesce(e.period, w.period) as period,
        coalesce(e.employee_id, w.employee_id) as employee_id,
        e.employee_id is not null as is_eligible,
        e.last_employed_on,
        coalesce(w.goals, 0) as goals,
        coalesce(w.completed, 0) as completed,
        coalesce(w.due, 0) as due,
        coalesce(w.on_time, 0) as on_time,
        coalesce(w.stale, 0) as stale,
        coalesce(w.with_update, 0) as with_update,
        coalesce(w.aligned, 0) as aligned,
        case when w.has_weights = 1 then w.aligned_weight end as aligned_weight_share,
        w.attainment_raw,
        w.attainment_capped
    from eligible as e
    full outer join owners as w on e.period = w.period and e.employee_id = w.employee_id

)

select * from final
