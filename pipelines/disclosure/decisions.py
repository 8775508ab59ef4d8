"""All decisions of a run, as the model `disclosure_decisions` holds them: the way in from dbt.

Occasion by occasion: what people contributed is loaded, compared with what readers have had, decided, and recorded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from scipy import sparse

from pipelines.database import literal
from pipelines.disclosure import contributions as loading
from pipelines.disclosure import ledger, states
from pipelines.disclosure.accept import Raters
from pipelines.disclosure.contributions import KINDS, Loaded, Rules
from pipelines.disclosure.occasion import BELOW_MINIMUM, COMPLEMENTARY, HELD, NEW, Decider, Figure, Occasion, Use
from pipelines.disclosure.search import Bools
from pipelines.disclosure.states import Digests, State

_SHOWN = (NEW, HELD)
_SUPPRESSED = (BELOW_MINIMUM, COMPLEMENTARY)


@dataclass
class Outcome:
    """What was decided on one occasion.

    Attributes:
        cells: figure, dimension, value, state.
        waiting: people whose changes wait until enough have come together.
        spent: columns that the search looked at.
        suppressed_for_budget: cells that were suppressed as the budget was spent.
        state: what is to be recorded; None where nothing has changed.
    """

    kind: str
    occasion: str
    wave: str
    cells: list[tuple[str, str, str, str]]
    waiting: int = 0
    spent: int = 0
    suppressed_for_budget: int = 0
    state: State | None = None


@dataclass
class _Run:
    con: duckdb.DuckDBPyConnection
    rules: Rules
    key: bytes
    relations: Mapping[str, duckdb.DuckDBPyRelation]
    known: Sequence[State]
    outcomes: list[Outcome] = field(default_factory=list)

    def of_kind(self, kind: str) -> Iterator[Outcome]:
        """Decides on all occasions of a kind."""
        occasions = loading.by_occasion(self.con, kind, self.relations["contributions"])
        known = [state for state in self.known if state.kind == kind]
        last = {state.wave: state for state in known}
        waves: dict[str, str] = {}
        days: dict[str, int] = {}
        if kind in ("answers", "ratings"):
            # Waves are recognised by what they hold, so all are looked at before one is decided on.
            days = self._days(kind)
            now, parts = {}, {}
            for name in occasions if last else ():
                loaded = self._load(kind, name, occasions[name])
                now[name], parts[name] = (states.digests(loaded, self.key), days.get(name, 0)), loaded.parts
            waves = states.same_waves(now, list(last.values()), parts)
        else:
            waves = {name: next((s.wave for s in last.values() if s.occasion == name), "") for name in occasions}
        for name, rows in occasions.items():
            loaded = self._load(kind, name, rows)
            wave = waves.get(name, "")
            mine = [state for state in known if state.wave == wave] if wave else []
            yield self._decide(loaded, mine, wave or self._new_wave(kind, name, last), days.get(name, 0))

    def _new_wave(self, kind: str, name: str, taken: Mapping[str, State]) -> str:
        number, wave = 0, f"{kind}:{name}"
        while wave in taken:
            number, wave = number + 1, f"{kind}:{name}:{number + 1}"
        return wave

    def _days(self, kind: str) -> dict[str, int]:
        relation = self.relations["survey_answers" if kind == "answers" else "review_ratings"]  # noqa: F841 - DuckDB finds relations by their names
        name, day = ("survey_id", "responded_at") if kind == "answers" else ("cycle", "submitted_at")
        rows = self.con.sql(
            f"select {name}, date_diff('day', date '1970-01-01', cast(median(cast({day} as timestamp)) as date)) "
            f"from relation where {day} is not null group by {name}"
        ).fetchall()
        return {occasion: int(number) for occasion, number in rows}

    def _load(self, kind: str, name: str, rows: pa.Table) -> Loaded:
        employees = None
        if kind == "answers":
            respondents = self.relations["survey_respondents"]  # noqa: F841 - as above
            pairs = self.con.sql(
                "select respondent_id, employee_id from respondents "
                f"where survey_id = {literal(name)} and is_person and left_out_because is null"
            ).fetchall()
            employees = dict(pairs)
        memberships = self.relations["memberships"]
        return loading.load(self.con, kind, name, rows, memberships, self.rules.order, employees)

    def _figures(self, loaded: Loaded) -> list[Figure]:
        if loaded.kind != "answers":
            return loading.FIGURES[loaded.kind](loaded, self.rules)
        items = self.relations["survey_items"]  # noqa: F841 - as above
        item_rows = self.con.sql("select item_id, driver, is_enps from items").fetchall()
        drivers = {item: driver for item, driver, _ in item_rows}
        enps = [item for item, _, is_enps in item_rows if is_enps]
        return loading.figures_of_answers(loaded, self.rules, drivers, enps)

    def _decide(self, loaded: Loaded, known: Sequence[State], wave: str, day: int) -> Outcome:
        now = states.digests(loaded, self.key)
        k = self.rules.k_of(loaded.name)
        figures = self._figures(loaded)
        settings = settings_digest(figures, k, self.rules.raters)
        last = known[-1] if known else None
        if last and last.gone and last.settings == settings:
            # The slices of erased people are not known any more, so the published figures stay.
            cells = [(*cell[:3], HELD if cell[3] in _SHOWN else cell[3]) for cell in last.cells]
            had = {cell[:3] for cell in cells}
            # Cells that are new since then, such as a further month, cannot be decided on and are suppressed.
            cells += [
                (figure.name, dimension, value, COMPLEMENTARY)
                for figure in figures
                for dimension, value in loaded.slices
                if dimension in figure.dimensions and (figure.name, dimension, value) not in had
            ]
            return Outcome(loaded.kind, loaded.name, wave, cells, waiting=last.gone)
        matched = states.match(loaded, now, known)
        if last and last.digest == now.whole and last.settings == settings:
            waiting = self._waiting(loaded, now, known, matched, figures, last.cells)
            return Outcome(loaded.kind, loaded.name, wave, last.cells, waiting)
        occasion = loading.occasion_of(loaded, figures, matched.people)
        occasion.fixed, occasion.touched, occasion.masked_before = matched.fixed, matched.touched, matched.masked
        if loaded.kind == "ratings" and self.rules.raters > 1:
            raters = loading.raters_of(self.con, loaded, self.relations["review_ratings"], self.rules.raters)
            occasion.raters = {part: _wide(one, matched.people) for part, one in raters}
        decider = Decider(occasion, k, self.rules.order, self.rules.budget, self.rules.suppresses_unanimity)
        decided = decider.decide(figures)
        cells = _cells(figures, occasion, decided, last, last is not None and last.settings == settings)
        waiting = self._waiting(loaded, now, known, matched, figures, cells)
        state = _state(loaded, now, figures, decided, decider.masked, cells, wave, settings, day)
        return Outcome(
            loaded.kind, loaded.name, wave, cells, waiting, decider.spent, decider.suppressed_for_budget, state
        )

    @staticmethod
    def _waiting(
        loaded: Loaded,
        now: Digests,
        known: Sequence[State],
        matched: states.Matched,
        figures: Sequence[Figure],
        cells: Sequence[tuple[str, str, str, str]],
    ) -> int:
        parts = {figure.name: sorted({part for part, _ in figure.uses}) for figure in figures}
        held = {(one[0], one[1], one[2]): parts[one[0]] for one in cells if one[3] == HELD and one[0] in parts}
        return states.waiting(loaded, now, known, matched.places, held) if held else 0


def settings_digest(figures: Sequence[Figure], k: int, raters: int) -> str:
    """Digest of the settings that reopen a settled occasion when they change: the minimum groups and the slices."""
    dimensions = sorted({(figure.name.partition(":")[0], figure.dimensions) for figure in figures})
    return hashlib.blake2b(repr([k, raters, dimensions]).encode(), digest_size=8).hexdigest()


def _wide(raters: Raters, people: int) -> Raters:
    """The same with room for people who are known from earlier states only."""
    of = raters.of
    indptr = np.pad(of.indptr, (0, people + 1 - len(of.indptr)), mode="edge")
    return Raters(sparse.csr_array((of.data, of.indices, indptr), (people, of.shape[1])), raters.minimum)


def _cells(
    figures: Sequence[Figure],
    occasion: Occasion,
    decided: Mapping[str, Sequence[str]],
    last: State | None,
    is_under_same_rules: bool,
) -> list[tuple[str, str, str, str]]:
    """Of each cell its state. What cannot be shown as it is now is shown as readers have it, if they have it.

    A cell that is suppressed still keeps its reason, since a new reason would tell how many people there are now.
    """
    had = {cell[:3]: cell[3] for cell in last.cells} if last else {}
    cells = []
    for figure in figures:
        for number, state in enumerate(decided[figure.name]):
            if not state:
                continue
            cell = (figure.name, occasion.slice_dimension[number], occasion.slice_value[number])
            before = had.get(cell)
            if before in _SHOWN and (state == COMPLEMENTARY or (state == BELOW_MINIMUM and is_under_same_rules)):
                state = HELD
            elif state in _SUPPRESSED and before in _SUPPRESSED:
                state = before
            cells.append((*cell, state))
    return cells


def _state(
    loaded: Loaded,
    now: Digests,
    figures: Sequence[Figure],
    decided: Mapping[str, Sequence[str]],
    masked: Mapping[Use, Bools],
    cells: list[tuple[str, str, str, str]],
    wave: str,
    settings: str,
    day: int,
) -> State:
    rows = {
        (loaded.parts.index(part), states.MASKED if _is_masked(masked, part, name, slice_) else name, slice_)
        for figure in figures
        for slice_, state in enumerate(decided[figure.name])
        if state == NEW
        for part, name in figure.uses
    }
    # Of exits the month is needed for the windows; why somebody left is in the digest only.
    months = loaded.content // 100 * 100 if loaded.kind == "exits" else np.zeros_like(loaded.content)
    further = np.zeros_like(loaded.content) if loaded.times is None else loaded.times - 1
    presence = np.where(loaded.content >= 0, months + further, -1)
    return State(
        loaded.kind, loaded.name, wave, settings, now.whole, day, 0, now.people, loaded.parts, now.content, presence,
        now.measures, now.measured, loaded.slices, loaded.members, sorted(rows), cells,
    )  # fmt: skip


def _is_masked(masked: Mapping[Use, Bools], part: str, name: str, slice_: int) -> bool:
    return (part, name) in masked and bool(masked[part, name][slice_])


def decisions(
    con: duckdb.DuckDBPyConnection, settings: duckdb.DuckDBPyRelation, **relations: duckdb.DuckDBPyRelation
) -> pa.Table:
    """Decides on everything that is protected.

    Args:
        con: the connection that the relations belong to.
        settings: one row with one column, JSON: minimum_group, minimum_groups, minimum_perspective, unanimity,
            dimensions, budget.
        relations: `contributions`, `memberships`, `survey_answers`, `survey_respondents`, `survey_items`,
            `review_ratings`, and what the ledger holds: `ledger_key`, `ledger_states`, `ledger_people`,
            `ledger_slices`, `ledger_rows`, `ledger_cells`.

    Returns:
        Rows as `ledger.SCHEMA` describes them: the cells with their states, and what is to be recorded.
    """
    options: dict[str, Any] = json.loads(settings.fetchall()[0][0])
    rules = Rules(
        options["minimum_group"],
        options["minimum_groups"],
        options["minimum_perspective"],
        options["unanimity"] == "hide",
        options["dimensions"],
        options["budget"],
        relations["observation"].fetchall()[0][1],
    )
    key = bytes.fromhex(relations["ledger_key"].fetchall()[0][0])
    known = ledger.read(con, relations)
    run = _Run(con, rules, key, relations, known)
    outcomes = [outcome for kind in KINDS for outcome in run.of_kind(kind)]
    return ledger.table_of(outcomes)
