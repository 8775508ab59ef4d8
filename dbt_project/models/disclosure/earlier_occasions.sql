-- The state of which readers have figures of an occasion, whatever the occasion was called then.
select
    d.kind,
    d.occasion,
    max(s.state) as ledger_state
from {{ ref('disclosure_decisions') }} as d
inner join {{ source('earlier', 'ledger_states') }} as s on d.kind = s.kind and d.wave = s.wave
where d.record = 'outcome'
group by d.kind, d.occasion
