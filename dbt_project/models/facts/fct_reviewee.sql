with reviewees as (

    select
        cycle,
        reviewee_id,
        cast(max(submitted_at) as date) as submitted_on
        {%- for attribute in carried_attributes() %},
        max({{ attribute }}) as {{ attribute }}
        {%- endfor %}
    from {{ ref('fct_review_rating') }}
    group by cycle, reviewee_id

),

ratings as (

    select cycle, reviewee_id, {{ exact_mean('rating') }} as rating
    from {{ ref('agg_review_competency') }}
    where relationship = 'manager'
    group by cycle, reviewee_id

),

has_history as (

    select count(*) > 0 as has_history from {{ ref('fct_stint') }}

),

-- Who has left by the last submission is in the slices of their last day.
employed as (

    select
        r.cycle,
        r.reviewee_id,
        max(least(coalesce(s.last_day, c.ends_on), coalesce(r.submitted_on, c.ends_on))) as referred_on
    from reviewees as r
    inner join {{ ref('fct_review_cycle') }} as c on r.cycle = c.cycle
    inner join {{ ref('fct_stint') }} as s
        on r.reviewee_id = s.employee_id and s.hire_date <= coalesce(r.submitted_on, c.ends_on)
    group by r.cycle, r.reviewee_id

),

final as (

    select
        r.cycle,
        r.reviewee_id,
        coalesce(r.submitted_on, c.ends_on) as reviewed_on,
        coalesce(e.referred_on, r.submitted_on, c.ends_on) as referred_on,
        h.has_history as is_person,
        m.rating,
        cast(floor(m.rating + 0.5) as integer) as rating_band,
        {% for attribute in carried_attributes() %}r.{{ attribute }},
        {% endfor -%}
        case when h.has_history and e.reviewee_id is null then 'not_employed' end as left_out_because
    from reviewees as r
    inner join {{ ref('fct_review_cycle') }} as c on r.cycle = c.cycle
    left join ratings as m on r.cycle = m.cycle and r.reviewee_id = m.reviewee_id
    left join employed as e on r.cycle = e.cycle and r.reviewee_id = e.reviewee_id
    cross join has_history as h

)

select * from final
