with employees as (

    select * from {{ ref('stg_employees') }}

),

final as (

    select
        min(seen_on) as observed_from,
        {% if var('observed_to') -%}
        cast('{{ var("observed_to") }}' as date) as observed_to
        {%- else -%}
        greatest(max(seen_on), max(as_of)) as observed_to
        {%- endif %}
    from employees

)

select * from final
