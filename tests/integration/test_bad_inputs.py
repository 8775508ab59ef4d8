"""Every bad input comes out as its case says: taken by itself, and all together in whole runs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest
import yaml

from pipelines import landing, loads, validating
from pipelines.errors import RefusedFile
from pipelines.profiles import load_profiles
from pipelines.recognising import recognise
from tests.bad_inputs import CASES, A, Case, H, Q, R
from tests.conftest import perfwh, run_warehouse


def put(case: Case, folder: Path) -> Path:
    """Writes the files of a case, and its profile; gives the folder of profiles."""
    for name, content in case.files.items():
        path = folder / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    own = folder / "profiles"
    own.mkdir(exist_ok=True)
    if case.profile:
        # A file name may hold what is special in a glob.
        (own / f"{case.profile['profile'][:60]}.yml").write_text(yaml.safe_dump(case.profile, allow_unicode=True))
    return own


def taken_in(settings, own: Path) -> list[loads.Load]:
    """What becomes of the files of a landing zone, step by step as in a run."""
    profiles = load_profiles(own)
    whole, held = landing.settle(landing.list_files(settings.landing), 0)
    done = [loads.held(path.relative_to(settings.landing).as_posix()) for path in held]
    for path in whole:
        file = landing.take_in(path, settings.landing)
        found = recognise(file, profiles)
        try:
            if found.refusal:
                raise found.refusal
            done.append(loads.conform(found, {}, [], settings))
        except RefusedFile as refusal:
            done.append(loads.refused(file, found.profile, refusal))
    return loads.once_each(done, profiles)


def assert_outcome(load: loads.Load, outcome: A | Q | R | H, quarantine: list[tuple[str, str]]) -> None:
    said = f"{load.file_name}: {load.status} {load.code} {load.message} {load.quarantined_by_rule}"
    match outcome:
        case H():
            assert load.status == "held", said
        case R(code, says):
            assert (load.status, load.code) == ("refused", code), said
            assert says in (load.message or ""), said
            assert load.rows_read == load.rows_loaded == 0
        case A(rows, repeated, note):
            assert load.status == "loaded", said
            assert (load.rows_loaded, load.rows_quarantined, load.rows_duplicate) == (rows, 0, repeated), said
            assert note is None or note in (load.message or ""), said
        case Q(rule, rows, column):
            assert load.status == "loaded", said
            assert load.quarantined_by_rule.get(rule) == rows, said
            assert load.rows_quarantined == rows, said
            assert column is None or (rule, column) in quarantine, (said, quarantine)
    assert load.is_conserved, said


@pytest.mark.parametrize("case", CASES, ids=[case.name[:40] for case in CASES])
def test_a_bad_input_by_itself(case, settings, tmp_path):
    own = put(case, settings.landing.parent)
    done = {load.file_name: load for load in taken_in(settings, own)}
    assert set(done) == set(case.outcomes)
    for name, outcome in case.outcomes.items():
        quarantine = []
        if done[name].key:
            rows = settings.warehouse / "validated" / done[name].key / "quarantine.parquet"
            quarantine = duckdb.execute("select rule, column_name from read_parquet(?)", [str(rows)]).fetchall()
        assert_outcome(done[name], outcome, quarantine)
    checks = [
        *validating.file_checks("x", list(done.values())),
        *validating.balance_checks("x", done.values(), settings),
    ]
    assert any(check.blocks for check in checks) == case.is_blocked


def test_there_are_enough_of_them():
    kinds = Counter(type(outcome).__name__ for case in CASES for outcome in case.outcomes.values())
    assert sum(kinds.values()) >= 100
    assert min(kinds["A"], kinds["Q"], kinds["R"]) >= 30


@pytest.mark.xdist_group("bad-inputs")
def test_all_bad_inputs_in_whole_runs(tmp_path):
    """Exit 0 with all that load or are quarantined; 3 as soon as one is refused, and the last version stays."""
    for case in CASES:
        if not case.is_blocked:
            own = put(case, tmp_path)
    published = run_warehouse(tmp_path / "landing", tmp_path / "warehouse", PERFWH_PROFILES=str(own))
    assert published.code == 0, published.said
    outcomes = {name: outcome for case in CASES if not case.is_blocked for name, outcome in case.outcomes.items()}
    rows = published.query("select file_name, status, rows_read - rows_loaded - rows_quarantined - rows_duplicate from ops.loads")  # fmt: skip
    assert {name for name, *_ in rows} == set(outcomes)
    assert {missing for *_, missing in rows} == {0}
    kept = published.query("select count(*) from ops.quarantine")[0][0]
    assert kept >= sum(isinstance(outcome, Q) for outcome in outcomes.values())
    with duckdb.connect(str(tmp_path / "warehouse" / "published" / "people.duckdb"), read_only=True) as people:
        found = people.execute(
            "select found, expected from ops.quarantine_rows where rule = 'rating_on_scale'"
        ).fetchall()
    assert {value for value, _ in found} == {"6", "0"} and all("scale" in expected for _, expected in found)
    version = (tmp_path / "warehouse" / "published").resolve()
    told = perfwh("status", "--quarantine", "--warehouse", tmp_path / "warehouse")
    assert told.returncode == 0 and "rating_on_scale" in told.stdout
    # What tells of nobody is shown; names and ratings are masked.
    assert "'100'" in told.stdout and r"'x\x07xx'" in told.stdout
    assert r"A\x07na" not in told.stdout and "'6'" not in told.stdout

    for case in CASES:
        put(case, tmp_path)
    blocked = run_warehouse(tmp_path / "landing", tmp_path / "warehouse", PERFWH_PROFILES=str(own))
    assert blocked.code == 3, blocked.said
    assert (tmp_path / "warehouse" / "published").resolve() == version
    page = (tmp_path / "warehouse" / "pages" / "data_quality.html").read_text()
    assert "which published nothing" in page and "every_file_is_loaded" in page and "rating_on_scale" in page
    status = perfwh("status", "--json", "--warehouse", tmp_path / "warehouse")
    found = {load["file_name"]: load for load in json.loads(status.stdout)["last_run"]["loads"]}
    for case in CASES:
        for name, outcome in case.outcomes.items():
            if isinstance(outcome, R):
                assert (found[name]["status"], found[name]["code"]) == ("refused", outcome.code), name
