"""The oracle's marts beside the warehouse's, cell by cell."""

from __future__ import annotations

from collections.abc import Callable
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


def expected(h: History, warehouse: Warehouse) -> dict[str, Mart]:
    """The marts by the contract's words; which slices are hidden to protect others is the built warehouse's choice."""
    h.hidden = set(warehouse.query("select * from restricted.hidden_slices"))
    return {name: make(h) for name, (_, make) in ORACLE.items()}


def differences(warehouse: Warehouse, wanted: dict[str, Mart], only: set[str] | None = None) -> list[str]:
    """What differs, in words; nothing where every cell agrees."""
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
                if not same(value, built[key][column]):
                    found.append(f"{name} {key} {column}: {value} wanted, {built[key][column]} built")
    return found


def same(a: Any, b: Any) -> bool:
    if a is None or b is None or isinstance(a, bool | str):
        return a == b
    if isinstance(a, int | float | Fraction):
        return abs(float(a) - b) <= TOLERANCE * max(1.0, abs(float(a)))
    return bool(a == b)
