"""Sums that stand on what few people own: on the scores of few raters, on the answers of few people in two versions.

A mean over a slice is a sum over the people rated in it; behind a combination of such sums stand those who rated them.
The rule is that of exposure.py for unknowns that have owners: no vector of the span stands on unknowns alone that the
same few own. Of orthonormal rows of the span, each owner has the Gram matrix of their unknowns. These sum up to the
identity where every unknown has one owner, so few owners have a part that is large enough, and eigenvalues of 1 tell
who has a vector of their own.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from pipelines.protection.exposure import Bools, Floats, Ints, independent
from pipelines.protection.unanimity import incidence

_NOUGHT = 1e-7


@dataclass(frozen=True)
class Means:
    """What is shown of a perspective on a competency: by itself, among all competencies, and in gaps.

    factors: of each use of it, people; what the score is multiplied with there, 0 for who has none.
    hidden: of each use, by slice, whether it is hidden there.
    raters: people × raters; 1 for who rated them.
    """

    factors: Sequence[Floats]
    hidden: Sequence[Bools]
    raters: sparse.csr_array

    @cached_property
    def look(self) -> bytes:
        """The same for those that tell the same of the same raters."""
        arrays = (*self.factors, *self.hidden, self.raters.indices, self.raters.indptr)
        return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).digest()

    @classmethod
    def of(cls, uses: Iterable[tuple[Floats, Bools]], raters: sparse.csr_array) -> Means:
        """Without uses that tell no more than another one: of the same people, times a number."""
        different: dict[tuple[bytes, bytes], tuple[Floats, Bools]] = {}
        for factor, hidden in uses:
            one = factor / factor[np.abs(factor).argmax()]
            different.setdefault((one.tobytes(), hidden.tobytes()), (one, hidden))
        factors, hidden_ones = zip(*different.values(), strict=True)
        return cls(factors, hidden_ones, raters)


def hidden_for_raters(cell_of: Ints, means: Means, minimum: int, hidden: Bools) -> Bools:
    """Hides further slices, in all uses, until what can be worked out has at least `minimum` raters behind it.

    Args:
        cell_of: people × dimensions; the number of the person's slice, -1 for none. The largest slice is 0.
        means: what is shown.
        minimum: raters that a figure needs.
        hidden: of each slice, whether it is hidden in all uses anyway.

    Returns:
        The same with what is hidden for that.
    """
    everywhere = incidence(cell_of, np.zeros(len(hidden), dtype=bool))
    hidden = hidden.copy()
    for factor in means.factors:
        behind = (everywhere @ (sparse.diags_array((factor != 0) * 1.0) @ means.raters)).tocsr()
        behind.eliminate_zeros()
        raters = np.diff(behind.indptr)
        hidden |= (raters > 0) & (raters < minimum)
    rows = np.hstack(
        [
            factor[:, None] * incidence(cell_of, own).T.toarray()
            for factor, own in zip(means.factors, means.hidden, strict=True)
        ]
    )
    return hidden_for_owners(rows, np.tile(np.arange(len(hidden)), len(means.factors)), means.raters, minimum, hidden)


def hidden_for_owners(rows: Floats, slice_of: Ints, owners: sparse.csr_array, minimum: int, hidden: Bools) -> Bools:
    """Hides further slices until nothing follows that stands only on unknowns which fewer than `minimum` own.

    Args:
        rows: unknowns × sums; what each of them adds to each sum.
        slice_of: of each sum, the slice that shows it; -1 for what is known and stays so.
        owners: unknowns × owners; 1 for who owns them.
        minimum: owners that a figure needs.
        hidden: of each slice, whether it is hidden anyway.

    Returns:
        The same with what is hidden for that.
    """
    hidden = hidden.copy()
    while minimum > 1:
        is_shown = ~np.append(hidden, False)[slice_of]
        # In the order in which a greedy choice, from the largest slice down, would have met them.
        exposed = _exposed(rows[:, is_shown], slice_of[is_shown], owners, minimum)
        found = sorted(exposed, key=lambda slices: (slices[-1], slices))
        for slices in found:
            if not hidden[list(slices)].any():
                hidden[slices[-1]] = True
        if not found:
            break
    return hidden


def _exposed(rows: Floats, slice_of: Ints, owners: sparse.csr_array, minimum: int) -> set[tuple[int, ...]]:
    """The slices that exposed vectors are made of, for some of these at least; empty only if there are none."""
    gram = rows.T @ rows
    kept = independent(gram, np.maximum(gram.diagonal(), _NOUGHT))
    if not len(kept):
        return set()
    # The inverse of the Cholesky factor makes the rows orthonormal, and takes vectors back to sums.
    back = np.linalg.inv(np.linalg.cholesky(gram[np.ix_(kept, kept)])).T
    found = set()
    for vector in _Search(rows[:, kept] @ back, owners, minimum - 1).run():
        made_of = np.abs(back @ vector)
        used = slice_of[kept[made_of > _NOUGHT * made_of.max()]]
        found.add(tuple(int(one) for one in np.unique(used) if one >= 0))
    return found - {()}


class _Search:
    """Finds sets of at most so many owners that a vector of the span stands on their unknowns alone."""

    def __init__(self, rows: Floats, owners: sparse.csr_array, most: int) -> None:
        self.most = most
        few = np.diff(owners.indptr) <= most
        self.rows, self.owners = rows[few], owners[few]
        self.owners_of = np.diff(self.owners.indptr)
        self.owned = self.owners.tocsc()
        self.trace: Floats = self.owners.T @ np.einsum("ij,ij->i", self.rows, self.rows)
        self.seen: set[frozenset[int]] = set()

    def run(self) -> Iterator[Floats]:
        """One vector for each owner with whom others, or they alone, have one."""
        for one in np.flatnonzero(self.trace >= 1 / self.most - _NOUGHT):
            yield from itertools.islice(self._extend(frozenset([int(one)])), 1)

    def _extend(self, members: frozenset[int]) -> Iterator[Floats]:
        if members in self.seen:
            return
        self.seen.add(members)
        touched = self._unknowns(members)
        has_others = self.owners[:, sorted(members)].sum(axis=1)[touched] < self.owners_of[touched]
        value, vector = _largest(self.rows[touched[~has_others]])
        if value >= 1 - _NOUGHT:
            yield vector
            return
        room = self.most - len(members)
        if not room:
            return
        # What is missing to 1 the others make up together, so the strongest of them makes up its share.
        has, _ = _largest(self.rows[touched]) if has_others.any() else (value, vector)
        is_strong = self.trace >= (1 - has) / room - _NOUGHT
        for one in np.flatnonzero(is_strong):
            if one not in members:
                yield from self._extend(members | {int(one)})

    def _unknowns(self, members: frozenset[int]) -> Ints:
        bounds = [self.owned.indptr[one : one + 2] for one in members]
        return np.unique(np.concatenate([self.owned.indices[start:end] for start, end in bounds]))


def _largest(rows: Floats) -> tuple[float, Floats]:
    """The largest eigenvalue of the Gram matrix of some rows, and its vector; on their smaller side."""
    if not len(rows):
        return 0.0, np.zeros(rows.shape[1])
    if len(rows) < rows.shape[1]:
        values, vectors = np.linalg.eigh(rows @ rows.T)
        return float(values[-1]), rows.T @ vectors[:, -1]
    values, vectors = np.linalg.eigh(rows.T @ rows)
    return float(values[-1]), vectors[:, -1]
