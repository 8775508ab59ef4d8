with meetings as (

    select
        meeting_id,
        manager_id,
        employee_id,
        scheduled_on,
        held_on,
        status,
        -- A word counts where the day is not given.
        held_on is not null or coalesce(status in ('held', 'completed', 'done'), false) as is_held,
        coalesce(held_on, scheduled_on) as met_on
    from {{ ref('stg_one_on_ones') }}

),

observation as (

    select * from {{ ref('hist_observation') }}

),

-- Between this meeting and the one that the pair held before.
gaps as (

    select
        meeting_id,
        {{ days_between('lag(met_on) over pair', 'met_on') }} as days_since_last
    from meetings
    where is_held
    window pair as (partition by manager_id, employee_id order by met_on, scheduled_on, meeting_id)

),

final as (

    select
        m.meeting_id,
        m.manager_id,
        m.employee_id,
        m.scheduled_on,
        m.held_on,
        m.status,
        m.is_held,
        g.days_since_last
    from meetings as m
    cross join observation as o
    left join gaps as g on m.meeting_id = g.meeting_id
    -- What lies ahead waits for its day.
    where m.scheduled_on <= coalesce(o.observed_to, m.scheduled_on)

)

select * from final
