"""Which slices of each survey and review cycle are hidden: small ones, and those that would give small ones away.

One decision is made for all marts together. Everything that a survey's marts show of a slice are sums of its people's
answers to items; a **part** is what has respondents of its own (an item, a driver, the eNPS item, a perspective on a
competency). A slice is shown in all parts or in none, so what can be worked out of one part cannot be sharpened with
another. Only parts that many leave out (a question for managers only) are decided by themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.protecting import Bools, Ints, Table, hidden_slices

# Kind of the occasion, its name, slice dimension and value, grain and name of the part ("" for all).
Hidden = tuple[str, str, str, str, str, str]
# Parts that fewer answer than this share of the occasion's people are decided by themselves: else they would hide what
# everybody answers.
_ANSWERED_BY_MOST = 0.8


@dataclass
class Part:
    """What has respondents of its own.

    grain, name: how the decision's table names it; "" for a decision that holds for all parts.
    answered: of each person of the occasion.
    dimensions: in which it is shown.
    within: of each person; the figures are over these of those who answered, whose own are shown beside them.
    parent: the part whose figures are this one's and its siblings' together.
    """

    grain: str
    name: str
    answered: Bools
    dimensions: Sequence[str]
    within: Bools | None = None
    parent: Part | None = field(default=None, repr=False)

    @property
    def counted(self) -> Bools:
        """Who the figures are over."""
        return self.answered if self.within is None else self.within

    @property
    def key(self) -> tuple[str, str]:
        return self.grain, self.name


@dataclass(frozen=True)
class Slices:
    """The slices of an occasion, the largest first, and who is in them."""

    dimension: list[str]
    value: list[str]
    table: Table

    def sizes(self, answered: Bools) -> Ints:
        """How many people of each slice answered."""
        cells = self.table.cell_of[answered]
        return np.bincount(cells[cells >= 0], minlength=len(self.value))

    def outside(self, dimensions: Sequence[str]) -> Bools:
        return ~np.isin(self.dimension, list(dimensions))


def hidden_slices_of(
    con: duckdb.DuckDBPyConnection,
    settings: duckdb.DuckDBPyRelation,
    survey_slices: duckdb.DuckDBPyRelation,
    survey_answers: duckdb.DuckDBPyRelation,
    survey_items: duckdb.DuckDBPyRelation,
    review_slices: duckdb.DuckDBPyRelation,
    review_scores: duckdb.DuckDBPyRelation,
    reviewees: duckdb.DuckDBPyRelation,
) -> pa.Table:
    """All decisions, a row for each slice that is hidden.

    Args:
        con: the connection that the relations belong to.
        settings: mart, slice_dimension, its place, minimum_group.
        survey_slices, ...: `hist_survey_slices`, `fct_survey_answer`, `stg_survey_items`, `hist_review_slices`,
            `agg_review_competency`, `fct_reviewee`.

    Returns:
        Texts: kind (survey, review), occasion (survey_id, cycle), slice_dimension, slice_value, grain and part of what
        is hidden there: both empty for everything.
    """
    dimensions: dict[str, list[str]] = {}
    told = settings.order("mart, place").fetchall()
    for mart, dimension, _, _ in told:
        dimensions.setdefault(mart, []).append(dimension)
    minimum = told[0][3]
    hidden = hidden_in_surveys(con, survey_slices, survey_answers, survey_items, dimensions, minimum)
    hidden += hidden_in_reviews(con, review_slices, review_scores, reviewees, dimensions, minimum)
    names = ("kind", "occasion", "slice_dimension", "slice_value", "grain", "part")
    columns = zip(*hidden, strict=True) if hidden else ((),) * len(names)
    return pa.table({name: pa.array(column, "string") for name, column in zip(names, columns, strict=True)})


def hidden_in_surveys(
    con: duckdb.DuckDBPyConnection,
    slices: duckdb.DuckDBPyRelation,
    answers: duckdb.DuckDBPyRelation,
    items: duckdb.DuckDBPyRelation,
    dimensions: Mapping[str, Sequence[str]],
    minimum: int,
) -> list[Hidden]:
    """The decisions on `morale`, `morale_item` and `enps`.

    Args:
        con: the connection that the relations belong to.
        slices: `hist_survey_slices`.
        answers: `fct_survey_answer`.
        items: `stg_survey_items`.
        dimensions: of each mart.
        minimum: respondents that a figure needs.
    """
    counted = con.sql(
        """
        select a.survey_id as occasion, a.respondent_id as person_id, a.item_id as part, i.driver, i.is_enps
        from answers as a inner join items as i on a.item_id = i.item_id where a.is_counted
        """
    )
    members = con.sql(
        "select survey_id as occasion, respondent_id as person_id, slice_dimension, slice_value from slices"
    )
    hidden: list[Hidden] = []
    for occasion in _occasions(con, members, counted, _all_of(dimensions, ("morale", "morale_item", "enps"))):
        somebody = np.logical_or.reduce(list(occasion.answered.values()))
        everything = Part("driver", "all", somebody, dimensions["morale"])
        parts = {("driver", "all"): everything}
        traits = con.sql(
            "select distinct part, driver, is_enps from counted where occasion = $1", params=[occasion.name]
        )
        of_enps = []
        for item, driver, is_enps in sorted(traits.fetchall(), key=lambda one: (one[2], one[0])):
            answered = occasion.answered[item]
            parent = everything
            if driver is not None:
                parent = parts.setdefault(
                    ("driver", driver),
                    Part("driver", driver, np.zeros_like(answered), dimensions["morale"], parent=everything),
                )
                parent.answered = parent.answered | answered
            parts["item", item] = Part("item", item, answered, dimensions["morale_item"], parent=parent)
            if is_enps:
                of_enps.append(answered)
        if of_enps:
            parts["enps", ""] = Part("enps", "", np.logical_or.reduce(of_enps), dimensions["enps"])
        hidden += _rows("survey", occasion, decide(occasion.slices, list(parts.values()), minimum))
    return hidden


def hidden_in_reviews(
    con: duckdb.DuckDBPyConnection,
    slices: duckdb.DuckDBPyRelation,
    scores: duckdb.DuckDBPyRelation,
    reviewees: duckdb.DuckDBPyRelation,
    dimensions: Mapping[str, Sequence[str]],
    minimum: int,
) -> list[Hidden]:
    """The decisions on `rating_distribution` and `rating_gap`.

    Args:
        con: the connection that the relations belong to.
        slices: `hist_review_slices`.
        scores: `agg_review_competency`.
        reviewees: `fct_reviewee`.
        dimensions: of each mart.
        minimum: reviewees that a figure needs.
    """
    counted = con.sql(
        """
        with scored as (
            select cycle as occasion, reviewee_id as person_id, competency, relationship from scores
            where score is not null and relationship in ('self', 'manager', 'peer', 'report')
        )
        select occasion, person_id, relationship || ':' || competency as part from scored
        union all
        select distinct occasion, person_id, relationship || ':all' from scored
        union all
        select cycle, reviewee_id, 'rating:' from reviewees where rating_band is not null and left_out_because is null
        """
    )
    members = con.sql("select cycle as occasion, reviewee_id as person_id, slice_dimension, slice_value from slices")
    hidden: list[Hidden] = []
    gap = dimensions["rating_gap"]
    for occasion in _occasions(con, members, counted, _all_of(dimensions, ("rating_distribution", "rating_gap"))):
        parts: dict[tuple[str, str], Part] = {}
        for key, answered in sorted(occasion.answered.items(), key=lambda one: (not one[0].endswith(":all"), one[0])):
            perspective, _, competency = key.partition(":")
            if perspective == "rating":
                parts[perspective, ""] = Part(perspective, "", answered, dimensions["rating_distribution"])
            else:
                parent = parts.get((perspective, "all"))
                parts[perspective, competency] = Part(perspective, competency, answered, gap, parent=parent)
        # A gap is over those with both: what is shown of all who have one must not give the others away.
        gaps = [
            Part(f"{perspective}_manager_gap", competency, one.answered, gap, within=part.answered & manager.answered)
            for (perspective, competency), part in parts.items()
            if perspective in ("self", "peer") and (manager := parts.get(("manager", competency)))
            for one in (part, manager)
        ]
        hidden += _rows("review", occasion, decide(occasion.slices, [*parts.values(), *gaps], minimum))
    return hidden


@dataclass(frozen=True)
class Occasion:
    """A survey or a review cycle: its slices, and who answered which part."""

    name: str
    slices: Slices
    answered: dict[str, Bools]


def _all_of(dimensions: Mapping[str, Sequence[str]], marts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(itertools.chain.from_iterable(dimensions[mart] for mart in marts)))


def _occasions(
    con: duckdb.DuckDBPyConnection,
    members: duckdb.DuckDBPyRelation,
    counted: duckdb.DuckDBPyRelation,
    order: Sequence[str],
) -> Iterator[Occasion]:
    """Each occasion with its people, slices and parts numbered from 0."""
    # `sql`, as dbt's connection has an `execute` of its own, which does not see relations.
    con.sql(
        """
        create or replace temp table counted_people as
        select occasion, person_id, row_number() over (partition by occasion order by person_id) - 1 as person
        from (select distinct occasion, person_id from counted)
        """
    )
    dimensions = pa.table({"slice_dimension": order, "dimension": range(len(order))})
    con.register("dimension_order", dimensions)
    con.sql(
        """
        create or replace temp table counted_members as
        select p.occasion, p.person, d.dimension, m.slice_dimension, m.slice_value
        from members as m
        inner join counted_people as p on m.occasion = p.occasion and m.person_id = p.person_id
        inner join dimension_order as d on m.slice_dimension = d.slice_dimension
        """
    )
    con.sql(
        """
        create or replace temp table counted_slices as
        select
            *, row_number() over (partition by occasion order by people desc, dimension, slice_value) - 1 as slice
        from (
            select occasion, dimension, slice_dimension, slice_value, count(*) as people
            from counted_members group by all
        )
        """
    )
    for (name,) in con.sql("select distinct occasion from counted_people order by occasion").fetchall():
        told = con.sql("select * from counted_slices where occasion = $1 order by slice", params=[name]).fetchnumpy()
        held = con.sql(
            """
            select m.person, s.slice from counted_members as m
            inner join counted_slices as s
                on m.occasion = s.occasion and m.dimension = s.dimension and m.slice_value = s.slice_value
            where m.occasion = $1 order by m.person, s.slice
            """,
            params=[name],
        ).fetchnumpy()
        people = con.sql("select count(*) from counted_people where occasion = $1", params=[name]).fetchone()
        count = int(people[0]) if people else 0
        answered: dict[str, Bools] = {}
        pairs = con.sql(
            """
            select p.person, c.part from counted as c
            inner join counted_people as p on c.occasion = p.occasion and c.person_id = p.person_id
            where c.occasion = $1
            """,
            params=[name],
        ).to_arrow_table()
        parts = pairs["part"].combine_chunks().dictionary_encode()
        code, person = parts.indices.to_numpy(), pairs["person"].to_numpy()
        for number, part in enumerate(parts.dictionary.to_pylist()):
            answered[part] = np.zeros(count, dtype=bool)
            answered[part][person[code == number]] = True
        table = _table(
            count,
            np.asarray(held["person"], dtype=np.int64),
            np.asarray(held["slice"], dtype=np.int64),
            np.asarray(told["dimension"], dtype=np.int64),
            len(order),
        )
        yield Occasion(name, Slices(list(told["slice_dimension"]), list(told["slice_value"]), table), answered)


def _table(people: int, person: Ints, cell: Ints, dimension: Ints, dimensions: int) -> Table:
    """Who is in which slice; someone's second slice of a dimension (departments within others) has a column of its own.

    Args:
        people: how many there are.
        person, cell: of each membership, ordered.
        dimension: of each slice.
        dimensions: how many there are.
    """
    key = person * dimensions + dimension[cell]
    by = np.argsort(key, kind="stable")
    person, cell, key = person[by], cell[by], key[by]
    first = np.flatnonzero(np.append(True, key[1:] != key[:-1])) if len(key) else np.zeros(0, dtype=np.int64)
    layer = np.arange(len(key)) - np.repeat(first, np.diff(np.append(first, len(key))))
    cell_of = np.full((people, dimensions * (int(layer.max(initial=0)) + 1)), -1)
    cell_of[person, dimension[cell] + layer * dimensions] = cell
    in_common = np.isin(dimension, dimension[cell[layer > 0]])
    return Table(cell_of, np.where(in_common, -1, dimension), np.arange(len(dimension)))


def _rows(kind: str, occasion: Occasion, decided: Mapping[tuple[str, str], Bools]) -> list[Hidden]:
    slices = occasion.slices
    everywhere = decided.get(("", ""), np.zeros(len(slices.value), dtype=bool))
    return [
        (kind, occasion.name, slices.dimension[one], slices.value[one], grain, part)
        for (grain, part), hidden in decided.items()
        for one in np.flatnonzero(hidden if not grain else hidden & ~everywhere)
    ]


def decide(slices: Slices, parts: Sequence[Part], minimum: int) -> dict[tuple[str, str], Bools]:
    """Which slices are hidden: under ("", "") in all parts, under a part's grain and name in it alone."""
    if not parts or minimum < 2:
        return {}
    somebody = np.logical_or.reduce([part.answered for part in parts])
    everywhere = slices.sizes(somebody) < minimum
    usual = {id(part) for part in parts if part.counted.sum() >= _ANSWERED_BY_MOST * somebody.sum()}
    for part in parts:
        if id(part) in usual:
            everywhere = _hide(slices, part, minimum, everywhere)
    decided = {("", ""): everywhere}
    rare = [part for part in parts if id(part) not in usual]
    for part in rare:
        hidden = decided.get(part.key, everywhere) | (slices.sizes(part.counted) < minimum)
        decided[part.key] = _hide(slices, part, minimum, hidden, everywhere)
    _mask(decided, parts, rare)
    return decided


