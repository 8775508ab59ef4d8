"""Everything that random histories ever showed is attacked by brute force; with a protective step off it gives way."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.disclosure import accept, contributions, states
from tests.disclosure import histories
from tests.disclosure.attacker import first_leak

pytestmark = pytest.mark.xdist_group("attack")


@pytest.fixture(scope="module")
def models():
    return histories.Models()


def leak_of(models, steps, seed, kinds=()):
    models.warehouse.forget()
    return first_leak(histories.play(histories.History(seed, steps), models), histories.MINIMUM, kinds=kinds)


@pytest.mark.parametrize("seed", range(200, 206))
def test_random_histories_leak_nothing(models, seed):
    played = histories.history(seed, 3)
    models.warehouse.forget()
    leak = first_leak(histories.play(played, models), histories.MINIMUM)
    assert leak is None, f"{played}: {leak}"


# Each of these gave one late answer away before there was a ledger.
@pytest.mark.parametrize(
    "step",
    [
        histories.corrected_item,
        histories.rekeyed_respondents,
        histories.respelt_survey,
        histories.absent_file,
        histories.rolled_back,
        histories.other_settings,
        histories.second_sheet,
    ],
    ids=lambda step: step.__name__,
)
def test_a_late_answer_does_not_follow_beside(models, step):
    leak = leak_of(models, (step, histories.late_answers), 3, ["surveys"])
    assert leak is None, str(leak)


def finds_a_leak(models, steps, kinds):
    return any(leak_of(models, steps, seed, kinds) is not None for seed in range(3, 9))


def test_without_complementary_suppression_there_are_leaks(models, monkeypatch):
    monkeypatch.setattr(accept.Acceptance, "_leaks", lambda self, rows, with_protected=True: ([], np.zeros(0)))
    assert finds_a_leak(models, (), ["surveys"])


def test_without_the_ledger_there_are_leaks(models, monkeypatch):
    monkeypatch.setattr(models, "ledger", histories.NoLedger())
    assert finds_a_leak(models, (histories.late_answers,), ["surveys"])


def test_without_recognising_waves_there_are_leaks(models, monkeypatch):
    monkeypatch.setattr(states, "same_waves", lambda now, known, parts: {})
    assert finds_a_leak(models, (histories.respelt_survey, histories.late_answers), ["surveys"])


def test_without_following_changed_answers_there_are_leaks(models, monkeypatch):
    whole = states.match

    def as_if_nobody_had_changed(loaded, now, known):
        matched = whole(loaded, now, known)
        fixed = {part: [rows.sign() for rows in all_rows] for part, all_rows in matched.fixed.items()}
        return states.Matched(matched.people, matched.places, fixed, {}, set())

    monkeypatch.setattr(states, "match", as_if_nobody_had_changed)
    assert finds_a_leak(models, (histories.corrected_answers,), ["surveys"])


def test_without_deciding_on_populations_there_are_leaks(models, monkeypatch):
    monkeypatch.setattr(contributions, "POPULATIONS", ())
    assert finds_a_leak(models, (histories.new_month,), ["demographics"])
