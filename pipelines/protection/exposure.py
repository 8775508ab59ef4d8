"""Which cells of a table may be shown, so that no figure of fewer than k people can be worked out from them.

Every published figure of a cell is a sum over its people (or follows from such sums). Who sees some cells knows all
linear combinations of their sums, and nothing else. A combination is a vector over people: what each one's answer is
multiplied with. **Exposed** is a vector that is not nought for some people, but for fewer than k: a group too small, or
the difference of two of them. Cells are hidden until no vector is exposed.

Vectors that stand on few people are found without trying all: H, the projection onto what the cells span, maps such a
vector to itself, so the person with its largest entry has a diagonal entry (leverage) of at least 1 / (k - 1) and
couples strongly enough with the others. Leverages sum up to the number of cells: few people qualify.

Source: complementary suppression as in Willenborg & de Waal, Elements of Statistical Disclosure Control (2001), with
the minimum distance of the linear code that the cells span in the place of protection intervals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_NOUGHT = 1e-7
_KEPT_LAYOUTS = 2
# A dimension of so many cells (teams) is eliminated by its means; all others together are a small dense matrix.
MANY = 60


@dataclass(frozen=True)
class Table:
    """The cells that may be shown, and who is in them.

    A slice is shown or hidden with all of its cells; slices are numbered from the largest down.

    cell_of: people × dimensions; the number of the person's cell, -1 for none. Cells are numbered in the order in which
        they are preferred: those that are shown already, then by slice.
    dimension: of each cell, the column in which alone it stands; -1 where it stands in several.
    slice_of: of each cell; -1 for what is shown already and stays so.
    factor: people × dimensions; what a person's answer is multiplied with in the cell's sum, 1 without it.
    """

    cell_of: Ints
    dimension: Ints
    slice_of: Ints
    factor: Floats | None = None
    _layouts: dict[bytes, _Layout] = field(default_factory=dict, repr=False)

    def sums(self, values: Floats) -> Floats:
        """Of each cell, the sum of its people's values, without their factors."""
        inside = self.cell_of >= 0
        weights = np.broadcast_to(values[:, None], self.cell_of.shape)[inside]
        found: Floats = 1.0 * np.bincount(self.cell_of[inside], weights, len(self.slice_of))
        return found

    def layout(self, hidden: Bools) -> _Layout:
        """Kept for the next question, which most often meets the same slices."""
        key = hidden.tobytes()
        if key not in self._layouts:
            while len(self._layouts) >= _KEPT_LAYOUTS:
                self._layouts.pop(next(iter(self._layouts)))
            self._layouts[key] = _Layout(self, hidden)
        return self._layouts[key]


def hidden_slices(table: Table, weights: Floats, minimum: int, hidden: Bools) -> Bools:
    """Hides further slices until no vector over people is exposed, but for what is shown already and exposes it.

    Args:
        table: n people.
        weights: (n,) 1, or 0 for who did not answer.
        minimum: k; vectors over fewer people must not be known.
        hidden: of each slice, whether it is hidden anyway.

    Returns:
        Of each slice, whether it is hidden.
    """
    hidden = hidden.copy()
    while minimum > 1:
        # In the order in which a greedy choice, from the largest slice down, would have met them.
        found = sorted(exposed_slices(table, weights, minimum, hidden), key=lambda slices: (slices[-1], slices))
        for slices in found:
            if not hidden[list(slices)].any():
                hidden[slices[-1]] = True
        if not found:
            break
    return hidden


def exposed_slices(table: Table, weights: Floats, minimum: int, hidden: Bools) -> set[tuple[int, ...]]:
    """The slices that exposed vectors are made of, for some of these at least; empty only if there are none."""
    span = table.layout(hidden).span(weights)
    found = set()
    for members, vector in _Search(span, minimum).run():
        slices = np.unique(table.slice_of[span.cells_of(members, vector)])
        found.add(tuple(int(one) for one in slices if one >= 0))
    return found - {()}


