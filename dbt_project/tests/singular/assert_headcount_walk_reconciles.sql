-- What: opening + comings − goings = closing, for every slice and month.
-- Why: a person lost or counted twice anywhere between export and mart breaks it.
-- A returned row is a slice and month in which it does not hold.
select month, slice_dimension, slice_value
from {{ ref('headcount_walk') }}
where
    opening + hires + rehires + transfers_in - transfers_out
    - exits_voluntary - exits_involuntary - exits_other - exits_unknown <> closing
