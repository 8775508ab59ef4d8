with observation as (

    select * from {{ ref('hist_observation') }}

),

jobs as (

    select
        *,
        row_number() over (
            partition by employee_id, employment_number
            order by
                case when ends_on is null then 0 else 1 end asc, ends_on desc, starts_on asc, delivered_hire_date asc
        ) as place_from_end
    from {{ ref('hist_jobs') }}

),

started as (

    select employee_id, employment_number, min(starts_on) as starts_on
    from jobs
    group by employee_id, employment_number

),

-- A future hire or exit counts when its day comes.
final as (

    select
        started.employee_id,
        started.employment_number,
        started.starts_on,
        case when jobs.ends_on <= observation.observed_to then jobs.ends_on end as ends_on,
        case when jobs.ends_on <= observation.observed_to then jobs.has_vanished else false end as has_vanished,
        case
            when jobs.ends_on <= observation.observed_to
                then case
                    when jobs.has_vanished then 'unknown'
                    when jobs.exit_type in ('voluntary', 'involuntary', 'other') then jobs.exit_type
                    else 'unknown'
                end
        end as exit_class,
        case when jobs.ends_on <= observation.observed_to then jobs.exit_reason end as exit_reason,
        case when jobs.ends_on <= observation.observed_to then jobs.is_regretted end as is_regretted
    from started
    inner join jobs
        on
            started.employee_id = jobs.employee_id
            and started.employment_number = jobs.employment_number
            and jobs.place_from_end = 1
    inner join observation on started.starts_on <= observation.observed_to

)

select * from final
