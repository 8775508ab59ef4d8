with observation as (

    select * from {{ ref('hist_observation') }}

),

spans as (

    select
        s.*,
        t.hire_date,
        t.last_day,
        t.exit_class,
        t.is_regretted
    from {{ ref('hist_slices') }} as s
    inner join {{ ref('fct_stint') }} as t
        on s.employee_id = t.employee_id and s.stint_number = t.stint_number

),

arrivals as (

    select
        employee_id,
        stint_number,
        slice_dimension,
        slice_value,
        valid_from as moved_on,
        case
            when valid_from > hire_date then 'transfer_in'
            when stint_number = 1 then 'hire'
            else 'rehire'
        end as movement,
        cast(null as varchar) as exit_class,
        cast(null as boolean) as is_regretted
    from spans

),

-- Who leaves is in the slice of the last day; who is transferred is out of the old slice on the day of the new one.
departures as (

    select
        employee_id,
        stint_number,
        slice_dimension,
        slice_value,
        case when valid_to > last_day then last_day else valid_to end as moved_on,
        case when valid_to > last_day then 'exit' else 'transfer_out' end as movement,
        case when valid_to > last_day then exit_class end as exit_class,
        case when valid_to > last_day then is_regretted end as is_regretted
    from spans
    where valid_to is not null

),

final as (

    select m.*
    from (
        select * from arrivals
        union all
        select * from departures
    ) as m
    inner join observation as o on m.moved_on <= o.observed_to

)

select * from final
