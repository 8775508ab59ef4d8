"""What may be shown of a table, beside the definition: every set of fewer than k people is tried."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.protection import exposure
from pipelines.protection.exposure import Table, hidden_slices


def table_of(columns):
    """A table of the slices that columns of values make, the largest first."""
    columns = np.array(columns)
    sizes = [(-int((column == value).sum()), d, value) for d, column in enumerate(columns) for value in set(column)]
    cell_of = np.full(columns.T.shape, -1)
    for number, (_, d, value) in enumerate(sorted(sizes)):
        cell_of[columns[d] == value, d] = number
    numbers = np.arange(len(sizes))
    return Table(cell_of, np.array([d for _, d, _ in sorted(sizes)]), numbers), -np.array(
        [s for s, *_ in sorted(sizes)]
    )


def exposed(table, weights, minimum, hidden):
    """The first set of fewer than k people that some combination of the shown slices stands on alone, if any."""
    people = np.flatnonzero(weights)
    shown = np.zeros((len(people), len(hidden)))
    for column in table.cell_of[people].T:
        has = (column >= 0) & ~hidden[column]
        shown[np.flatnonzero(has), column[has]] = 1
    rank = np.linalg.matrix_rank(shown) if shown.size else 0
    for size in range(1, min(minimum, len(people) + 1)):
        for some in itertools.combinations(range(len(people)), size):
            others = np.delete(shown, some, axis=0)
            if (np.linalg.matrix_rank(others) if others.size else 0) < rank:
                return some
    return None


@st.composite
def tables(draw):
    people = draw(st.integers(4, 16))
    columns = [[0] * people]
    for values in draw(st.lists(st.integers(2, 4), min_size=1, max_size=3)):
        columns.append(draw(st.lists(st.integers(0, values - 1), min_size=people, max_size=people)))
    weights = draw(st.lists(st.sampled_from([1, 1, 1, 1, 0]), min_size=people, max_size=people))
    return columns, np.array(weights, dtype=float), draw(st.integers(2, 4))


@pytest.mark.parametrize("many", [1, 60], ids=["a dimension eliminated", "none"])
@settings(max_examples=60, deadline=None)
@given(given_=tables())
def test_nothing_of_fewer_than_k_people_follows_from_what_is_shown(many, given_):
    columns, weights, minimum = given_
    table, sizes = table_of(columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exposure, "MANY", many)
        hidden = hidden_slices(table, weights, minimum, sizes < minimum)
    assert exposed(table, weights, minimum, hidden) is None
    assert hidden[sizes < minimum].all()


def test_the_brute_force_finds_what_is_exposed():
    """Proof that the law above can fail: a small department is the company less the others."""
    table, sizes = table_of([[0] * 12, [0] * 5 + [1] * 5 + [2] * 2])
    assert exposed(table, np.ones(12), 3, sizes < 3) == (10, 11)


def test_the_smallest_slice_that_protects_another_is_hidden():
    table, sizes = table_of([[0] * 20, [0] * 10 + [1] * 6 + [2] * 4])
    hidden = hidden_slices(table, np.ones(20), 5, sizes < 5)
    assert sizes[hidden].tolist() == [6, 4]


def test_a_difference_of_two_slices_is_protected_too():
    """A department and a location that differ by one person each: the difference of their sums is that of two people."""
    department = [0] * 8 + [1] * 8
    location = [0] * 7 + [1] + [0] + [1] * 7
    table, sizes = table_of([[0] * 16, department, location])
    hidden = hidden_slices(table, np.ones(16), 5, sizes < 5)
    assert hidden.sum() == 2
    assert exposed(table, np.ones(16), 5, hidden) is None


def test_what_is_shown_already_counts_and_stays():
    """Six people of last time, one of whom has gone: the five that remain would give the sixth away."""
    before = np.array([0] * 6)
    now = np.array([1, 1, 1, 1, 1, -1])
    table = Table(np.stack([before, now], axis=1), np.array([0, 1]), np.array([-1, 0]))
    assert hidden_slices(table, np.ones(6), 5, np.array([False])).tolist() == [True]


def test_a_company_of_twenty_thousand_is_protected_in_seconds():
    rng = np.random.default_rng(5)
    department = rng.choice(40, 20_000, p=rng.dirichlet(np.ones(40)))
    team = department * 1000 + rng.integers(0, 60, 20_000)
    others = [rng.choice(size, 20_000, p=rng.dirichlet(np.ones(size))) for size in (8, 15, 10, 5, 6)]
    table, sizes = table_of([np.zeros(20_000, dtype=int), department, team, *others])
    hidden = hidden_slices(table, np.ones(20_000), 5, sizes < 5)
    assert (sizes < 5).sum() < hidden.sum() < 0.5 * len(hidden)
