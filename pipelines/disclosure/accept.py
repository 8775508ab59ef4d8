"""Accepting cells: which of those on offer are shown, so that nothing rests on fewer than k people.

Cells are offered group by group, from the most useful down. A group is taken whole where it brings no leak. Otherwise
the smallest cell that takes part in each leak is suppressed (complementary suppression) and the rest is looked at
again. Each look suppresses at least one cell, so the looks end. Where the budget of counted work is spent first, the
rest of the group is suppressed: more is suppressed then, never less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from pipelines.disclosure.search import (
    Bools,
    Budget,
    BudgetSpent,
    Ints,
    Leak,
    leaks,
    leaks_of_owners,
    one_of_each_type,
    span_of,
)

# Suppressed cells of a group that are offered a second time, one by one.
_AGAIN = 6


@dataclass(frozen=True)
class Raters:
    """Who has given what the contributions are made of.

    Attributes:
        of: people × raters, 1 where the rater has rated the person.
        minimum: raters that a figure needs.
    """

    of: sparse.csr_array
    minimum: int


@dataclass
class Acceptance:
    """The cells that are shown so far, and what they may not give away.

    Attributes:
        k: people that a figure needs.
        budget: counted work that may still be done.
        shown: cells × people that readers have, or will have.
        protected: rows over people that may not follow from what is shown, beside all rows on fewer than k people.
        raters: where a minimum of raters holds as well.
        suppressed_for_budget: cells that were suppressed because the budget was spent.
    """

    k: int
    budget: Budget
    shown: sparse.csr_array
    protected: sparse.csr_array | None = None
    raters: Raters | None = None
    suppressed_for_budget: int = 0
    _lost: Bools = field(default_factory=lambda: np.zeros(0, dtype=bool))
    _spent_before: int = 0

    def __post_init__(self) -> None:
        """Sets aside people about whom readers know something already: they protect no others any more."""
        self._lost = np.zeros(self.shown.shape[1], dtype=bool)
        while self.shown.shape[0]:
            try:
                leaking, type_of = self._leaks(self.shown, with_protected=False)
            except BudgetSpent:
                break
            if not leaking:
                break
            for leak in leaking:
                self._lost |= np.isin(type_of, leak.people)

    @property
    def spent(self) -> int:
        """Counted work so far."""
        return self._spent_before + self.budget.spent

    def renew(self, limit: int) -> None:
        """Gives a new budget for what comes next."""
        self._spent_before += self.budget.spent
        self.budget = Budget(limit)

    def take_all(self, cells: sparse.csr_array) -> bool:
        """Takes a group of cells whole, if it brings no leak."""
        try:
            if self._look(cells, np.diff(cells.indptr) > 0)[0]:
                return False
        except BudgetSpent:
            # The same work is still to be done group by group, for smaller groups first.
            self.renew(self.budget.limit)
            return False
        self.shown = sparse.vstack([self.shown, cells]).tocsr()
        return True

    def offer(self, cells: sparse.csr_array) -> Bools:
        """Decides on a group of cells.

        Args:
            cells: cells × people, weights; the most useful first. Cells without people are suppressed.

        Returns:
            Of each cell, whether it is shown.
        """
        count = cells.shape[0]
        is_in: Bools = np.diff(cells.indptr) > 0
        sizes = np.diff(cells.indptr)
        try:
            dropped = self._repair(cells, is_in, sizes)
            for one in dropped[::-1][:_AGAIN] if len(dropped) <= 3 * _AGAIN else ():
                is_in[one] = True
                if self._look(cells, is_in)[0]:
                    is_in[one] = False
        except BudgetSpent:
            # What was not looked at to the end is suppressed.
            self.suppressed_for_budget += int(is_in.sum())
            is_in = np.zeros(count, dtype=bool)
        if is_in.any():
            self.shown = sparse.vstack([self.shown, cells[np.flatnonzero(is_in)]]).tocsr()
        return is_in

    def _repair(self, cells: sparse.csr_array, is_in: Bools, sizes: Ints) -> list[int]:
        """Suppresses cells until there is no leak; returns them in the order in which they were suppressed."""
        dropped: list[int] = []
        while is_in.any():
            leaking, numbers = self._look(cells, is_in)
            if not leaking:
                break
            gone: set[int] = set()
            for leak in leaking:
                mine = leak.coefficients[-len(numbers) :]
                involved = numbers[_involved(mine)]
                if gone.isdisjoint(involved.tolist()):
                    gone.add(int(involved[np.lexsort((-involved, sizes[involved]))[0]]))
            is_in[list(gone)] = False
            dropped += sorted(gone, key=lambda one: (sizes[one], -one))
        return dropped

    def _look(self, cells: sparse.csr_array, is_in: Bools) -> tuple[list[Leak], Ints]:
        numbers = np.flatnonzero(is_in)
        if not len(numbers):
            return [], numbers
        rows = sparse.vstack([self.shown, cells[numbers]]).tocsr()
        return self._leaks(rows)[0], numbers

    def _leaks(self, rows: sparse.csr_array, with_protected: bool = True) -> tuple[list[Leak], Ints]:
        """Leaks among some cells, and of each person the type in their numbering."""
        weights = sparse.csr_array(rows @ sparse.diags_array((~self._lost).astype(np.float64)))
        weights.eliminate_zeros()
        leaking: list[Leak] = []
        type_of = np.zeros(0, dtype=np.int64)
        if self.k > 1:
            span = span_of(weights)
            leaking, type_of = leaks(span, self.k, self.budget), span.type_of
        if not leaking and self.raters and with_protected:
            leaking = leaks_of_owners(weights, self.raters.of, self.raters.minimum, self.budget)
        if not leaking and self.protected is not None and with_protected and self.protected.shape[0]:
            leaking = self._protected_that_follow(weights)
        return leaking, type_of

    def _protected_that_follow(self, weights: sparse.csr_array) -> list[Leak]:
        assert self.protected is not None
        self.budget.take(self.protected.shape[0])
        # One column for all who count alike in shown and in protected rows.
        one_of = one_of_each_type(sparse.vstack([weights, self.protected]).tocsr())
        over_types = span_of(sparse.csr_array(weights[:, one_of]), merge=False)
        rows = sparse.csr_array(self.protected[:, one_of])
        follows = np.flatnonzero(over_types.holds(rows))
        return [Leak((), over_types.coefficients(rows[[one]].toarray()[0])) for one in follows]


def _involved(coefficients: np.ndarray) -> Ints:
    """The cells of a group that a combination takes.

    Where a group adds up to what is shown already, a combination can take the same amount of each of its cells for
    nothing. So the amount that most cells have counts as none.
    """
    scale = max(float(np.abs(coefficients).max(initial=0)), 1e-300)
    rounded = np.round(coefficients / scale, 6)
    values, counts = np.unique(rounded, return_counts=True)
    usual = values[counts.argmax()] if counts.max() * 2 > len(rounded) else 0.0
    involved = np.flatnonzero(np.abs(rounded - usual) > 1e-5)
    return involved if len(involved) else np.arange(len(coefficients))


def cells_of(people: int, members: Sequence[Ints], weights: np.ndarray | None = None) -> sparse.csr_array:
    """Cells as rows over people.

    Args:
        people: how many there are.
        members: of each cell, the numbers of its people.
        weights: of each person; without them, one. Who has a weight of zero is in no cell.

    Returns:
        cells × people.
    """
    sizes = [len(one) for one in members]
    columns = np.concatenate(members) if members else np.zeros(0, dtype=np.int64)
    data = np.ones(len(columns)) if weights is None else np.asarray(weights, dtype=np.float64)[columns]
    cells = sparse.csr_array((data, columns, np.concatenate([[0], np.cumsum(sizes)])), (len(members), people))
    cells.eliminate_zeros()
    return cells
