{{ config(schema='facts') }}
{%- set classes = ['voluntary', 'involuntary', 'other', 'unknown', 'regretted'] -%}
-- Exit classes that are shown: of a slice's month, of the quarter that ends with it, and of the year that ends with it.
-- A class that may not change yet, since few reasons have changed, keeps its published value. What is not shown is null.
with headcount as (

    select
        slice_dimension,
        slice_value,
        month,
        extract(year from month) as year,
        extract(quarter from month) as quarter,
        extract(month from month) as month_of_year,
        {% for c in classes -%}
        exits_{{ c }} as {{ c }},
        {% endfor -%}
        exits_voluntary + exits_involuntary + exits_other + exits_unknown as exits
    from {{ ref('agg_headcount_monthly') }}

),

decided as (

    select slice_dimension, slice_value, cast(occasion as integer) as year, figures, decision
    from {{ ref('cell_decisions') }}
    where kind = 'exits' and decision in ('new', 'held')

),

-- What was published before: a quarter is the three months that end with it, a year the months up to December.
shown_before as (

    select
        e.slice_dimension,
        e.slice_value,
        e.month
        {%- for window, definition in {'month': 'monthly', 'quarter': 'annualised_3m', 'year': 'year_to_date'}.items() %}
        {%- for c in classes %},
        max(case when e.definition = '{{ definition }}' and e.exit_class = '{{ c }}' then e.separations end) as {{ c }}_{{ window }}
        {%- endfor %}
        {%- endfor %}
    from {{ source('earlier', 'turnover') }} as e
    inner join {{ ref('earlier_occasions') }} as o on o.kind = 'exits' and e.ledger_state = o.ledger_state
    group by e.slice_dimension, e.slice_value, e.month

),

-- Teams have no turnover, only their months.
months_before as (

    select
        w.slice_dimension,
        w.slice_value,
        w.month,
        {% for c in classes if c != 'regretted' -%}
        w.exits_{{ c }} as {{ c }}_month,
        {% endfor -%}
        t.regretted_month
        {%- for window in ['quarter', 'year'] %}{% for c in classes %},
        t.{{ c }}_{{ window }}
        {%- endfor %}{% endfor %}
    from {{ source('earlier', 'headcount_walk') }} as w
    inner join {{ ref('earlier_occasions') }} as o on o.kind = 'exits' and w.ledger_state = o.ledger_state
    left join shown_before as t
        on w.slice_dimension = t.slice_dimension and w.slice_value = t.slice_value and w.month = t.month

),

months as (

    select
        h.*,
        {% for c in classes -%}
        case
            when h.exits = 0 or m.decision = 'new' then h.{{ c }} when m.decision = 'held' then b.{{ c }}_month
        end as {{ c }}_month,
        b.{{ c }}_quarter as {{ c }}_quarter_before,
        b.{{ c }}_year as {{ c }}_year_before,
        {% endfor -%}
        q.decision as quarter_decision,
        y.decision as year_decision
    from headcount as h
    left join months_before as b
        on h.slice_dimension = b.slice_dimension and h.slice_value = b.slice_value and h.month = b.month
    {% for alias, figures in {
        'm': "'month-' || lpad(cast(h.month_of_year as varchar), 2, '0') || ':'",
        'q': "'quarter-' || cast(h.quarter as varchar) || ':'",
        'y': "'year:'",
    }.items() -%}
    left join decided as {{ alias }}
        on
            h.slice_dimension = {{ alias }}.slice_dimension
            and h.slice_value = {{ alias }}.slice_value
            and h.year = {{ alias }}.year
            and {{ alias }}.figures = {{ figures }}
    {% endfor %}
),

-- Of a quarter of which nothing is decided, the sum of its months where all are shown.
quarters as (

    select
        *
        {%- for c in classes %},
        case
            when month_of_year in (3, 6, 9, 12)
                then
                    case
                        when sum(exits) over this_quarter = 0 or quarter_decision = 'new' then sum({{ c }}) over this_quarter
                        when count(*) over this_quarter = count({{ c }}_month) over this_quarter
                            then sum({{ c }}_month) over this_quarter
                        when quarter_decision = 'held' then {{ c }}_quarter_before
                    end
        end as {{ c }}_quarter
        {%- endfor %}
    from months
    window this_quarter as (partition by slice_dimension, slice_value, year, quarter)

),

final as (

    select
        slice_dimension,
        slice_value,
        month
        {%- for c in classes %},
        {{ c }}_month,
        {{ c }}_quarter,
        case
            when month_of_year = 12
                then
                    case
                        when sum(exits) over this_year = 0 or year_decision = 'new' then sum({{ c }}) over this_year
                        when sum(case when month_of_year in (3, 6, 9, 12) then 1 else 0 end) over this_year
                            = count({{ c }}_quarter) over this_year
                            then sum({{ c }}_quarter) over this_year
                        when year_decision = 'held' then {{ c }}_year_before
                    end
        end as {{ c }}_year
        {%- endfor %}
    from quarters
    window this_year as (partition by slice_dimension, slice_value, year)

)

select * from final
