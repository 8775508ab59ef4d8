{%- set figures = [
    'opening', 'hires', 'rehires', 'transfers_in', 'transfers_out', 'exits_voluntary', 'exits_involuntary',
    'exits_other', 'exits_unknown', 'closing', 'headcount_last_day', 'average_headcount',
] -%}
with headcount as (

    select
        month,
        slice_dimension,
        slice_value,
        cast(opening as bigint) as opening,
        cast(hires as bigint) as hires,
        cast(rehires as bigint) as rehires,
        cast(transfers_in as bigint) as transfers_in,
        cast(transfers_out as bigint) as transfers_out,
        cast(exits_voluntary as bigint) as exits_voluntary,
        cast(exits_involuntary as bigint) as exits_involuntary,
        cast(exits_other as bigint) as exits_other,
        cast(exits_unknown as bigint) as exits_unknown,
        cast(closing as bigint) as closing,
        cast(headcount_last_day as bigint) as headcount_last_day,
        average_headcount,
        is_complete,
        people_in_base
    from {{ ref('agg_headcount_monthly') }}
    where {{ in_dimensions('headcount_walk') }}

),

protected as (

    {{ with_demographics_protected(
        'headcount', ['month', 'slice_dimension', 'slice_value'], 'month', figures, shown=['is_complete']
    ) }}

),

final as (

    {{ with_trend('protected', 'month', ['slice_dimension', 'slice_value'], 'closing') }}

)

select * from final
