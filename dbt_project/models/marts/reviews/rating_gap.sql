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

kinds as (

    select 'all' as kind
    union all
    select 'own' as kind

),

-- Who does not give their name is taken for one person for each they rate.
raters as (

    select distinct
        r.cycle,
        r.reviewee_id,
        r.relationship,
        c.competency,
        coalesce(r.rater_id, '? ' || r.reviewee_id) as rater
    from {{ ref('fct_review_rating') }} as r
    cross join kinds
    inner join (select distinct competency from people) as c
        on c.competency = case when kinds.kind = 'all' then 'all' else r.competency end
    where r.score_100 is not null

),

raters_by_slice as (

    select
        r.cycle,
        s.slice_dimension,
        s.slice_value,
        r.competency,
        {% for p in perspectives -%}
        count(distinct case when r.relationship = '{{ p }}' then r.rater end) as {{ p }}_raters{% if not loop.last %},{% endif %}
        {% endfor %}
    from raters as r
    inner join {{ ref('hist_review_slices') }} as s
        on
            r.cycle = s.cycle
            and r.reviewee_id = s.reviewee_id
            and {{ in_dimensions('rating_gap', 's.slice_dimension') }}
    group by r.cycle, s.slice_dimension, s.slice_value, r.competency

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

-- What of a slice is hidden to protect others: everything, or a perspective or a gap in one competency.
hidden as (

    select
        occasion,
        slice_dimension,
        slice_value,
        part,
        {% for p in perspectives -%}
        max(case when grain in ('', '{{ p }}') then 1 else 0 end) as {{ p }}_is_hidden,
        {% endfor -%}
        {% for p in ['self', 'peer'] -%}
        max(case when grain in ('', '{{ p }}_manager_gap') then 1 else 0 end) as {{ p }}_gap_is_hidden{% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ ref('hidden_slices') }}
    where kind = 'review'
    group by occasion, slice_dimension, slice_value, part

),

-- A perspective needs enough people rated and enough who rate; a gap needs both of its perspectives.
answerable as (

    select
        c.*,
        {% for p in perspectives -%}
        c.{{ p }}_reviewees >= {{ minimum_group_of('c.cycle') }}
        and coalesce(r.{{ p }}_raters, 0) >= {{ var('minimum_perspective') }} as {{ p }}_has_enough,
        coalesce(h.{{ p }}_is_hidden, 0) = 0 and coalesce(e.{{ p }}_is_hidden, 0) = 0 as {{ p }}_is_safe,
        {% endfor -%}
        {% for p in ['self', 'peer'] -%}
        coalesce(h.{{ p }}_gap_is_hidden, 0) = 0 and coalesce(e.{{ p }}_gap_is_hidden, 0) = 0 as {{ p }}_gap_is_safe{% if not loop.last %},{% endif %}
        {% endfor %}
    from counted as c
    left join raters_by_slice as r
        on
            c.cycle = r.cycle
            and c.slice_dimension = r.slice_dimension
            and c.slice_value = r.slice_value
            and c.competency = r.competency
    {% for name, part in [('h', "''"), ('e', 'c.competency')] -%}
    left join hidden as {{ name }}
        on
            c.cycle = {{ name }}.occasion
            and c.slice_dimension = {{ name }}.slice_dimension
            and c.slice_value = {{ name }}.slice_value
            and {{ part }} = {{ name }}.part
    {% endfor %}
),

protected as (

    select
        cycle,
        slice_dimension,
        slice_value,
        competency,
        {% for p in perspectives -%}
        case when {{ p }}_has_enough and {{ p }}_is_safe
            then {{ banded(p ~ '_mean', p ~ '_reviewees', high=100) }}
        end as {{ p }}_mean,
        {% endfor -%}
        {% for p in ['self', 'peer'] -%}
        case
            when
                {{ p }}_has_enough and {{ p }}_is_safe and manager_has_enough and manager_is_safe and {{ p }}_gap_is_safe
                and {{ p }}_manager_reviewees >= {{ minimum_group_of('cycle') }}
            then {{ banded(p ~ '_manager_gap', p ~ '_manager_reviewees', low=-100, high=100) }}
        end as {{ p }}_manager_gap,
        {% endfor -%}
        coalesce({% for p in perspectives %}{% if not loop.first %} or {% endif %}({{ p }}_has_enough and {{ p }}_is_safe){% endfor %}, false)
        = false as is_suppressed,
        case
            when not ({% for p in perspectives %}{% if not loop.first %} or {% endif %}{{ p }}_has_enough{% endfor %})
                then 'below_minimum'
            when not ({% for p in perspectives %}{% if not loop.first %} or {% endif %}({{ p }}_has_enough and {{ p }}_is_safe){% endfor %})
                then 'complementary'
        end as suppression_reason
    from answerable

),

settled as (

    {{ with_settled('protected', 'rating_gap', 'review', 'cycle', [
        'cycle', 'slice_dimension', 'slice_value', 'competency', 'self_mean', 'manager_mean', 'peer_mean', 'report_mean',
        'self_manager_gap', 'peer_manager_gap', 'is_suppressed', 'suppression_reason'
    ]) }}

),

final as (

    {{ with_trend(
        'settled', 'cycle', ['slice_dimension', 'slice_value', 'competency'], 'self_manager_gap', ref('fct_review_cycle')
    ) }}

)

select * from final
