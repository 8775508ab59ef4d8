"""Someone who sees the published marts, knows who is in which slice and who answered what, and wants the answers.

What is published are sums over answers. Each shown row is an equation with known right side; whoever knows the
equations knows all their combinations. Three attacks on them:

- `exposes`: which combinations stand on the answers of fewer than k people. It takes all sets of so few people and asks
  whether the equations tell something of theirs alone.
- `certain`: whose answer is the same in all ways in which people could have answered, by linear and then by integer
  programming. An answer is yes or no (favourable or not, of a rating band or not), or anything between (a score).
- `numbers`: between which bounds the number of people lies who answered in a hidden slice of a dimension.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, sparse

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
    answers: dict[Unknown, float]
    # Unknowns of which exactly one is yes.
    choices: list[list[Unknown]]

    def and_later(self, later: Occasion) -> Occasion:
        """What is published of it in two versions; an answer that is another one in the later is another unknown."""
        renamed = {
            unknown: unknown if self.answers.get(unknown, answer) == answer else (unknown[0], f"{unknown[1]} (later)")
            for unknown, answer in later.answers.items()
        }
        equations = [{renamed[unknown]: factor for unknown, factor in one.items()} for one in later.equations]
        answers = {renamed[unknown]: answer for unknown, answer in later.answers.items()}
        return Occasion(self.kind, self.name, self.equations + equations, self.answers | answers, [])

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

    def certain(self) -> list[Unknown]:
        """The answers that are the same whatever people answered; of choices, those that were made."""
        unknowns = sorted({unknown for equation in self.equations for unknown in equation})
        if not unknowns:
            return []
        place = {unknown: number for number, unknown in enumerate(unknowns)}
        known = set(place)
        rows = self.equations + [dict.fromkeys(choice, 1.0) for choice in self.choices if set(choice) <= known]
        matrix = sparse.lil_array((len(rows), len(unknowns)))
        for row, equation in enumerate(rows):
            for unknown, factor in equation.items():
                matrix[row, place[unknown]] = factor
        truth = np.array([self.answers[unknown] for unknown in unknowns])
        chosen = {unknown for choice in self.choices for unknown in choice}
        asked = np.array([truth[place[one]] == 1 or (truth[place[one]] == 0 and one not in chosen) for one in unknowns])
        is_whole = np.isin(truth, (0, 1)) & np.array([not one[1].startswith(PERSPECTIVES) for one in unknowns])
        left = asked.copy()
        for integral in (np.zeros(len(unknowns)), is_whole.astype(int)):
            # Whose answer has been another in some way is not certain.
            left = asked.copy()
            while left.any():
                other = _another_way(matrix.tocsr(), truth, left, integral)
                moved = left & (np.abs(other - truth) > 1e-6)
                if not moved.any():
                    break
                left &= ~moved
            if left.any():
                break
        return [unknowns[number] for number in np.flatnonzero(left)]


def _another_way(matrix: sparse.csr_array, truth: Any, left: Any, integral: Any) -> Any:
    """Answers with the same sums that differ as much as they can from the true ones in what is `left`."""
    away = np.where(truth == 1, 1.0, -1.0) * left
    found = optimize.milp(
        away,
        constraints=optimize.LinearConstraint(matrix, matrix @ truth - 1e-9, matrix @ truth + 1e-9),
        bounds=optimize.Bounds(0, 1),
        integrality=integral,
    )
    assert found.x is not None, found.message
    return found.x


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
    answers: dict[str, dict[str, dict[str, bool]]] = defaultdict(lambda: defaultdict(dict))
    for survey, person, item, answer in warehouse.query(
        "select survey_id, respondent_id, item_id, favourability from restricted.fct_survey_answer where is_counted"
    ):
        answers[survey][person][item] = answer == "favourable"
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
        told = {
            (person, item): float(is_favourable)
            for person, mine in answers[survey].items()
            for item, is_favourable in mine.items()
        }
        yield Occasion("survey", survey, found, told, [])


def reviews(warehouse: Warehouse, with_complementary: bool = False) -> Iterator[Occasion]:
    members = _members(
        warehouse, "select cycle, slice_dimension, slice_value, reviewee_id from history.hist_review_slices"
    )
    scores: dict[Any, set[str]] = defaultdict(set)
    answers: dict[str, dict[Unknown, float]] = defaultdict(dict)
    choices = defaultdict(list)
    for cycle, person, perspective, competency, score in warehouse.query(
        "select cycle, reviewee_id, relationship, competency, score from facts.agg_review_competency "
        "where score is not null"
    ):
        scores[cycle, person, perspective].add(competency)
        answers[cycle][person, f"{perspective} {competency}"] = score / 100
    bands = defaultdict(set)
    for row in warehouse.rows("rating_distribution"):
        bands[row["cycle"]].add(row["rating_band"])
    for cycle, person, band in warehouse.query(
        "select cycle, reviewee_id, rating_band from restricted.fct_reviewee where rating_band is not null"
    ):
        mine = {(person, f"band {one}"): float(one == band) for one in sorted(bands[cycle])}
        answers[cycle] |= mine
        choices[cycle].append(list(mine))
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
        yield Occasion("review", cycle, found, answers[cycle], choices[cycle])


def _sum(equations: Iterable[Equation]) -> Equation:
    return {unknown: factor for equation in equations for unknown, factor in equation.items()}


def _members(warehouse: Warehouse, sql: str) -> Mapping[Any, set[str]]:
    found: dict[Any, set[str]] = defaultdict(set)
    for *cell, person in warehouse.query(sql):
        found[tuple(cell)].add(person)
    return found


@dataclass(frozen=True)
class Hidden:
    """A hidden slice of a survey: why, and between which numbers so many people answered.

    is_whole: all slices of the dimension are hidden.
    """

    survey: str
    cell: tuple[str, str]
    reason: str
    is_whole: bool
    low: int
    high: int


def numbers(warehouse: Warehouse, minimum: int) -> Iterator[Hidden]:
    """What the total less the shown slices of a dimension tells of the number of people who answered in a hidden one."""
    rows = defaultdict(list)
    totals = {}
    for row in warehouse.rows("morale"):
        if row["driver"] == "all" and row["slice_dimension"] == "company":
            totals[row["survey_id"]] = row["respondents"]
        elif row["driver"] == "all":
            rows[row["survey_id"], row["slice_dimension"]].append(row)
    for (survey, dimension), mine in rows.items():
        hidden = [row for row in mine if row["is_suppressed"]]
        if totals[survey] is None:
            continue
        left = totals[survey] - sum(row["respondents"] for row in mine if not row["is_suppressed"])
        for row in hidden:
            least = most = 0
            for other in hidden:
                if other is not row:
                    is_small = other["suppression_reason"] == "below_minimum"
                    least += 0 if is_small else minimum
                    most += minimum - 1 if is_small else left
            ends = max(0, left - most), left - least
            if row["suppression_reason"] == "below_minimum":
                ends = ends[0], min(ends[1], minimum - 1)
            cell, is_whole = (dimension, row["slice_value"]), len(hidden) == len(mine)
            yield Hidden(survey, cell, row["suppression_reason"], is_whole, *ends)
