"""Which slices of a perspective are hidden, so that nothing follows about what fewer raters say than are needed.

A mean over a slice is a sum over the people rated in it; behind a combination of such sums stand those who rated them.
The rule is that of exposure.py with raters for people: no vector of the span stands on people alone whom the same few
have rated. Of orthonormal rows of the span, each rater has the Gram matrix of those whom they rated. These sum up to
the identity where everybody has one rater, so few raters have a part that is large enough, and eigenvalues of 1 tell
who has a vector of their own.
"""

from __future__ import annotations

import hashlib
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
    while minimum > 1:
        # In the order in which a greedy choice, from the largest slice down, would have met them.
        found = sorted(_exposed_slices(cell_of, means, minimum, hidden), key=lambda slices: (slices[-1], slices))
        for slices in found:
            if not hidden[list(slices)].any():
                hidden[slices[-1]] = True
        if not found:
            break
    return hidden


def _exposed_slices(cell_of: Ints, means: Means, minimum: int, hidden: Bools) -> set[tuple[int, ...]]:
    """The slices that exposed vectors are made of, for some of these at least; empty only if there are none."""
    rows = np.hstack(
        [
            factor[:, None] * incidence(cell_of, hidden | own).T.toarray()
            for factor, own in zip(means.factors, means.hidden, strict=True)
        ]
    )
    gram = rows.T @ rows
    kept = independent(gram, np.maximum(gram.diagonal(), _NOUGHT))
    if not len(kept):
        return set()
    # The inverse of the Cholesky factor makes the rows orthonormal, and takes vectors back to slices.
    back = np.linalg.inv(np.linalg.cholesky(gram[np.ix_(kept, kept)])).T
    found = set()
    for vector in _Search(rows[:, kept] @ back, means.raters, minimum - 1).run():
        made_of = np.abs(back @ vector)
        used = kept[made_of > _NOUGHT * made_of.max()]
        found.add(tuple(int(one) for one in np.unique(used % len(hidden))))
    return found


class _Search:
    """Finds sets of at most so many raters that a vector of the span stands on whom they alone have rated."""

    def __init__(self, rows: Floats, raters: sparse.csr_array, most: int) -> None:
        self.most = most
        few = np.diff(raters.indptr) <= most
        self.rows, self.raters = rows[few], raters[few]
        self.raters_of = np.diff(self.raters.indptr)
        self.rated = self.raters.tocsc()
        self.trace: Floats = self.raters.T @ np.einsum("ij,ij->i", self.rows, self.rows)
        self.parts: dict[int, Floats] = {}
        self.seen: set[frozenset[int]] = set()

    def run(self) -> Iterator[Floats]:
        for one in np.flatnonzero(self.trace >= 1 / self.most - _NOUGHT):
            yield from self._extend(frozenset([int(one)]))

    def _extend(self, members: frozenset[int]) -> Iterator[Floats]:
        if members in self.seen:
            return
        self.seen.add(members)
        alone = self.rows[self.raters[:, sorted(members)].sum(axis=1) == self.raters_of]
        values, vectors = np.linalg.eigh(alone.T @ alone)
        if values[-1] >= 1 - _NOUGHT:
            yield vectors[:, -1]
            return
        room = self.most - len(members)
        if not room:
            return
        # What is missing to 1 the others make up together, so the strongest of them makes up its share.
        has = np.linalg.eigvalsh(np.add.reduce([self._part(one) for one in members]))[-1]
        is_strong = self.trace >= (1 - has) / room - _NOUGHT
        for one in np.flatnonzero(is_strong):
            if one not in members:
                yield from self._extend(members | {int(one)})

    def _part(self, rater: int) -> Floats:
        if rater not in self.parts:
            start, end = self.rated.indptr[rater : rater + 2]
            rows = self.rows[self.rated.indices[start:end]]
            self.parts[rater] = rows.T @ rows
        return self.parts[rater]
