{# Disclosure control in the marts: which figures of a row are shown. #}

{# What a mart's figures rest on (`disclosure` in dbt_project.yml). A mart that declares nothing does not build. #}
{% macro declaration_of(mart) -%}
    {%- set declared = var('disclosure').get(mart) -%}
    {%- if not declared -%}
        {{ exceptions.raise_compiler_error(
            mart ~ ": says nothing of what its figures rest on; add it to `disclosure` in dbt_project.yml"
        ) }}
    {%- endif -%}
    {{ return(declared) }}
{%- endmacro %}

{# Stops the build of a mart that declares nothing; runs before each of them. #}
{% macro require_declaration() -%}
    {%- if execute %}{% do declaration_of(this.identifier) %}{% endif -%}
    select 1
{%- endmacro %}

{# Whether a decision shows the figure. #}
{% macro is_shown(decision) %}coalesce({{ decision }} in ('new', 'held'), false){% endmacro %}

{#
    Joins the decision on a cell under an alias.

    kind: of the occasions; r: the relation; occasion: its column; figures: SQL that names the figures;
    dimension, value: columns of the slice.
#}
{% macro join_decision(alias, kind, r, occasion, figures, dimension='slice_dimension', value='slice_value') -%}
    left join {{ ref('cell_decisions') }} as {{ alias }}
        on
            {{ alias }}.kind = '{{ kind }}'
            and cast({{ r }}.{{ occasion }} as varchar) = {{ alias }}.occasion
            and {{ r }}.{{ dimension }} = {{ alias }}.slice_dimension
            and {{ r }}.{{ value }} = {{ alias }}.slice_value
            and {{ figures }} = {{ alias }}.figures
{%- endmacro %}

{#
    Whether what tells of a population by gender or ethnicity is shown. Of a set of which no one is known there is no
    decision; pairs with gender or ethnicity are never shown.
#}
{% macro shows_population_of(dimension, decision) -%}
    (
        not {{ is_demographic(dimension) }}
        or coalesce({{ decision }}, case when {{ dimension }} in ('gender', 'ethnicity') then 'new' end, '') in ('new', 'held')
    )
{%- endmacro %}

{#
    The rows of a mart with the figures that are shown: as they are now, or as readers have them already.

    mart: its name, which has a declaration; relation: a CTE with its rows; dimension, value: columns of the slice.
    Columns: the keys, the figures, is_suppressed (nothing of the row is shown), suppression_reason.
#}
{% macro disclosed(mart, relation, dimension='slice_dimension', value='slice_value') -%}
    {%- set declared = declaration_of(mart) -%}
    {%- set groups = declared['figures'] -%}
    select
        {% for key in declared['keys'] %}r.{{ key }}, {% endfor %}
        {%- for figures, columns in groups.items() %}
        {%- set place = loop.index %}
        {%- for column in columns %}
        {%- if column in declared.get('population', []) %}
        case
            when {{ is_demographic('r.' ~ dimension) }} and p.decision = 'held' then e.{{ column }}
            when not {{ shows_population_of('r.' ~ dimension, 'p.decision') }} then null
            when g{{ place }}.decision = 'new' then r.{{ column }}
            when g{{ place }}.decision = 'held' then e.{{ column }}
        end as {{ column }},
        {%- else %}
        case g{{ place }}.decision when 'new' then r.{{ column }} when 'held' then e.{{ column }} end as {{ column }},
        {%- endif %}
        {%- endfor %}
        {%- endfor %}
        {%- set shown = [] %}
        {%- for figures, columns in groups.items() %}
        {%- set is_of_population = columns | reject('in', declared.get('population', [])) | list | length == 0 %}
        {%- do shown.append(
            is_shown('g' ~ loop.index ~ '.decision')
            ~ (' and ' ~ shows_population_of('r.' ~ dimension, 'p.decision') if is_of_population else '')
        ) %}
        {%- endfor %}
        not ({{ shown | join(' or ') }}) as is_suppressed,
        case
            when {{ shown | join(' or ') }} then null
            when {% for figures in groups %}coalesce(g{{ loop.index }}.decision, 'below_minimum') = 'below_minimum'{% if not loop.last %} and {% endif %}{% endfor %}
                then 'below_minimum'
            else 'complementary'
        end as suppression_reason
    from {{ relation }} as r
    left join {{ ref('earlier_occasions') }} as o
        on o.kind = '{{ declared['kind'] }}' and cast(r.{{ declared['occasion'] }} as varchar) = o.occasion
    left join {{ source('earlier', mart) }} as e
        on
            o.ledger_state = e.ledger_state
            {%- for key in declared['keys'] if key != declared['occasion'] %}
            and r.{{ key }} = e.{{ key }}
            {%- endfor %}
    {% if declared.get('population') -%}
    left join {{ ref('cell_decisions') }} as p
        on
            p.kind = 'populations'
            and r.{{ dimension }} = p.occasion
            and p.slice_dimension = '{{ declared['kind'] }}'
            and cast(r.{{ declared['occasion'] }} as varchar) = p.slice_value
    {% endif -%}
    {% for figures in groups -%}
    {{ join_decision('g' ~ loop.index, declared['kind'], 'r', declared['occasion'], figures, dimension, value) }}
    {% endfor %}
{%- endmacro %}

{#
    Decisions on populations by gender and ethnicity, as columns: how the month's figure of that name is shown: 2 as it is
    now, 1 as it was published before, 0 not at all. An empty set has no decision and needs no protection.
#}
{% macro population_decisions(names) -%}
    select
        occasion as slice_dimension,
        cast(slice_value as date) as month
        {%- for name in names %},
        min(
            case when slice_dimension <> '{{ name }}' or decision = 'new' then 2 when decision = 'held' then 1 else 0 end
        ) as shows_{{ name }}
        {%- endfor %}
    from {{ ref('cell_decisions') }}
    where kind = 'populations' and slice_dimension in ('{{ names | join("', '") }}')
    group by occasion, cast(slice_value as date)
{%- endmacro %}

{# How a population is shown, see above; of pairs with gender or ethnicity nothing is decided, so they are not. #}
{% macro shows_population(decision, dimension) -%}
    coalesce({{ decision }}, case when not {{ is_demographic(dimension) }} or {{ dimension }} in ('gender', 'ethnicity') then 2 else 0 end)
{%- endmacro %}

{# The rows of a mart by gender and ethnicity as they were published before. #}
{% macro shown_before_by_population(mart) -%}
    select e.*
    from {{ source('earlier', mart) }} as e
    inner join {{ ref('earlier_occasions') }} as o
        on o.kind = 'populations' and e.ledger_state = o.ledger_state and e.slice_dimension = o.occasion
{%- endmacro %}

{#
    For tests of sums: whether figures by gender or ethnicity, or exit classes of a slice, are held in some month. Held
    figures add up with other figures of their own version, and not with those of this one.
#}
{% macro has_held_populations(dimension='slice_dimension') -%}
    {{ dimension }} in (select occasion from {{ ref('cell_decisions') }} where kind = 'populations' and decision = 'held')
{%- endmacro %}

{% macro has_held_exits(dimension='slice_dimension', value='slice_value') -%}
    concat({{ dimension }}, ' ', {{ value }}) in (
        select concat(slice_dimension, ' ', slice_value)
        from {{ ref('cell_decisions') }}
        where kind = 'exits' and decision = 'held'
    )
{%- endmacro %}

{# A place for a day on a line, by person: differences between such places add up, but are equal by no chance. #}
{% macro unguessable_place(person, day) -%}
    ({{ day }} + {{ text_number("concat(" ~ person ~ ", ' ', cast(" ~ day ~ " as varchar))") }} / 536870912.0)
{%- endmacro %}

{#
    Several small numbers as one whole number, of which each has four digits: the content of a contribution that tells
    several things. `measures.py` takes them apart again.
#}
{% macro packed() -%}
    ({% for number in varargs %}least({{ number }}, 9999) * {{ 10000 ** (varargs | length - loop.index) }}{% if not loop.last %} + {% endif %}{% endfor %})
{%- endmacro %}

{# A whole number as one that is not below zero: 0, -1, 1, -2, 2, … become 0, 1, 2, 3, 4, … #}
{% macro natural_number(number) -%}
    (case when {{ number }} >= 0 then 2 * ({{ number }}) else -2 * ({{ number }}) - 1 end)
{%- endmacro %}

{# What somebody's attainment of a period is: raw, capped, and the number of its band. #}
{% macro attainment_content(raw, capped, band) -%}
    (
        mod({{ natural_number('cast(round(' ~ raw ~ ' * 1000000) as bigint)') }}, 8589934592) * 33554432
        + cast(round({{ capped }} * 1000000) as bigint) * 16 + {{ band }}
    )
{%- endmacro %}
