-- Whole years, from the first that is observed to the last.
with observation as (

    select * from {{ ref('hist_observation') }}

),

numbers as (

    {{ numbers(5) }}

),

years as (

    select
        observed_from,
        observed_to,
        cast(date_trunc('year', observed_from) as date) as first_on,
        {{ add_days(add_months("cast(date_trunc('year', observed_to) as date)", 12), -1) }} as last_on
    from observation

),

days as (

    select
        {{ add_days('y.first_on', 'n.n') }} as date_day,
        {{ add_days('y.first_on', 'n.n') }} between y.observed_from and y.observed_to as is_observed
    from years as y
    inner join numbers as n on n.n <= {{ days_between('y.first_on', 'y.last_on') }}

),

named as (

    select
        date_day,
        is_observed,
        {{ month_start('date_day') }} as month,
        cast(date_trunc('week', date_day) as date) as week_starts_on,
        cast(extract(year from date_day) as integer) as year,
        cast(extract(month from date_day) as integer) as month_of_year
    from days

),

final as (

    select
        date_day,
        is_observed,
        week_starts_on,
        {{ days_between('week_starts_on', 'date_day') }} + 1 as day_of_week,
        {{ days_between('week_starts_on', 'date_day') }} >= 5 as is_weekend,
        month,
        {{ add_days(add_months('month', 1), -1) }} as month_ends_on,
        month_of_year,
        year,
        cast(year as varchar) || '-Q' || cast(extract(quarter from date_day) as varchar) as quarter,
        cast(year as varchar) || case when month_of_year <= 6 then '-H1' else '-H2' end as half_year
    from named

)

select * from final
