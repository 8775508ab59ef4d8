with observation as (

    select * from {{ ref('hist_observation') }} where observed_from <= observed_to

),

delivered as (

    select e.seen_on, e.is_snapshot, e.is_partial
    from {{ ref('stg_employees') }} as e
    inner join observation as o on e.seen_on <= o.observed_to

),

snapshots as (

    select distinct {{ month_number('seen_on') }} as month_number
    from delivered
    where is_snapshot and not is_partial

),

-- Where there is a history, no snapshot need be there for each month.
told as (

    select
        min(s.month_number) as first_snapshot,
        max(s.month_number) as last_snapshot,
        (select count(*) from delivered where not is_snapshot) as history_rows
    from snapshots as s

),

numbers as (

    {{ numbers() }}

),

months as (

    select
        {{ add_months(month_start('o.observed_from'), 'numbers.n') }} as month,
        o.observed_from,
        o.observed_to
    from observation as o
    inner join numbers on numbers.n <= {{ month_number('o.observed_to') }} - {{ month_number('o.observed_from') }}

),

dated as (

    select
        *,
        {{ month_number('month') }} as month_number,
        {{ add_days(add_months('month', 1), -1) }} as last_on
    from months

),

final as (

    select
        dated.month,
        dated.month_number,
        dated.month_number - {{ month_number('observed_from') }} as months_before,
        case when last_on <= observed_to then last_on else observed_to end as closes_on,
        case when {{ add_days('month', 11) }} <= observed_to then {{ add_days('month', 11) }} end as twelfth_on,
        {{ days_between('month', 'case when last_on <= observed_to then last_on else observed_to end') }} + 1 as days_seen,
        -- Of a month whose snapshot is missing nobody knows what changed in it.
        observed_from <= month
        and last_on <= observed_to
        and (
            told.history_rows > 0
            or snapshots.month_number is not null
            or dated.month_number < told.first_snapshot
            or dated.month_number > told.last_snapshot
        ) as is_complete
    from dated
    cross join told
    left join snapshots on dated.month_number = snapshots.month_number

)

select * from final
