"""What disclosure control costs: of the cells of each occasion, how many are suppressed, and how many changes wait."""

from __future__ import annotations

COLUMNS = {
    "kind": "Whose contributions: answers, ratings, goals, meetings, recognitions, trainings, exits, populations.",
    "occasion": "survey_id, cycle, period, month, or year.",
    "slice_dimension": "Of the cells.",
    "cells": "Slices × figures. Unit: cells.",
    "below_minimum": "Of these, suppressed since fewer people than the minimum group are behind them. Unit: cells.",
    "complementary": "Of these, suppressed since others could be worked out from them. Unit: cells.",
    "held": "Of these, shown as readers have them already, since too few people have changed. Unit: cells.",
    "suppressed_share": "complementary ÷ cells with enough people; null where there are none.",
    "budget": "Of an occasion, cells suppressed as the budget of work was spent; on its row `company`. Unit: cells.",
    "waiting": "Of an occasion, people whose changes wait until there are enough; on its row `company`. Unit: people.",
}


def sql(build: str) -> str:
    """The query that makes `ops.protection`: a row per kind × occasion × slice dimension.

    Args:
        build: the name of the attached build database.
    """
    decisions = f"{build}.disclosure.disclosure_decisions"
    return f"""
        with cells as (select * from {decisions} where record = 'cell'),
        outcomes as (select kind, occasion, budget_cells, waiting from {decisions} where record = 'outcome'),
        counted as (
            select
                kind, occasion, slice_dimension, count(*) as cells,
                count(*) filter (decision = 'below_minimum') as below_minimum,
                count(*) filter (decision = 'complementary') as complementary,
                count(*) filter (decision = 'held') as held
            from cells group by all
        )
        select
            c.*,
            c.complementary / nullif(c.cells - c.below_minimum, 0) as suppressed_share,
            case when c.place = 1 then o.budget_cells else 0 end as budget,
            case when c.place = 1 then o.waiting else 0 end as waiting
        from (
            select
                *,
                row_number() over (
                    partition by kind, occasion order by slice_dimension <> 'company', slice_dimension
                ) as place
            from counted
        ) as c
        inner join outcomes as o on c.kind = o.kind and c.occasion = o.occasion
        order by c.kind, c.occasion, c.slice_dimension
    """.replace("c.*,", "c.* exclude (place),")
