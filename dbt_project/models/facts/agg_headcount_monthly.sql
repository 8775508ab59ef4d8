{{ config(schema='facts') }}
with months as (

    select * from {{ ref('hist_months') }}

),

movements as (

    select
        *,
        {{ month_start('moved_on') }} as month,
        case when movement in ('hire', 'rehire', 'transfer_in') then 1 else -1 end as step
    from {{ ref('fct_movement') }}

),

observation as (

    select * from {{ ref('hist_observation') }}

),

extents as (

    select
        s.slice_dimension,
        s.slice_value,
        min(s.valid_from) as first_on,
        -- Who left a slice before the first month gives it no rows, but has to be counted out of it.
        min(
            case
                when coalesce(s.valid_to, {{ forever() }}) > {{ month_start('o.observed_from') }}
                    then greatest(s.valid_from, {{ month_start('o.observed_from') }})
            end
        ) as shown_from,
        max(coalesce({{ add_days('s.valid_to', -1) }}, o.observed_to)) as last_on
    from {{ ref('hist_slices') }} as s
    cross join observation as o
    group by s.slice_dimension, s.slice_value

),

spine as (

    select
        e.slice_dimension,
        e.slice_value,
        e.shown_from,
        m.*
    from extents as e
    inner join months as m
        on
            m.month_number >= {{ month_number('e.first_on') }}
            and m.month_number <= {{ month_number('e.last_on') }}

),

before_first_month as (

    select m.slice_dimension, m.slice_value, sum(m.step) as people
    from movements as m
    inner join (select min(month) as month from months) as first_month on m.month < first_month.month
    group by m.slice_dimension, m.slice_value

),

-- Person-days follow from the days on which people come and go; nobody is multiplied by days.
monthly as (

    select
        v.slice_dimension,
        v.slice_value,
        m.month_number,
        sum(v.step) as step,
        sum(case when v.movement = 'hire' then 1 else 0 end) as hires,
        sum(case when v.movement = 'rehire' then 1 else 0 end) as rehires,
        sum(case when v.movement = 'transfer_in' then 1 else 0 end) as transfers_in,
        sum(case when v.movement = 'transfer_out' then 1 else 0 end) as transfers_out,
        {% for exit_class in ['voluntary', 'involuntary', 'other', 'unknown'] -%}
        sum(case when v.exit_class = '{{ exit_class }}' then 1 else 0 end) as exits_{{ exit_class }},
        {% endfor -%}
        sum(case when v.movement = 'exit' and v.is_regretted then 1 else 0 end) as exits_regretted,
        sum(case when v.movement = 'exit' and v.moved_on = m.closes_on then 1 else 0 end) as exits_on_closing_day,
        sum(
            v.step * (
                {{ days_between('v.moved_on', 'm.closes_on') }} + case when v.movement = 'exit' then 0 else 1 end
            )
        ) as person_days,
        sum(
            case
                when v.movement = 'exit' then case when v.moved_on < m.twelfth_on then v.step else 0 end
                when v.moved_on <= m.twelfth_on then v.step
                else 0
            end
        ) as step_to_twelfth
    from movements as v
    inner join months as m on v.month = m.month
    group by v.slice_dimension, v.slice_value, m.month_number

),

filled as (

    select
        spine.*,
        coalesce(before_first_month.people, 0) + coalesce(
            sum(coalesce(monthly.step, 0)) over (
                partition by spine.slice_dimension, spine.slice_value order by spine.month_number
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as opening,
        coalesce(monthly.step, 0) as step,
        coalesce(monthly.hires, 0) as hires,
        coalesce(monthly.rehires, 0) as rehires,
        coalesce(monthly.transfers_in, 0) as transfers_in,
        coalesce(monthly.transfers_out, 0) as transfers_out,
        coalesce(monthly.exits_voluntary, 0) as exits_voluntary,
        coalesce(monthly.exits_involuntary, 0) as exits_involuntary,
        coalesce(monthly.exits_other, 0) as exits_other,
        coalesce(monthly.exits_unknown, 0) as exits_unknown,
        coalesce(monthly.exits_regretted, 0) as exits_regretted,
        coalesce(monthly.exits_on_closing_day, 0) as exits_on_closing_day,
        coalesce(monthly.person_days, 0) as moved_person_days,
        coalesce(monthly.step_to_twelfth, 0) as step_to_twelfth
    from spine
    left join before_first_month
        on
            spine.slice_dimension = before_first_month.slice_dimension
            and spine.slice_value = before_first_month.slice_value
    left join monthly
        on
            spine.slice_dimension = monthly.slice_dimension
            and spine.slice_value = monthly.slice_value
            and spine.month_number = monthly.month_number

),

final as (

    select
        slice_dimension,
        slice_value,
        month,
        month_number,
        months_before,
        is_complete,
        opening,
        hires,
        rehires,
        transfers_in,
        transfers_out,
        exits_voluntary,
        exits_involuntary,
        exits_other,
        exits_unknown,
        exits_regretted,
        opening + step as closing,
        opening + step + exits_on_closing_day as headcount_last_day,
        cast(opening * days_seen + moved_person_days as double precision) / days_seen as average_headcount,
        case when twelfth_on is not null then opening + step_to_twelfth end as employed_on_twelfth,
        -- A lower bound of the people behind the figures: enough to tell when a group is small.
        greatest(opening, opening + step + exits_on_closing_day) as people_in_base,
        -- And an upper bound: everybody with a day of the month in the slice.
        opening + hires + rehires + transfers_in as people_in_month,
        -- The smallest headcount of the month above zero.
        least(
            nullif(opening, 0), nullif(opening + step, 0), nullif(opening + step + exits_on_closing_day, 0)
        ) as smallest_headcount
    from filled
    where month_number >= {{ month_number('shown_from') }}

)

select * from final
