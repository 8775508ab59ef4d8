with observation as (

    select * from {{ ref('hist_observation') }}

),

-- Future-dated rows wait for their day.
delivered as (

    select e.*
    from {{ ref('stg_employees') }} as e
    inner join observation as o on e.seen_on <= o.observed_to

),

-- Only from a snapshot of everyone can anybody be missed.
snapshots as (

    select as_of, lag(as_of) over (order by as_of) as as_of_before
    from (select distinct seen_on as as_of from delivered where is_snapshot and not is_partial) as days

),

-- The newest row decides how a stint ends; of two jobs with one hire date, the one that goes on.
newest as (

    select
        employee_id,
        hire_date,
        is_snapshot,
        seen_on as last_seen_on,
        last_day,
        exit_type,
        exit_reason,
        is_regretted
    from (
        select
            *,
            row_number() over (
                partition by employee_id, hire_date
                order by seen_on desc, case when last_day is null then 0 else 1 end, last_day desc, is_primary desc
            ) as place
        from delivered
    ) as ranked
    where place = 1

),

seen as (

    select
        employee_id,
        hire_date,
        min(seen_on) as first_seen_on,
        max(case when is_primary then 1 else 0 end) as is_main
    from delivered
    group by employee_id, hire_date

),

shown as (

    select
        newest.*,
        seen.first_seen_on,
        seen.is_main,
        snapshots.as_of as next_as_of
    from newest
    inner join seen
        on newest.employee_id = seen.employee_id and newest.hire_date = seen.hire_date
    left join snapshots
        on
            newest.is_snapshot
            and newest.last_seen_on < snapshots.as_of
            and newest.last_seen_on >= coalesce(snapshots.as_of_before, newest.last_seen_on)

),

compared as (

    select
        *,
        lag(last_seen_on) over jobs_in_order as seen_before_on,
        lag(last_day) over jobs_in_order as last_day_before,
        lag(next_as_of) over jobs_in_order as missed_on
    from shown
    window jobs_in_order as (partition by employee_id, is_main order by first_seen_on, hire_date)

),

-- A changed hire date without an exit between is a correction and no new job.
flagged as (

    select
        *,
        case
            when seen_before_on is null then 1
            when seen_before_on >= first_seen_on then 1 -- shown side by side
            when last_day_before < hire_date then 1
            when last_day_before < first_seen_on and coalesce(last_day, {{ forever() }}) <> last_day_before then 1
            when last_day_before is null and missed_on < first_seen_on and hire_date > seen_before_on then 1
            else 0
        end as is_new_job
    from compared

),

numbered as (

    select
        *,
        sum(is_new_job) over (
            partition by employee_id, is_main order by first_seen_on, hire_date
            rows between unbounded preceding and current row
        ) as job_number
    from flagged

),

placed as (

    select
        *,
        row_number() over (
            partition by employee_id, is_main, job_number order by first_seen_on desc, hire_date desc
        ) as place_from_end
    from numbered

),

-- Who vanishes without a last day left on the last snapshot that showed them.
jobs as (

    select
        employee_id,
        is_main,
        job_number,
        hire_date as starts_on,
        coalesce(last_day, case when next_as_of is not null then last_seen_on end) as ends_on,
        last_day is null and next_as_of is not null as has_vanished,
        exit_type,
        exit_reason,
        is_regretted
    from placed
    where place_from_end = 1

),

-- Jobs that overlap are one employment of one person.
overlapping as (

    select
        *,
        max(coalesce(ends_on, {{ forever() }})) over (
            partition by employee_id order by starts_on, is_main, job_number
            rows between unbounded preceding and 1 preceding
        ) as ends_before
    from jobs
    where ends_on is null or ends_on >= starts_on

),

employed as (

    select
        *,
        sum(case when ends_before is null or starts_on > ends_before then 1 else 0 end) over (
            partition by employee_id order by starts_on, is_main, job_number
            rows between unbounded preceding and current row
        ) as employment_number
    from overlapping

),

final as (

    select
        numbered.employee_id,
        numbered.hire_date as delivered_hire_date,
        employed.employment_number,
        employed.starts_on,
        employed.ends_on,
        employed.has_vanished,
        employed.exit_type,
        employed.exit_reason,
        employed.is_regretted
    from numbered
    inner join employed
        on
            numbered.employee_id = employed.employee_id
            and numbered.is_main = employed.is_main
            and numbered.job_number = employed.job_number

)

select * from final
