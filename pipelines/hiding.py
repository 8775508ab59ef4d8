"""Which slices of each survey and review cycle are hidden: small ones, and those that would give small ones away.

One decision is made for all marts together. Everything that a survey's marts show of a slice are sums of its people's
answers to items; a **part** is what has respondents of its own (an item, a driver, the eNPS item, a perspective on a
competency). A slice is shown in all parts or in none, so what can be worked out of one part cannot be sharpened with
another. Only parts that many leave out (a question for managers only) are decided by themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.protecting import Bools, Floats, Ints, Table, hidden_slices

# In groups of fewer than so many times k, it is likely that most answer as they did before.
_ANSWER_AS_BEFORE = 4
# Of a slice, where it is small and they are known.
People = frozenset[str] | None
# Kind of the occasion, its name, slice dimension and value, grain and name of the part ("" for all).
Hidden = tuple[str, str, str, str, str, str]
# Parts that fewer answer than this share of the occasion's people are decided by themselves: else they would hide what
# everybody answers.
_ANSWERED_BY_MOST = 0.8


Key = tuple[str, str]
EVERYTHING: Key = ("", "")


@dataclass(frozen=True)
class Use:
    """A figure in which people's answers to one question are summed up.

    key: grain and name of what shows it; how the decisions' table names it.
    factor: of each person, what the answer is multiplied with; 0 for who has none there.
    dimensions: in which it is shown.
    """

    key: Key
    factor: Floats
    dimensions: Sequence[str]


# All uses of the answers to one question: they are known together.
Question = Sequence[Use]


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
    surveys: duckdb.DuckDBPyRelation,
    review_slices: duckdb.DuckDBPyRelation,
    review_scores: duckdb.DuckDBPyRelation,
    reviewees: duckdb.DuckDBPyRelation,
) -> pa.Table:
    """All decisions, a row for each slice that is hidden.

    Args:
        con: the connection that the relations belong to.
        settings: mart, slice_dimension, its place, minimum_group.
        survey_slices, ...: `hist_survey_slices`, `fct_survey_answer`, `stg_survey_items`, `fct_survey`,
            `hist_review_slices`, `agg_review_competency`, `fct_reviewee`.

    Returns:
        Texts: kind (survey, review), occasion (survey_id, cycle), slice_dimension, slice_value, grain and part of what
        is hidden there: both empty for everything.
    """
    dimensions: dict[str, list[str]] = {}
    told = settings.order("mart, place").fetchall()
    for mart, dimension, _, _ in told:
        dimensions.setdefault(mart, []).append(dimension)
    minimum = told[0][3]
    hidden = hidden_in_surveys(con, survey_slices, survey_answers, survey_items, surveys, dimensions, minimum)
    hidden += hidden_in_reviews(con, review_slices, review_scores, reviewees, dimensions, minimum)
    names = ("kind", "occasion", "slice_dimension", "slice_value", "grain", "part")
    columns = zip(*hidden, strict=True) if hidden else ((),) * len(names)
    return pa.table({name: pa.array(column, "string") for name, column in zip(names, columns, strict=True)})


def hidden_in_surveys(
    con: duckdb.DuckDBPyConnection,
    slices: duckdb.DuckDBPyRelation,
    answers: duckdb.DuckDBPyRelation,
    items: duckdb.DuckDBPyRelation,
    surveys: duckdb.DuckDBPyRelation,
    dimensions: Mapping[str, Sequence[str]],
    minimum: int,
) -> list[Hidden]:
    """The decisions on `morale`, `morale_item` and `enps`.

    Args:
        con: the connection that the relations belong to.
        slices: `hist_survey_slices`.
        answers: `fct_survey_answer`.
        items: `stg_survey_items`.
        surveys: `fct_survey`.
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
    order = con.sql("select survey_id from surveys order by launched_on, survey_id").fetchall()
    mine = _all_of(dimensions, ("morale", "morale_item", "enps"))
    hidden: list[Hidden] = []
    earlier = Earlier(minimum)
    for occasion in _occasions(con, members, counted, mine, [survey for (survey,) in order]):
        told = con.sql(
            "select respondent_id, min(employee_id) from answers where survey_id = $1 group by all",
            params=[occasion.name],
        )
        employees = dict(told.fetchall())
        groups = earlier.groups(occasion, employees)
        traits = con.sql(
            "select distinct part, driver, is_enps from counted where occasion = $1 order by is_enps, part",
            params=[occasion.name],
        ).fetchall()
        parents: dict[Key, Key] = {}
        answered: dict[Key, Bools] = {}
        for item, driver, is_enps in traits:
            item_key, all_key = ("item", item), ("driver", "all")
            parents[item_key] = ("driver", driver) if driver else all_key
            if driver:
                parents["driver", driver] = all_key
            for key in dict.fromkeys([item_key, parents[item_key], all_key, *([("enps", "")] if is_enps else [])]):
                answered[key] = answered.get(key, False) | occasion.answered[item]
        marts = {"driver": "morale", "item": "morale_item", "enps": "enps"}
        questions = [[Use(key, who * 1.0, dimensions[marts[key[0]]])] for key, who in answered.items()]
        of_enps = [("item", item) for item, _, is_enps in traits if is_enps]
        told_before = earlier.hidden(occasion, groups, employees)
        decided = decide(occasion.slices, questions, minimum, parents, told_before, of_enps)
        earlier.remember(groups, decided)
        # The eNPS item stands in two marts.
        for key in (key for key in of_enps if key in decided):
            decided["enps", ""] = decided.get(("enps", ""), decided[key]) | decided[key]
        hidden += _rows("survey", occasion, decided)
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
        select cycle, reviewee_id, 'rating:' from reviewees where rating_band is not null and left_out_because is null
        """
    )
    members = con.sql("select cycle as occasion, reviewee_id as person_id, slice_dimension, slice_value from slices")
    hidden: list[Hidden] = []
    gap = dimensions["rating_gap"]
    mine = _all_of(dimensions, ("rating_distribution", "rating_gap"))
    cycles = con.sql("select distinct occasion from counted order by occasion").fetchall()
    for occasion in _occasions(con, members, counted, mine, [cycle for (cycle,) in cycles]):
        questions = [
            [Use(("rating", ""), answered * 1.0, dimensions["rating_distribution"])]
            for key, answered in occasion.answered.items()
            if key == "rating:"
        ]
        # What all who have a rating come to must not give those away who count otherwise elsewhere: among all
        # competencies, each is divided by how many someone has; a gap is over those with both ratings.
        for key, answered in occasion.answered.items():
            perspective, _, competency = key.partition(":")
            if perspective == "rating":
                continue
            own = answered * 1.0
            over_all = own / np.maximum(_competencies(occasion, perspective), 1)
            uses = [Use((perspective, competency), own, gap), Use((perspective, "all"), over_all, gap)]
            for one in ("self", "peer"):
                if perspective in (one, "manager"):
                    other = "manager" if perspective == one else one
                    both = occasion.answered.get(f"{other}:{competency}", np.zeros_like(answered))
                    uses.append(Use((f"{one}_manager_gap", competency), own * both, gap))
                    uses.append(
                        Use((f"{one}_manager_gap", "all"), over_all * (_competencies(occasion, other) > 0), gap)
                    )
            questions.append(uses)
        hidden += _rows("review", occasion, decide(occasion.slices, questions, minimum))
    return hidden


def _competencies(occasion: Occasion, perspective: str) -> Ints:
    """On how many competencies each person has a rating of a perspective."""
    found = np.zeros(len(occasion.slices.table.cell_of), dtype=np.int64)
    for key, who in occasion.answered.items():
        if key.startswith(f"{perspective}:"):
            found += who
    return found


@dataclass(frozen=True)
class Occasion:
    """A survey or a review cycle: its slices, and who answered which part."""

    name: str
    slices: Slices
    answered: dict[str, Bools]
    people: list[str]


class Earlier:
    """Small groups of earlier surveys that were shown, by the people in them.

    A group of five that becomes one of six gives the sixth away, if the five answer as before.
    """

    def __init__(self, minimum: int) -> None:
        self.minimum = minimum
        self.shown: dict[tuple[str, str], list[frozenset[str]]] = {}

    def groups(self, occasion: Occasion, employees: Mapping[str, str | None]) -> list[tuple[tuple[str, str], People]]:
        """The slices of a survey with their people; without these where there are many, or they are not known."""
        slices = occasion.slices
        known = [employees.get(respondent) for respondent in occasion.people]
        sizes = slices.sizes(np.ones(len(known), dtype=bool))
        found: list[tuple[tuple[str, str], People]] = []
        is_small = sizes < self.minimum * _ANSWER_AS_BEFORE
        person, column = np.nonzero((slices.table.cell_of >= 0) & is_small[slices.table.cell_of])
        cell = slices.table.cell_of[person, column]
        by = np.argsort(cell, kind="stable")
        bounds = np.searchsorted(cell[by], np.arange(len(sizes) + 1))
        for number, key in enumerate(zip(slices.dimension, slices.value, strict=True)):
            members = [known[one] for one in person[by[bounds[number] : bounds[number + 1]]]]
            people = frozenset(member for member in members if member is not None)
            found.append((key, people if members and len(people) == len(members) else None))
        return found

    def hidden(
        self, occasion: Occasion, groups: Sequence[tuple[tuple[str, str], People]], employees: Mapping[str, str | None]
    ) -> Bools:
        """Which slices are hidden, as what an earlier survey shows of nearly the same people is known beside them."""
        slices = occasion.slices
        everybody = np.ones(len(occasion.people), dtype=bool)
        small = slices.sizes(everybody) < self.minimum
        known = [
            before
            for key, people in groups
            for before in self.shown.get(key, ())
            if people and (before < people or people < before) and len(before ^ people) < self.minimum
        ]
        if not known:
            return small
        # Who has gone since has no cell in this survey.
        names = [employees.get(respondent) or respondent for respondent in occasion.people]
        gone = sorted(set().union(*known) - set(names))
        place = {name: number for number, name in enumerate([*names, *gone])}
        count, width = len(known), slices.table.cell_of.shape[1]
        cell_of = np.full((len(place), width + count), -1)
        cell_of[: len(names), :width] = np.where(slices.table.cell_of >= 0, slices.table.cell_of + count, -1)
        for number, people in enumerate(known):
            cell_of[[place[name] for name in people], width + number] = number
        table = Table(
            cell_of,
            np.append(np.full(count, -1), slices.table.dimension),
            np.append(np.full(count, -1), slices.table.slice_of),
        )
        return hidden_slices(table, np.ones(len(place)), self.minimum, small)

    def remember(self, groups: Sequence[tuple[tuple[str, str], People]], decided: Mapping[Key, Bools]) -> None:
        """Keeps what a survey shows."""
        hidden = decided.get(EVERYTHING, np.zeros(len(groups), dtype=bool))
        for number, (key, people) in enumerate(groups):
            if people is not None and not hidden[number]:
                self.shown.setdefault(key, []).append(people)


def _all_of(dimensions: Mapping[str, Sequence[str]], marts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(itertools.chain.from_iterable(dimensions[mart] for mart in marts)))


def _occasions(
    con: duckdb.DuckDBPyConnection,
    members: duckdb.DuckDBPyRelation,
    counted: duckdb.DuckDBPyRelation,
    order: Sequence[str],
    names: Sequence[str],
) -> Iterator[Occasion]:
    """Each occasion with its people, slices and parts numbered from 0; `order`: of the dimensions."""
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
    for name in names:
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
        people = con.sql("select person_id from counted_people where occasion = $1 order by person", params=[name])
        ids = [person_id for (person_id,) in people.fetchall()]
        count = len(ids)
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
        for part, number in sorted((part, number) for number, part in enumerate(parts.dictionary.to_pylist())):
            answered[part] = np.zeros(count, dtype=bool)
            answered[part][person[code == number]] = True
        table = _table(
            count,
            np.asarray(held["person"], dtype=np.int64),
            np.asarray(held["slice"], dtype=np.int64),
            np.asarray(told["dimension"], dtype=np.int64),
            len(order),
        )
        yield Occasion(name, Slices(list(told["slice_dimension"]), list(told["slice_value"]), table), answered, ids)


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


def _rows(kind: str, occasion: Occasion, decided: Mapping[Key, Bools]) -> list[Hidden]:
    slices = occasion.slices
    everywhere = decided.get(EVERYTHING, np.zeros(len(slices.value), dtype=bool))
    return [
        (kind, occasion.name, slices.dimension[one], slices.value[one], grain, part)
        for (grain, part), hidden in decided.items()
        for one in np.flatnonzero(hidden if not grain else hidden & ~everywhere)
    ]


def decide(
    slices: Slices,
    questions: Sequence[Question],
    minimum: int,
    parents: Mapping[Key, Key] | None = None,
    anyway: Bools | None = None,
    never_masks: Collection[Key] = (),
) -> dict[Key, Bools]:
    """Which slices are hidden: under `EVERYTHING` in all uses, under a use's key in it alone.

    Args:
        slices: of the occasion.
        questions: each with its uses.
        minimum: people that a figure needs.
        parents: use → the one whose figures are its own and its siblings' together.
        anyway: what is hidden for other reasons.
        never_masks: what is not hidden for the sake of another part; rather their parent is.
    """
    if not questions or not slices.value or minimum < 2:
        return {}
    counted: dict[Key, Bools] = {}
    for use in itertools.chain.from_iterable(questions):
        counted[use.key] = counted.get(use.key, False) | (use.factor > 0)
    somebody = np.logical_or.reduce(list(counted.values()))
    decided = {EVERYTHING: slices.sizes(somebody) < minimum}
    if anyway is not None:
        decided[EVERYTHING] |= anyway
    for key, people in counted.items():
        if people.sum() < _ANSWERED_BY_MOST * somebody.sum():
            decided[key] = decided[EVERYTHING] | (slices.sizes(people) < minimum)
    for question in sorted(questions, key=lambda question: any(use.key in decided for use in question)):
        _hide(slices, question, minimum, decided)
    _mask(decided, parents or {}, never_masks)
    return decided


def _hide(slices: Slices, question: Question, minimum: int, decided: dict[Key, Bools]) -> None:
    """Hides further slices, of everything or of a use that is decided by itself."""
    if len(question) == 1:
        (use,) = question
        outside = slices.outside(use.dimensions)
        key = use.key if use.key in decided else EVERYTHING
        hidden = hidden_slices(slices.table, use.factor, minimum, decided[EVERYTHING] | decided[key] | outside)
        decided[key] = decided[key] | (hidden & ~outside)
        return
    count = len(slices.value)
    alone = [EVERYTHING, *dict.fromkeys(use.key for use in question if use.key in decided)]
    cell_of: list[Ints] = []
    factor: list[Floats] = []
    slice_of: list[Ints] = []
    for use in question:
        place = alone.index(use.key) if use.key in alone else 0
        is_shown = ~(decided[EVERYTHING] | decided[alone[place]] | slices.outside(use.dimensions))
        cells = slices.table.cell_of
        is_in = (cells >= 0) & is_shown[cells] & (use.factor > 0)[:, None]
        cell_of.append(np.where(is_in, cells + len(slice_of) * count, -1))
        factor.append(np.broadcast_to(use.factor[:, None], cells.shape))
        slice_of.append(np.arange(count) + place * count)
    in_common = np.full(count * len(question), -1)
    table = Table(np.hstack(cell_of), in_common, np.concatenate(slice_of), np.hstack(factor))
    weights = np.logical_or.reduce([use.factor > 0 for use in question]).astype(np.float64)
    hidden = hidden_slices(table, weights, minimum, np.concatenate([decided[key] for key in alone]))
    for place, key in enumerate(alone):
        decided[key] = decided[key] | hidden[place * count : (place + 1) * count]


def _mask(decided: dict[Key, Bools], parents: Mapping[Key, Key], never: Collection[Key]) -> None:
    """Hides a second part wherever one is hidden by itself: else it were its parent less its siblings.

    The second is one that nearly all answer: with the first it is known as a sum over many.
    """

    def parts(key: Key) -> list[Key]:
        return [child for child, parent in parents.items() if parent == key]

    def depth(key: Key) -> int:
        return depth(parents[key]) + 1 if key in parents else 0

    def can_mask(key: Key) -> bool:
        return key not in decided and (any(map(can_mask, parts(key))) if parts(key) else key not in never)

    def hide(key: Key, hidden: Bools) -> None:
        decided[key] = decided.get(key, hidden) | hidden
        # One of its own, without which it could be worked out.
        second = next(filter(can_mask, parts(key)), None)
        is_masked = any(not (hidden & ~decided[part]).any() for part in parts(key) if part in decided)
        if second and not is_masked:
            hide(second, hidden)

    for parent in sorted(set(parents.values()), key=lambda key: (-depth(key), key)):
        alone = [part for part in parts(parent) if part in decided]
        if alone:
            hidden = np.logical_or.reduce([decided[part] for part in alone])
            second = next(filter(can_mask, parts(parent)), parent)
            for part in [*alone, second]:
                hide(part, hidden)
