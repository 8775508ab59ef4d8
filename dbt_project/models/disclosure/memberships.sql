{{ config(materialized='view') }}
-- In which slices the contributions of people count.
with months as (

    select * from {{ ref('hist_months') }}

),

has_history as (

    select count(*) > 0 as has_history from {{ ref('fct_stint') }}

),

answers as (

    select
        'answers' as kind,
        survey_id as occasion,
        respondent_id as person_id,
        slice_dimension,
        slice_value
    from {{ ref('hist_survey_slices') }}

),

ratings as (

    select
        'ratings' as kind,
        cycle as occasion,
        reviewee_id as person_id,
        slice_dimension,
        slice_value
    from {{ ref('hist_review_slices') }}

),

goals as (

    select
        'goals' as kind,
        o.period as occasion,
        o.employee_id as person_id,
        s.slice_dimension,
        s.slice_value
    from {{ ref('fct_goal_owner') }} as o
    inner join {{ ref('hist_slices') }} as s
        on o.employee_id = s.employee_id and {{ is_valid_on('s', 'o.last_employed_on') }}
    where o.is_eligible

    union all

    -- Who contributes to a goal of the company: a sum of its own, beside those of the slices.
    select distinct
        'goals' as kind,
        period as occasion,
        owner_id as person_id,
        'goal' as slice_dimension,
        top_goal_id as slice_value
    from {{ ref('fct_goal_served') }}
    where attainment_raw is not null

),

-- A person who changes slices within a month counts in each slice with the part of the month spent there. The part is
-- an unpredictable number between 0 and 1: such parts add up to 1 only where the slices together cover the month.
--
-- This view is read month by month. So no part of it is read from two places, since DuckDB would make it for all
-- months each time, and months are joined by ranges of days.
meeting_months as (

    select distinct {{ month_start('scheduled_on') }} as month from {{ ref('fct_one_on_one') }}

),

weighted_meetings as (

    select
        cast(month as varchar) as occasion,
        employee_id as person_id,
        scheduled_on,
        measure,
        count(*) over (partition by month, employee_id) as meetings_of_month,
        sum(measure) over (partition by month, employee_id) as measure_of_month
    from (
        select m.month, f.employee_id, f.scheduled_on, 1.0 + {{ text_number('f.meeting_id') }} / 268435456.0 as measure
        from meeting_months as m
        inner join {{ ref('fct_one_on_one') }} as f
            on f.scheduled_on >= m.month and f.scheduled_on < {{ add_months('m.month', 1) }}
    ) as measured

),

meetings as (

    select
        'meetings' as kind,
        m.occasion,
        m.person_id,
        s.slice_dimension,
        s.slice_value,
        case when count(*) = max(m.meetings_of_month) then 1.0 else sum(m.measure) / max(m.measure_of_month) end as weight
    from weighted_meetings as m
    inner join {{ ref('hist_slices') }} as s
        on m.person_id = s.employee_id and {{ is_valid_on('s', 'm.scheduled_on') }}
    group by m.occasion, m.person_id, s.slice_dimension, s.slice_value

    union all

    select distinct
        'meetings' as kind,
        cast({{ month_start('m.scheduled_on') }} as varchar) as occasion,
        m.employee_id as person_id,
        'company' as slice_dimension,
        'all' as slice_value,
        1.0 as weight
    from {{ ref('fct_one_on_one') }} as m
    cross join has_history as h
    where not h.has_history

),

-- Everyone employed in a month of recognitions.
recognisable_all_month as (

    select cast(m.month as varchar) as occasion, s.employee_id as person_id, s.slice_dimension, s.slice_value
    from months as m
    inner join {{ ref('hist_slices') }} as s
        on s.valid_from <= m.month and coalesce(s.valid_to, {{ forever() }}) > m.closes_on
    where exists (select 1 from {{ ref('fct_recognition') }} as r where {{ month_start('r.given_on') }} = m.month)

),

