"""The search for disclosure: does a combination of shown cells rest on fewer than k people?

A cell is a row of weights over people: 1 for each person whose contribution it sums, 0 for all others (or another
weight where a figure is a weighted sum). Whoever knows some cells knows every linear combination of them, so a leak is
a vector of the row space that is not zero on 1 to k - 1 people only. Parent minus children, two dimensions, two marts,
two versions and two months are all this one question.

The method: project the unit vectors onto the complement of the row space; a set of people carries a leak exactly where
their columns of that projection are linearly dependent. A random sketch of the projection makes the columns short. The
leverages of the people of a leak add up to 1 or more, so most people can be in none, and the search starts from those
with a leverage of at least 1 / (k - 1). It ends after counted work. `Budget` counts it. What belongs here is linear
algebra; which cells are offered and what becomes of a leak is decided in `accept.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Singular values of normalised rows below the square root of this are rounding errors.
_RANK = 1e-10
# Length of a column, relative to one, below which it is zero; and distance below which two directions are equal.
_ZERO = 1e-6
_SAME = 1e-6
# People per block of dense arithmetic, so that memory does not grow with people times cells.
_BLOCK = 32_768
# Cells times types up to which the whole basis is held.
_SMALL = 3_000_000
# Leaks that one look reports at most; more are found by the next look, after the first are closed.
_AT_MOST = 100


class BudgetSpent(Exception):  # noqa: N818 - it is no error: more is suppressed then
    """The counted work of a decision is used up."""


@dataclass
class Budget:
    """Counted work: columns that the search may look at.

    Attributes:
        limit: columns in all.
        spent: columns so far.
    """

    limit: int
    spent: int = 0

    def take(self, columns: int) -> None:
        """Counts some columns.

        Raises:
            BudgetSpent: there is no room for them.
        """
        self.spent += columns
        if self.spent > self.limit:
            raise BudgetSpent


@dataclass(frozen=True)
class Leak:
    """A combination of cells that rests on few people.

    Attributes:
        people: the numbers of the columns (people types) on which it rests.
        coefficients: of each cell of the matrix, how much of it the combination takes.
    """

    people: tuple[int, ...]
    coefficients: Floats


@dataclass
class Span:
    """The row space of some cells over people types, with an orthonormal basis that is never held whole.

    Attributes:
        cells: cells × types, rows of length one.
        scale: the length that each row had.
        count: people of each type.
        type_of: of each person the type, -1 for people in no cell.
        first: numbers of cells that are disjoint, which makes their part of the basis diagonal.
        rest: numbers of the other cells.
    """

    cells: sparse.csr_array
    scale: Floats
    count: Ints
    type_of: Ints
    first: Ints
    rest: Ints
    mapping: Floats
    between: Floats
    _dense: Floats | None = field(default=None)
    # The whole basis, types × rank, where it is small enough to be held.
    _whole: Floats | None = field(default=None)

    @property
    def rank(self) -> int:
        return len(self.first) + int(self.mapping.shape[1])

    def blocks(self) -> Iterator[tuple[slice, Floats]]:
        """The dense part of the basis, block of types by block of types."""
        if self._dense is not None:
            yield slice(0, len(self.count)), self._dense
            return
        for start in range(0, len(self.count), _BLOCK):
            part = slice(start, min(start + _BLOCK, len(self.count)))
            yield part, self._block(part)

    def _block(self, part: slice) -> Floats:
        first, rest = self.cells[self.first][:, part], self.cells[self.rest][:, part]
        mapped: Floats = rest.T @ self.mapping
        if len(self.first):
            mapped -= first.T @ (self.between @ self.mapping)
        return mapped

    def rest_of(self, types: Ints) -> Floats:
        """The dense part of the basis of a few types."""
        if self._dense is not None:
            return self._dense[types]
        rest: Floats = self.cells[self.rest][:, types].T @ self.mapping
        if len(self.first):
            rest = rest - self.cells[self.first][:, types].T @ (self.between @ self.mapping)
        return rest

    def rows_of(self, types: Sequence[int] | Ints) -> Floats:
        """The basis of a few types, without the columns that are zero for all of them: types × columns."""
        chosen = np.asarray(types, dtype=np.int64)
        if self._whole is not None:
            return self._whole[chosen]
        first = sparse.csc_array(self.cells[self.first][:, chosen].T)
        used = np.flatnonzero(np.diff(first.indptr))
        return np.hstack([first[:, used].toarray(), self.rest_of(chosen)])

    def project(self, vectors: Floats) -> Floats:
        """What is left of some vectors (vectors × types) outside of the row space; twice, against rounding."""
        if self._whole is not None:
            for _ in range(2):
                vectors = vectors - (vectors @ self._whole) @ self._whole.T
            return vectors
        for _ in range(2):
            first = self.cells[self.first]
            inner = np.zeros((len(vectors), self.mapping.shape[1]))
            for part, block in self.blocks():
                inner += vectors[:, part] @ block
            onto_first = (first @ vectors.T).T
            left = np.empty_like(vectors)
            for part, block in self.blocks():
                left[:, part] = vectors[:, part] - inner @ block.T
                if len(self.first):
                    left[:, part] -= (first[:, part].T @ onto_first.T).T
            vectors = left
        return vectors

    def leverage(self) -> Floats:
        """Of each type, the squared length of its basis rows, from 0 to 1."""
        if self._whole is not None:
            whole: Floats = np.einsum("ij,ij->i", self._whole, self._whole)
            return whole
        found = np.zeros(len(self.count))
        for part, block in self.blocks():
            found[part] = np.einsum("ij,ij->i", block, block)
        if len(self.first):
            first = self.cells[self.first]
            found += np.asarray(first.multiply(first).sum(axis=0)).ravel()
        return found

    def holds(self, rows: sparse.csr_array) -> Bools:
        """Of some rows over types, whether they are combinations of the cells."""
        if not rows.shape[0]:
            return np.zeros(0, dtype=bool)
        length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        found = np.zeros(rows.shape[0], dtype=bool)
        for start in range(0, rows.shape[0], 64):
            some = rows[start : start + 64].toarray()
            left = np.linalg.norm(self.project(some), axis=1)
            found[start : start + 64] = left <= _ZERO * np.maximum(length[start : start + 64], 1e-9)
        holding: Bools = found & (length > 0)
        return holding

    def coefficients(self, vector: Floats) -> Floats:
        """How much of each cell a vector of the row space takes; of several ways, a short one."""
        if self._whole is not None:
            onto = self._whole.T @ vector
            onto_first, onto_rest = onto[: len(self.first)], onto[len(self.first) :]
        else:
            onto_first = self.cells[self.first] @ vector
            onto_rest = self.mapping.T @ (self.cells[self.rest] @ vector - self.between.T @ onto_first)
        found = np.zeros(self.cells.shape[0])
        found[self.rest] = self.mapping @ onto_rest
        found[self.first] = onto_first - self.between @ found[self.rest]
        return found / np.maximum(self.scale, 1e-300)


def span_of(rows: sparse.csr_array, people: Ints | None = None, merge: bool = True) -> Span:
    """The row space of some cells.

    Args:
        rows: cells × people, weights; no cell is empty.
        people: how many people each column stands for; without it, one each.
        merge: whether people with the same weights are one type.

    Returns:
        The space over people types.
    """
    rows = sparse.csr_array(rows, dtype=np.float64)
    each = np.ones(rows.shape[1], dtype=np.int64) if people is None else np.asarray(people, dtype=np.int64)
    everybody = np.arange(rows.shape[1])
    type_of, which, count = _types(rows, each) if merge else (everybody, everybody, each)
    cells = sparse.csr_array(rows[:, which])
    scale = np.sqrt(np.asarray(cells.multiply(cells).sum(axis=1)).ravel())
    cells = sparse.csr_array(sparse.diags_array(1 / np.maximum(scale, 1e-300)) @ cells)
    first = _disjoint(cells)
    rest = np.setdiff1d(np.arange(cells.shape[0]), first)
    of_first, of_rest = cells[first], cells[rest]
    between = (of_first @ of_rest.T).toarray() if len(first) else np.zeros((0, len(rest)))
    gram = (of_rest @ of_rest.T).toarray() - between.T @ between
    values, vectors = np.linalg.eigh(gram) if len(rest) else (np.zeros(0), np.zeros((0, 0)))
    kept = values > _RANK
    values, vectors = values[kept], vectors[:, kept]
    span = Span(cells, scale, count, type_of, first, rest, vectors / np.sqrt(values), between)
    if len(count) <= _BLOCK:
        span._dense = span._block(slice(0, len(count)))
        if len(count) * cells.shape[0] <= _SMALL:
            span._whole = np.hstack([of_first.toarray().T, span._dense])
    return span


def one_of_each_type(rows: sparse.csr_array) -> Ints:
    """One column for each group of columns that are equal and not zero."""
    return _types(rows, np.ones(rows.shape[1], dtype=np.int64))[1]


def _types(rows: sparse.csr_array, each: Ints) -> tuple[Ints, Ints, Ints]:
    """Of each person the type; of each type one person that stands for it, and how many people it has."""
    random = np.random.default_rng(0).random((rows.shape[0], 2))
    marks = rows.T @ random
    marks = np.ascontiguousarray(marks)
    keys = marks.view(np.dtype((np.void, marks.dtype.itemsize * 2))).ravel()
    _, which, inverse = np.unique(keys, return_index=True, return_inverse=True)
    inverse = inverse.ravel()
    count = np.bincount(inverse, weights=each).astype(np.int64)
    empty = np.flatnonzero((marks[which] == 0).all(axis=1))
    if len(empty):  # people in no cell
        number = np.cumsum(np.bincount(empty, minlength=len(which)) == 0) - 1
        number[empty] = -1
        return number[inverse], np.delete(which, empty), np.delete(count, empty)
    return inverse, which, count


def _disjoint(cells: sparse.csr_array) -> Ints:
    """Cells without common people, chosen in one pass from the smallest cell to the largest."""
    taken = np.zeros(cells.shape[1], dtype=bool)
    found = []
    for number in np.argsort(np.diff(cells.indptr), kind="stable"):
        columns = cells.indices[cells.indptr[number] : cells.indptr[number + 1]]
        if not taken[columns].any():
            taken[columns] = True
            found.append(number)
    return np.array(sorted(found), dtype=np.int64)


def leaks(span: Span, k: int, budget: Budget) -> list[Leak]:
    """Combinations that rest on 1 to k - 1 people; empty only if there are none.

    Args:
        span: of the cells.
        k: people that a figure needs.
        budget: counted work.

    Raises:
        BudgetSpent: the search did not end within the budget.
    """
    if k < 2 or not len(span.count):
        return []
    few = np.flatnonzero(span.count < k)
    budget.take(len(span.count))
    if not len(few):
        return []
    leverage = span.leverage()[few]
    possible = _possible(leverage, k - 1)
    few, leverage = few[possible], leverage[possible]
    if not len(few):
        return []
    random = np.random.default_rng(1).standard_normal((k + 2, len(span.count)))
    sketch = span.project(random)[:, few]
    found = [
        leak
        for people in _Search(span, few, leverage, k, budget).run(sketch)
        if (leak := _confirmed(span, few[list(people)])) is not None
    ]
    return found


def _possible(leverage: Floats, most: int) -> Ints:
    """The columns that can belong to a dependent set of at most so many columns.

    A leak is a unit vector of the row space, and no entry of such a vector is larger than the root of the leverage of
    its column. So the leverages of the columns of a leak add up to 1 or more.
    """
    if not len(leverage):
        return np.zeros(0, dtype=np.int64)
    largest = np.partition(leverage, -most)[-most:] if len(leverage) > most else leverage
    if largest.sum() < 1 - _SAME:
        return np.zeros(0, dtype=np.int64)
    others = largest.sum() - largest.min() if len(leverage) >= most else largest.sum()
    return np.flatnonzero(leverage >= 1 - others - _SAME)


@dataclass
class _Search:
    span: Span
    few: Ints
    leverage: Floats
    k: int
    budget: Budget
    _basis: tuple[Ints, Floats, Floats] | None = None

    def run(self, sketch: Floats) -> list[tuple[int, ...]]:
        """Sets of few columns that are dependent, as positions among `few`; the smallest sets first."""
        count = self.span.count[self.few]
        length = np.linalg.norm(sketch, axis=0)
        is_zero = length < _ZERO
        found: list[tuple[int, ...]] = []
        found += [(int(one),) for one in np.flatnonzero(is_zero)[:_AT_MOST]]
        left = np.flatnonzero(~is_zero)
        self.budget.take(len(left))
        pairs = left[_possible(self.leverage[left], 2)]
        found += [(int(pairs[a]), int(pairs[b])) for a, b in _parallel(sketch[:, pairs], count[pairs], self.k)]
        if found or self.k <= 3:
            return found[:_AT_MOST]
        seeds = left[self.leverage[left] >= 1 / (self.k - 1) - _SAME]
        others = left
        for seed in seeds[np.argsort(-self.leverage[seeds])]:
            # All sets with this seed are looked at now, so the next ones do without it.
            others = others[others != seed]
            one = self._with_seed(sketch, (int(seed),), others, self.k - int(count[seed]))
            found += [one] if one else []
            if len(found) >= _AT_MOST:
                break
        return found

    def _with_seed(self, sketch: Floats, seeds: tuple[int, ...], others: Ints, room: int) -> tuple[int, ...] | None:
        """One dependent set that holds the seeds and at least two further columns of fewer than `room` people."""
        count = self.span.count[self.few]
        others = others[count[others] < room]
        if room < 3 or len(others) < 2:
            return None
        if len(seeds) == 1:
            others = self._beside(seeds[0], others, room - 1)
        further = self._leverage_without(seeds, others)
        possible = _possible(further, room - 1)
        others, further = others[possible], further[possible]
        if len(others) < 2:
            return None
        seed = seeds[-1]
        unit = sketch[:, seed] / np.linalg.norm(sketch[:, seed])
        below = sketch.copy()
        below[:, others] -= np.outer(unit, unit @ sketch[:, others])
        self.budget.take(len(others))
        beside = others[_possible(further, 2)]
        pairs = _parallel(below[:, beside], count[beside], room)
        if pairs:
            return (*seeds, int(beside[pairs[0][0]]), int(beside[pairs[0][1]]))
        if room < 4:
            return None
        is_strong = further >= 1 / (room - 1) - _SAME
        strong = others[is_strong][np.argsort(-further[is_strong])]
        if room == 4:
            return self._with_two_seeds(below, seeds, strong, others)
        for one in strong:
            others = others[others != one]
            found = self._with_seed(below, (*seeds, int(one)), others, room - int(count[one]))
            if found:
                return found
        return None

    def _beside(self, seed: int, others: Ints, most: int) -> Ints:
        """The columns that can be dependent on a seed and at most `most` columns in all; looks at the strongest only.

        A seed multiplies the leverage of another column by 1 / (1 - its own) at most (Cauchy and Schwarz).
        """
        left = 1 - self.leverage[seed]
        strongest = others[self.leverage[others] >= left / most - _SAME]
        further = self._leverage_without((seed,), strongest)
        if not (further >= 1 / most - _SAME).any():
            return others[:0]
        largest = np.sort(np.concatenate([further, np.full(most - 1, 1 / most)]))[1 - most :]
        possible: Ints = others[self.leverage[others] >= left * (1 - largest.sum()) - _SAME]
        return possible

    def _with_two_seeds(
        self, below: Floats, seeds: tuple[int, ...], strong: Ints, others: Ints
    ) -> tuple[int, ...] | None:
        """The last level for all second seeds at once: three further columns of one person each that are dependent."""
        count = self.span.count[self.few]
        others, strong = others[count[others] == 1], strong[count[strong] == 1]
        if len(others) < 3 or not len(strong):
            return None
        columns = below[:, others]
        squared = np.einsum("ij,ij->j", columns, columns)
        marks = np.random.default_rng(3).standard_normal((2, len(columns)))
        onto_marks = marks @ columns
        step = max(1, 1_000_000 // len(others))
        for start in range(0, len(strong), step):
            some = strong[start : start + step]
            self.budget.take(max(len(some) * len(others) // 16, 1))
            units = below[:, some] / np.linalg.norm(below[:, some], axis=0)
            inner = units.T @ columns
            left = squared - inner**2
            left[left < _ZERO**2 + 1e-9 * squared] = np.nan
            length = np.sqrt(left)
            first = (onto_marks[0] - np.outer(marks[0] @ units, np.ones(len(others))) * inner) / length
            second = (onto_marks[1] - np.outer(marks[1] @ units, np.ones(len(others))) * inner) / length
            sign = np.where(first < 0, -1.0, 1.0)
            first, second = first * sign, second * sign
            order = np.argsort(first, axis=1)
            first = np.take_along_axis(first, order, axis=1)
            second = np.take_along_axis(second, order, axis=1)
            for distance in (1, 2):
                with np.errstate(invalid="ignore"):
                    near = (first[:, distance:] - first[:, :-distance] < 10 * _SAME) & (
                        np.abs(second[:, distance:] - second[:, :-distance]) < 10 * _SAME
                    )
                for row, place in zip(*np.nonzero(near), strict=True):
                    one, a, b = (
                        int(some[row]),
                        int(others[order[row, place]]),
                        int(others[order[row, place + distance]]),
                    )
                    found = (*seeds, one, a, b)
                    if one not in (a, b) and _confirmed(self.span, self.few[list(found)]) is not None:
                        return found
        return None

    def _leverage_without(self, seeds: tuple[int, ...], others: Ints) -> Floats:
        """The leverage of columns where the seeds are known: a unit vector for each of them joins the row space."""
        self.budget.take(len(others))
        chosen = np.array(seeds, dtype=np.int64)
        across, own = self._projected(others, chosen), self._projected(chosen, chosen)
        if len(chosen) == 1:
            return np.asarray(self.leverage[others] + across[:, 0] ** 2 / max(1 - own[0, 0], 1e-12))
        solved = np.linalg.solve(np.eye(len(chosen)) - own + 1e-12 * np.eye(len(chosen)), across.T)
        return np.asarray(self.leverage[others] + np.einsum("ij,ji->i", across, solved))

    def _projected(self, some: Ints, others: Ints) -> Floats:
        """The projection onto the row space, of some of the few columns beside others: some × others."""
        if self._basis is None:
            # Disjoint cells: each column is in one of them at most.
            first = sparse.csc_array(self.span.cells[self.span.first][:, self.few])
            is_in = np.diff(first.indptr) > 0
            cell = np.full(len(self.few), -1, dtype=np.int64)
            weight = np.zeros(len(self.few))
            cell[is_in], weight[is_in] = first.indices, first.data
            self._basis = cell, weight, self.span.rest_of(self.few)
        cell, weight, rest = self._basis
        is_same = (cell[some][:, None] == cell[others][None, :]) & (cell[some] >= 0)[:, None]
        projected: Floats = rest[some] @ rest[others].T + is_same * np.outer(weight[some], weight[others])
        return projected


def _parallel(columns: Floats, count: Ints, limit: int) -> list[tuple[int, int]]:
    """Pairs of columns of one direction that stand for fewer than `limit` people together."""
    if columns.shape[1] < 2:
        return []
    length = np.linalg.norm(columns, axis=0)
    unit = columns / np.maximum(length, 1e-300)
    # Equal directions have equal inner products with any vector: sorted by two of these, they stand together. Gaps, and
    # no rounding, part the clusters, so that no grid can separate what is equal.
    marks = np.random.default_rng(2).standard_normal((2, len(columns))) @ unit
    sign = np.where(marks[0] < 0, -1.0, 1.0)
    first, second = marks * sign
    cluster = _clusters(np.zeros(len(first), dtype=np.int64), first)
    cluster = _clusters(cluster, second)
    # Of one direction, the two columns of the fewest people decide.
    order = np.lexsort((count, cluster))
    a, b = order[:-1], order[1:]
    near = (cluster[a] == cluster[b]) & (count[a] + count[b] < limit)
    a, b = a[near], b[near]
    same = np.abs(unit[:, a] * sign[a] - unit[:, b] * sign[b]).max(axis=0, initial=0) < _SAME
    return [(int(x), int(y)) for x, y in zip(a[same], b[same], strict=True)]


def _clusters(within: Ints, values: Floats) -> Ints:
    """Numbers for values that stand together, within the clusters that are given."""
    order = np.lexsort((values, within))
    is_apart = (np.diff(values[order]) > 10 * _SAME) | (np.diff(within[order]) > 0)
    found = np.empty(len(values), dtype=np.int64)
    found[order] = np.concatenate([[0], np.cumsum(is_apart)])
    return found


def _confirmed(span: Span, types: Ints) -> Leak | None:
    """The leak on some types, computed from the basis itself; None where the sketch was mistaken."""
    value, entries = _largest(span.rows_of(types))
    if value < 1 - 1e-7:
        return None
    vector = np.zeros(len(span.count))
    vector[types] = entries
    is_part = np.abs(entries) > _SAME
    return Leak(tuple(int(one) for one in types[is_part]), span.coefficients(vector))


def _largest(rows: Floats) -> tuple[float, Floats]:
    """The largest eigenvalue of the Gram matrix of a few rows, and its vector; computed on the shorter side."""
    if len(rows) <= rows.shape[1]:
        values, vectors = np.linalg.eigh(rows @ rows.T)
        return float(values[-1]), vectors[:, -1]
    if not rows.shape[1]:
        return 0.0, np.zeros(len(rows))
    values, vectors = np.linalg.eigh(rows.T @ rows)
    entries = rows @ vectors[:, -1]
    return float(values[-1]), entries / max(float(np.linalg.norm(entries)), 1e-300)


def leaks_of_owners(rows: sparse.csr_array, owners: sparse.csr_array, minimum: int, budget: Budget) -> list[Leak]:
    """Combinations of cells behind which fewer than `minimum` owners stand, such as the raters of a perspective.

    Args:
        rows: cells × people, weights.
        owners: people × owners, 1 where the owner has given something of what the person's contribution is made of.
        minimum: owners that a figure needs; sets of one and of two owners are looked at.
        budget: counted work.

    Raises:
        BudgetSpent: the search did not end within the budget.
    """
    if minimum < 2:
        return []
    # Nothing is merged: people with the same weights may have other owners.
    span = span_of(rows, merge=False)
    owners = sparse.csr_array(owners)
    degree = np.diff(owners.indptr)
    alone = np.flatnonzero(degree == 1)
    paired = np.flatnonzero(degree == 2) if minimum > 2 else np.zeros(0, dtype=np.int64)
    budget.take(len(alone) + len(paired))
    single: dict[int, list[int]] = {}
    for person in alone:
        single.setdefault(int(owners.indices[owners.indptr[person]]), []).append(int(person))
    both: dict[tuple[int, int], list[int]] = {}
    for person in paired:
        a, b = sorted(int(one) for one in owners.indices[owners.indptr[person] : owners.indptr[person + 1]])
        both.setdefault((a, b), []).append(int(person))
    leverage = span.leverage()
    strength: dict[int, float] = {}
    found: list[Leak] = []

    def look(people: Sequence[int]) -> float:
        """The largest part of a vector that can stand on these people; 1 is a leak."""
        chosen = np.array(sorted(people), dtype=np.int64)
        budget.take(len(chosen))
        values, vectors = _largest(span.rows_of(chosen))
        if values >= 1 - 1e-7:
            vector = np.zeros(len(span.count))
            vector[chosen] = vectors
            found.append(Leak(tuple(int(one) for one in chosen), span.coefficients(vector)))
        return values

    # A vector on some people is at most as large as their leverages together. So most owners need no look.
    needed = 0.5 if minimum > 2 else 1.0
    for owner, people in single.items():
        most = float(leverage[people].sum())
        strength[owner] = look(people) if most >= needed - _SAME else most
    if minimum > 2 and not found:
        pairs = set(both)
        strong = sorted(strength, key=lambda owner: -strength[owner])
        for number, a in enumerate(strong):
            if strength[a] < 0.5 - _SAME:
                break
            for b in itertools.islice(strong, number + 1, None):
                if strength[a] + strength[b] < 1 - _SAME:
                    break
                budget.take(1)
                pairs.add((min(a, b), max(a, b)))
        for a, b in sorted(pairs):
            people = [*single.get(a, ()), *single.get(b, ()), *both.get((a, b), ())]
            if leverage[people].sum() >= 1 - _SAME:
                look(people)
            if len(found) >= _AT_MOST:
                break
    return found
