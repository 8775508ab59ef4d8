"""The oracle's marts beside the warehouse's, cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any

from tests.oracle import goals, managers, morale, retention, reviews
from tests.oracle.history import History
from tests.oracle.marts import Mart
from tests.oracle.warehouse import Warehouse

TOLERANCE = 1e-9
# Mart → its key columns, and what the contract's words make of it.
ORACLE: dict[str, tuple[tuple[str, ...], Callable[[History], Mart]]] = {
    "headcount_walk": (("month", "slice_dimension", "slice_value"), retention.headcount_walk),
    "turnover": (("month", "slice_dimension", "slice_value", "definition", "exit_class"), retention.turnover),
    "retention": (("month", "slice_dimension", "slice_value"), retention.retention),
    "retention_cohort": (
        ("hire_month", "slice_dimension", "slice_value", "months_since_hire"),
        retention.retention_cohort,
    ),
    "retention_survival": (
        ("slice_dimension", "slice_value", "exit_class", "tenure_month"),
        retention.retention_survival,
    ),
    "goal_attainment": (("period", "slice_dimension", "slice_value"), goals.goal_attainment),
    "goal_attainment_distribution": (
        ("period", "slice_dimension", "slice_value", "band"),
        goals.goal_attainment_distribution,
    ),
    "goal_alignment": (("goal_id", "period"), goals.goal_alignment),
    "morale": (("survey_id", "slice_dimension", "slice_value", "driver"), morale.morale),
    "morale_item": (("survey_id", "slice_dimension", "slice_value", "item_id"), morale.morale_item),
    "enps": (("survey_id", "slice_dimension", "slice_value"), morale.enps),
    "recognition": (("month", "slice_dimension", "slice_value"), morale.recognition),
    "one_on_one": (("month", "slice_dimension", "slice_value"), morale.one_on_one),
    "rating_distribution": (("cycle", "slice_dimension", "slice_value", "rating_band"), reviews.rating_distribution),
    "rating_gap": (("cycle", "slice_dimension", "slice_value", "competency"), reviews.rating_gap),
    "rater_calibration": (("cycle", "rater_id"), reviews.rater_calibration),
    "adverse_impact": (("cycle", "decision", "attribute", "group"), reviews.adverse_impact),
    "performance": (("cycle", "employee_id"), reviews.performance),
    "manager_scorecard": (("month", "manager"), managers.manager_scorecard),
}


def expected(h: History) -> dict[str, Mart]:
    """The marts by the contract's words, with every figure."""
    return {name: make(h) for name, (_, make) in ORACLE.items()}


# Figures that rest on few people at a time are never shown so finely, whatever the minimum group is.
Withheld = Callable[[str, tuple[Any, ...], str], bool]


def withheld_always(h: History) -> Withheld:
    """Which cells are suppressed although one person is enough: mart, key and column → whether that is so."""
    last = h.months[-1] if h.months else None
    is_unfinished = bool(h.months) and (h.observed_to + timedelta(days=1)).day != 1

    def withheld(mart: str, key: tuple[Any, ...], column: str) -> bool:
        of_people = {"gender", "ethnicity"} & {part for one in key for part in str(one).split(" × ")}
        is_pair = any(" × " in str(one) for one in key)
        classes = (mart == "headcount_walk" and column.startswith("exits_")) or (
            mart == "turnover" and key[4] != "total"
        )
        return bool(
            (mart in ("retention_cohort", "retention_survival") and of_people)
            or (
                mart == "retention_survival"
                and key[2] != "total"
                and (column == "exits" or key[0] != "company" or key[3] % 12)
            )
            or (of_people and is_pair)
            or (mart == "retention" and of_people and column.startswith(("new_hire", "retained", "stability")))
            or (classes and is_unfinished and key[0] == last)
        )

    return withheld


def differences(
    warehouse: Warehouse, wanted: dict[str, Mart], withheld: Withheld, only: set[str] | None = None
) -> list[str]:
    """What differs, in words; nothing where every cell agrees.

    Args:
        warehouse: with the built marts.
        wanted: the marts with every figure.
        withheld: cells that may be null in the built marts.
        only: names of marts to look at.
    """
    found: list[str] = []
    for name, mart in wanted.items():
        if only is not None and name not in only:
            continue
        keys = ORACLE[name][0]
        built: Mart = {}
        for row in warehouse.rows(name):
            key = tuple(row.pop(column) for column in keys)
            if key in built:
                found.append(f"{name} {key}: there twice")
            built[key] = row
        found += [f"{name} {key}: missing" for key in mart.keys() - built.keys()]
        found += [f"{name} {key}: there is no such row" for key in built.keys() - mart.keys()]
        for key in mart.keys() & built.keys():
            for column, value in mart[key].items():
                shown = built[key][column]
                # Nothing is shown of nobody; and no change against what is not shown.
                is_of_nobody = built[key].get("suppression_reason") == "below_minimum" or value == 0
                is_change = column.startswith("delta_") or column.endswith(("_previous", "_previous_year"))
                if shown is None and (is_of_nobody or is_change or withheld(name, key, column)):
                    continue
                if not same(value, shown):
                    found.append(f"{name} {key} {column}: {value} wanted, {shown} built")
    return found


def same(a: Any, b: Any) -> bool:
    if a is None or b is None or isinstance(a, bool | str):
        return a == b
    if isinstance(a, int | float | Fraction):
        return abs(float(a) - b) <= TOLERANCE * max(1.0, abs(float(a)))
    return bool(a == b)