-- A part of the month is measured by a length that no other part has.
recognisable_in_part as (

    select
        cast(month as varchar) as occasion,
        employee_id as person_id,
        slice_dimension,
        slice_value,
        days_seen,
        end_day - first_day as days,
        {{ unguessable_place('employee_id', 'end_day') }} - {{ unguessable_place('employee_id', 'first_day') }} as measure
    from (
        select
            m.month,
            m.days_seen,
            s.employee_id,
            s.slice_dimension,
            s.slice_value,
            greatest({{ days_between('m.month', 's.valid_from') }}, 0) as first_day,
            least({{ days_between('m.month', 'coalesce(s.valid_to, ' ~ forever() ~ ')') }}, m.days_seen) as end_day
        from months as m
        inner join {{ ref('hist_slices') }} as s
            on
                s.valid_from <= m.closes_on
                and coalesce(s.valid_to, {{ forever() }}) > m.month
                and (s.valid_from > m.month or coalesce(s.valid_to, {{ forever() }}) <= m.closes_on)
        where exists (
            select 1 from {{ ref('fct_recognition') }} as r where {{ month_start('r.given_on') }} = m.month
        )
    ) as spells

),

-- Who was employed all month and moved has no part of the whole company: the month is the whole then.
recognised_in_part as (

    select
        occasion,
        person_id,
        slice_dimension,
        slice_value,
        case
            when sum(days) = coalesce(max(days_in_all), max(days_seen)) then 1.0
            else sum(measure) / coalesce(
                max(measure_in_all),
                {{ unguessable_place('person_id', 'max(days_seen)') }} - {{ unguessable_place('person_id', '0') }}
            )
        end as weight
    from (
        select
            *,
            sum(case when slice_dimension = 'company' then days end) over (partition by occasion, person_id)
                as days_in_all,
            sum(case when slice_dimension = 'company' then measure end) over (partition by occasion, person_id)
                as measure_in_all
        from recognisable_in_part
    ) as measured
    group by occasion, person_id, slice_dimension, slice_value

),

recognised_months as (

    select distinct {{ month_start('given_on') }} as month from {{ ref('fct_recognition') }}

),

-- Givers and receivers who are not employed then, as far as the exports say, count as well.
recognitions as (

    select
        'recognitions' as kind,
        occasion,
        person_id,
        slice_dimension,
        slice_value,
        coalesce(max(weight), 1.0) as weight
    from (
        select occasion, person_id, slice_dimension, slice_value, 1.0 as weight from recognisable_all_month

        union all

        select occasion, person_id, slice_dimension, slice_value, weight from recognised_in_part

        union all

        select
            cast(m.month as varchar) as occasion,
            r.person_id,
            r.slice_dimension,
            r.slice_value,
            cast(null as double precision) as weight
        from recognised_months as m
        inner join {{ ref('fct_recognition_role') }} as r
            on r.given_on >= m.month and r.given_on < {{ add_months('m.month', 1) }}
    ) as counted
    group by occasion, person_id, slice_dimension, slice_value

),

trainings as (

    select
        'trainings' as kind,
        cast(m.month as varchar) as occasion,
        s.employee_id as person_id,
        s.slice_dimension,
        s.slice_value
    from months as m
    inner join {{ ref('hist_slices') }} as s
        on
            {{ is_valid_on('s', 'm.closes_on') }}
            and s.slice_dimension in ('company', 'manager')
    inner join {{ ref('fct_stint') }} as e
        on s.employee_id = e.employee_id and s.stint_number = e.stint_number
    where
        coalesce(e.last_day, {{ forever() }}) > m.closes_on
        and exists (select 1 from {{ ref('fct_training') }})

),

exits as (

    select
        'exits' as kind,
        cast(extract(year from moved_on) as varchar) as occasion,
        employee_id || ' ' || cast(stint_number as varchar) as person_id,
        slice_dimension,
        slice_value
    from {{ ref('fct_movement') }}
    where movement = 'exit'

),

-- Of whom a figure by gender or ethnicity consists is known; what those people are is not. So the sets of people are
-- the cells here, and what each of them is, from when to when, is the contribution.
demographic_spans as (

    select
        s.slice_dimension as occasion,
        s.employee_id || ' ' || cast(s.valid_from as varchar) as person_id,
        s.valid_from,
        coalesce(s.valid_to, {{ forever() }}) as valid_to,
        t.hire_date,
        coalesce(t.last_day, {{ forever() }}) as last_day,
        s.employee_id,
        s.stint_number
    from {{ ref('hist_slices') }} as s
    inner join {{ ref('fct_stint') }} as t on s.employee_id = t.employee_id and s.stint_number = t.stint_number
    where s.slice_dimension in ('gender', 'ethnicity')

),