def _hide(slices: Slices, part: Part, minimum: int, hidden: Bools, shown_but: Bools | None = None) -> Bools:
    """Hides further slices of a part; `shown_but`: those of all who answered are shown, but for these."""
    outside = slices.outside(part.dimensions)
    table = slices.table
    if part.within is not None:
        count = len(table.dimension)
        inner = np.where((table.cell_of >= 0) & part.within[:, None], table.cell_of + count, -1)
        outer, outer_slice = table.cell_of, table.slice_of
        if shown_but is not None:
            outer = np.where((outer >= 0) & ~(shown_but | outside)[outer], outer, -1)
            outer_slice = np.full(count, -1)
        table = Table(
            np.hstack([outer, inner]),
            np.append(table.dimension, np.where(table.dimension < 0, -1, table.dimension + table.cell_of.shape[1])),
            np.append(outer_slice, table.slice_of),
        )
    found = hidden_slices(table, part.answered.astype(np.float64), minimum, hidden | outside)
    return hidden | (found & ~outside)


def _mask(decided: dict[tuple[str, str], Bools], parts: Sequence[Part], rare: Sequence[Part]) -> None:
    """Hides a second part wherever one is hidden by itself: else it were its parent less its siblings."""
    hidden_by_parent: dict[int, tuple[Part, Bools]] = {}
    for level in _levels(parts):
        for part in level:
            key = part.key
            if part.parent is None or key not in decided:
                continue
            _, so_far = hidden_by_parent.get(id(part.parent), (part.parent, decided["", ""]))
            hidden_by_parent[id(part.parent)] = (part.parent, so_far | decided[key])
        for parent, hidden in list(hidden_by_parent.values()):
            children = [part for part in level if part.parent is parent]
            if not children:
                continue
            alone = [part for part in children if part.key in decided]
            others = [part for part in children if part.key not in decided]
            for part in [*alone, *others[:1]]:
                _hide_below(decided, parts, part, hidden)
            if not others:
                decided[parent.key] = decided.get(parent.key, hidden) | hidden


def _hide_below(decided: dict[tuple[str, str], Bools], parts: Sequence[Part], part: Part, hidden: Bools) -> None:
    """A part, and what it could be worked out of: one of its own parts at least."""
    key = part.key
    decided[key] = decided.get(key, hidden) | hidden
    below = [one for one in parts if one.parent is part]
    if below and not any(one.key in decided for one in below):
        _hide_below(decided, parts, below[0], hidden)


def _levels(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts from the leaves up: each before its parent."""

    def depth(part: Part) -> int:
        return 0 if part.parent is None else depth(part.parent) + 1

    deepest = max(map(depth, parts))
    return [[part for part in parts if depth(part) == at] for at in range(deepest, 0, -1)]