class _Layout:
    """Some cells over groups of people that none of them tells apart; who of these answered is another matter.

    A partition of many cells (teams) is eliminated: within each of its cells, what remains of the others are
    differences from their means. Groups stand in the order of that partition.
    """

    def __init__(self, table: Table, hidden: Bools) -> None:
        is_shown = ~np.append(hidden, False)[table.slice_of]
        cell_of = np.where((table.cell_of >= 0) & is_shown[table.cell_of], table.cell_of, -1)
        shown = np.flatnonzero(is_shown)
        parted = table.dimension[shown]
        counts = np.bincount(parted[parted >= 0], minlength=cell_of.shape[1])
        eliminated = int(counts.argmax()) if counts.max() > MANY else None
        first, self.group_of = _alike(cell_of, table.factor, eliminated)
        groups = cell_of[first]
        self.block: Ints = np.full(len(groups), -1) if eliminated is None else groups[:, eliminated]
        self.names = shown if eliminated is None else shown[parted != eliminated]
        place = np.full(len(is_shown) + 1, -1)
        place[self.names] = np.arange(len(self.names))
        placed = place[groups]
        group, column = np.nonzero(placed >= 0)
        factors = np.ones(len(group)) if table.factor is None else table.factor[first[group], column]
        # Groups × other cells, of which a group is in few.
        self.rest = sparse.csr_array((factors, (group, placed[group, column])), (len(groups), len(self.names)))

    def span(self, weights: Floats) -> _Span:
        """What the cells span over those who answered."""
        summed: Floats = np.bincount(self.group_of, weights, self.rest.shape[0]).astype(np.float64)
        weighted = sparse.diags_array(summed) @ self.rest
        gram = (self.rest.T @ weighted).toarray()
        # By cell of the eliminated dimension; the last one is for groups in none, of which nothing is taken away.
        cells = int(self.block.max(initial=-1)) + 2
        means, cell_weight = np.zeros((cells, len(self.names))), np.full(cells, np.inf)
        is_in = self.block >= 0
        if is_in.any():
            inside = np.flatnonzero(is_in)
            into = sparse.csr_array((np.ones(len(inside)), (self.block[inside], inside)), (cells, len(self.block)))
            sums = (into @ weighted).toarray()
            cell_weight[:-1] = np.maximum(into @ summed, 1)[:-1]
            means = sums / cell_weight[:, None]
            gram -= sums.T @ means
        kept = independent(gram, np.maximum(weighted.sum(axis=0), 1))
        inverse = np.linalg.inv(gram[np.ix_(kept, kept)])
        return _Span(summed, self.block, cell_weight, self.rest[:, kept], means[:, kept], inverse, self.names[kept])


@dataclass(frozen=True)
class _Span:
    """What some cells span over groups of people, by the projection onto it."""

    weights: Floats  # of each group
    block: Ints  # the group's cell of the eliminated dimension, or -1
    cell_weight: Floats  # of each of those cells, infinite for the last, which stands for none
    rest: sparse.csr_array  # groups × other cells that do not follow from those before them
    means: Floats  # of the same, by cell of the eliminated dimension
    inverse: Floats  # of the Gram matrix of the residuals, which are the rest less the means
    names: Ints  # of the columns of `rest`

    def _residual(self, groups: Ints) -> Floats:
        found: Floats = self.rest[groups].toarray() - self.means[self.block[groups]]
        return found

    def leverages(self) -> Floats:
        residual = self._residual(np.arange(len(self.weights)))
        own: Floats = np.einsum("ij,ij->i", residual @ self.inverse, residual)
        return self.weights * (1 / self.cell_weight[self.block] + own)

    def couplings(self, groups: Ints) -> Floats:
        """The rows of H of some groups: (groups, all)."""
        left = self._residual(groups) @ self.inverse
        rows: Floats = (self.rest @ left.T).T - (left @ self.means.T)[:, self.block]
        same = (self.block[groups, None] == self.block) & (self.block[groups, None] >= 0)
        rows += same / self.cell_weight[self.block[groups], None]
        rows *= np.sqrt(self.weights[groups, None] * self.weights)
        return rows

    def cells_of(self, members: Ints, vector: Floats) -> Ints:
        """The cells that a vector over some groups is made of."""
        over_rest = self.inverse @ (self._residual(members).T @ (self.weights[members] * vector))
        is_used = np.abs(over_rest) > _NOUGHT
        # What a block adds is constant over its groups: the vector less what the others make of it.
        left = -(self.rest @ over_rest)
        left[members] += vector
        return np.append(self.names[is_used], self.block[(np.abs(left) > _NOUGHT) & (self.block >= 0)])


