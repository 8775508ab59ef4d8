"""What others can see of a warehouse, and what leaves the machine: nothing, unless told otherwise."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time

import psutil
import pytest

from pipelines.auditing import row_count_checks
from pipelines.publishing import PEOPLE, PERFORMANCE
from pipelines.runs import clear
from pipelines.settings import PROJECT_ROOT
from tests.faults.conftest import long_only
from tests.faults.test_readers import Publisher
from tests.faults.world import LISTENING

pytestmark = pytest.mark.xdist_group("faults")


def modes(folder):
    return {path: stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*")) if not path.is_symlink()}


def test_everything_that_a_run_writes_is_its_owners_only(lane, calm):
    for folder in (lane.warehouse, lane.folder / "dagster"):
        found = modes(folder)
        assert len(found) > 5
        assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
        assert {mode for path, mode in found.items() if path.is_file()} <= {0o600, 0o700}


def test_shared_marts_can_be_read_by_others_and_nothing_else_can(lane, calm, tmp_path):
    publisher = Publisher(lane, tmp_path)
    publisher.settings = publisher.settings.model_copy(update={"share_marts": True})
    publisher.earlier = type(publisher.earlier)(publisher.settings, publisher.earlier.run_id)
    publisher.publish()
    version = publisher.published.resolve()
    clear(publisher.settings)
    found = modes(publisher.settings.warehouse)
    assert found[version / PERFORMANCE] == 0o644 and found[version / "marts" / "morale.parquet"] == 0o644
    assert all(found[folder] == 0o755 for folder in (version, version / "marts", version.parent, version.parent.parent))
    assert found[version / PEOPLE] == 0o600
    others = [
        path
        for path, mode in found.items()
        if mode & 0o077 and version not in (path, *path.parents) and path not in version.parents
    ]
    assert others == []


def test_no_connection_is_made_anywhere_but_on_this_machine(lane, calm, tmp_path):
    log = tmp_path / "connections.txt"
    script = "import socket; socket.socket().connect_ex(('127.0.0.1', 9)); socket.getaddrinfo('localhost', 80)"
    environment = {**os.environ, "PYTHONPATH": str(LISTENING), "CONNECTIONS": str(log)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert len(log.read_text().splitlines()) == 3, "whoever connects is written down"
    said = lane.connections.read_text().splitlines()
    listened = [line for line in said if line.startswith("listening to ")]
    assert len(listened) >= 3, "the process that starts the runs, and dbt for each of two"
    assert [line for line in said if line not in listened] == []


def test_a_mart_that_has_lost_most_of_its_rows_is_not_published(lane, calm, tmp_path):
    import duckdb

    publisher = Publisher(lane, tmp_path)
    assert all(check.passed for check in row_count_checks(publisher.earlier))
    with duckdb.connect(str(publisher.earlier.database)) as build:
        had = build.execute("select count(*) from marts.morale").fetchone()[0]
        build.execute("delete from marts.morale where slice_dimension <> 'company'")
        now = build.execute("select count(*) from marts.morale").fetchone()[0]
    failed = [check for check in row_count_checks(publisher.earlier) if not check.passed]
    assert [(check.asset, check.blocks, check.failing_rows, check.total_rows) for check in failed] == [
        ("marts/morale", True, had - now, had)
    ]
    assert "PERFWH_ROW_COUNT_FALL_LIMIT=1" in failed[0].description
    for changed in ({"row_count_fall_limit": 1.0}, {"minimum_group": 6}):
        settings = publisher.settings.model_copy(update=changed)
        assert all(
            check.passed for check in row_count_checks(type(publisher.earlier)(settings, publisher.earlier.run_id))
        )


@long_only
def test_the_pages_can_be_reached_from_this_machine_only(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "dagster", "dev", "--port", str(port)]
    server = subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
            listening = [c.laddr for p in family for c in p.net_connections("inet") if c.status == "LISTEN"]
            if port in [address.port for address in listening]:
                break
            time.sleep(0.5)
        assert port in [address.port for address in listening]
        assert {address.ip for address in listening} <= {"127.0.0.1", "::1"}
    finally:
        for process in family:
            process.terminate()


def test_a_run_that_fails_and_one_that_is_blocked_tell_of_it(lane, calm):
    """The alert names the check, the source and what to do."""
    log = lane.warehouse / "alerts.jsonl"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    goals = next((lane.landing / "goals").iterdir())
    goals.write_text("not,what\nit,was\n")
    going = lane.start()
    assert going.wait() == 3, going.said[-3000:]
    told = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    assert len(told) == 1 and told[0]["subject"].startswith("Blocked: ")
    assert goals.name in told[0]["text"] and "MISSING_COLUMN" in told[0]["text"] and "What to do: " in told[0]["text"]
    lane.deliver(lane.state)
    lane.run()
    lane.assert_all_is_right(calm.expected[lane.state])
