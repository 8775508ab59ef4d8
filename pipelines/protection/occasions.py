"""Surveys and review cycles as arrays: their slices, the largest first, who is in them, and who answered what."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.database import literal
from pipelines.protection.exposure import Bools, Floats, Ints, Table

# Kind of the occasion, its name, slice dimension and value, grain and name of the part ("" for all).
Hidden = tuple[str, str, str, str, str, str]


@dataclass(frozen=True)
class Rules:
    """What the settings say.

    dimensions: of each mart.
    minimum: people that a figure needs.
    larger: the minimum of occasions that need more.
    hides_unanimity: whether figures are hidden from which everybody's answer follows.
    minimum_perspective: raters that a perspective in reviews needs.
    """

    dimensions: Mapping[str, Sequence[str]]
    minimum: int
    larger: Mapping[str, int] = field(default_factory=dict)
    hides_unanimity: bool = True
    minimum_perspective: int = 1

    def minimum_of(self, occasion: str) -> int:
        return self.larger.get(occasion, self.minimum)

    def dimensions_of(self, marts: Iterable[str]) -> list[str]:
        """The dimensions of some marts together, in their order."""
        return list(dict.fromkeys(itertools.chain.from_iterable(self.dimensions[mart] for mart in marts)))


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


@dataclass(frozen=True)
class Occasion:
    """A survey or a review cycle.

    answered, value: part → of each person, whether and what they answered (0 without an answer).
    could_answer: of each slice, how many people could answer; infinite where that is not known.
    silent: by dimension, the same of the slices in which nobody did.
    """

    name: str
    slices: Slices
    answered: dict[str, Bools]
    value: dict[str, Floats]
    people: list[str]
    could_answer: Floats
    silent: dict[str, list[float]]

    def sums(self, parts: Sequence[str]) -> tuple[Floats, Floats]:
        """Of each person, the sum of the values of some parts, and their number."""
        return (
            np.add.reduce([self.value[part] for part in parts]),
            np.add.reduce([self.answered[part] for part in parts], dtype=np.float64),
        )


def occasions(
    con: duckdb.DuckDBPyConnection,
    members: duckdb.DuckDBPyRelation,
    counted: duckdb.DuckDBPyRelation,
    could_answer: duckdb.DuckDBPyRelation,
    order: Sequence[str],
    names: Sequence[str],
) -> Iterator[Occasion]:
    """Each occasion with its people, slices and parts numbered from 0.

    Args:
        con: the connection that the relations belong to.
        members: occasion, person_id, slice_dimension, slice_value.
        counted: occasion, person_id, part, value; one row for each answer that counts.
        could_answer: occasion, slice_dimension, slice_value, people (how many could; null if that is not known).
        order: of the dimensions.
        names: the occasions.
    """
    # `sql`, as dbt's connection has an `execute` of its own, which does not see relations. Without parameters, as where
    # the order of insertion need not be preserved, what a query with parameters gives has no order at all.
    con.sql(
        """
        create or replace temp table counted_answers as
        select occasion, person_id, part, value::double as value from counted order by occasion
        """
    )
    con.sql(
        """
        create or replace temp table counted_people as
        select occasion, person_id, row_number() over (partition by occasion order by person_id) - 1 as person
        from (select distinct occasion, person_id from counted_answers)
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
        one = literal(name)
        told = con.sql(f"select * from counted_slices where occasion = {one} order by slice").fetchnumpy()
        held = con.sql(
            f"""
            select m.person, s.slice from counted_members as m
            inner join counted_slices as s
                on m.occasion = s.occasion and m.dimension = s.dimension and m.slice_value = s.slice_value
            where m.occasion = {one} order by m.person, s.slice
            """
        ).fetchnumpy()
        people = con.sql(f"select person_id from counted_people where occasion = {one} order by person")
        ids = [person_id for (person_id,) in people.fetchall()]
        count = len(ids)
        open_to = con.sql(
            f"""
            select c.slice_dimension, s.slice, c.people::double from could_answer as c
            inner join dimension_order as d on c.slice_dimension = d.slice_dimension
            left join counted_slices as s
                on c.occasion = s.occasion and c.slice_dimension = s.slice_dimension and c.slice_value = s.slice_value
            where c.occasion = {one}
            """
        ).fetchall()
        most = np.full(len(told["slice"]), np.inf)
        silent: dict[str, list[float]] = {}
        for dimension, slice_, number in open_to:
            if slice_ is None:
                silent.setdefault(dimension, []).append(np.inf if number is None else number)
            elif number is not None:
                most[slice_] = number
        answered: dict[str, Bools] = {}
        value: dict[str, Floats] = {}
        pairs = con.sql(
            f"""
            select p.person, c.part, c.value from counted_answers as c
            inner join counted_people as p on c.occasion = p.occasion and c.person_id = p.person_id
            where c.occasion = {one}
            """
        ).to_arrow_table()
        parts = pairs["part"].combine_chunks().dictionary_encode()
        code, person, told_value = parts.indices.to_numpy(), pairs["person"].to_numpy(), pairs["value"].to_numpy()
        for part, number in sorted((part, number) for number, part in enumerate(parts.dictionary.to_pylist())):
            is_part = code == number
            answered[part], value[part] = np.zeros(count, dtype=bool), np.zeros(count)
            answered[part][person[is_part]] = True
            value[part][person[is_part]] = told_value[is_part]
        table = table_of(
            count,
            np.asarray(held["person"], dtype=np.int64),
            np.asarray(held["slice"], dtype=np.int64),
            np.asarray(told["dimension"], dtype=np.int64),
            len(order),
        )
        cut = Slices(list(told["slice_dimension"]), list(told["slice_value"]), table)
        yield Occasion(name, cut, answered, value, ids, most, silent)


def table_of(people: int, person: Ints, cell: Ints, dimension: Ints, dimensions: int) -> Table:
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


def hidden_rows(kind: str, occasion: Occasion, decided: Mapping[tuple[str, str], Bools]) -> list[Hidden]:
    """Decisions as rows; those on everything stand under no grain and part."""
    slices = occasion.slices
    everywhere = decided.get(("", ""), np.zeros(len(slices.value), dtype=bool))
    return [
        (kind, occasion.name, slices.dimension[one], slices.value[one], grain, part)
        for (grain, part), hidden in decided.items()
        for one in np.flatnonzero(hidden if not grain else hidden & ~everywhere)
    ]
