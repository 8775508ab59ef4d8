"""Histories are the same for the same seed, each step does what it says, and both ways of playing them agree."""

from __future__ import annotations

import random

import pytest

from tests.disclosure import histories
from tests.disclosure.attacker import first_leak


def played(step, seed=3):
    """The landing zone before and after a step."""
    before, after = histories.History(seed, (step,)).worlds()
    return before, after


def answers(world, path):
    return [(row["survey_id"], row["respondent_id"], row["item_id"], row["answer"]) for row in world.files[path]]


def test_equal_seeds_give_equal_histories():
    for seed in range(4):
        one, other = histories.history(seed), histories.history(seed)
        assert str(one) == str(other)
        assert [vars(world) for world in one.worlds()] == [vars(world) for world in other.worlds()]
    assert len({str(histories.history(seed).steps) for seed in range(20)}) > 15


def test_every_step_is_tried_in_as_many_seeds_as_there_are_steps():
    tried = {step for seed in range(len(histories.STEPS)) for step in histories.history(seed, 2).steps}
    assert tried == set(histories.STEPS)


def test_companies_have_between_10_and_60_people_and_both_kinds_of_surveys():
    sizes, kinds = set(), set()
    for seed in range(25):
        world = histories.company(seed)
        sizes.add(len(world.files["employees/2024-08-31.csv"]))
        kinds |= {path.split("/")[1].split("-")[0] for path in world.surveys()}
    assert min(sizes) >= 10 and max(sizes) <= 66 and len(sizes) > 5
    assert kinds == {"pulse", "engagement"}


@pytest.mark.parametrize("step", histories.STEPS, ids=lambda step: step.__name__)
def test_a_step_changes_something(step):
    changed = 0
    for seed in range(6):
        before, after = played(step, seed)
        changed += before.files != after.files or before.settings != after.settings
    assert changed >= 4


def test_new_ids_leave_the_answers_and_the_people_as_they_were():
    world = histories.company(5)
    path = world.surveys()[0]
    histories.rekeyed_respondents(world, random.Random(1))
    for path in world.surveys():
        for survey, respondent, *_ in answers(world, path):
            assert (survey, respondent) in world.truth
    before, after = played(histories.rekeyed_respondents, 5)
    for path in before.surveys():
        then = {(before.truth[s, r], item, answer) for s, r, item, answer in answers(before, path)}
        now = {(after.truth[s, r], item, answer) for s, r, item, answer in answers(after, path)}
        assert then <= now


def test_an_absent_file_is_back_in_the_next_version():
    for seed in range(5):
        first, second, third = histories.History(seed, (histories.absent_file, histories.updated_goal)).worlds()
        missing = first.files.keys() - second.files.keys()
        assert len(missing) == 1
        assert missing <= third.files.keys()


@pytest.mark.xdist_group("oracle")
def test_leaks_between_versions_are_found_where_nothing_is_remembered():
    """Proof that the attacker can succeed; what is remembered must put an end to it."""
    models = histories.Models(histories.NoLedger())
    versions = histories.play(histories.History(2, (histories.late_answers,)), models)
    assert [version.name for version in versions] == ["version 1 (the first)", "version 2 (late_answers)"]
    leak = first_leak(versions, histories.MINIMUM, kinds=["surveys"])
    assert leak is not None
    assert len(leak.people) < histories.MINIMUM
    assert {told.split(":")[0] for _, told in leak.figures} == {version.name for version in versions}


@pytest.mark.xdist_group("oracle")
def test_both_ways_of_playing_a_history_publish_the_same(tmp_path):
    one = histories.History(4, (histories.late_answers,))
    cheap = histories.play(one, histories.Models())
    real = histories.play(one, histories.Runs(tmp_path))
    for mine, theirs in zip(cheap, real, strict=True):
        for mart in (
            "morale",
            "enps",
            "rating_distribution",
            "goal_attainment",
            "headcount_walk",
            "turnover",
            "one_on_one",
        ):
            names = ", ".join(f'"{name}"' for name in sorted(cheap[0].columns(f"{{m}}.{mart}")))
            tables = [
                sorted(
                    str(row)
                    for row in version.con.execute(
                        version.sql(f"select {names} from {{m}}.{mart} where slice_dimension <> 'manager'")
                    ).fetchall()
                )
                for version in (mine, theirs)
            ]
            assert tables[0] == tables[1], (mine.name, mart)
