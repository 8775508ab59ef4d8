{%- set perspectives = ['self', 'manager', 'peer', 'report'] -%}
-- Each competency by itself, and `all`: a person's mean over them.
with scores as (

    select cycle, reviewee_id, relationship, competency, score
    from {{ ref('agg_review_competency') }}
    where score is not null

    union all

    select cycle, reviewee_id, relationship, 'all' as competency, {{ exact_mean('score') }} as score
    from {{ ref('agg_review_competency') }}
    where score is not null
    group by cycle, reviewee_id, relationship

),

-- A row for each person, so that everyone counts once.
people as (

    select
        cycle,
        reviewee_id,
        competency,
        {% for p in perspectives -%}
        max(case when relationship = '{{ p }}' then score end) as {{ p }}_score{% if not loop.last %},{% endif %}
        {% endfor %}
    from scores
    group by cycle, reviewee_id, competency

),

sliced as (

    select p.*, s.slice_dimension, s.slice_value
    from people as p
    inner join {{ ref('hist_review_slices') }} as s
        on
            p.cycle = s.cycle
            and p.reviewee_id = s.reviewee_id
            and {{ in_dimensions('rating_gap', 's.slice_dimension') }}

),

-- Slices in which nobody has a score are there as well: what is hidden looks the same whether nobody or a few have.
cells as (

    select s.cycle, s.slice_dimension, s.slice_value, c.competency
    from (
        select distinct cycle, slice_dimension, slice_value
        from {{ ref('hist_review_slices') }}
        where {{ in_dimensions('rating_gap') }}
    ) as s
    inner join (select distinct cycle, competency from people) as c on s.cycle = c.cycle

),

counted as (

    select
        c.cycle,
        c.slice_dimension,
        c.slice_value,
        c.competency,
        {% for p in perspectives -%}
        {{ exact_mean('s.' ~ p ~ '_score') }} as {{ p }}_mean,
        count(s.{{ p }}_score) as {{ p }}_reviewees,
        {% endfor -%}
        {% for p in ['self', 'peer'] -%}
        {{ exact_mean('s.' ~ p ~ '_score - s.manager_score') }} as {{ p }}_manager_gap,
        count(s.{{ p }}_score - s.manager_score) as {{ p }}_manager_reviewees{% if not loop.last %},{% endif %}
        {% endfor %}
    from cells as c
    left join sliced as s
        on
            c.cycle = s.cycle
            and c.slice_dimension = s.slice_dimension
            and c.slice_value = s.slice_value
            and c.competency = s.competency
    group by c.cycle, c.slice_dimension, c.slice_value, c.competency

),

typed as (

    select
        cycle,
        slice_dimension,
        slice_value,
        competency,
        {% for p in perspectives -%}
        {{ banded(p ~ '_mean', p ~ '_reviewees', high=100) }} as {{ p }}_mean,
        {% endfor -%}
        {% for p in ['self', 'peer'] -%}
        {{ banded(p ~ '_manager_gap', p ~ '_manager_reviewees', low=-100, high=100) }} as {{ p }}_manager_gap{% if not loop.last %},{% endif %}
        {% endfor %}
    from counted

),

protected as (

    {{ disclosed('rating_gap', 'typed') }}

),

final as (

    {{ with_trend(
        'protected', 'cycle', ['slice_dimension', 'slice_value', 'competency'], 'self_manager_gap', ref('fct_review_cycle')
    ) }}

)

select * from final
