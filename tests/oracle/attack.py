"""Someone who sees the published marts, knows who is in which slice and who answered what, and wants the answers.

What is published are sums over answers. Each shown row is an equation with known right side; whoever knows the
equations knows all their combinations. The attack looks for combinations that stand on the answers of fewer than k
people: it takes all sets of so few people and asks whether the equations tell something of theirs alone.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.oracle.warehouse import Warehouse

PERSPECTIVES = ("self", "manager", "peer", "report")
# What an equation multiplies each unknown with; an unknown is a person and what they answered.
Unknown = tuple[str, str]
Equation = dict[Unknown, float]


@dataclass(frozen=True)
class Occasion:
    """A survey or a review cycle: what is published of it, as equations."""

    kind: str
    name: str
    equations: list[Equation]

    def exposes(self, minimum: int) -> list[tuple[str, ...]]:
        """The sets of fewer than `minimum` people of whose answers alone something is known."""
        unknowns = sorted({unknown for equation in self.equations for unknown in equation})
        if not unknowns:
            return []
        place = {unknown: number for number, unknown in enumerate(unknowns)}
        matrix = np.zeros((len(self.equations), len(unknowns)))
        for row, equation in enumerate(self.equations):
            for unknown, factor in equation.items():
                matrix[row, place[unknown]] = factor
        _, values, right = np.linalg.svd(matrix)
        rank = int((values > 1e-9 * values[0]).sum())
        # A combination stands on some columns alone iff the null space has dependent rows there.
        nothing = right[rank:].T
        of = defaultdict(list)
        for (person, _), number in place.items():
            of[person].append(number)
        found = []
        for size in range(1, minimum):
            for people in itertools.combinations(sorted(of), size):
                rows = nothing[[number for person in people for number in of[person]]]
                if rows.shape[1] < len(rows) or np.linalg.svd(rows, compute_uv=False)[-1] < 1e-9:
                    found.append(people)
        return found


def _rows(warehouse: Warehouse, mart: str, with_complementary: bool) -> list[dict[str, Any]]:
    """The rows that are shown; or would be if only small groups were hidden."""
    reasons = (None, "complementary") if with_complementary else (None,)
    return [row for row in warehouse.rows(mart) if row["suppression_reason"] in reasons]


def surveys(warehouse: Warehouse, with_complementary: bool = False) -> Iterator[Occasion]:
    members = _members(
        warehouse, "select survey_id, slice_dimension, slice_value, respondent_id from history.hist_survey_slices"
    )
    items = {
        item: (driver, enps)
        for item, driver, enps in warehouse.query("select item_id, driver, is_enps from staging.stg_survey_items")
    }
    answers = defaultdict(lambda: defaultdict(set))
    for survey, person, item in warehouse.query(
        "select survey_id, respondent_id, item_id from restricted.fct_survey_answer where is_counted"
    ):
        answers[survey][person].add(item)
    equations = defaultdict(list)
    for mart, column in (("morale", "driver"), ("morale_item", "item_id"), ("enps", None)):
        for row in _rows(warehouse, mart, with_complementary):
            survey = row["survey_id"]

            def counts(item: str, group: Any = column and row[column], mart: str = mart) -> bool:
                driver, is_enps = items[item]
                return {"morale": group in ("all", driver), "morale_item": group == item, "enps": bool(is_enps)}[mart]

            equations[survey].append(
                {
                    (person, item): 1.0
                    for person in members[survey, row["slice_dimension"], row["slice_value"]]
                    for item in answers[survey][person]
                    if counts(item)
                }
            )
    for survey, found in equations.items():
        yield Occasion("survey", survey, found)


def reviews(warehouse: Warehouse, with_complementary: bool = False) -> Iterator[Occasion]:
    members = _members(
        warehouse, "select cycle, slice_dimension, slice_value, reviewee_id from history.hist_review_slices"
    )
    scores: dict[Any, set[str]] = defaultdict(set)
    for cycle, person, perspective, competency in warehouse.query(
        "select cycle, reviewee_id, relationship, competency from facts.agg_review_competency where score is not null"
    ):
        scores[cycle, person, perspective].add(competency)
    equations = defaultdict(list)
    for row in _rows(warehouse, "rating_distribution", with_complementary):
        people = members[row["cycle"], row["slice_dimension"], row["slice_value"]]
        rated = {
            person
            for (person,) in warehouse.query(
                f"select reviewee_id from restricted.fct_reviewee where cycle = '{row['cycle']}' and rating_band is not null"
            )
        }
        equations[row["cycle"]].append({(person, f"band {row['rating_band']}"): 1.0 for person in people & rated})
    for row in warehouse.rows("rating_gap"):
        cycle, competency = row["cycle"], row["competency"]
        people = members[cycle, row["slice_dimension"], row["slice_value"]]

        def over(person: str, perspective: str, cycle: str = cycle, competency: str = competency) -> Equation:
            has = scores[cycle, person, perspective]
            mine = has if competency == "all" else has & {competency}
            return {(person, f"{perspective} {one}"): 1 / len(mine) for one in mine}

        for perspective in PERSPECTIVES:
            if row[f"{perspective}_mean"] is not None:
                equations[cycle].append(_sum(over(person, perspective) for person in people))
        for perspective in ("self", "peer"):
            if row[f"{perspective}_manager_gap"] is not None:
                pairs = [(over(person, perspective), over(person, "manager")) for person in people]
                equations[cycle].append(
                    _sum({**a, **{key: -factor for key, factor in b.items()}} for a, b in pairs if a and b)
                )
    for cycle, found in equations.items():
        yield Occasion("review", cycle, found)


def _sum(equations: Iterable[Equation]) -> Equation:
    return {unknown: factor for equation in equations for unknown, factor in equation.items()}


def _members(warehouse: Warehouse, sql: str) -> Mapping[Any, set[str]]:
    found: dict[Any, set[str]] = defaultdict(set)
    for *cell, person in warehouse.query(sql):
        found[tuple(cell)].add(person)
    return found
