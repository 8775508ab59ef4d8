"""Readers are never blocked, never see half of anything, and need nothing but the files."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
import uuid

import duckdb
import pytest

from pipelines import publishing
from pipelines.database import literal
from pipelines.disclosure import ledger
from pipelines.marts import MARTS, RESTRICTED_TABLES
from pipelines.runs import Run
from pipelines.settings import PROJECT_ROOT, load_settings
from tests.faults.conftest import IS_LONG
from tests.faults.disks import disk_of_its_own, remount
from tests.faults.reader import look
from tests.faults.world import contents

pytestmark = pytest.mark.xdist_group("faults")
PUBLISHES, READERS, ONE_BY_ONE = (20, 16, 1000) if IS_LONG else (5, 4, 100)


class Publisher:
    """Publishes the marts of a lane again and again, from a build made of its published version."""

    def __init__(self, lane, folder):
        shutil.copytree(lane.warehouse, folder / "warehouse", symlinks=True)
        self.settings = load_settings(landing=lane.landing, warehouse=folder / "warehouse", kept_versions=5)
        self.earlier = Run(self.settings, publishing.published_manifest(self.settings)["run_id"])
        self.published = self.settings.warehouse / "published"
        database = self.earlier.database
        database.parent.mkdir()
        with duckdb.connect(str(database)) as build:
            for name, schema, tables in (("performance", "marts", MARTS), ("people", "restricted", RESTRICTED_TABLES)):
                build.execute(f"attach {literal(self.published / f'{name}.duckdb')} as {name} (read_only)")
                build.execute(f"create schema {schema}")
                for table in tables:
                    build.execute(f"create table {schema}.{table} as from {name}.{schema}.{table}")
            # Nothing is decided anew, so nothing is added to the ledger.
            build.execute("create schema disclosure")
            build.register("decided", ledger.table_of([]))
            build.execute("create table disclosure.disclosure_decisions as from decided")

    def publish(self) -> tuple[float, float]:
        """Publishes once; gives seconds of CPU and of the clock."""
        cpu, wall = time.process_time(), time.monotonic()
        publishing.publish(
            Run(self.settings, uuid.uuid4().hex),
            self.earlier.loads(),
            self.earlier.checks(),
            self.earlier.read("descriptions"),
            "of the same files",
        )
        return time.process_time() - cpu, time.monotonic() - wall


@pytest.fixture
def publisher(lane, calm, tmp_path):
    return Publisher(lane, tmp_path)


def test_what_is_published_again_is_the_same_and_only_the_last_versions_are_kept(publisher):
    expected = contents(publisher.published.resolve())
    for _ in range(publisher.settings.kept_versions + 1):
        publisher.publish()
    found = contents(publisher.published.resolve())
    assert found == expected, [name for name in expected if found.get(name) != expected[name]]
    assert len(publishing.kept_manifests(publisher.settings)) == publisher.settings.kept_versions
    assert publishing.faults_of(publisher.settings, publisher.published.resolve().name) == []


def test_readers_at_once_see_whole_versions_and_do_not_slow_publishing_down(publisher, tmp_path):
    told, stop = tmp_path / "expected.json", tmp_path / "stop"
    told.write_text(json.dumps([contents(publisher.published.resolve())]))
    alone = [publisher.publish() for _ in range(PUBLISHES)]
    outs = [tmp_path / f"reader-{number}.txt" for number in range(READERS)]
    readers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.reader", publisher.settings.warehouse, told, stop, "1"],
            cwd=PROJECT_ROOT,
            stdout=out.open("w"),
            stderr=subprocess.STDOUT,
        )
        for out in outs
    ]
    try:
        while not all(out.read_text() for out in outs):
            time.sleep(0.2)
        watched = [publisher.publish() for _ in range(PUBLISHES)]
    finally:
        stop.write_text("")
        codes = [reader.wait(timeout=60) for reader in readers]
    lines = [line for out in outs for line in out.read_text().splitlines()]
    assert codes == [0] * READERS
    assert [line for line in lines if not line.startswith("whole ")] == []
    assert len(lines) >= 2 * READERS and len(set(lines)) > 1
    # The readers take their share of the cores; what publishing itself takes stays the same.
    cpu_alone, cpu_watched = (statistics.median(cpu for cpu, _ in times) for times in (alone, watched))
    print(f"publishing: {cpu_alone:.2f} s of CPU alone, {cpu_watched:.2f} s with {READERS} readers")
    assert cpu_watched < 1.5 * cpu_alone, (cpu_alone, cpu_watched)


def test_readers_one_after_another_across_many_publishes(publisher):
    expected = [contents(publisher.published.resolve())]
    seen = set()
    for number in range(ONE_BY_ONE):
        if number % (ONE_BY_ONE // PUBLISHES) == 0:
            publisher.publish()
        version = publisher.published.resolve()
        if number % 50 == 25:
            assert look(version, expected) == []
        with duckdb.connect(str(publisher.published / "performance.duckdb"), read_only=True) as con:
            seen.add((version.name, con.execute("select sum(closing) from marts.headcount_walk").fetchone()))
    assert len(seen) == PUBLISHES and len({figure for _, figure in seen}) == 1


def test_a_reader_keeps_the_version_that_it_has_open_though_it_is_no_longer_kept(publisher):
    first = publisher.published.resolve()
    with duckdb.connect(str(first / "performance.duckdb"), read_only=True) as con:
        before = con.execute("select count(*), sum(hash(t)) from marts.turnover as t").fetchone()
        for _ in range(publisher.settings.kept_versions + 1):
            publisher.publish()
        assert not first.exists()
        assert con.execute("select count(*), sum(hash(t)) from marts.turnover as t").fetchone() == before
        assert con.execute("select count(*) from marts.morale").fetchone() > (0,)


def test_versions_open_from_read_only_media(publisher, tmp_path):
    version = publisher.published.resolve()
    assert not [path.name for path in version.rglob("*") if path.suffix == ".wal"]
    with disk_of_its_own(tmp_path / "media") as media:
        if media is None:
            pytest.skip("this account may not mount a disk")
        shutil.copytree(version, media / version.name)
        expected = [contents(version)]
        remount(media, "ro")
        assert look(media / version.name, expected) == []
