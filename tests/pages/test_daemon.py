"""Files land in any order while the daemon watches: in the end all is as if they had always lain there."""

from __future__ import annotations

import shutil
import time
from itertools import pairwise

import pytest

from tests.conftest import run_warehouse
from tests.pages.conftest import Dev, sample_of

pytestmark = pytest.mark.xdist_group("pages")


def marts(outcome_or_path) -> dict[str, list]:
    import duckdb

    with duckdb.connect(str(outcome_or_path / "published" / "performance.duckdb"), read_only=True) as con:
        names = [
            name
            for (name,) in con.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        ]
        return {name: con.execute(f"select * from marts.{name} order by all").fetchall() for name in sorted(names)}


def land(source, target):
    """As a transfer does: under a name that says that it is not finished, then renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    shutil.copy(source, part)
    part.replace(target)


def test_files_that_land_in_any_order_end_as_in_a_clean_run(tmp_path, chance):
    exports = sample_of(tmp_path / "exports")
    months = sorted((exports / "hris").glob("*.csv"))
    assert len(months) == 24
    order = chance.sample(months, len(months))
    bad, corrected = order[7], order[11]
    broken = tmp_path / "broken.csv"
    broken.write_text(bad.read_text().replace(bad.read_text().splitlines()[0], "Nothing;That;Anyone;Knows"))
    older = tmp_path / "older.csv"
    lines = corrected.read_text().splitlines(keepends=True)
    older.write_text("".join(lines[:-3]))

    dev = Dev(tmp_path, PERFWH_AUTOMATION='["watch_landing_zone"]')
    with dev.started():
        waiting = [*order]
        batches = 0
        while waiting:
            batch = [waiting.pop(0) for _ in range(min(len(waiting), chance.choice([1, 2, 5, 8])))]
            batches += 1
            for file in batch:
                land({bad: broken, corrected: older}.get(file, file), dev.landing / "hris" / file.name)
            time.sleep(chance.choice([0, 5, 40]))
        land(corrected, dev.landing / "hris" / corrected.name)
        dev.wait_for(lambda: len(dev.runs()) and dev.has_ended(), 600)
        land(bad, dev.landing / "hris" / bad.name)
        clean = run_warehouse(dev.landing, tmp_path / "clean", DAGSTER_HOME=str(tmp_path / "elsewhere"))
        assert clean.code == 0, clean.said
        expected = marts(tmp_path / "clean")

        def is_settled():
            return dev.has_ended() and dev.runs()[0]["status"] == "SUCCESS" and _says_nothing_new(dev)

        dev.wait_for(is_settled, 600)
        runs = dev.runs("warehouse")
        assert marts(dev.warehouse) == expected
        assert len(runs) <= batches + 4
        # One at a time, and never two for the same files.
        spans = sorted((run["startTime"], run["endTime"]) for run in runs)
        assert all(one[1] <= two[0] for one, two in pairwise(spans))
        keys = [run["tags"]["dagster/run_key"] for run in runs]
        assert len(set(keys)) == len(keys)
        for run in runs:
            if run["status"] == "FAILURE":
                assert _why(dev, run["runId"]) == {"every_file_is_loaded"}, run


def _says_nothing_new(dev):
    ticks = dev.ticks("watch_landing_zone")
    assert not [tick for tick in ticks if tick["error"]], ticks
    return ticks[0]["skipReason"] == "nothing new"


_FAILED = """
query Checks($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
    __typename ... on AssetCheckEvaluationEvent { evaluation { success severity checkName } }
    ... on ExecutionStepFailureEvent { stepKey error { message } } } } } }
"""


def _why(dev, run_id):
    events = dev.ask(_FAILED, id=run_id)["logsForRun"]["events"]
    errors = [e for e in events if e["__typename"] == "ExecutionStepFailureEvent"]
    assert not [e for e in errors if "lock" in str(e).lower()], errors
    failed = [e["evaluation"] for e in events if e["__typename"] == "AssetCheckEvaluationEvent"]
    return {e["checkName"] for e in failed if not e["success"] and e["severity"] == "ERROR"}


def test_a_run_that_died_with_everything_is_ended_and_begun_again(tmp_path):
    exports = sample_of(tmp_path / "exports", employees=40, months=3)
    dev = Dev(tmp_path, PERFWH_AUTOMATION='["watch_landing_zone"]')
    for room in sorted(exports.iterdir()):
        shutil.copytree(room, dev.landing / room.name)

    def is_writing():
        return any(run["status"] == "STARTED" for run in dev.runs()) and (dev.warehouse / "build").is_dir()

    with dev.started():
        dev.wait_for(is_writing, 120)
        dev.kill()
    assert not (dev.warehouse / "published").exists()
    with dev.started():
        dev.wait_for(lambda: (dev.warehouse / "published").exists() and dev.has_ended(2), 480)
        again, died = dev.runs("warehouse")
    assert (died["status"], again["status"]) == ("FAILURE", "SUCCESS")
    assert again["tags"]["dagster/parent_run_id"] == died["runId"]
