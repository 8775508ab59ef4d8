with source as (

    select * from {{ source('validated', 'goals') }}

),

newest as (

    {{ newest_by('source', ['goal_id', 'period']) }}

),

final as (

    select
        goal_id,
        {{ person('owner_id') }},
        period,
        {{ period_start('period') }} as period_starts_on,
        {{ add_days(add_months(period_start('period'), period_months('period')), -1) }} as period_ends_on,
        title,
        level as goal_level,
        weight,
        start_value,
        target_value,
        actual_value,
        attainment,
        status,
        due_on,
        completed_on,
        cast(updated_at as date) as updated_on
    from newest
    {{ with_person(['owner_id']) }}

)

select * from final
