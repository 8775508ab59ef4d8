-- What: who is reviewed was employed by then, and is in the population.
-- Why: what is said of others is left out of the review marts and reported here; no fault of the build.
-- A returned row is a cycle and a person who do not fit.
{{ config(severity='warn') }}
select cycle
from {{ ref('fct_reviewee') }}
where left_out_because is not null
