with recursive goals as (

    select * from {{ ref('fct_goal') }} where not is_cancelled

),

edges as (

    -- A cancelled goal leads nowhere, and so nowhere through it.
    select distinct a.goal_id, a.parent_goal_id
    from {{ ref('stg_goal_alignments') }} as a
    inner join goals as c on a.goal_id = c.goal_id

),

-- Which goals each one serves, by whatever way; each pair is reached once, so that no cycle is walked twice.
served as (

    select goal_id, parent_goal_id as served_goal_id from edges
    union
    select s.goal_id, e.parent_goal_id as served_goal_id
    from served as s
    inner join edges as e on s.served_goal_id = e.goal_id

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
        coalesce(p.cycle_goal_id, e.parent_goal_id) as parent_goal_id
    from edges as e
    left join in_cycles as c on e.goal_id = c.goal_id
    left join in_cycles as p on e.parent_goal_id = p.goal_id
    where coalesce(c.cycle_goal_id, e.goal_id) <> coalesce(p.cycle_goal_id, e.parent_goal_id)

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

-- A goal counts beneath another one where their periods overlap.
descendants as (

    select
        t.goal_id,
        t.period,
        count(*) as descendants,
        count(distinct g.owner_id) as contributors,
        {{ exact_mean('g.attainment_raw') }} as rolled_up_attainment
    from top_goals as t
    inner join served as s on t.goal_id = s.served_goal_id and t.goal_id <> s.goal_id
    inner join goals as g
        on
            s.goal_id = g.goal_id
            and g.period_starts_on <= t.period_ends_on
            and g.period_ends_on >= t.period_starts_on
    group by t.goal_id, t.period

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

final as (

    select
        t.goal_id,
        t.period,
        cast(coalesce(d.descendants, 0) as bigint) as descendants,
        cast(coalesce(d.contributors, 0) as bigint) as contributors,
        cast(m.max_depth as integer) as max_depth,
        d.rolled_up_attainment,
        cast(i.orphans as bigint) as orphans_in_period,
        cast(i.cycles as bigint) as cycles_in_period
    from top_goals as t
    inner join deepest as m on t.node = m.top_node
    inner join in_period as i on t.period = i.period
    left join descendants as d on t.goal_id = d.goal_id and t.period = d.period

)

select * from final
