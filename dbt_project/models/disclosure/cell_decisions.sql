-- The decision on each cell: shown as it is now (new), shown as readers have it (held), or suppressed, and why.
select kind, occasion, figures, slice_dimension, slice_value, decision
from {{ ref('disclosure_decisions') }}
where record = 'cell'
