"""What may be shown of sums whose unknowns have owners, beside the definition: every set of few owners is tried."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from pipelines.protection.changes import RATING, all_alike, parts_of
from pipelines.protection.owners import hidden_for_owners


def exposed(rows, owners, minimum):
    """The first set of fewer owners than are needed on whose unknowns alone some combination of the sums stands."""
    rank = np.linalg.matrix_rank(rows) if rows.size else 0
    for size in range(1, min(minimum, owners.shape[1] + 1)):
        for some in itertools.combinations(range(owners.shape[1]), size):
            others = rows[np.delete(owners, some, axis=1).any(axis=1)]
            if (np.linalg.matrix_rank(others) if others.size else 0) < rank:
                return some
    return None


@st.composite
def sums(draw):
    """People in slices of some dimensions, each rated by one of a few or by several."""
    people, raters = draw(st.integers(4, 14)), draw(st.integers(2, 6))
    columns = []
    for values in draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)):
        of = draw(st.lists(st.integers(0, values - 1), min_size=people, max_size=people))
        columns += [np.array(of) == value for value in range(values)]
    columns.sort(key=lambda column: -column.sum())
    by = draw(st.lists(st.sets(st.integers(0, raters - 1), min_size=1, max_size=2), min_size=people, max_size=people))
    owners = np.array([[rater in some for rater in range(raters)] for some in by])
    return np.array(columns).T * 1.0, owners, draw(st.integers(2, 4))


@settings(max_examples=150, deadline=None)
@given(given_=sums())
def test_nothing_of_fewer_owners_than_are_needed_follows_and_no_slice_is_hidden_in_vain(given_):
    rows, owners, minimum = given_
    count = rows.shape[1]
    hidden = hidden_for_owners(
        rows, np.arange(count), sparse.csr_array(owners * 1.0), minimum, np.zeros(count, dtype=bool)
    )
    assert exposed(rows[:, ~hidden], owners, minimum) is None
    if exposed(rows, owners, minimum) is None:
        assert not hidden.any()


@pytest.mark.parametrize(
    ("part", "changes", "expected"),
    [
        ("q", [(None, "100"), (None, "100")], True),
        ("q", [(None, "100"), (None, "0")], False),
        ("q", [("0", "100"), (None, "100"), ("0", None)], True),
        ("q", [("50", "100"), (None, "100")], False),
        ("q", [("100", None), ("100", "0")], True),
        ("q is unfavourable", [(None, "0"), (None, "0")], False),
        (RATING, [(None, "4"), ("2", "4")], True),
        (RATING, [("3", "4"), ("3", "2")], True),
        (RATING, [(None, "4"), (None, "3")], False),
        (RATING, [("3", None), (None, "4")], True),
        (RATING, [("4", None), (None, "4")], False),
    ],
)
def test_it_is_seen_where_all_who_have_changed_did_so_alike(part, changes, expected):
    """Where the difference is as large or as small as it can be: nobody's part in it is in doubt."""
    assert all_alike(part, {str(person): change for person, change in enumerate(changes)}) == expected


def test_an_answer_is_a_score_and_two_questions_of_yes_or_no():
    found = parts_of("q1=75.0f\x1fpeer a=b=50.0\x1f=3")
    assert found == {"q1": "75.0", "q1 is favourable": "100", "q1 is unfavourable": "0", "peer a=b": "50.0", "": "3"}
