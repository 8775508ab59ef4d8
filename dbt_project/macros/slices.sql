{# Slice dimensions, and the protection of small groups in them. #}

{# Attributes of people that slices are made of, as the columns of employees name them; dimension → column. #}
{% macro attribute_columns() -%}
    {{ return({
        'department': 'department',
        'division': 'division',
        'location': 'location',
        'country': 'country',
        'job_level': 'job_level',
        'employment_type': 'employment_type',
        'manager': 'manager_id',
        'gender': 'gender',
        'ethnicity': 'ethnicity',
    }) }}
{%- endmacro %}

{# Those that survey, review and recognition files may carry themselves. #}
{% macro carried_attributes() -%}
    {{ return(['department', 'division', 'location', 'country', 'job_level', 'employment_type', 'gender', 'ethnicity']) }}
{%- endmacro %}

{# What else is kept of people from when to when: column → whether it is a number. No slices are made of these. #}
{% macro described_columns() -%}
    {{ return({
        'job_title': false,
        'fte': true,
        'salary': true,
        'currency': false,
        'pay_range_mid': true,
        'full_name': false,
        'email': false,
        'birth_date': false,
    }) }}
{%- endmacro %}

{# Two-way slices: the name of the dimension, its first part, its second. #}
{% macro slice_pairs() -%}
    {%- set pairs = [] -%}
    {%- for first, second in var('slice_pairs') %}{% do pairs.append([first ~ ' × ' ~ second, first, second]) %}{% endfor -%}
    {{ return(pairs) }}
{%- endmacro %}

{# The slice dimensions of a mart: those configured for it, and pairs of which it has both parts. #}
{% macro dimensions_of(mart) -%}
    {%- set mine = var('dimensions')[mart] -%}
    {%- set names = [] -%}
    {%- for name in mine %}{% do names.append(name) %}{% endfor -%}
    {%- for name, first, second in slice_pairs() if first in mine and second in mine %}{% do names.append(name) %}{% endfor -%}
    {{ return(names) }}
{%- endmacro %}

{# Whether a slice dimension belongs to a mart. #}
{% macro in_dimensions(mart, column='slice_dimension') -%}
    {{ column }} in ('{{ dimensions_of(mart) | join("', '") }}')
{%- endmacro %}

{# Whether a row with valid_from and valid_to (which is not in it any more) holds on a day. #}
{% macro is_valid_on(rows, day) -%}
    {{ rows }}.valid_from <= {{ day }} and coalesce({{ rows }}.valid_to, {{ forever() }}) > {{ day }}
{%- endmacro %}

{# Whether a slice speaks of protected attributes. #}
{% macro is_demographic(column='slice_dimension') -%}
    {%- set protected = ['gender', 'ethnicity'] -%}
    {%- set names = protected + [] -%}
    {%- for name, first, second in slice_pairs() if first in protected or second in protected -%}
    {%- do names.append(name) -%}
    {%- endfor -%}
    {{ column }} in ('{{ names | join("', '") }}')
{%- endmacro %}

{# Department → a department that contains it, a row each. #}
{% macro department_ancestors() -%}
    {% for department, ancestor in var('department_ancestors') -%}
    select {{ quoted(department) }} as department, {{ quoted(ancestor) }} as ancestor
    {% if not loop.last %}union all
    {% endif %}
    {%- endfor %}
    {%- if not var('department_ancestors') -%}
    select cast(null as varchar) as department, cast(null as varchar) as ancestor where false
    {%- endif %}
{%- endmacro %}

{# A text as SQL writes it. #}
{% macro quoted(text) %}'{{ text | replace("'", "''") }}'{% endmacro %}

{# An attribute under its present name: renamed and merged ones have one name in all history. #}
{% macro present_name(attribute, value) -%}
    {%- set renamed = var('renamed').get(attribute, {}) -%}
    {%- if renamed -%}
    case {{ value }} {% for old, new in renamed.items() %}when {{ quoted(old) }} then {{ quoted(new) }} {% endfor %}else {{ value }} end
    {%- else -%}
    {{ value }}
    {%- endif -%}
{%- endmacro %}

{#
    The slices of rows whose files carry attributes themselves: those attributes that any row of the group knows.

    relation: a CTE with the attributes; keys: its columns to keep, the group first.
#}
{% macro carried_slices(relation, keys) -%}
    {%- set slices -%}
    select {{ keys | join(', ') }}, 'company' as slice_dimension, 'all' as slice_value from {{ relation }}
    {% for attribute in carried_attributes() %}
    union all
    select {{ keys | join(', ') }}, '{{ attribute }}' as slice_dimension, coalesce({{ attribute }}, 'unknown') as slice_value
    from (select *, count({{ attribute }}) over (partition by {{ keys[0] }}) > 0 as is_known from {{ relation }}) as carried
    where is_known
    {% endfor %}
    {%- for name, first, second in slice_pairs() if first in carried_attributes() and second in carried_attributes() %}
    union all
    select
        {{ keys | join(', ') }},
        '{{ name }}' as slice_dimension,
        coalesce({{ first }}, 'unknown') || ' × ' || coalesce({{ second }}, 'unknown') as slice_value
    from (
        select
            *,
            count({{ first }}) over (partition by {{ keys[0] }}) > 0
            and count({{ second }}) over (partition by {{ keys[0] }}) > 0 as is_known
        from {{ relation }}
    ) as carried
    where is_known
    {% endfor %}
    {%- endset -%}
    {{ slices }}
    {%- if var('department_ancestors') %}
    union
    select {% for key in keys %}s.{{ key }}, {% endfor %}s.slice_dimension, a.ancestor as slice_value
    from ({{ slices }}) as s
    inner join ({{ department_ancestors() }}) as a on s.slice_value = a.department
    where s.slice_dimension = 'department'
    {%- endif %}
{%- endmacro %}

{# The minimum group of a survey or a review cycle: that of all, or a larger one of its own. #}
{% macro minimum_group_of(occasion) -%}
    {%- if var('minimum_groups') -%}
    case {{ occasion }} {% for name, people in var('minimum_groups').items() %}when {{ quoted(name) }} then {{ people }} {% endfor %}else {{ var('minimum_group') }} end
    {%- else -%}
    {{ var('minimum_group') }}
    {%- endif -%}
{%- endmacro %}

{#
    Where all but one of a group, or more, answered alike, and such figures are rounded rather than hidden (`unanimity`):
    a share is told apart from none or all by one person's answer only, and what would tell more is left out.

    share: from 0 to 1, or between other ends of a scale; people: of the group.
#}
{% macro is_banded(share, people) -%}
    ({{ share }} <= 1.0 / {{ people }} or {{ share }} >= 1 - 1.0 / {{ people }})
{%- endmacro %}
{% macro banded(share, people, low=0, high=1) -%}
    {%- if var('unanimity') == 'band' -%}
    {%- set step = 'cast(' ~ (high - low) ~ '.0 / ' ~ people ~ ' as double precision)' -%}
    greatest(least({{ share }}, {{ high }} - {{ step }}), {{ low }} + {{ step }})
    {%- else -%}
    {{ share }}
    {%- endif -%}
{%- endmacro %}
{% macro unless_banded(figure, share, people) -%}
    {%- if var('unanimity') == 'band' -%}
    case when not {{ is_banded(share, people) }} then {{ figure }} end
    {%- else -%}
    {{ figure }}
    {%- endif -%}
{%- endmacro %}

{# Counts as rates: null instead of a division by zero. #}
{% macro ratio(numerator, denominator) -%}
    (cast({{ numerator }} as double precision) / nullif({{ denominator }}, 0))
{%- endmacro %}

{#
    Sums and means that do not depend on the order of the rows, so that equal input gives equal marts to the last bit:
    floating-point addition does, decimal addition does not. Twelve places after the point are kept.
#}
{% macro exact_sum(value) %}cast(sum(cast({{ value }} as decimal(38, 12))) as double precision){% endmacro %}
{% macro exact_mean(value) %}({{ exact_sum(value) }} / nullif(count({{ value }}), 0)){% endmacro %}
