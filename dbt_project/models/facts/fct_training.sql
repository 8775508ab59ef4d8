with trainings as (

    select * from {{ ref('stg_trainings') }}

),

observation as (

    select * from {{ ref('hist_observation') }}

),

final as (

    select
        t.employee_id,
        t.course,
        t.assigned_on,
        t.completed_on,
        t.status,
        t.score,
        -- A word counts where no day does; what is cancelled or waived is needed no more.
        t.completed_on is not null or coalesce(t.status in ('completed', 'done', 'passed'), false) as is_completed,
        t.completed_on is null
        and coalesce(t.status not in ('completed', 'done', 'passed', 'cancelled', 'canceled', 'waived'), true) as is_open,
        case when t.completed_on is null then {{ days_between('t.assigned_on', 'o.observed_to') }} end as open_days
    from trainings as t
    -- Used by days_between, which linting sees in part.
    cross join observation as o -- noqa: AL05

)

select * from final
