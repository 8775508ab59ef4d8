with owners as (

    select period, employee_id, last_employed_on, attainment_raw
    from {{ ref('fct_goal_owner') }}
    where is_eligible and attainment_raw is not null

),

sliced as (

    select o.period, o.attainment_raw, s.slice_dimension, s.slice_value
    from owners as o
    inner join {{ ref('hist_slices') }} as s
        on
            o.employee_id = s.employee_id
            and {{ is_valid_on('s', 'o.last_employed_on') }}
            and {{ in_dimensions('goal_attainment_distribution', 's.slice_dimension') }}

),

counted as (

    select
        period,
        slice_dimension,
        slice_value,
        count(*) as owners_in_all
        {%- for name, low, high in var('attainment_bands') %},
        sum(
            case
                when {% if low is not none %}attainment_raw >= {{ low }}{% endif -%}
                    {% if low is not none and high is not none %} and {% endif -%}
                    {% if high is not none %}attainment_raw < {{ high }}{% endif %} then 1
                else 0
            end
        ) as band_{{ loop.index }}
        {%- endfor %}
    from sliced
    group by period, slice_dimension, slice_value

),

banded as (

    {% for name, low, high in var('attainment_bands') -%}
    select
        period,
        slice_dimension,
        slice_value,
        '{{ name }}' as band,
        cast(band_{{ loop.index }} as bigint) as owners,
        {{ ratio('band_' ~ loop.index, 'owners_in_all') }} as share
    from counted
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

protected as (

    {{ disclosed('goal_attainment_distribution', 'banded') }}

),

final as (

    {{ with_trend('protected', 'period', ['slice_dimension', 'slice_value', 'band'], 'share', ref('fct_goal_period')) }}

)

select * from final
