"""What hiding costs, from what is published alone: how many cells of surveys and reviews are hidden, and why."""

from __future__ import annotations

# Mart, the column of its occasions, and what else tells its cells apart; bands are hidden together.
_PROTECTED = (
    ("morale", "survey_id", "driver"),
    ("morale_item", "survey_id", "item_id"),
    ("enps", "survey_id", "''"),
    ("rating_distribution", "cycle", "''"),
    ("rating_gap", "cycle", "competency"),
)
COLUMNS = {
    "mart": "Its name.",
    "occasion": "survey_id, or cycle.",
    "slice_dimension": "Of the slices.",
    "cells": "Slices × drivers, items or competencies.",
    "below_minimum": "Of these, hidden with fewer people than the minimum group.",
    "complementary": "Of these, hidden to protect others.",
    "hidden_share": "complementary ÷ cells with enough people; what protection costs beyond the minimum.",
    "people_hidden_share": "Respondents of driver `all` in hidden slices ÷ all; null where that is not told.",
}


def loss_sql(schema: str) -> str:
    """The query that makes `ops.protection`: a row per mart × occasion × slice dimension.

    Args:
        schema: where the marts are.
    """
    cells = " union all ".join(
        f"select distinct '{mart}' as mart, {occasion} as occasion, slice_dimension, slice_value, {part} as part, "
        f"suppression_reason as reason from {schema}.{mart}"
        for mart, occasion, part in _PROTECTED
    )
    return f"""
        with cells as ({cells}),
        counted as (
            select
                mart, occasion, slice_dimension, count(*) as cells,
                count(*) filter (reason = 'below_minimum') as below_minimum,
                count(*) filter (reason = 'complementary') as complementary
            from cells group by all
        ),
        people as (
            select survey_id, slice_dimension, sum(respondents) as shown
            from {schema}.morale where driver = 'all' group by all
        )
        select
            c.*,
            c.complementary / nullif(c.cells - c.below_minimum, 0) as hidden_share,
            case when p.shown <= t.shown then 1 - p.shown / t.shown end as people_hidden_share
        from counted as c
        left join people as p
            on c.mart = 'morale' and c.occasion = p.survey_id and c.slice_dimension = p.slice_dimension
        left join people as t on p.survey_id = t.survey_id and t.slice_dimension = 'company'
        order by c.mart, c.occasion, c.slice_dimension
    """
