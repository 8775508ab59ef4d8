{{ config(schema='facts') }}
with reviewees as (

    select * from {{ ref('fct_reviewee') }} where rating_band is not null

),

cycles as (

    select c.*, coalesce(floor(c.scale_max + 0.5), max(r.rating_band)) as highest_band
    from {{ ref('fct_review_cycle') }} as c
    inner join reviewees as r on c.cycle = r.cycle
    group by c.cycle, c.scale_min, c.scale_max, c.ends_on, c.next_ends_on, c.previous, c.previous_year

),

-- Promotions that follow a cycle, up to the end of the next one.
promoted as (

    select distinct c.cycle, j.employee_id
    from cycles as c
    cross join {{ ref('hist_observation') }} as o
    inner join {{ ref('stg_job_changes') }} as j
        on j.effective_date > c.ends_on and j.effective_date <= coalesce(c.next_ends_on, o.observed_to)
    where j.change_type = 'promotion'

),

decided as (

    select
        r.cycle,
        'top_rating' as decision,
        r.reviewee_id,
        case when r.rating_band >= c.highest_band then 1 else 0 end as is_selected
    from reviewees as r
    inner join cycles as c on r.cycle = c.cycle

    union all

    select r.cycle, 'promotion' as decision, r.reviewee_id, case when p.employee_id is null then 0 else 1 end as is_selected
    from reviewees as r
    left join promoted as p on r.cycle = p.cycle and r.reviewee_id = p.employee_id

),

final as (

    select * from decided

)

select * from final
