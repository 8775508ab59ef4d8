{%- set group = adapter.quote('group') -%}
with decided as (

    select * from {{ ref('fct_reviewee_decision') }}

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
        h.group_name as compared_group,
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
        c.compared_group
    from compared as c
    left join tested as t
        on
            c.cycle = t.cycle
            and c.decision = t.decision
            and c.attribute = t.attribute
            and c.group_name = t.group_name

),

-- What compares two groups rests on both, as they are now.
decided_on as (

    select
        r.*,
        case r.decision when 'top_rating' then 'rating:' else 'promotion:' end as figures,
        coalesce(h.decision = 'new', false) as is_compared_group_shown
    from typed as r
    left join {{ ref('cell_decisions') }} as h
        on
            h.kind = 'ratings'
            and r.cycle = h.occasion
            and r.attribute = h.slice_dimension
            and r.compared_group = h.slice_value
            and case r.decision when 'top_rating' then 'rating:' else 'promotion:' end = h.figures

),

compared_if_shown as (

    select
        cycle,
        decision,
        attribute,
        {{ group }},
        figures,
        pool,
        selected,
        rate,
        case when is_compared_group_shown then impact_ratio end as impact_ratio,
        case when is_compared_group_shown then below_four_fifths end as below_four_fifths,
        case when is_compared_group_shown then fisher_p end as fisher_p,
        case when is_compared_group_shown then reliable end as reliable
    from decided_on

),

final as (

    {{ disclosed('adverse_impact', 'compared_if_shown', 'attribute', group) }}

)

select * from final
