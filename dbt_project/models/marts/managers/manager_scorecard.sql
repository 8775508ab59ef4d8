{#- Figure of the page: the CTE it is taken from and its column there. The company's value stands beside each. -#}
{%- set figures = {
    'turnover_rolling_12m': ('turnover', 'rate'),
    'retention_rate_12m': ('retention', 'retention_rate_12m'),
    'goal_attainment': ('goals', 'attainment_capped'),
    'aligned_goal_share': ('goals', 'aligned_goal_share'),
    'mean_score_100': ('morale', 'mean_score_100'),
    'enps': ('enps', 'enps'),
    'held_rate': ('one_on_ones', 'held_rate'),
    'recognition_reach': ('recognitions', 'reach'),
    'open_trainings_per_person': ('trainings', 'open_trainings_per_person'),
} -%}
with months as (

    select month, month_number, closes_on from {{ ref('hist_months') }}

),

teams as (

    select month, slice_dimension, slice_value, closing as span
    from {{ ref('agg_headcount_monthly') }}
    where slice_dimension in ('manager', 'company')

),

turnover as (

    select
        month,
        slice_dimension,
        slice_value,
        case when people_12 >= {{ var('minimum_group') }} then {{ ratio('total_12', '(headcounts_12 / months_12)') }} end as rate
    from {{ ref('agg_turnover_windows') }}
    where slice_dimension in ('manager', 'company')

),

retention as (

    select month, slice_dimension, slice_value, retention_rate_12m from {{ ref('retention') }}

),

-- Of goals, the newest period that has ended; of surveys, the last one that was launched by the month's end.
goal_periods as (

    select m.month, p.period, row_number() over (
        partition by m.month order by p.period_ends_on desc, p.period_starts_on desc, p.period asc
    ) as place
    from months as m
    inner join {{ ref('fct_goal_period') }} as p on p.period_ends_on <= m.closes_on

),

goals as (

    select p.month, p.period, g.slice_dimension, g.slice_value, g.attainment_capped, g.aligned_goal_share
    from goal_periods as p
    inner join {{ ref('goal_attainment') }} as g on p.period = g.period
    where p.place = 1

),

{% for name, relation in [('morale', ref('morale')), ('enps', ref('enps'))] -%}
{{ name }}_surveys as (

    select m.month, s.survey_id, row_number() over (
        partition by m.month order by s.launched_on desc, s.survey_id desc
    ) as place
    from months as m
    inner join {{ ref('fct_survey') }} as s on s.launched_on <= m.closes_on
    inner join (select distinct survey_id from {{ relation }}) as a on s.survey_id = a.survey_id

),

{{ name }} as (

    select
        s.month,
        s.survey_id,
        a.slice_dimension,
        a.slice_value,
        a.{{ 'mean_score_100' if name == 'morale' else 'enps' }}
    from {{ name }}_surveys as s
    inner join {{ relation }} as a on s.survey_id = a.survey_id
    where s.place = 1{% if name == 'morale' %} and a.driver = 'all'{% endif %}

),

{% endfor -%}
one_on_ones as (

    select month, slice_dimension, slice_value, held_rate from {{ ref('one_on_one') }}

),

recognitions as (

    select month, slice_dimension, slice_value, reach from {{ ref('recognition') }}

),

open_trainings as (

    select m.month, s.slice_dimension, s.slice_value, count(*) as open_trainings
    from months as m
    inner join {{ ref('fct_training') }} as t
        on t.assigned_on <= m.closes_on and (t.is_open or t.completed_on > m.closes_on)
    inner join {{ ref('hist_slices') }} as s
        on
            t.employee_id = s.employee_id
            and {{ is_valid_on('s', 'm.closes_on') }}
            and s.slice_dimension in ('manager', 'company')
    inner join {{ ref('fct_stint') }} as e
        on s.employee_id = e.employee_id and s.stint_number = e.stint_number
    where coalesce(e.last_day, {{ forever() }}) > m.closes_on
    group by m.month, s.slice_dimension, s.slice_value

),

has_trainings as (

    select count(*) > 0 as has_trainings from {{ ref('fct_training') }}

),

trainings as (

    select
        t.month,
        t.slice_dimension,
        t.slice_value,
        -- No earlier row is kept of it: where it would have to stay as readers have it, it is suppressed.
        case when h.has_trainings and d.decision = 'new' then {{ ratio('coalesce(o.open_trainings, 0)', 't.span') }} end
            as open_trainings_per_person
    from teams as t
    cross join has_trainings as h
    {{ join_decision('d', 'trainings', 't', 'month', "'trainings:'") }}
    left join open_trainings as o
        on t.month = o.month and t.slice_dimension = o.slice_dimension and t.slice_value = o.slice_value

),

-- The company has one row a month, so that its values stand beside every team's.
compared as (

    select
        t.month,
        t.slice_value as manager,
        t.span,
        {% for figure, (relation, column) in figures.items() -%}
        {{ relation }}.{{ column }} as {{ figure }},
        company_{{ relation }}.{{ column }} as {{ figure }}_company,
        {% endfor -%}
        t.span < {{ var('minimum_group') }} as is_suppressed
    from teams as t
    {% for relation in ['turnover', 'retention', 'goals', 'morale', 'enps', 'one_on_ones', 'recognitions', 'trainings'] -%}
    left join {{ relation }}
        on
            t.month = {{ relation }}.month
            and t.slice_dimension = {{ relation }}.slice_dimension
            and t.slice_value = {{ relation }}.slice_value
    left join {{ relation }} as company_{{ relation }}
        on t.month = company_{{ relation }}.month and company_{{ relation }}.slice_dimension = 'company'
    {% endfor -%}
    where t.slice_dimension = 'manager' and t.slice_value <> 'unknown'

),

final as (

    select
        month,
        manager,
        cast(span as bigint) as span,
        {% for figure in figures -%}
        case when not is_suppressed then {{ figure }} end as {{ figure }},
        case when not is_suppressed then {{ figure }}_company end as {{ figure }}_company,
        {% endfor -%}
        is_suppressed,
        case when is_suppressed then 'below_minimum' end as suppression_reason
    from compared

)

select * from final
