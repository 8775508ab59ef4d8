-- What: a name or address that exports use for a person fits one person only.
-- Why: one that fits two names nobody; the manager, rater or owner stays unknown.
-- A returned row is such a name.
{{ config(severity='warn') }}
select distinct given.reference
from (
    select manager_id as reference from {{ source('validated', 'employees') }}
    union
    select owner_id as reference from {{ source('validated', 'goals') }}
    union
    select reviewee_id as reference from {{ source('validated', 'reviews') }}
    union
    select rater_id as reference from {{ source('validated', 'reviews') }}
    union
    select giver_id as reference from {{ source('validated', 'recognitions') }}
    union
    select receiver_id as reference from {{ source('validated', 'recognitions') }}
) as given
inner join {{ ref('stg_person_references') }} as r
    on {{ as_reference('given.reference') }} = r.reference and r.people > 1
