{{ config(materialized='view') }}
-- What people have contributed to what is published: the contributions that disclosure control protects.
with answers as (

    select
        'answers' as kind,
        survey_id as occasion,
        respondent_id as person_id,
        item_id as part,
        {{ natural_number('cast(round(answer * 1000) as bigint)') }} * 4
        + case favourability when 'favourable' then 1 when 'unfavourable' then 2 else 0 end as content,
        case when favourability = 'favourable' then 1 else 0 end as category
    from {{ ref('fct_survey_answer') }}
    where is_counted

),

ratings as (

    select
        'ratings' as kind,
        cycle as occasion,
        reviewee_id as person_id,
        'rating' as part,
        {{ natural_number('cast(round(rating * 1000) as bigint)') }} as content,
        rating_band as category
    from {{ ref('fct_reviewee') }}
    where rating_band is not null and left_out_because is null

    union all

    select
        'ratings' as kind,
        cycle as occasion,
        reviewee_id as person_id,
        'promotion' as part,
        is_selected as content,
        cast(null as integer) as category
    from {{ ref('fct_reviewee_decision') }}
    where decision = 'promotion'

    union all

    select
        'ratings' as kind,
        s.cycle as occasion,
        s.reviewee_id as person_id,
        s.relationship || ':' || s.competency as part,
        cast(round(s.score * 1000) as bigint) as content,
        case s.score when 0 then 0 when 100 then 1 end as category
    from {{ ref('agg_review_competency') }} as s
    inner join {{ ref('fct_reviewee') }} as r on s.cycle = r.cycle and s.reviewee_id = r.reviewee_id
    where
        s.score is not null
        and s.relationship in ('self', 'manager', 'peer', 'report')
        and r.left_out_because is null

),

owners as (

    select * from {{ ref('fct_goal_owner') }} where is_eligible

),

