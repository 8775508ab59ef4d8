with observation as (

    select * from {{ ref('hist_observation') }} where observed_from <= observed_to

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
        {{ add_days(add_months('month', 1), -1) }} as last_on
    from months

),

final as (

    select
        month,
        {{ month_number('month') }} as month_number,
        {{ month_number('month') }} - {{ month_number('observed_from') }} as months_before,
        case when last_on <= observed_to then last_on else observed_to end as closes_on,
        case when {{ add_days('month', 11) }} <= observed_to then {{ add_days('month', 11) }} end as twelfth_on,
        {{ days_between('month', 'case when last_on <= observed_to then last_on else observed_to end') }} + 1 as days_seen,
        observed_from <= month and last_on <= observed_to as is_complete
    from dated

)

select * from final
