{{ config(schema='facts') }}
with periods as (

    select distinct period, period_starts_on, period_ends_on, {{ period_months('period') }} as months
    from {{ ref('stg_goals') }}

),

-- Quarters compare with quarters, years with years.
final as (

    select
        c.period,
        c.period_starts_on,
        c.period_ends_on,
        p.period as previous,
        y.period as previous_year
    from periods as c
    left join periods as p
        on c.months = p.months and {{ add_days('c.period_starts_on', -1) }} = p.period_ends_on
    left join periods as y
        on c.months = y.months and {{ add_months('c.period_starts_on', -12) }} = y.period_starts_on

)

select * from final