def _alike(cell_of: Ints, factor: Floats | None, before: int | None) -> tuple[Ints, Ints]:
    """People in the same cells: the first of each group, and the group of each; ordered by the column `before`."""
    columns = list(cell_of.T)
    if factor is not None:
        different = {column.tobytes(): column for column in np.ascontiguousarray(factor.T)}
        columns += [np.unique(column, return_inverse=True)[1] for column in different.values()]
    # One random number for each combination: that two have the same is less likely than a fault of the memory.
    random = np.random.default_rng(0)
    code = np.zeros(len(cell_of), dtype=np.uint64)
    for column in columns:
        code ^= random.integers(2**64, size=int(column.max(initial=0)) + 2, dtype=np.uint64)[column + 1]
    block = np.zeros(len(code), dtype=np.int64) if before is None else columns[before]
    by = np.lexsort((code, block))
    is_first = np.append(True, (code[by][1:] != code[by][:-1]) | (block[by][1:] != block[by][:-1]))[: len(by)]
    group_of = np.empty(len(code), dtype=np.int64)
    group_of[by] = np.cumsum(is_first) - 1
    return by[is_first], group_of


def independent(gram: Floats, scale: Floats) -> Ints:
    """The columns that do not follow from those before them, by elimination in their order."""
    left = gram.copy()
    kept = []
    for column in range(len(left)):
        pivot = left[column, column]
        if pivot <= _NOUGHT * scale[column]:
            continue
        kept.append(column)
        row = left[column, column + 1 :] / pivot
        left[column + 1 :, column + 1 :] -= np.outer(left[column, column + 1 :], row)
    return np.array(kept, dtype=np.int64)


class _Search:
    """Finds sets of groups, of fewer than k people, on which a vector of the span stands."""

    def __init__(self, span: _Span, minimum: int) -> None:
        self.span, self.minimum = span, minimum
        self.found: dict[frozenset[int], Floats] = {}
        self.seen: set[frozenset[int]] = set()
        self.rows: dict[int, Floats] = {}
        self.is_small = span.weights < minimum

    def run(self) -> Iterable[tuple[Ints, Floats]]:
        span, most = self.span, self.minimum - 1
        leverages = span.leverages()
        seeds = np.flatnonzero(self.is_small & (leverages >= 1 / most - _NOUGHT))
        for start in range(0, len(seeds), 256):
            some = seeds[start : start + 256]
            rows = np.abs(span.couplings(some))
            rows[:, ~self.is_small] = 0
            own = rows[np.arange(len(some)), some].copy()
            rows[np.arange(len(some)), some] = 0
            others = most - 1
            if others and rows.shape[1] > others:
                strongest = np.partition(rows, -others, axis=1)[:, -others:].sum(axis=1)
            else:
                strongest = rows.sum(axis=1) if others else np.zeros(len(some))
            for seed in some[own + strongest >= 1 - _NOUGHT]:
                self._extend((int(seed),))
        for members, vector in self.found.items():
            yield np.array(sorted(members)), vector

    def _row(self, group: int) -> Floats:
        if group not in self.rows:
            self.rows[group] = self.span.couplings(np.array([group]))[0]
        return self.rows[group]

    def _extend(self, members: tuple[int, ...]) -> None:
        key = frozenset(members)
        if key in self.seen:
            return
        self.seen.add(key)
        inner = np.array(sorted(key))
        rows = np.array([self._row(int(member)) for member in inner])
        values, vectors = np.linalg.eigh(rows[:, inner])
        if values[-1] >= 1 - _NOUGHT:
            self.found[key] = vectors[:, -1] / np.sqrt(self.span.weights[inner])
            return
        room = self.minimum - 1 - self.span.weights[inner].sum()
        if room < 1:
            return
        strength = np.linalg.norm(rows, axis=0)
        strength[inner] = 0
        strength[self.span.weights > room] = 0
        # The others together must make up what is missing, so the strongest of them makes up its share.
        for candidate in np.flatnonzero(strength >= (1 - values[-1]) / room - _NOUGHT):
            if strength[candidate] > 0:
                self._extend((*members, int(candidate)))
