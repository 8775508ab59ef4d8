"""Patterns of profiles: what they find, and that none of them can run for ever."""

from __future__ import annotations

import re
import time

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from pipelines import patterns
from pipelines.conforming import conform
from pipelines.errors import RefusedFile
from pipelines.landing import take_in
from pipelines.profiles import Profile
from pipelines.reading import read_file

# Python's `re` needs twice as long for each further letter: years for these.
ENDLESS = "(a+)+$"
TEXT = "a" * 60 + "!"


def test_patterns_find_what_they_should():
    assert patterns.first_group("people_([0-9]+)", "a/people_12.csv") == "12"
    assert patterns.first_group("people_([0-9]+)?", "people_") == ""
    assert patterns.first_group("people_([0-9]+)", "goals_12.csv") is None
    assert patterns.full_matches("Q[0-9]+", ["Q1", "Q2x", "", "it's"]) == ["Q1", None, None, None]
    assert patterns.full_matches("q([0-9]+)|it's", ["Q1", "IT'S"], ignores_case=True) == ["1", ""]
    assert patterns.all_groups("(a)(b)?(c)?", ["ac", "ab", "x"]) == [["a", "c"], ["a", "b"], []]
    assert patterns.without(r" ?\((Job|Pay)\)", ["Title (Job)", "Pay"]) == ["Title", "Pay"]
    assert [patterns.group_count(one) for one in ("x", "(x)", "(?P<name>x)(?:y)(z)?")] == [0, 1, 2]


@settings_of_hypothesis(deadline=None, max_examples=60)
@given(st.lists(st.text("ab-_1 ", max_size=12), min_size=1, max_size=5))
def test_patterns_find_what_python_finds(texts):
    """A law, for patterns that end in Python too; a group that takes no part holds nothing."""
    for pattern in ("([ab]+)-(1)?", "(a)", "(1)?(?:b|_)", "(?:b|_)(1*)"):
        found, whole = ([find(pattern, text) for text in texts] for find in (re.search, re.fullmatch))
        assert [patterns.first_group(pattern, text) for text in texts] == [m and (m.group(1) or "") for m in found]
        assert patterns.full_matches(pattern, texts) == [m and (m.group(1) or "") for m in whole]
        assert patterns.all_groups(pattern, texts) == [[g for g in m.groups() if g] if m else [] for m in found]
        assert patterns.without(pattern, texts) == [re.sub(pattern, "", text) for text in texts]


def test_a_name_that_is_no_text_is_searched_all_the_same():
    assert patterns.first_group("_([0-9]+)", "caf\udce9_12.csv") == "12"


@pytest.mark.parametrize("pattern", ["(?=a)", "(a)\\1", "(", "a{1001}", "a++", "\0"])
def test_what_re2_does_not_take_is_refused(pattern):
    with pytest.raises(ValueError, match=r"RE2|character 0"):
        patterns.checked(pattern)


def profile(entity: str = "goal_alignments", **more) -> Profile:
    columns = {"goal_id": {"from": ["goal_id"]}, "parent_goal_id": {"from": ["parent_goal_id"]}}
    return Profile.model_validate(
        {"profile": "p", "entity": entity, "description": "-", "files": ["*"], "columns": columns, **more}
    )


@pytest.mark.parametrize(
    "more",
    [
        {"read": {"header_noise": ENDLESS}},
        {"read": {"names_pattern": f"(goal_id|parent_goal_id)|{ENDLESS}"}},
        {"read": {"footer": ENDLESS}},
        {"columns": {"goal_id": {"from": "goal_id", "pattern": ENDLESS}, "parent_goal_id": "parent_goal_id"}},
        {"columns": {"goal_id": {"file_name": ENDLESS}, "parent_goal_id": "parent_goal_id"}},
        {
            "columns": {"goal_id": {"above_header": ENDLESS}, "parent_goal_id": "parent_goal_id"},
            "read": {"skip_rows": 1},
        },
        {"columns": {"goal_id": "goal_id"}, "answers": {"pattern": ENDLESS, "into": ["goal_id", "parent_goal_id"]}},
        {"columns": {}, "answers": {"rest": True, "but": [ENDLESS], "into": ["goal_id", "parent_goal_id"]}},
    ],
    ids=["header_noise", "names_pattern", "footer", "pattern", "file_name", "above_header", "answers", "but"],
)
def test_a_pattern_that_backtracks_without_end_ends(settings, more):
    """Wherever a profile can have a pattern, and whatever becomes of the file."""
    path = settings.landing / f"{TEXT}.csv"
    titles = f"{TEXT}\n" if "skip_rows" in str(more) else ""
    path.write_text(f"{titles}goal_id,parent_goal_id,{TEXT}\n{TEXT},B,C\n")
    out = settings.warehouse / "raw"
    out.mkdir(parents=True)
    began = time.monotonic()
    try:
        own = profile(**more)
        raw = read_file(take_in(path, settings.landing), own, settings, out)
        (settings.warehouse / "validated").mkdir()
        conform(raw, path.name, own, {}, settings, settings.warehouse / "validated")
    except RefusedFile as refused:
        assert refused.code in ("NAME", "TITLE", "MISSING_COLUMN")
    assert time.monotonic() - began < 10


def test_rows_and_headers_know_one_syntax(settings):
    text = "Übung 12"
    pattern = r"(\p{L}+) [0-9]+\z"
    assert patterns.first_group(pattern, text) == "Übung"
    assert duckdb.execute("select regexp_extract(?, ?, 1)", [text, pattern]).fetchone() == ("Übung",)
