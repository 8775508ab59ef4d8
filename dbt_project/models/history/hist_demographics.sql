-- Gender and ethnicity of people from when to when. Values that few people have are one value, `other`, in all history:
-- a value is merged where in some month 1 to k - 1 people have it, and `unknown` with it.
with stints as (

    select * from {{ ref('fct_stint') }}

),

attributes as (

    select employee_id, employment_number, attribute as slice_dimension, value as slice_value, valid_from, valid_to
    from {{ ref('hist_attributes') }}
    where attribute in ('gender', 'ethnicity')

),

people_by_month as (

    select m.month, a.slice_dimension, a.slice_value, count(distinct a.employee_id) as people
    from attributes as a
    inner join stints as s on a.employee_id = s.employee_id and a.employment_number = s.employment_number
    inner join {{ ref('hist_months') }} as m
        on
            a.valid_from <= m.closes_on
            and coalesce(a.valid_to, {{ forever() }}) > m.month
            and s.hire_date <= m.closes_on
            and coalesce(s.last_day, {{ forever() }}) >= m.month
    group by m.month, a.slice_dimension, a.slice_value

),

small as (

    select slice_dimension, slice_value
    from people_by_month
    group by slice_dimension, slice_value
    having min(people) < {{ var('minimum_group') }}

),

merged as (

    select
        a.employee_id,
        a.employment_number,
        a.slice_dimension,
        case
            when v.slice_value is not null or (a.slice_value = 'unknown' and d.slice_dimension is not null) then 'other'
            else a.slice_value
        end as slice_value,
        a.valid_from,
        a.valid_to
    from attributes as a
    left join small as v on a.slice_dimension = v.slice_dimension and a.slice_value = v.slice_value
    left join (select distinct slice_dimension from small) as d on a.slice_dimension = d.slice_dimension

),

-- Spans of one value that touch are one, or a merger would look like a change.
touching as (

    select
        *,
        case
            when valid_from = lag(valid_to) over (
                partition by employee_id, employment_number, slice_dimension, slice_value order by valid_from
            ) then 0
            else 1
        end as is_apart
    from merged

),

islands as (

    select
        *,
        sum(is_apart) over (
            partition by employee_id, employment_number, slice_dimension, slice_value order by valid_from
            rows between unbounded preceding and current row
        ) as island
    from touching

),

final as (

    select
        employee_id,
        employment_number,
        slice_dimension,
        slice_value,
        min(valid_from) as valid_from,
        case when count(*) = count(valid_to) then max(valid_to) end as valid_to
    from islands
    group by employee_id, employment_number, slice_dimension, slice_value, island

)

select * from final
