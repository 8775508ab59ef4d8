"""A brute-force attacker on everything ever published.

A reader knows who is in which slice. Each shown figure is a weighted sum over contributions: one person's answer to one
item in one wave, a rating, the attainment of a goal, a leaver's class, a person's gender. All figures that were ever
shown about the same contributions are rows of one matrix, whichever mart, slice, month or version they stand in. A leak
is a combination of rows that rests on the contributions of 1 to k − 1 people. Parent minus children, two dimensions,
two marts, two months and two versions are the same test.

The test is exact and tries every subset of fewer than k people: the subset leaks iff the rows' null space, restricted to
the subset's columns, has dependent rows. It shares no code with the decisions that it attacks, and is meant for
companies of up to 60 people.

    leak = first_leak([Version.of_folder("version 1", published, key), …], minimum=3)
    assert leak is None, leak
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse
from scipy.sparse import csgraph

if TYPE_CHECKING:
    from tests.disclosure.published import Version

# A squared distance below it is none; the figures' weights are small fractions, so that others are far above.
_NOTHING = 1e-10
_BATCH_NUMBERS = 4_000_000
_BATCH_SUBSETS = 100_000


class Contribution(NamedTuple):
    """What one person contributes to figures.

    person: whose it is.
    kind: what is asked about, such as a wave, a cycle, or leavers; figures of different kinds may still be linked.
    part: of it, such as an item, a competency or a goal.
    content: what was answered, rated or achieved. Another content is another contribution; equal content is the same
        one in every version.
    """

    person: str
    kind: str
    part: str = ""
    content: str = ""


@dataclass(frozen=True)
class Figure:
    """A shown figure: what it multiplies each contribution with, and where it stands."""

    told: str
    weights: Mapping[Contribution, float]


@dataclass(frozen=True)
class Leak:
    """A combination of shown figures that rests on few people."""

    people: tuple[str, ...]
    contributions: Mapping[Contribution, float]
    figures: Sequence[tuple[float, str]]

    def __str__(self) -> str:
        about = ", ".join(
            f"{weight:+.4g} × {one.kind} {one.part} ({one.content}) of {one.person}".replace("  ", " ")
            for one, weight in self.contributions.items()
        )
        rows = "\n".join(f"  {factor:+.4g} × {told}" for factor, told in self.figures)
        return f"The shown figures tell something of {len(self.people)} people ({', '.join(self.people)}): {about}.\n{rows}"


def leaks(
    figures: Iterable[Figure], minimum: int, behind: Mapping[Contribution, frozenset[str]] | None = None
) -> Iterator[Leak]:
    """The leaks, one at most for each group of linked figures.

    Args:
        figures: everything that was ever shown.
        minimum: k; combinations that rest on 1 to k − 1 people leak.
        behind: of whom a contribution tells, where that is not its person (the raters of a score).
    """
    tested: set[tuple[bytes, tuple[frozenset[str], ...]]] = set()
    for group in linked(figures):
        people = [behind[one] if behind else frozenset([one.person]) for one in group.contributions]
        reduced = _reduced(group.matrix, people)
        key = reduced.matrix.tobytes(), tuple(reduced.people)
        if key in tested:
            continue
        tested.add(key)
        found = _exposed(reduced, minimum)
        if found:
            yield _explained(group, people, found)


@dataclass(frozen=True)
class Group:
    """Figures that are linked by contributions: a matrix of figures × contributions without equal rows."""

    matrix: NDArray[np.float64]
    told: list[str]
    contributions: list[Contribution]


def linked(figures: Iterable[Figure]) -> Iterator[Group]:
    """The figures, taken apart into groups that share no contribution."""
    places: dict[Contribution, int] = {}
    known: set[tuple[tuple[int, float], ...]] = set()
    told: list[str] = []
    rows: list[int] = []
    columns: list[int] = []
    weights: list[float] = []
    for figure in figures:
        row = tuple(
            sorted((places.setdefault(one, len(places)), weight) for one, weight in figure.weights.items() if weight)
        )
        if not row or row in known:
            continue
        known.add(row)
        rows += [len(told)] * len(row)
        columns += [place for place, _ in row]
        weights += [weight for _, weight in row]
        told.append(figure.told)
    if not told:
        return
    names = list(places)
    matrix = sparse.csr_array((weights, (rows, columns)), shape=(len(told), len(names)))
    count, labels = csgraph.connected_components(sparse.block_array([[None, matrix], [matrix.T, None]]), directed=False)
    of_rows, of_columns = labels[: len(told)], labels[len(told) :]
    for label in range(count):
        mine, theirs = np.flatnonzero(of_rows == label), np.flatnonzero(of_columns == label)
        if len(mine):
            dense = matrix[mine][:, theirs].toarray()
            yield Group(dense, [told[number] for number in mine], [names[number] for number in theirs])


@dataclass(frozen=True)
class _Reduced:
    """The same matrix with one column for all that are equal: a combination has the same number in each of them."""

    matrix: NDArray[np.float64]
    people: list[frozenset[str]]


def _reduced(matrix: NDArray[np.float64], people: Sequence[frozenset[str]]) -> _Reduced:
    columns, which = np.unique(matrix, axis=1, return_inverse=True)
    merged: list[set[str]] = [set() for _ in range(columns.shape[1])]
    for number, some in zip(which.ravel(), people, strict=True):
        merged[number] |= some
    return _Reduced(columns, [frozenset(some) for some in merged])


def _exposed(reduced: _Reduced, minimum: int) -> tuple[str, ...] | None:
    """The smallest subset that was found of fewer than `minimum` people on whom a combination of the rows rests."""
    # Columns of k people and more have number 0 in a leak, and so are in no subset.
    few = [number for number, some in enumerate(reduced.people) if len(some) < minimum]
    everybody = sorted({one for number in few for one in reduced.people[number]})
    if not few:
        return None
    _, values, right = np.linalg.svd(reduced.matrix, full_matrices=False)
    basis = right[values > 1e-9 * values[0]]
    within = basis[:, few].T @ basis[:, few]
    outside = np.eye(len(few)) - within
    place = {person: number for number, person in enumerate(everybody)}
    holds = np.zeros((len(everybody), len(few)), dtype=bool)
    for column, number in enumerate(few):
        holds[[place[one] for one in reduced.people[number]], column] = True
    sizes = holds.sum(axis=0)
    # A combination rests on a subset only if the projection onto the rows has an eigenvalue 1 there, which is at most
    # the root of the sum of its squares; most subsets are out by that.
    squares = holds @ np.square(within) @ holds.T

    def hit(subsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """The subsets on which a combination rests: of their columns alone, some are (nearly) in the row space."""
        inside = holds[subsets].sum(axis=1) == sizes
        width = int(inside.sum(axis=1).max(initial=0))
        if not width:
            return np.array([], dtype=np.int64)
        order = np.argsort(~inside, axis=1, kind="stable")[:, :width]
        real = np.take_along_axis(inside, order, axis=1)
        blocks = outside[order[:, :, None], order[:, None, :]]
        both = real[:, :, None] & real[:, None, :]
        blocks = np.where(both, blocks, np.eye(width))
        return np.flatnonzero(np.linalg.eigvalsh(blocks)[:, 0] < _NOTHING)

    size = min(minimum - 1, len(everybody))
    widest = int(np.sort(holds.sum(axis=1))[-size:].sum())
    batch = max(1, _BATCH_NUMBERS // max(widest * widest, len(few) * size))
    subsets = itertools.combinations(range(len(everybody)), size)
    while some := list(itertools.islice(subsets, _BATCH_SUBSETS)):
        chosen = np.array(some)
        bounds = squares[chosen[:, :, None], chosen[:, None, :]].sum(axis=(1, 2))
        chosen = chosen[bounds >= 1 - 1e-6]
        for start in range(0, len(chosen), batch):
            found = hit(chosen[start : start + batch])
            if len(found):
                least = list(chosen[start + found[0]])
                for one in list(least):
                    without = [other for other in least if other != one]
                    if without and len(hit(np.array([without]))):
                        least = without
                return tuple(everybody[number] for number in least)
    return None


def _explained(group: Group, people: Sequence[frozenset[str]], subset: tuple[str, ...]) -> Leak:
    """The leak in words: the combination on the subset's contributions, of as few figures as can be found quickly."""
    inside = np.array([some <= set(subset) for some in people])
    # A combination that is 0 outside and as large as can be on one column inside; the sum of its factors is small.
    rows = len(group.matrix)
    for column in np.flatnonzero(inside):
        equal = np.vstack([group.matrix[:, ~inside].T, group.matrix[:, [column]].T])
        right = np.zeros(len(equal))
        right[-1] = 1
        found = optimize.linprog(np.ones(2 * rows), A_eq=np.hstack([equal, -equal]), b_eq=right, bounds=(0, None))
        if found.status == 0:
            factors = found.x[:rows] - found.x[rows:]
            left = factors @ group.matrix
            return Leak(
                subset,
                {group.contributions[number]: float(left[number]) for number in np.flatnonzero(np.abs(left) > 1e-7)},
                [(float(factor), told) for factor, told in zip(factors, group.told, strict=True) if abs(factor) > 1e-7],
            )
    return Leak(subset, {group.contributions[number]: 0.0 for number in np.flatnonzero(inside)}, [])


def first_leak(
    versions: Sequence[Version], minimum: int, raters: int | None = None, kinds: Sequence[str] = ()
) -> Leak | None:
    """The first leak in everything that the versions ever showed; the arguments are those of `every_leak`."""
    return next(every_leak(versions, minimum, raters, kinds), None)


def every_leak(
    versions: Sequence[Version], minimum: int, raters: int | None = None, kinds: Sequence[str] = ()
) -> Iterator[Leak]:
    """The leaks in everything that the versions ever showed, one at most for each group of linked figures.

    Args:
        versions: in the order in which they were published.
        minimum: k.
        raters: how many raters have to stand behind a combination of scores; without it nothing is asked of raters.
        kinds: the gatherers of `published` to use, such as `surveys`; by default all of what the reader knows.
    """
    from tests.disclosure import published

    gathered = published.gather(versions, kinds)
    yield from leaks(gathered.figures, minimum)
    if raters:
        for figures in gathered.by_perspective.values():
            yield from leaks(figures, raters, gathered.raters)
