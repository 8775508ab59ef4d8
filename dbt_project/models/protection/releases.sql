{{ config(schema='restricted') }}
-- What the figures that readers have of surveys and review cycles are made of. Where they are settled, what they were
-- made of. Rows without a person say how many are gone since, and how many could answer a survey.
with settled as (

    select kind, occasion from {{ ref('settled_occasions') }} where keeps_figures

),

current_contents as (

    select * from {{ ref('release_contents') }}

),

people as (

    select distinct kind, occasion, person_id from current_contents

),

earlier as (

    select e.*
    from {{ source('earlier', 'releases') }} as e
    inner join settled as s on e.kind = s.kind and e.occasion = s.occasion

),

gone as (

    select distinct e.kind, e.occasion, e.person_id
    from earlier as e
    left join people as p on e.kind = p.kind and e.occasion = p.occasion and e.person_id = p.person_id
    where e.person_id <> '' and p.person_id is null

),

gone_in_all as (

    select kind, occasion, sum(people) as people
    from (
        select kind, occasion, count(*) as people from gone group by kind, occasion
        union all
        select kind, occasion, cast(content as bigint) as people from earlier where person_id = '' and slices = 'gone'
    ) as both_times
    group by kind, occasion

),

final as (

    select c.*
    from current_contents as c
    left join settled as s on c.kind = s.kind and c.occasion = s.occasion
    where s.kind is null

    union all

    select e.*
    from earlier as e
    inner join people as p on e.kind = p.kind and e.occasion = p.occasion and e.person_id = p.person_id

    union all

    select kind, occasion, '' as person_id, 'gone' as slices, cast(people as varchar) as content
    from gone_in_all

    union all

    select * from earlier where person_id = '' and slices = 'invited'

    union all

    select
        'survey' as kind,
        i.survey_id as occasion,
        '' as person_id,
        'invited' as slices,
        cast(i.could_answer as varchar) as content
    from {{ ref('hist_survey_invited') }} as i
    left join settled as s on s.kind = 'survey' and i.survey_id = s.occasion
    where i.slice_dimension = 'company' and s.kind is null

)

select * from final
