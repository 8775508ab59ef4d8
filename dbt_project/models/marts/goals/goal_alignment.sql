with recursive goals as (

    select * from {{ ref('fct_goal') }} where not is_cancelled

),

served as (

    select * from {{ ref('fct_goal_link') }}

),

-- Goals that serve each other make up one cycle, which counts as one step; it is named after its first goal.
in_cycles as (

    select s.goal_id, min(s.served_goal_id) as cycle_goal_id
    from served as s
    inner join served as back on s.goal_id = back.served_goal_id and s.served_goal_id = back.goal_id
    group by s.goal_id

),

steps as (

    select distinct
        coalesce(c.cycle_goal_id, e.goal_id) as goal_id,
        coalesce(p.cycle_goal_id, e.served_goal_id) as parent_goal_id
    from served as e
    left join in_cycles as c on e.goal_id = c.goal_id
    left join in_cycles as p on e.served_goal_id = p.goal_id
    where
        e.is_direct
        and coalesce(c.cycle_goal_id, e.goal_id) <> coalesce(p.cycle_goal_id, e.served_goal_id)

),

top_goals as (

    select g.goal_id, g.period, g.period_starts_on, g.period_ends_on, coalesce(c.cycle_goal_id, g.goal_id) as node
    from goals as g
    left join in_cycles as c on g.goal_id = c.goal_id
    where g.goal_level = 'company'

),

depths as (

    select distinct node as top_node, node, 0 as depth from top_goals
    union
    select d.top_node, s.goal_id as node, d.depth + 1 as depth
    from depths as d
    inner join steps as s on d.node = s.parent_goal_id

),

deepest as (

    select top_node, max(depth) as max_depth from depths group by top_node

),

descendants as (

    select
        top_goal_id as goal_id,
        top_period as period,
        count(*) as descendants,
        count(distinct owner_id) as contributors,
        {{ exact_mean('attainment_raw') }} as rolled_up_attainment
    from {{ ref('fct_goal_served') }}
    group by top_goal_id, top_period

),

periods as (

    select distinct period, period_starts_on, period_ends_on from top_goals

),

in_period as (

    select
        p.period,
        count(distinct case when not g.is_aligned and coalesce(g.goal_level, '') <> 'company' then g.goal_id end) as orphans,
        count(distinct c.cycle_goal_id) as cycles
    from periods as p
    inner join goals as g
        on g.period_starts_on <= p.period_ends_on and g.period_ends_on >= p.period_starts_on
    left join in_cycles as c on g.goal_id = c.goal_id
    group by p.period

),

-- The mean over the goals below a goal rests on their owners, in each period in which they have them.
owners_decided as (

    select
        s.top_goal_id as goal_id,
        s.top_period as period,
        max(case when {{ is_shown('d.decision') }} then 0 else 1 end) = 1 as is_hidden,
        max(case when d.decision = 'held' then 1 else 0 end) = 1 as is_held,
        max(case when coalesce(d.decision, 'below_minimum') = 'below_minimum' then 1 else 0 end) = 1 as is_small
    from (
        select distinct top_goal_id, top_period, period from {{ ref('fct_goal_served') }} where attainment_raw is not null
    ) as s
    left join {{ ref('cell_decisions') }} as d
        on
            d.kind = 'goals'
            and s.period = d.occasion
            and d.figures = 'rolled_up:'
            and d.slice_dimension = 'goal'
            and s.top_goal_id = d.slice_value
    group by s.top_goal_id, s.top_period

),

-- A figure that may not change yet keeps its published value, and so do the counts of the same goals. The ledger holds
-- keyed digests in place of the ids of goals.
shown_before as (

    select e.*
    from {{ source('earlier', 'goal_alignment') }} as e
    inner join {{ ref('earlier_occasions') }} as o
        on o.kind = 'goals' and e.ledger_state = o.ledger_state and e.period = o.occasion

),

goals_held as (

    select occasion as period
    from {{ ref('cell_decisions') }}
    where kind = 'goals' and figures = 'goals:' and slice_dimension = 'company' and decision = 'held'

),

final as (

    select
        t.goal_id,
        t.period,
        cast(case when w.is_held and not w.is_hidden then e.descendants else coalesce(d.descendants, 0) end as bigint)
            as descendants,
        cast(case when w.is_held and not w.is_hidden then e.contributors else coalesce(d.contributors, 0) end as bigint)
            as contributors,
        cast(m.max_depth as integer) as max_depth,
        case
            when w.is_hidden then null
            when w.is_held then e.rolled_up_attainment
            else d.rolled_up_attainment
        end as rolled_up_attainment,
        cast(
            case when h.period is not null and e.goal_id is not null then e.orphans_in_period else i.orphans end as bigint
        ) as orphans_in_period,
        cast(i.cycles as bigint) as cycles_in_period,
        coalesce(w.is_hidden, false) as is_suppressed,
        case when w.is_small then 'below_minimum' when w.is_hidden then 'complementary' end as suppression_reason
    from top_goals as t
    inner join deepest as m on t.node = m.top_node
    inner join in_period as i on t.period = i.period
    left join descendants as d on t.goal_id = d.goal_id and t.period = d.period
    left join owners_decided as w on t.goal_id = w.goal_id and t.period = w.period
    cross join {{ source('earlier', 'ledger_key') }} as k
    left join shown_before as e on {{ digest_of('concat(k.key, t.goal_id)') }} = e.goal_id and t.period = e.period
    left join goals_held as h on t.period = h.period

)

select * from final
