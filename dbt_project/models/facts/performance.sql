{%- set perspectives = ['self', 'manager', 'peer', 'observer'] -%}
{%- set solid, top = var('performance_bands') -%}
with reviewees as (

    select * from {{ ref('fct_reviewee') }} where left_out_because is null

),

-- Each perspective is its mean over competencies.
perspectives as (

    select
        cycle,
        reviewee_id,
        relationship,
        {{ exact_mean('score') }} as score,
        {{ exact_mean('adjusted_score') }} as adjusted_score
    from {{ ref('agg_review_competency') }}
    group by cycle, reviewee_id, relationship

),

weights as (

    {% for perspective in perspectives -%}
    select
        '{{ perspective }}' as relationship,
        cast({{ var('review_weights')[perspective] }} as double precision) as weight
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

-- A missing perspective is left out, and the others' weights make up for it.
scored as (

    select
        p.cycle,
        p.reviewee_id,
        {% for perspective in perspectives -%}
        max(case when p.relationship = '{{ perspective }}' then p.score end) as {{ perspective }}_score,
        {% endfor -%}
        {{ exact_sum('w.weight * p.score') }} / nullif({{ exact_sum('case when p.score is not null then w.weight end') }}, 0)
            as score,
        {{ exact_sum('w.weight * p.adjusted_score') }}
        / nullif({{ exact_sum('case when p.adjusted_score is not null then w.weight end') }}, 0) as adjusted_score
    from perspectives as p
    inner join weights as w on p.relationship = w.relationship
    group by p.cycle, p.reviewee_id

),

-- The goals of the cycle's own period, else of the newest one that had begun.
goal_periods as (

    select
        r.cycle,
        r.reviewee_id,
        g.period,
        g.attainment_raw,
        row_number() over (
            partition by r.cycle, r.reviewee_id
            order by
                case when g.period = r.cycle then 0 else 1 end asc, p.period_ends_on desc, p.period_starts_on desc, g.period asc
        ) as place
    from reviewees as r
    inner join {{ ref('fct_goal_owner') }} as g on r.reviewee_id = g.employee_id
    inner join {{ ref('fct_goal_period') }} as p
        on
            g.period = p.period
            and (
                g.period = r.cycle
                or p.period_starts_on <= r.reviewed_on and p.period_ends_on > {{ add_months('r.reviewed_on', -12) }}
            )
    where g.attainment_raw is not null

),

needs as (

    select
        cycle,
        reviewee_id,
        {{ list_of('competency', '|') }} as training_needs
    from {{ ref('agg_review_competency') }}
    where relationship = 'manager' and score < {{ solid }}
    group by cycle, reviewee_id

),

trainings as (

    select r.cycle, r.reviewee_id, count(*) as open_trainings
    from reviewees as r
    inner join {{ ref('fct_training') }} as t
        on
            r.reviewee_id = t.employee_id
            and t.assigned_on <= r.reviewed_on
            and (t.is_open or t.completed_on > r.reviewed_on)
    group by r.cycle, r.reviewee_id

),

promotions as (

    select r.cycle, r.reviewee_id, max(j.effective_date) as promoted_on
    from reviewees as r
    inner join {{ ref('stg_job_changes') }} as j
        on r.reviewee_id = j.employee_id and j.change_type = 'promotion' and j.effective_date <= r.reviewed_on
    group by r.cycle, r.reviewee_id

),

final as (

    select
        r.cycle,
        r.reviewee_id as employee_id,
        r.reviewed_on,
        {% for perspective in perspectives -%}
        s.{{ perspective }}_score,
        {% endfor -%}
        s.score,
        case when s.adjusted_score < 0 then 0 when s.adjusted_score > 100 then 100 else s.adjusted_score end
            as severity_adjusted_score,
        g.period as goal_period,
        g.attainment_raw as goal_attainment,
        case
            when s.score >= {{ top }} then 'top'
            when s.score >= {{ solid }} then 'solid'
            when s.score < {{ solid }} then 'below'
        end as band,
        n.training_needs,
        cast(coalesce(t.open_trainings, 0) as integer) as open_trainings,
        e.salary / nullif(e.pay_range_mid, 0) as compa_ratio,
        {{ whole_months('p.promoted_on', 'r.reviewed_on') }} as months_since_promotion
    from reviewees as r
    left join scored as s on r.cycle = s.cycle and r.reviewee_id = s.reviewee_id
    left join goal_periods as g on r.cycle = g.cycle and r.reviewee_id = g.reviewee_id and g.place = 1
    left join needs as n on r.cycle = n.cycle and r.reviewee_id = n.reviewee_id
    left join trainings as t on r.cycle = t.cycle and r.reviewee_id = t.reviewee_id
    left join promotions as p on r.cycle = p.cycle and r.reviewee_id = p.reviewee_id
    left join {{ ref('dim_employee') }} as e
        on
            r.reviewee_id = e.employee_id
            and {{ is_valid_on('e', 'r.referred_on') }}

)

select * from final
