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
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import optimize, sparse

from tests.oracle.warehouse import Warehouse

# After which whole numbers are not looked for any more: another way is likely, and hard to find.
_SECONDS = 10
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
    # Of scores in reviews, who gave them.
    raters: Mapping[Unknown, frozenset[str]] = field(default_factory=dict)
    # Cells that are hidden as few people answered.
    small: list[Equation] = field(default_factory=list)

    def and_later(self, later: Occasion) -> Occasion:
        """What is published of it in two versions; an answer that is another one in the later is another unknown.

        It is known whose rating is another one, but not which it was or is.
        """
        of_ratings = {unknown for choice in (*self.choices, *later.choices) for unknown in choice}
        rated_anew = {
            unknown[0] for unknown in of_ratings if self.answers.get(unknown, 0) != later.answers.get(unknown, 0)
        }

        def is_same(unknown: Unknown) -> bool:
            if unknown in of_ratings:
                return unknown[0] not in rated_anew
            return self.answers.get(unknown, later.answers[unknown]) == later.answers[unknown]

        renamed = {one: one if is_same(one) else (one[0], f"{one[1]} (later)") for one in later.answers}
        equations = [{renamed[unknown]: factor for unknown, factor in one.items()} for one in later.equations]
        answers = {renamed[unknown]: answer for unknown, answer in later.answers.items()}
        choices = self.choices + [[renamed[unknown] for unknown in choice] for choice in later.choices]
        return Occasion(self.kind, self.name, self.equations + equations, self.answers | answers, choices)

    def exposes(self, minimum: int) -> list[tuple[str, ...]]:
        """The sets of fewer than `minimum` people of whose answers alone something is known."""
        return self._exposes({unknown: frozenset([unknown[0]]) for unknown in self.answers}, minimum)

    def exposes_raters(self, minimum: int) -> list[tuple[str, ...]]:
        """The sets of fewer than `minimum` raters of whose scores of a perspective alone something is known."""
        found = []
        for perspective in PERSPECTIVES:
            mine = {one: some for one, some in self.raters.items() if one[1].startswith(f"{perspective} ")}
            found += self._exposes(mine, minimum)
        return found

    def _exposes(self, behind: Mapping[Unknown, frozenset[str]], minimum: int) -> list[tuple[str, ...]]:
        """The sets of fewer than `minimum` of those behind the unknowns, of whose alone something is known."""
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
        for unknown, number in place.items():
            of[behind.get(unknown)].append(number)
        everybody = sorted({one for some in of if some for one in some})
        found = []
        for size in range(1, minimum):
            for people in itertools.combinations(everybody, size):
                rows = nothing[[number for some in _subsets(people) for number in of.get(some, ())]]
                if rows.size and (rows.shape[1] < len(rows) or np.linalg.svd(rows, compute_uv=False)[-1] < 1e-9):
                    found.append(people)
        return found

    @cached_property
    def program(self) -> Program:
        """The equations over unknowns that they do not tell apart."""
        rows = self.equations + [dict.fromkeys(choice, 1.0) for choice in self.choices]
        known = {unknown for equation in self.equations for unknown in equation}
        columns: dict[Unknown, list[tuple[int, float]]] = defaultdict(list)
        for number, row in enumerate(rows):
            if number < len(self.equations) or set(row) <= known:
                for unknown, factor in row.items():
                    columns[unknown].append((number, factor))
        chosen = {unknown for choice in self.choices for unknown in choice}
        merged: dict[Any, list[Unknown]] = defaultdict(list)
        for unknown, column in columns.items():
            is_score = unknown[1].startswith(PERSPECTIVES)
            merged[unknown if is_score else (unknown in chosen, unknown[1], tuple(column))].append(unknown)
        groups = list(merged.values())
        matrix = sparse.lil_array((len(rows), len(groups)))
        for place, (first, *_) in enumerate(groups):
            for number, factor in columns[first]:
                matrix[number, place] = factor
        return Program(matrix.tocsr(), len(self.equations), groups, self.answers, chosen)

    def certain(self, whole_numbers: bool = True) -> list[Unknown]:
        """The answers that are the same whatever people answered; of choices, those that were made."""
        return self.program.certain(whole_numbers) if self.equations else []

    def pinned(self, at_most: int = 1000) -> list[Equation]:
        """The counts of small hidden cells that are the same whatever people answered; of some, where there are many."""
        return self.program.pinned(self.small[:: -(-len(self.small) // at_most) or 1]) if self.equations else []

    def exposes_in_search(self, minimum: int) -> list[frozenset[str]]:
        """As `exposes`, for occasions of many people: not of all sets of few, see `Program.exposed`."""
        return self.program.exposed(minimum) if self.equations else []


@dataclass(frozen=True)
class Program:
    """Unknowns that are in the same equations as one, which counts how many of them are yes.

    matrix: equations × groups; those of choices come last.
    sums: how many equations are published sums.
    groups: the unknowns of each.
    answers: what they were.
    chosen: unknowns of which it is no harm if they are certainly no.
    """

    matrix: sparse.csr_array
    sums: int
    groups: list[list[Unknown]]
    answers: Mapping[Unknown, float]
    chosen: set[Unknown]

    @cached_property
    def sizes(self) -> Any:
        return np.array([len(group) for group in self.groups], dtype=float)

    @cached_property
    def truth(self) -> Any:
        return np.array([sum(self.answers[unknown] for unknown in group) for group in self.groups])

    @cached_property
    def is_whole(self) -> Any:
        is_score = np.array([group[0][1].startswith(PERSPECTIVES) for group in self.groups])
        return (~is_score & np.isin(self.truth % 1, (0,))).astype(int)

    def other(self, away: Any, integral: Any, within: Mapping[int, int] | None = None) -> Any:
        """Answers with the same sums for which a sum of them is as small as it can be; None where none was found.

        Args:
            away: of each group, and of each of `within`, what its count is multiplied with in that sum.
            integral: of each group, whether only whole people answer.
            within: group → how many of it are looked at by themselves.
        """
        within = within or {}
        some, parts = np.array(list(within), dtype=int), np.array(list(within.values()), dtype=float)
        right = self.matrix @ self.truth
        matrix = sparse.hstack([self.matrix, sparse.csr_array((self.matrix.shape[0], len(some)))])
        constraints = [optimize.LinearConstraint(matrix, right - 1e-9, right + 1e-9)]
        if len(some):
            # A part of a group has at most as many as the group, and lacks at most as many as the others are.
            mine = sparse.csr_array((np.ones(len(some)), (np.arange(len(some)), some)), (len(some), len(self.groups)))
            left = sparse.hstack([mine, -sparse.eye_array(len(some))])
            constraints.append(optimize.LinearConstraint(left, 0, self.sizes[some] - parts))
        found = optimize.milp(
            away,
            constraints=constraints,
            bounds=optimize.Bounds(0, np.append(self.sizes, parts)),
            integrality=np.append(integral, integral[some]),
            options={"time_limit": _SECONDS if integral.any() else 600},
        )
        assert found.x is not None or integral.any(), found.message
        return found.x

    def certain(self, whole_numbers: bool) -> list[Unknown]:
        """The answers that are the same in all ways that have the same sums, by linear, then by integer programming."""
        is_full = self.truth == self.sizes
        is_choice = np.array([group[0] in self.chosen for group in self.groups])
        for integral in (np.zeros(len(self.groups)), self.is_whole)[: 1 + whole_numbers]:
            # Whose answer has been another in some way is not certain.
            left = is_full | ((self.truth == 0) & ~is_choice)
            while left.any():
                other = self.other(np.where(is_full, 1.0, -1.0) * left, integral)
                moved = left & (np.abs((self.truth if other is None else other) - self.truth) > 1e-3)
                if not moved.any():
                    break
                left &= ~moved
            if left.any() and other is not None:
                return [unknown for number in np.flatnonzero(left) for unknown in self.groups[number]]
        return []

    def pinned(self, cells: Iterable[Equation]) -> list[Equation]:
        """Of some sums of yes and no, those that are the same in all ways that have the same sums.

        Whole numbers are looked for where other numbers leave room for one or two of them.
        """
        place = {unknown: number for number, group in enumerate(self.groups) for unknown in group}
        found = []
        for cell in cells:
            if not cell.keys() <= place.keys():
                continue
            within = Counter(place[unknown] for unknown in cell)
            counted = np.append(np.zeros(len(self.groups)), np.ones(len(within)))
            for integral in (np.zeros(len(self.groups)), self.is_whole):
                ends = [self.other(sign * counted, integral, within) for sign in (1, -1)]
                room = counted @ (ends[1] - ends[0]) if all(end is not None for end in ends) else 2
                if room < 1e-6:
                    found.append(cell)
                if not 1e-6 < room < 2:
                    break
        return found

    def exposed(self, minimum: int, vectors: int = 48) -> list[frozenset[str]]:
        """Sets of fewer than `minimum` people on whose answers alone a combination of the equations stands.

        Found are all that stand on one group or two of any multiples, and on three or four that are added or taken
        away; and all on people of one or two slices whatever they answered. Each group has a row of random vectors of
        the null space: a combination stands on some groups exactly if their rows are dependent.
        """
        dense = self.matrix[: self.sums].toarray()
        _, values, right = np.linalg.svd(dense)
        nothing = right[int((values > 1e-9 * values[0]).sum()) :].T
        nothing = nothing @ np.random.default_rng(0).standard_normal((nothing.shape[1], vectors)) / vectors
        people = [frozenset(person for person, _ in group) for group in self.groups]
        few = [number for number, some in enumerate(people) if len(some) < minimum]
        found: set[frozenset[str]] = set()

        def add(*numbers: int) -> None:
            some = frozenset().union(*(people[number] for number in numbers))
            if len(some) < minimum:
                found.add(some)

        lengths = np.linalg.norm(nothing[few], axis=1)
        for number, length in zip(few, lengths, strict=True):
            if length < 1e-8:
                add(number)
        few = [number for number, length in zip(few, lengths, strict=True) if length >= 1e-8]
        if not few:
            return sorted(found, key=sorted)
        rows = nothing[few]
        directions = rows / np.linalg.norm(rows, axis=1)[:, None]
        directions *= np.sign(directions[:, :1])
        for same in _alike(directions):
            for one, two in itertools.combinations(same, 2):
                add(few[one], few[two])
        first, second = np.triu_indices(len(few), 1)
        is_few = np.array(
            [len(people[few[a]] | people[few[b]]) < minimum for a, b in zip(first, second, strict=True)], dtype=bool
        )
        first, second = first[is_few], second[is_few]
        # Three: a pair beside a single one; four: two pairs.
        pairs = np.vstack([rows[first] + rows[second], rows[first] - rows[second]])
        both = [*zip(first, second, strict=True)] * 2 + [(one,) for one in range(len(few))]
        sums = np.vstack([pairs, rows])
        sums = sums * np.sign(sums[:, :1])
        for same in _alike(sums):
            for one, two in itertools.combinations(same, 2):
                if not set(both[one]) & set(both[two]):
                    add(*(few[number] for number in (*both[one], *both[two])))
        return sorted(found, key=sorted)


def _alike(rows: Any) -> Iterator[list[int]]:
    """Rows that are equal but for rounding."""
    by: dict[bytes, list[int]] = defaultdict(list)
    for number, row in enumerate(np.round(rows[:, :4], 6) + 0.0):
        by[row.tobytes()].append(number)
    for some in by.values():
        if len(some) > 1:
            yield [number for number in some if np.abs(rows[number] - rows[some[0]]).max() < 1e-7]


def _subsets(people: Sequence[str]) -> Iterator[frozenset[str]]:
    for size in range(1, len(people) + 1):
        yield from map(frozenset, itertools.combinations(people, size))


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
    equations, small = defaultdict(list), defaultdict(list)
    for mart, column in (("morale", "driver"), ("morale_item", "item_id"), ("enps", None)):
        for row in warehouse.rows(mart):
            survey, reason = row["survey_id"], row["suppression_reason"]

            def counts(item: str, group: Any = column and row[column], mart: str = mart) -> bool:
                driver, is_enps = items[item]
                return {"morale": group in ("all", driver), "morale_item": group == item, "enps": bool(is_enps)}[mart]

            cell = {
                (person, item): 1.0
                for person in members[survey, row["slice_dimension"], row["slice_value"]]
                for item in answers[survey][person]
                if counts(item)
            }
            # The rows that are shown; or would be if only small groups were hidden.
            if reason is None or (with_complementary and reason == "complementary"):
                equations[survey].append(cell)
            elif reason == "below_minimum" and cell:
                small[survey].append(cell)
    for survey, found in equations.items():
        told = {
            (person, item): float(is_favourable)
            for person, mine in answers[survey].items()
            for item, is_favourable in mine.items()
        }
        yield Occasion("survey", survey, found, told, [], small=small[survey])


def reviews(warehouse: Warehouse) -> Iterator[Occasion]:
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
    raters: dict[str, dict[Unknown, frozenset[str]]] = defaultdict(dict)
    for cycle, person, part, who in warehouse.query(
        "select cycle, reviewee_id, relationship || ' ' || competency, "
        "list(distinct coalesce(rater_id, 'unknown, of ' || reviewee_id)) from restricted.fct_review_rating "
        "where score_100 is not null group by all"
    ):
        raters[cycle][person, part] = frozenset(who)
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
    for row in warehouse.rows("rating_distribution"):
        if row["is_suppressed"]:
            continue
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
        yield Occasion("review", cycle, found, answers[cycle], choices[cycle], raters[cycle])


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
    by_total: the numbers that the total less what is shown leaves.
    by_headcount: the same for who knows how many could answer in each slice as well.
    anyway: the latter if all slices of the dimension were hidden.
    """

    survey: str
    cell: tuple[str, str]
    reason: str
    is_whole: bool
    by_total: tuple[float, float]
    by_headcount: tuple[float, float]
    anyway: tuple[float, float]


def numbers(warehouse: Warehouse, minimum: int) -> Iterator[Hidden]:
    """What the total less the shown slices of a dimension tells of the number of people who answered in a hidden one."""
    rows = defaultdict(list)
    totals = {}
    for row in warehouse.rows("morale"):
        if row["driver"] == "all" and row["slice_dimension"] == "company":
            totals[row["survey_id"]] = row["respondents"]
        elif row["driver"] == "all":
            rows[row["survey_id"], row["slice_dimension"]].append(row)
    could, answered = (
        {cell: people for *key, people in warehouse.query(sql) for cell in [tuple(key)]}
        for sql in (
            "select survey_id, slice_dimension, slice_value, could_answer from history.hist_survey_invited",
            "select survey_id, slice_dimension, slice_value, count(*) from history.hist_survey_slices group by all",
        )
    )
    for (survey, dimension), mine in rows.items():
        cells = [(survey, dimension, row["slice_value"]) for row in mine]
        is_hidden = [row["is_suppressed"] for row in mine]
        if totals[survey] is None:
            continue
        is_small = [answered.get(cell, 0) < minimum for cell in cells]
        most = [could.get(cell, float("inf")) for cell in cells]
        left = totals[survey] - sum(row["respondents"] for row in mine if not row["is_suppressed"])
        by_total = _bounds(is_hidden, is_small, [float("inf")] * len(mine), left, minimum)
        by_headcount = _bounds(is_hidden, is_small, most, left, minimum)
        anyway = _bounds([True] * len(mine), is_small, most, totals[survey], minimum)
        for number, row in enumerate(mine):
            if is_hidden[number]:
                told = by_total[number], by_headcount[number], anyway[number]
                yield Hidden(survey, cells[number][1:], row["suppression_reason"], all(is_hidden), *told)


def _bounds(
    is_hidden: Sequence[bool], is_small: Sequence[bool], most: Sequence[float], left: float, minimum: int
) -> dict[int, tuple[float, float]]:
    """Of each hidden slice, between which numbers so many people answered, if `left` did in all of them."""
    ends = {
        number: (0, min(most[number], minimum - 1)) if is_small[number] else (minimum, min(most[number], left))
        for number in range(len(most))
        if is_hidden[number]
    }
    all_low, all_high = (sum(end[one] for end in ends.values()) for one in (0, 1))
    return {
        number: (max(low, left - (all_high - high)), min(high, left - (all_low - low)))
        for number, (low, high) in ends.items()
    }
