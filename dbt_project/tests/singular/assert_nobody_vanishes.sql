-- What: whoever leaves has a last day.
-- Why: who disappears from the snapshots without one is taken to have left on the last one, exit class unknown.
-- A returned row is such a stint.
{{ config(severity='warn') }}
select stint_number
from {{ ref('fct_stint') }}
where has_vanished
