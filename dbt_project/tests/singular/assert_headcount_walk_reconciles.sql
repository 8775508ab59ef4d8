{{ config(meta={'dagster': {'ref': {'name': 'headcount_walk'}}}) }}
-- What: opening + comings − goings = closing, for every slice and month; and the exits are the sum of their classes.
-- Why: a person lost or counted twice anywhere between export and mart breaks it.
-- A returned row is a slice and month in which it does not hold.
select month, slice_dimension, slice_value
from {{ ref('headcount_walk') }}
where
    not {{ has_held_populations() }}
    and (
        opening + hires + rehires + transfers_in - transfers_out - exits <> closing
        or (
            exits_voluntary + exits_involuntary + exits_other + exits_unknown <> exits
            and not {{ has_held_exits() }}
        )
    )
