with meetings as (

    select *, {{ month_start('scheduled_on') }} as month from {{ ref('fct_one_on_one') }}

),

has_history as (

    select count(*) > 0 as has_history from {{ ref('fct_stint') }}

),

-- Month and slice are the employee's on the day the meeting was scheduled for.
sliced as (

    select m.*, s.slice_dimension, s.slice_value
    from meetings as m
    inner join {{ ref('hist_slices') }} as s
        on
            m.employee_id = s.employee_id
            and {{ is_valid_on('s', 'm.scheduled_on') }}
            and {{ in_dimensions('one_on_one', 's.slice_dimension') }}
    inner join {{ ref('hist_months') }} as h on m.month = h.month

    union all

    select m.*, 'company' as slice_dimension, 'all' as slice_value
    from meetings as m
    cross join has_history as h
    where not h.has_history

),

pairs as (

    select
        month,
        slice_dimension,
        slice_value,
        manager_id,
        employee_id,
        count(*) as scheduled,
        sum(case when is_held then 1 else 0 end) as held
    from sliced
    group by month, slice_dimension, slice_value, manager_id, employee_id

),

counted as (

    select
        month,
        slice_dimension,
        slice_value,
        sum(scheduled) as scheduled,
        sum(held) as held,
        count(*) as pairs,
        sum(case when held > 0 then 1 else 0 end) as pairs_met
    from pairs
    group by month, slice_dimension, slice_value

),

gaps as (

    select
        month,
        slice_dimension,
        slice_value,
        percentile_cont(0.5) within group (order by days_since_last) as median_days_between,
        count(distinct employee_id) as people
    from sliced
    where days_since_last is not null
    group by month, slice_dimension, slice_value

),

typed as (

    select
        c.month,
        c.slice_dimension,
        c.slice_value,
        cast(c.scheduled as bigint) as scheduled,
        cast(c.held as bigint) as held,
        {{ ratio('c.held', 'c.scheduled') }} as held_rate,
        cast(c.pairs as bigint) as pairs,
        cast(c.pairs_met as bigint) as pairs_met,
        {{ ratio('c.pairs_met', 'c.pairs') }} as coverage,
        -- Who moved within the month may have met in another slice only.
        case when g.people >= {{ var('minimum_group') }} then cast(g.median_days_between as double precision) end
            as median_days_between
    from counted as c
    left join gaps as g
        on c.month = g.month and c.slice_dimension = g.slice_dimension and c.slice_value = g.slice_value

),

protected as (

    {{ disclosed('one_on_one', 'typed') }}

),

final as (

    {{ with_trend('protected', 'month', ['slice_dimension', 'slice_value'], 'held_rate') }}

)

select * from final