populations as (

    {% set sets = {
        'opening': 's.valid_from < m.month and s.valid_to >= m.month and s.last_day >= m.month',
        'closing': 's.valid_from <= m.closes_on and s.valid_to > m.closes_on and s.last_day > m.closes_on',
        'last_day': 's.valid_from <= m.closes_on and s.valid_to > m.closes_on',
        'hires': 's.valid_from between m.month and m.closes_on and s.valid_from = s.hire_date and s.stint_number = 1',
        'rehires': 's.valid_from between m.month and m.closes_on and s.valid_from = s.hire_date and s.stint_number > 1',
        'exits': 's.last_day between m.month and m.closes_on and s.valid_to > s.last_day',
        'changes_in': 's.valid_from between m.month and m.closes_on and s.valid_from > s.hire_date',
        'changes_out': 's.valid_to between m.month and m.closes_on and s.valid_to <= s.last_day',
        'twelfth': 's.valid_from <= m.twelfth_on and s.valid_to > m.twelfth_on',
        'average': 's.valid_from <= m.closes_on and s.valid_to > m.month',
        'retained': 's.valid_from <= a.closes_on and s.valid_to > a.closes_on and s.last_day > m.closes_on',
    } -%}
    {% for name, condition in sets.items() -%}
    select
        s.occasion,
        s.person_id,
        '{{ name }}' as slice_dimension,
        cast(m.month as varchar) as slice_value,
        {% if name == 'average' -%}
        cast(
            {{ days_between('greatest(s.valid_from, m.month)', 'least(' ~ add_days('s.valid_to', -1) ~ ', m.closes_on)') }} + 1
            as double precision
        ) / m.days_seen as weight
        {%- else -%}
        1.0 as weight
        {%- endif %}
    from demographic_spans as s
    inner join months as m on true
    {% if name == 'retained' -%}
    inner join months as a on m.month_number = a.month_number + 12
    {% endif -%}
    where {{ condition }}
    union all
    {% endfor -%}
    select
        s.occasion,
        s.person_id,
        'goals' as slice_dimension,
        o.period as slice_value,
        1.0 as weight
    from demographic_spans as s
    inner join {{ ref('fct_goal_owner') }} as o
        on
            s.employee_id = o.employee_id
            and o.is_eligible
            and s.valid_from <= o.last_employed_on
            and s.valid_to > o.last_employed_on
    union all
    select
        s.occasion,
        s.person_id,
        'recognitions' as slice_dimension,
        cast(m.month as varchar) as slice_value,
        1.0 as weight
    from demographic_spans as s
    inner join months as m on s.valid_from <= m.closes_on and s.valid_to > m.month
    where exists (select 1 from {{ ref('fct_recognition') }} as r where {{ month_start('r.given_on') }} = m.month)
    union all
    select distinct
        s.occasion,
        s.person_id,
        'meetings' as slice_dimension,
        cast({{ month_start('o.scheduled_on') }} as varchar) as slice_value,
        1.0 as weight
    from demographic_spans as s
    inner join {{ ref('fct_one_on_one') }} as o
        on s.employee_id = o.employee_id and s.valid_from <= o.scheduled_on and s.valid_to > o.scheduled_on
    union all
    select distinct
        s.occasion,
        s.person_id,
        'ratings' as slice_dimension,
        r.cycle as slice_value,
        1.0 as weight
    from demographic_spans as s
    inner join {{ ref('fct_reviewee') }} as r
        on
            s.employee_id = r.reviewee_id
            and s.valid_from <= r.referred_on
            and s.valid_to > r.referred_on
            and r.left_out_because is null
            and r.rating_band is not null
    union all
    select distinct
        s.occasion,
        s.person_id,
        'answers' as slice_dimension,
        i.survey_id as slice_value,
        1.0 as weight
    from demographic_spans as s
    inner join {{ ref('hist_survey_open') }} as i
        on s.employee_id = i.employee_id and s.valid_from <= i.launched_on and s.valid_to > i.launched_on

),

final as (

    select *, 1.0 as weight from answers
    union all
    select *, 1.0 as weight from ratings
    union all
    select *, 1.0 as weight from goals
    union all
    select * from meetings
    union all
    select * from recognitions
    union all
    select *, 1.0 as weight from trainings
    union all
    select *, 1.0 as weight from exits
    union all
    select 'populations' as kind, * from populations

)

select * from final
