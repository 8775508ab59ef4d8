"""Whose answers are certain, beside all the ways in which people could have answered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from pipelines.protection.unanimity import hidden_for_unanimity
from tests.unit.test_exposure import table_of


def certain(table, yes, hidden):
    """Of each person, whether the answer is the same in all ways, from 0 to 1, that have the shown sums."""
    shown = np.flatnonzero(~hidden)
    incidence = np.array([(table.cell_of == cell).any(axis=1) for cell in shown]).reshape(len(shown), len(yes))
    found = []
    for person in range(len(yes)):
        away = np.zeros(len(yes))
        away[person] = 1 if yes[person] else -1
        other = linprog(away, A_eq=incidence, b_eq=incidence @ yes, bounds=(0, 1))
        found.append(abs(other.x[person] - yes[person]) < 1e-6)
    return np.array(found)


@st.composite
def answers(draw):
    people = draw(st.integers(2, 9))
    values = st.lists(st.integers(0, 2), min_size=people, max_size=people)
    columns = [[0] * people, *draw(st.lists(values, min_size=1, max_size=3))]
    return columns, np.array(draw(st.lists(st.integers(0, 1), min_size=people, max_size=people)))


@settings(max_examples=150, deadline=None)
@given(answers())
def test_nobodys_answer_is_certain(given_):
    columns, yes = given_
    table, sizes = table_of(columns)
    hidden = hidden_for_unanimity(table, yes * 1.0, 1.0 - yes, np.zeros(len(sizes), dtype=bool))
    in_shown = (~hidden[table.cell_of]).any(axis=1)
    assert not (certain(table, yes, hidden) & in_shown).any()


@settings(max_examples=100, deadline=None)
@given(answers())
def test_nothing_is_hidden_where_nobodys_answer_is_certain(given_):
    columns, yes = given_
    table, sizes = table_of(columns)
    nothing = np.zeros(len(sizes), dtype=bool)
    if not certain(table, yes, nothing).any():
        assert not hidden_for_unanimity(table, yes * 1.0, 1.0 - yes, nothing).any()


def test_what_is_left_of_everybody_is_no_single_kind():
    """All three of c said yes: with c, the next smallest is hidden, or c's answers were the company's less the others'."""
    columns = [[0] * 12, [0] * 5 + [1] * 4 + [2] * 3]
    yes = np.array([1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1])
    table, _ = table_of(columns)
    hidden = hidden_for_unanimity(table, yes * 1.0, 1.0 - yes, np.zeros(4, dtype=bool))
    assert list(hidden) == [False, False, True, True]


@pytest.mark.parametrize("yes_only", [False, True])
def test_a_certain_no_is_harmless_where_it_is_one_of_many(yes_only):
    columns = [[0] * 10, [0] * 5 + [1] * 5]
    yes = np.array([1, 0, 1, 0, 1, 0, 0, 0, 0, 0])
    table, _ = table_of(columns)
    hidden = hidden_for_unanimity(table, yes * 1.0, 1.0 - yes, np.zeros(3, dtype=bool), yes_only)
    assert hidden.any() != yes_only