goals as (

    {% set band -%}
        case
            {% for name, low, high in var('attainment_bands') -%}
            {%- if high is not none %}when attainment_raw < {{ high }} then {{ loop.index }}
            {% endif -%}
            {%- endfor %}else 0
        end
    {%- endset -%}
    {% set attainment = attainment_content('attainment_raw', 'attainment_capped', band) -%}
    {% set parts = {
        'coverage': ('true', 'case when goals > 0 then 1 else 0 end'),
        'goals': ('goals > 0', packed('goals', 'completed', 'stale', 'aligned')),
        'attainment': ('attainment_raw is not null', attainment),
        'on_time': ('due > 0', packed('due', 'on_time')),
        'weights': ('aligned_weight_share is not null', 'cast(round(aligned_weight_share * 1000000) as bigint)'),
    } -%}
    {% for part, (condition, content) in parts.items() -%}
    select
        'goals' as kind,
        period as occasion,
        employee_id as person_id,
        '{{ part }}' as part,
        cast({{ content }} as bigint) as content,
        {% if part == 'attainment' -%}
        case
            when attainment_capped >= 1 then 1000
            when attainment_capped <= 0 then 1001
            else {{ band }}
        end as category
        {%- else -%}
        cast(null as integer) as category
        {%- endif %}
    from owners
    where {{ condition }}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

meeting_months as (

    select distinct {{ month_start('scheduled_on') }} as month from {{ ref('fct_one_on_one') }}

),

-- By a range of days, so that of one month only its own meetings are looked at.
meetings_by_person as (

    select
        cast(m.month as varchar) as occasion,
        f.employee_id as person_id,
        count(*) as scheduled,
        sum(case when f.is_held then 1 else 0 end) as held,
        count(distinct f.manager_id) as pairs,
        count(distinct case when f.is_held then f.manager_id end) as pairs_met,
        count(f.days_since_last) as gaps,
        coalesce(sum(f.days_since_last), 0) as days
    from meeting_months as m
    inner join {{ ref('fct_one_on_one') }} as f
        on f.scheduled_on >= m.month and f.scheduled_on < {{ add_months('m.month', 1) }}
    group by m.month, f.employee_id

),

meetings as (

    select
        'meetings' as kind,
        occasion,
        person_id,
        'meetings' as part,
        cast({{ packed('scheduled', 'held', 'pairs', 'pairs_met') }} as bigint) as content,
        cast(null as integer) as category
    from meetings_by_person

    union all

    select
        'meetings' as kind,
        occasion,
        person_id,
        'gaps' as part,
        cast(gaps * 1000000 + days as bigint) as content,
        cast(null as integer) as category
    from meetings_by_person
    where gaps > 0

),

recognised_months as (

    select distinct {{ month_start('given_on') }} as month from {{ ref('fct_recognition') }}

),

recognition_by_person as (

    select cast(m.month as varchar) as occasion, r.person_id, sum(r.given) as given, sum(r.received) as received
    from recognised_months as m
    inner join (
        select given_on, giver_id as person_id, 1 as given, 0 as received from {{ ref('fct_recognition') }}
        union all
        select given_on, receiver_id as person_id, 0 as given, 1 as received from {{ ref('fct_recognition') }}
    ) as r on r.given_on >= m.month and r.given_on < {{ add_months('m.month', 1) }}
    group by m.month, r.person_id

),

-- Everyone employed in a month contributes to it, who gave and received nothing as well.
recognitions as (

    select
        'recognitions' as kind,
        p.occasion,
        p.person_id,
        'recognitions' as part,
        cast({{ packed('coalesce(r.given, 0)', 'coalesce(r.received, 0)') }} as bigint) as content,
        cast(null as integer) as category
    from (
        select cast(m.month as varchar) as occasion, s.employee_id as person_id
        from {{ ref('hist_months') }} as m
        inner join {{ ref('hist_slices') }} as s
            on
                s.valid_from <= m.closes_on
                and coalesce(s.valid_to, {{ forever() }}) > m.month
                and s.slice_dimension = 'company'
        where exists (select 1 from {{ ref('fct_recognition') }} as g where {{ month_start('g.given_on') }} = m.month)

        union

        select cast(m.month as varchar) as occasion, f.person_id
        from recognised_months as m
        inner join {{ ref('fct_recognition_role') }} as f
            on
                f.given_on >= m.month
                and f.given_on < {{ add_months('m.month', 1) }}
                and f.slice_dimension = 'company'
    ) as p
    left join recognition_by_person as r on p.occasion = r.occasion and p.person_id = r.person_id

),

open_trainings as (

    select cast(m.month as varchar) as occasion, t.employee_id as person_id, count(*) as trainings
    from {{ ref('hist_months') }} as m
    inner join {{ ref('fct_training') }} as t
        on t.assigned_on <= m.closes_on and (t.is_open or t.completed_on > m.closes_on)
    group by m.month, t.employee_id

),

trainings as (

    select
        'trainings' as kind,
        p.occasion,
        p.person_id,
        'trainings' as part,
        cast(coalesce(o.trainings, 0) as bigint) as content,
        cast(null as integer) as category
    from (
        select kind, occasion, person_id
        from {{ ref('memberships') }}
        where kind = 'trainings' and slice_dimension = 'company'
    ) as p
    left join open_trainings as o on p.occasion = o.occasion and p.person_id = o.person_id

),

-- The reason of each exit. The month is part of the content, so that windows of different months stay apart.
exits as (

    select
        'exits' as kind,
        cast(extract(year from m.moved_on) as varchar) as occasion,
        m.employee_id || ' ' || cast(m.stint_number as varchar) as person_id,
        'exit' as part,
        cast(
            -- Who left before the observation began is in no curve of tenure.
            case when m.moved_on < o.observed_from then 99 else {{ tenure_years_at_exit('m.hired_on', 'm.moved_on') }} end * 10000
            + extract(month from m.moved_on) * 100
            + case m.exit_class when 'voluntary' then 10 when 'involuntary' then 20 when 'other' then 30 else 40 end
            + case when m.is_regretted then 1 when not m.is_regretted then 2 else 0 end as bigint
        ) as content,
        cast(null as integer) as category
    from (
        select v.*, t.hire_date as hired_on
        from {{ ref('fct_movement') }} as v
        inner join {{ ref('fct_stint') }} as t on v.employee_id = t.employee_id and v.stint_number = t.stint_number
        where v.movement = 'exit' and v.slice_dimension = 'company'
    ) as m
    cross join {{ ref('hist_observation') }} as o
    where m.moved_on >= {{ month_start('o.observed_from') }}

),

-- What people are, which the figures by gender and ethnicity sum.
populations as (

    select
        'populations' as kind,
        slice_dimension as occasion,
        employee_id || ' ' || cast(valid_from as varchar) as person_id,
        'value' as part,
        {{ text_number('slice_value') }} as content,
        cast(null as integer) as category
    from {{ ref('hist_slices') }}
    where slice_dimension in ('gender', 'ethnicity')

),

final as (

    select * from answers
    union all
    select * from ratings
    union all
    select * from goals
    union all
    select * from meetings
    union all
    select * from recognitions
    union all
    select * from trainings
    union all
    select * from exits
    union all
    select * from populations

)

select * from final
