with owners as (

    select * from {{ ref('fct_goal_owner') }} where is_eligible

),

sliced as (

    select
        o.*,
        s.slice_dimension,
        s.slice_value
    from owners as o
    inner join {{ ref('hist_slices') }} as s
        on
            o.employee_id = s.employee_id
            and {{ is_valid_on('s', 'o.last_employed_on') }}
            and {{ in_dimensions('goal_attainment', 's.slice_dimension') }}

),

counted as (

    select
        period,
        slice_dimension,
        slice_value,
        count(*) as owners_eligible,
        sum(case when goals > 0 then 1 else 0 end) as owners_with_goals,
        sum(goals) as goals,
        sum(completed) as completed,
        {{ exact_mean('attainment_raw') }} as attainment_raw,
        {{ exact_mean('attainment_capped') }} as attainment_capped,
        {{ ratio('sum(on_time)', 'sum(due)') }} as on_time_rate,
        -- Exports that never say when a goal was updated say nothing of stale goals.
        case when sum(with_update) > 0 then {{ ratio('sum(stale)', 'sum(goals)') }} end as stale_share,
        {{ ratio('sum(aligned)', 'sum(goals)') }} as aligned_goal_share,
        {{ exact_mean('aligned_weight_share') }} as aligned_weight_share
    from sliced
    group by period, slice_dimension, slice_value

),

typed as (

    select
        period,
        slice_dimension,
        slice_value,
        cast(owners_eligible as bigint) as owners_eligible,
        cast(owners_with_goals as bigint) as owners_with_goals,
        {{ ratio('owners_with_goals', 'owners_eligible') }} as coverage,
        cast(goals as bigint) as goals,
        cast(completed as bigint) as completed,
        attainment_raw,
        attainment_capped,
        on_time_rate,
        stale_share,
        aligned_goal_share,
        aligned_weight_share
    from counted

),

protected as (

    {{ disclosed('goal_attainment', 'typed') }}

),

final as (

    {{ with_trend('protected', 'period', ['slice_dimension', 'slice_value'], 'attainment_capped', ref('fct_goal_period')) }}

)

select * from final
