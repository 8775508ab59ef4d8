with reviews as (

    select * from {{ ref('stg_reviews') }}

),

observation as (

    select * from {{ ref('hist_observation') }}

),

-- The cycle's scale is that of most of its managers' ratings.
scales as (

    select
        cycle,
        scale_min,
        scale_max,
        row_number() over (
            partition by cycle
            order by
                sum(case when relationship = 'manager' then 1 else 0 end) desc, count(*) desc,
                scale_max desc, scale_min desc
        ) as place
    from reviews
    group by cycle, scale_min, scale_max

),

-- Where nobody says when ratings were submitted, a cycle named like a period, or after a year, ends with it.
dated as (

    select
        cycle,
        coalesce(
            cast(max(submitted_at) as date),
            case
                when {{ is_period('cycle') }}
                    then {{ add_days(add_months(period_start('cycle'), period_months('cycle')), -1) }}
                when {{ to_number('substr(cycle, 1, 4)') }} is not null
                    then {{ add_days(add_months(period_start('substr(cycle, 1, 4)'), 12), -1) }}
            end
        ) as submitted_to
    from reviews
    group by cycle

),

ended as (

    select
        d.cycle,
        s.scale_min,
        s.scale_max,
        case when d.submitted_to <= o.observed_to or o.observed_to is null then d.submitted_to else o.observed_to end as ends_on
    from dated as d
    inner join scales as s on d.cycle = s.cycle and s.place = 1
    cross join observation as o

),

ordered as (

    {{ with_previous_occasions('ended', 'cycle', 'ends_on') }}

),

final as (

    select
        cycle,
        scale_min,
        scale_max,
        ends_on,
        lead(ends_on) over (order by ends_on, cycle) as next_ends_on,
        previous,
        previous_year
    from ordered

)

select * from final
