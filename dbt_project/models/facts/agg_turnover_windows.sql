{{ config(schema='facts') }}
{%- set classes = ['voluntary', 'involuntary', 'other', 'unknown', 'regretted'] -%}
with populations as (

    {{ population_decisions(['exits', 'average', 'twelfth']) }}

),

headcount as (

    select
        h.*,
        extract(month from h.month) as month_of_year,
        h.exits_voluntary + h.exits_involuntary + h.exits_other + h.exits_unknown as exits,
        {% for class in classes -%}
        x.{{ class }}_month,
        x.{{ class }}_quarter,
        x.{{ class }}_year,
        {% endfor -%}
        case when {{ is_demographic('h.slice_dimension') }} 
            then least({{ shows_population('p.shows_exits', 'h.slice_dimension') }}, {{ shows_population('p.shows_average', 'h.slice_dimension') }})
        end as shows_population,
        case when {{ is_demographic('h.slice_dimension') }} then {{ shows_population('p.shows_twelfth', 'h.slice_dimension') }} end as shows_twelfth,
        case when h.people_in_month > 0 then coalesce(h.smallest_headcount, 0) end as people_if_any
    from {{ ref('agg_headcount_monthly') }} as h
    left join {{ ref('agg_exit_classes') }} as x
        on h.slice_dimension = x.slice_dimension and h.slice_value = x.slice_value and h.month = x.month
    left join populations as p on h.slice_dimension = p.slice_dimension and h.month = p.month

),

-- A slice's rows have no gap, so that rows are months. Before its first and after its last it had nobody: 0 in a mean.
final as (

    select
        slice_dimension,
        slice_value,
        month,
        is_complete,
        people_if_any as people_1,
        coalesce(shows_population, 2) as shows_population_1,
        coalesce(shows_twelfth, 2) as shows_twelfth,
        average_headcount,
        employed_on_twelfth,
        exits as total_1,
        {% for class in classes -%}
        {{ class }}_month as {{ class }}_1,
        {% endfor -%}
        {% for window in ['twelve', 'three', 'this_year'] -%}
        {%- set suffix = {'twelve': '12', 'three': '3', 'this_year': 'ytd'}[window] -%}
        sum(average_headcount) over {{ window }} as headcounts_{{ suffix }},
        min(people_if_any) over {{ window }} as people_{{ suffix }},
        min(coalesce(shows_population, 2)) over {{ window }} as shows_population_{{ suffix }},
        sum(exits) over {{ window }} as total_{{ suffix }},
        -- Why people left is shown of a sum of months, of quarters where the window ends with one, or of a year.
        {% for class in classes -%}
        case
            {% if suffix != '3' -%}
            when month_of_year = 12 then {{ class }}_year
            {% endif -%}
            when month_of_year in (3, 6, 9)
                {%- if suffix == '3' %} or month_of_year = 12{% endif %}
                then
                    case
                        when count({{ class }}_quarter) over {{ window }}
                            = sum(case when month_of_year in (3, 6, 9, 12) then 1 else 0 end) over {{ window }}
                            then sum({{ class }}_quarter) over {{ window }}
                    end
            when count({{ class }}_month) over {{ window }} = count(*) over {{ window }}
                then sum({{ class }}_month) over {{ window }}
        end as {{ class }}_{{ suffix }},
        {% endfor -%}
        {% endfor -%}
        -- How many months are observed in each window, and whether all of them wholly: the same for every slice.
        case when months_before < 11 then months_before + 1 else 12 end as months_12,
        case when months_before < 2 then months_before + 1 else 3 end as months_3,
        case when months_before + 1 < month_of_year then months_before + 1 else month_of_year end as months_ytd,
        month_of_year
    from headcount
    window
        twelve as (
            partition by slice_dimension, slice_value order by month_number rows between 11 preceding and current row
        ),
        three as (
            partition by slice_dimension, slice_value order by month_number rows between 2 preceding and current row
        ),
        this_year as (
            partition by slice_dimension, slice_value, month_number - month_of_year order by month_number
            rows between unbounded preceding and current row
        )

)

select * from final
