"""The attacker finds what it should on tables made by hand, and nothing where there is nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.disclosure.attacker import Contribution, Figure, leaks


def answers(told, people, kind="wave", parts=("i1",), weight=1.0):
    return Figure(told, {Contribution(person, kind, part): weight for person in people for part in parts})


def found(figures, minimum=3):
    return [leak.people for leak in leaks(figures, minimum)]


ALL = "abcdefghij"


def test_parent_minus_children():
    figures = [answers("company", ALL), answers("north", "abcd"), answers("south", "efgh")]
    assert found(figures) == [("i", "j")]
    (leak,) = leaks(figures, 3)
    assert sorted(leak.figures) == [(-1, "north"), (-1, "south"), (1, "company")]
    assert "2 people (i, j)" in str(leak)


def test_nothing_where_children_leave_enough():
    assert found([answers("company", ALL), answers("north", "abcd"), answers("south", "efg")]) == []


def test_two_dimensions():
    figures = [answers("north", "abcd"), answers("south", "efgh"), answers("young", "abef"), answers("old", "cdg")]
    # North and south less young and old leave one person, although every pair of figures leaves more.
    assert found(figures) == [("h",)]


def test_two_versions_with_one_late_answer():
    first, second = answers("version 1", "abcde"), answers("version 2", "abcdef")
    assert found([first, second]) == [("f",)]


def test_two_versions_with_a_corrected_answer():
    later = {Contribution(one, "wave", "i1", "new" if one == "a" else ""): 1.0 for one in "abcde"}
    assert found([answers("version 1", "abcde"), Figure("version 2", later)]) == [("a",)]


def test_equal_content_under_other_ids_is_the_same():
    assert found([answers("version 1", "abcde"), answers("version 2", "abcde")]) == []


def test_item_versus_driver():
    driver = Figure("driver", {Contribution(p, "wave", i): 1.0 for p in "abcdef" for i in ("i1", "i2") if (p, i) != ("f", "i2")})  # fmt: skip
    # The driver is the sum of its items, and adds nothing to them; one item less of one person than is pooled tells of them.
    assert found([driver, answers("item 1", "abcdef"), answers("item 2", "abcde", parts=("i2",))]) == []
    assert found([driver, answers("item 1", "abcde")]) == []
    elsewhere = answers("item 2 in the north", "abcde", parts=("i2",))
    assert found([driver, elsewhere, answers("item 1 in the north", "abcde")]) == [("f",)]


def test_enps_versus_morale():
    everything = answers("morale", "abcdef", parts=("i1", "recommend"))
    enps = answers("enps", "abcdef", parts=("recommend",))
    assert found([everything, enps]) == []
    assert found([everything, enps, answers("item", "abcd")]) == [("e", "f")]


def test_weights_of_items():
    # 2a + b and a + b of the same person: that tells of one person, whatever the weights.
    figures = [
        answers("raw", "abc", weight=25.0),
        answers("turned", "abc", weight=-25.0),
        answers("few", "ab", weight=3),
    ]
    assert found(figures) == [("a", "b")]
    assert found(figures, 2) == [("c",)]


def test_a_gap_has_a_base_of_its_own():
    def scores(people, perspective):
        return {Contribution(one, "cycle", perspective): 1.0 for one in people}

    gap = scores("abcd", "self") | {one: -1.0 for one in scores("abcd", "manager")}
    figures = [
        Figure("self", scores("abcd", "self")),
        Figure("manager", scores("abcde", "manager")),
        Figure("gap", gap),
    ]
    assert found(figures) == [("e",)]
    assert found([figures[0], figures[1]]) == []


def test_a_competency_by_which_few_differ():
    def mean(people):
        # All but f were rated on two competencies, and f on one.
        return {
            Contribution(p, "cycle", c): 0.5 if p != "f" else 1.0
            for p in people
            for c in ("x", "y")
            if (p, c) != ("f", "y")
        }

    figures = [
        Figure("all", mean("abcdef")),
        answers("x", "abcdef", "cycle", ("x",)),
        answers("y", "abcde", "cycle", ("y",)),
    ]
    assert found(figures) == [("f",)]


def test_consecutive_months_of_a_gender_slice():
    def women(month, people):
        return Figure(f"women in {month}", {Contribution(one, "gender is f"): 1.0 for one in people})

    assert found([women("January", "abcdefgh"), women("February", "abcdefg")]) == [("h",)]
    assert found([women("January", "abcdefgh"), women("February", "abcde")]) == []


def test_one_leavers_class_in_nested_windows():
    def voluntary(window, people):
        return Figure(window, {Contribution(one, "voluntary"): 1.0 for one in people})

    assert found([voluntary("12 months to May", "abcd"), voluntary("12 months to June", "abcde")]) == [("e",)]
    assert found([voluntary("12 months to May", "abcd"), voluntary("12 months to June", "abcdefg")]) == []


def test_raters_are_people_too():
    figures = [Figure("scores", {Contribution(one, "cycle", "manager"): 1.0 for one in "abcd"})]
    (one, *others) = figures[0].weights
    behind = {contribution: frozenset(["boss"]) for contribution in others} | {one: frozenset(["boss", "other"])}
    assert [leak.people for leak in leaks(figures, 3, behind)] == [("boss", "other")]
    assert [*leaks(figures, 2, behind)] == []


def by_rank(figures, minimum):
    """The definition, computed another way: rows of a matrix, with and without the columns of the others."""
    names = sorted({one for figure in figures for one in figure.weights})
    matrix = np.array([[figure.weights.get(one, 0.0) for one in names] for figure in figures])
    everybody = sorted({one.person for one in names})
    for size in range(1, minimum):
        for some in itertools.combinations(everybody, size):
            others = np.array([one.person not in some for one in names])
            if np.linalg.matrix_rank(matrix, 1e-8) > np.linalg.matrix_rank(matrix[:, others], 1e-8):
                return some
    return None


@pytest.mark.parametrize("minimum", [2, 3, 4])
def test_it_agrees_with_the_definition_on_random_tables(minimum):
    random = np.random.default_rng(minimum)
    leaking = 0
    for _ in range(120):
        people, parts = ALL[: random.integers(4, 10)], ("i1", "i2")[: random.integers(1, 3)]
        figures = []
        for number in range(random.integers(2, 9)):
            mine = [(p, i) for p in people for i in parts if random.random() < 0.65]
            weights = {Contribution(p, "wave", i): float(random.choice([1, 1, 1, 0.5, -1])) for p, i in mine}
            figures.append(Figure(str(number), weights))
        expected = by_rank([one for one in figures if one.weights], minimum)
        leaking += expected is not None
        assert bool(found(figures, minimum)) == (expected is not None)
        for leak in leaks(figures, minimum):
            assert {one.person for one in leak.contributions} <= set(leak.people)
            assert leak.figures
            assert 0 < len(leak.people) < minimum
    assert 5 < leaking < 119
