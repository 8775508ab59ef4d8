"""What names a person: found as whole words in texts of any kind, and replaced in the names of files."""

from __future__ import annotations

import html
import json

import pytest

from pipelines.erasure import cleaning, stores, tombstones
from pipelines.erasure.identity import ERASED, Identity, new_name
from pipelines.errors import UserError
from pipelines.profiles import load_profiles

NAMES = ("anna.berg@corp.example", "anna berg", "zoë o'berg")


def identity(*ids, renamed=None):
    return Identity(frozenset(ids), frozenset(NAMES), renamed or {})


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("goals/anna.berg@corp.example.csv", "goals/erased-*.csv"),
        ("goals/ANNA.BERG@corp.example.csv.gz", "goals/erased-*.csv.gz"),
        ("one_on_ones_E1042.csv", "one_on_ones_erased-*.csv"),
        ("e1042/goals.csv", "erased-*/goals.csv"),
        ("goals/Anna Berg 2024.csv", "goals/erased-* 2024.csv"),
        ("goals/berg_anna-2024-03.csv", "goals/erased-*-2024-03.csv"),
        ("goals/AnnaBerg.csv", "goals/erased-*.csv"),
        ("goals/100234.csv", "goals/erased-*.csv"),
        ("goals/E10421.csv", None),
        ("goals/annabergstrom.csv", None),
        ("employees_2024-01-12.csv", None),
        ("survey_12.csv", None),
        ("survey_E10.csv", None),
    ],
)
def test_a_name_that_holds_an_identifier_gets_a_keyed_hash_in_its_place(settings, name, pattern):
    known = set(tombstones.hashes(["E1042", "12", "E10", "100234", *NAMES], settings))
    found = new_name(name, known, settings)
    if pattern is None:
        assert found == name
        return
    before, after = pattern.split("*")
    digest = found.removeprefix(before).removesuffix(after)
    assert (found, len(digest)) == (before + digest + after, 12) and int(digest, 16)


def test_two_names_never_become_one_and_one_name_always_becomes_the_same(settings):
    known = set(tombstones.hashes(["E1042", *NAMES], settings))
    names = ["goals/E1042.csv", "goals/anna berg.csv", "goals/Anna Berg.csv", "goals/anna_berg.csv"]
    assert len({new_name(name, known, settings) for name in names}) == len(names)
    assert new_name(names[0], known, settings) == new_name(names[0], known, settings)


def test_a_short_id_in_the_name_of_a_file_that_is_mostly_theirs_is_theirs(settings):
    known = set(tombstones.hashes(["12"], settings))
    assert new_name("goals_12.csv", known, settings) == "goals_12.csv"
    assert new_name("goals_12.csv", known, settings, is_theirs=True).startswith("goals_erased-")


def test_a_number_is_left_where_it_is_no_name():
    person = identity("12", renamed={"goals_12.csv": "goals_erased-1.csv"})
    text = '{"event": "goals_12.csv: 12 rows", "rows": 12, "at": "2026-11-12T12:12:12", "file": "xgoals_12.csv"}'
    assert json.loads(person.strike(text)) == {**json.loads(text), "event": "goals_erased-1.csv: 12 rows"}


@pytest.mark.parametrize("form", [str, json.dumps, lambda text: json.dumps(json.dumps(text)), html.escape])
@pytest.mark.parametrize("said", ["E1042", "Anna.Berg@corp.example", "Zoë O'Berg", "ZOË O'BERG", "Berg, Anna"])
def test_an_identifier_is_found_however_it_is_written(form, said):
    person = identity("E1042")
    struck = person.strike(form(f"of\n{said}: refused"))
    assert struck == form(f"of\n{ERASED}: refused")
    assert not person.is_in(struck)


def test_a_part_of_a_word_is_no_identifier():
    text = "E10421 xE1042 Hanna Bergstrom joanna.berg@corp.example.org"
    assert identity("E1042").strike(text).startswith("E10421 xE1042 Hanna Bergstrom")


def test_an_id_in_an_export_is_struck_within_sentences_and_headers_only():
    person = identity("E1042", "E1")
    assert person.strike_delivered("E1042,Ask E1042 first,E1042, E1042\n") == (f"E1042,Ask {ERASED} first,E1042, E1042\n", 1)  # fmt: skip
    assert person.strike_header("E1,E1042,notes on Anna Berg") == (f"E1,{ERASED},notes on {ERASED}", 2)


def test_lines_of_our_own_files_forget_them_and_times_stay(settings):
    logs = settings.warehouse / "logs"
    logs.mkdir(parents=True)
    lines = [{"event": "refused goals/E1042.csv", "rows": 12}, {"event": "judged", "file": "goals.csv"}]
    (logs / "perfwh.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    before = (logs / "perfwh.jsonl").stat().st_mtime_ns, logs.stat().st_mtime_ns
    person = identity("E1042", "12", renamed={"E1042.csv": "erased-1.csv"})
    assert stores.forget_logs(settings, person, False) == 1
    assert ((logs / "perfwh.jsonl").stat().st_mtime_ns, logs.stat().st_mtime_ns) == before
    left = [json.loads(line) for line in (logs / "perfwh.jsonl").read_text().splitlines()]
    assert left == [{"event": "refused goals/erased-1.csv", "rows": 12}, lines[1]]
    assert stores.forget_logs(settings, person, False) == 0


def test_a_file_that_no_profile_would_know_by_its_new_name_is_not_renamed(settings, tmp_path):
    profile = "profile: one\nentity: goals\ndescription: Goals.\nfiles: E1*.csv\ncolumns:\n  goal_id: {from: [a]}\n  owner_id: {from: [b]}\n  period: {from: [c]}\n"
    (tmp_path / "one.yml").write_text(profile)
    with pytest.raises(UserError, match="Nothing has been changed"):
        cleaning.check_renames({"E1042.csv": "erased-1.csv"}, load_profiles(tmp_path))
