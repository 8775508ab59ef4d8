{%- set group = adapter.quote('group') -%}
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

counted as (

    select
        d.cycle,
        d.decision,
        s.slice_dimension as attribute,
        s.slice_value as group_name,
        count(*) as pool,
        sum(d.is_selected) as selected
    from decided as d
    inner join {{ ref('hist_review_slices') }} as s
        on
            d.cycle = s.cycle
            and d.reviewee_id = s.reviewee_id
            and s.slice_dimension in ('gender', 'ethnicity')
    group by d.cycle, d.decision, s.slice_dimension, s.slice_value

),

-- The group with the highest rate is what the others are compared with.
ranked as (

    select
        *,
        row_number() over (
            partition by cycle, decision, attribute
            order by {{ ratio('selected', 'pool') }} desc, pool desc, group_name
        ) as place
    from counted
    where group_name <> 'unknown'

),

compared as (

    select
        c.*,
        {{ ratio('c.selected', 'c.pool') }} as rate,
        {{ ratio('c.selected', 'c.pool') }} / nullif({{ ratio('h.selected', 'h.pool') }}, 0) as impact_ratio,
        h.pool as other_pool,
        c.selected + h.selected as all_selected,
        c.pool + h.pool as everybody
    from counted as c
    left join ranked as h
        on c.cycle = h.cycle and c.decision = h.decision and c.attribute = h.attribute and h.place = 1

),

numbers as (

    select n from ({{ numbers(6) }}) as numbers
    where n <= (select max(least(pool, all_selected)) from compared)

),

-- Fisher's exact test, two-sided: all tables with these margins that are no likelier than the one found.
tables_possible as (

    select
        c.cycle,
        c.decision,
        c.attribute,
        c.group_name,
        n.n = c.selected as is_found,
        {{ log_factorial('c.pool') }} + {{ log_factorial('c.other_pool') }} + {{ log_factorial('c.all_selected') }}
        + {{ log_factorial('c.everybody - c.all_selected') }} - {{ log_factorial('c.everybody') }}
        - {{ log_factorial('n.n') }} - {{ log_factorial('c.pool - n.n') }} - {{ log_factorial('c.all_selected - n.n') }}
        - {{ log_factorial('c.other_pool - c.all_selected + n.n') }} as log_probability
    from compared as c
    inner join numbers as n
        on n.n >= c.all_selected - c.other_pool and n.n <= c.pool and n.n <= c.all_selected

),

tested as (

    select
        t.cycle,
        t.decision,
        t.attribute,
        t.group_name,
        least(sum(exp(t.log_probability)), 1) as fisher_p
    from tables_possible as t
    inner join tables_possible as f
        on
            t.cycle = f.cycle
            and t.decision = f.decision
            and t.attribute = f.attribute
            and t.group_name = f.group_name
            and f.is_found
    where t.log_probability <= f.log_probability + 1e-9
    group by t.cycle, t.decision, t.attribute, t.group_name

),

typed as (

    select
        c.cycle,
        c.decision,
        c.attribute,
        c.group_name as {{ group }},
        cast(c.pool as bigint) as pool,
        cast(c.selected as bigint) as selected,
        c.rate,
        c.impact_ratio,
        c.impact_ratio < 0.8 as below_four_fifths,
        cast(t.fisher_p as double precision) as fisher_p,
        -- The usual rule: fewer than five expected in a cell of the table say little.
        {{ ratio('least(c.pool, c.other_pool) * least(c.all_selected, c.everybody - c.all_selected)', 'c.everybody') }} >= 5
            as reliable,
        c.pool as people_in_base
    from compared as c
    left join tested as t
        on
            c.cycle = t.cycle
            and c.decision = t.decision
            and c.attribute = t.attribute
            and c.group_name = t.group_name

),

protected as (

    {{ with_demographics_protected(
        'typed',
        ['cycle', 'decision', 'attribute', group],
        'cycle, decision',
        ['pool', 'selected', 'rate', 'impact_ratio', 'below_four_fifths', 'fisher_p', 'reliable'],
        dimension='attribute',
        protected='true',
    ) }}

),

-- Promotions go on after a cycle; its ratings do not.
final as (

    {{ with_settled(
        'protected',
        'adverse_impact',
        'review',
        'cycle',
        [
            'cycle', 'decision', 'attribute', group, 'pool', 'selected', 'rate', 'impact_ratio', 'below_four_fifths', 'fisher_p',
            'reliable', 'is_suppressed', 'suppression_reason'
        ],
        only="decision = 'top_rating'",
    ) }}

)

select * from final
