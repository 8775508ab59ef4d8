"""The search finds what brute force finds, on random tables, and ends within its budget on every one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from pipelines.disclosure.accept import Acceptance, Raters, cells_of
from pipelines.disclosure.search import Budget, BudgetSpent, leaks, leaks_of_owners, span_of


def brute_force(rows: np.ndarray, people: np.ndarray, k: int) -> bool:
    """Whether a combination of rows rests on 1 to k - 1 people, by every subset of columns."""
    _, values, right = np.linalg.svd(rows, full_matrices=False)
    basis = right[values > 1e-9 * max(values[0], 1e-9)]
    outside = np.eye(rows.shape[1]) - basis.T @ basis
    columns = np.flatnonzero(people < k)
    for size in range(1, k):
        for subset in itertools.combinations(columns, size):
            if people[list(subset)].sum() < k and np.linalg.eigvalsh(outside[np.ix_(subset, subset)])[0] < 1e-8:
                return True
    return False


@st.composite
def tables(draw, weighted: bool):
    columns = draw(st.integers(3, 9))
    rows = draw(st.integers(1, 7))
    values = st.sampled_from([0, 0, 1, 1, 0.5] if weighted else [0, 1])
    cells = draw(st.lists(st.lists(values, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    people = draw(st.lists(st.integers(1, 3), min_size=columns, max_size=columns))
    return np.array(cells, dtype=float), np.array(people)


@settings(max_examples=300, deadline=None)
@given(tables(weighted=True), st.integers(2, 5))
def test_the_search_finds_a_leak_exactly_where_there_is_one(table, k):
    rows, people = table
    rows = rows[(rows != 0).any(axis=1)]
    if not len(rows):
        return
    span = span_of(sparse.csr_array(rows), people, merge=False)
    found = leaks(span, k, Budget(10**9))
    assert bool(found) == brute_force(rows, people, k)
    for leak in found:
        assert people[list(leak.people)].sum() < k
        # The coefficients make the leak: nothing is left on anybody else.
        left = leak.coefficients @ rows
        assert np.abs(np.delete(left, leak.people)).max(initial=0) < 1e-6
        assert np.abs(left[list(leak.people)]).max() > 1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_what_is_accepted_leaks_nothing_and_hardly_anything_is_suppressed_needlessly(seed, k):
    random = np.random.default_rng(seed)
    people = int(random.integers(10, 22))
    columns = [np.zeros(people, int), *(random.integers(0, random.integers(2, 5), people) for _ in range(3))]
    acceptance = Acceptance(k, Budget(10**9), sparse.csr_array((0, people)))
    suppressed = []
    for column in columns:
        members = [np.flatnonzero(column == value) for value in np.unique(column)]
        members = sorted((one for one in members if len(one) >= k), key=len, reverse=True)
        if members:
            accepted = acceptance.offer(cells_of(people, members))
            suppressed += [one for one, is_in in zip(members, accepted, strict=True) if not is_in]
    ones = np.ones(people, dtype=int)
    shown = acceptance.shown.toarray()
    assert not brute_force(shown, ones, k)
    needless = sum(
        not brute_force(np.vstack([shown, np.isin(np.arange(people), one).astype(float)]), ones, k)
        for one in suppressed
    )
    assert needless <= len(suppressed) // 2


def test_of_one_direction_the_columns_of_the_fewest_people_decide():
    """A regression: two cells of one person each were hidden among others of the same direction."""
    rows = np.array([[1] * 11, [0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0.0]])
    assert leaks(span_of(sparse.csr_array(rows)), 3, Budget(10**6))


def test_the_search_ends_where_the_budget_is_spent():
    random = np.random.default_rng(1)
    rows = sparse.csr_array((random.random((40, 60)) < 0.3).astype(float))
    with pytest.raises(BudgetSpent):
        leaks(span_of(rows), 7, Budget(2_000))
    acceptance = Acceptance(7, Budget(2_000), sparse.csr_array((0, 60)))
    assert not acceptance.offer(rows).any()
    assert acceptance.suppressed_for_budget > 0


def test_a_minimum_of_raters_holds_for_combinations():
    # Six people; two raters have rated the first three, three others the rest.
    raters = sparse.csr_array(np.array([[1, 1, 0, 0, 0]] * 3 + [[0, 0, 1, 1, 1]] * 3, dtype=float))
    company, first, second = np.ones(6), np.array([1, 1, 1, 0, 0, 0.0]), np.array([0, 0, 0, 1, 1, 1.0])
    assert leaks_of_owners(sparse.csr_array(np.array([first])), raters, 3, Budget(10**6))
    assert not leaks_of_owners(sparse.csr_array(np.array([company])), raters, 3, Budget(10**6))
    # The company minus the others is the first three.
    assert leaks_of_owners(sparse.csr_array(np.array([company, second])), raters, 3, Budget(10**6))
    acceptance = Acceptance(3, Budget(10**6), sparse.csr_array((0, 6)), raters=Raters(raters, 3))
    assert acceptance.offer(sparse.csr_array(np.array([company, second]))).tolist() == [True, False]


def test_a_protected_row_does_not_follow():
    company, a, b, c = np.ones(9), *(np.repeat(np.eye(3)[n], 3) for n in range(3))
    acceptance = Acceptance(2, Budget(10**6), sparse.csr_array((0, 9)), protected=sparse.csr_array(np.array([c])))
    assert acceptance.offer(sparse.csr_array(np.array([company]))).all()
    assert acceptance.offer(sparse.csr_array(np.array([a, b]))).sum() == 1
