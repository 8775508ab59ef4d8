"""Whatever happens to a run, readers see a whole version, and the next run makes everything right by itself."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time

import duckdb
import pytest

from pipelines.fingerprint import files_now, fingerprint
from pipelines.publishing import has_been_published, kept_manifests
from tests.conftest import PERFWH
from tests.faults.conftest import long_only
from tests.faults.disks import disk_of_its_own, fill_disk, limit_files, starve
from tests.faults.kills import cut_power_at, kill_at_random, undisturbed
from tests.faults.world import Lane, Power, contents

pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture
def chance():
    seed = int(time.time())
    print(f"seed {seed}")
    return random.Random(seed)


def test_a_run_that_is_killed_is_made_right_by_the_next_one(lane, calm, chance):
    tally = kill_at_random(lane, calm, 1, chance, print)
    assert tally.kills == 1 and tally.reads > 0 and tally.faults == []


@long_only
def test_a_dbt_whose_run_was_killed_does_not_write_into_the_next_ones_database(lane, calm):
    """Only the run itself is killed, in the midst of dbt's work, and the next one starts at once."""
    target = lane.deliver_the_other()
    going = lane.start()
    while "dbt: history" not in going.said:
        assert going.is_alive, going.said[-3000:]
        time.sleep(0.01)
    going.kill(group=False)
    assert going.wait() == -9
    lane.run()
    lane.assert_all_is_right(calm.expected[target])
    assert not going.has_left_somebody


@pytest.mark.parametrize("boundary", ["the version is whole"])
def test_what_a_power_cut_leaves_is_made_right_by_the_next_run(lane, calm, chance, boundary):
    """A version that was whole and not yet current is neither seen nor taken for one that was rolled back from."""
    tally = cut_power_at(lane, calm, [boundary], chance, print)
    assert tally.lost > 0 and tally.reads > 0 and tally.faults == []


def test_a_file_that_lands_while_a_run_goes_on_is_for_the_next_one(lane, calm):
    """Its hash must not pass for published: the next run would find nothing new, and the file were lost."""
    if lane.state != "before":
        lane.deliver("before")
        lane.run()
    going = lane.start("--force", environment={"PERFWH_RETRY_WAIT_SECONDS": "1"})
    while "landing/files" not in going.said:
        time.sleep(0.05)
    newest = sorted((lane.states["after"] / "hris").iterdir())[-1]
    shutil.copy(newest, lane.landing / "hris")
    # Somebody opens the database that is being built, as one may, and goes again: the step is tried again.
    opened = lane.warehouse / "build" / "build.duckdb"
    with _as_soon_as_it_can_be_opened(opened):
        time.sleep(4)
    assert going.wait() == 0, going.said[-3000:]
    assert "again   " in going.said
    lane.assert_all_is_right(calm.expected["before"])
    assert has_been_published(lane.settings, fingerprint(lane.settings, files_now(lane.settings))) is None
    lane.deliver("after")
    lane.run()
    lane.assert_all_is_right(calm.expected["after"])


def _as_soon_as_it_can_be_opened(database):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if database.exists():
                return duckdb.connect(str(database), read_only=True)
        except duckdb.IOException:
            time.sleep(0.01)
    raise AssertionError("the database could not be opened while it was built")


def test_of_two_runs_at_once_one_publishes_and_the_other_waits_and_finds_nothing_new(lane, calm):
    target = lane.deliver_the_other()
    going = lane.start()
    time.sleep(1)
    environment = {**os.environ, "PERFWH_SETTLE_SECONDS": "0", "DAGSTER_HOME": str(lane.folder / "dagster")}
    second = subprocess.run(
        [PERFWH, "run", "--landing", lane.landing, "--warehouse", lane.warehouse],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert going.wait() == 0, going.said[-3000:]
    assert second.returncode == 0, second.stderr
    assert "waiting up to" in second.stderr and second.stdout.startswith("Nothing new")
    lane.assert_all_is_right(calm.expected[target])


@long_only
def test_a_version_whose_files_were_not_synced_is_noticed(tmp_path, states):
    """The power cut can tell: where contents that nobody synced go, and names stay, the version is not whole.

    A manifest without its content is no version's: the next run makes a new one, and no other is taken for later.
    """
    lane = Lane(tmp_path / "lane", states)
    try:
        calm = undisturbed(lane)
        target = lane.deliver_the_other()
        power = Power(lane, random.Random(1), goes=("content",))
        assert lane.start(kill_at="the version is current").wait() == -9
        assert power.cut()
        with pytest.raises((AssertionError, duckdb.Error)):
            lane.assert_nothing_is_half_made()
        (lane.current / "manifest.json").write_text("")
        kept = [manifest["version"] for manifest in kept_manifests(lane.settings)]
        shutil.rmtree(lane.warehouse / "raw")  # emptied files among them
        shutil.rmtree(lane.warehouse / "validated")
        lane.run()
        assert contents(lane.current) == calm.expected[target]
        assert set(kept) <= {manifest["version"] for manifest in kept_manifests(lane.settings)}
    finally:
        lane.close()


@long_only
def test_a_full_disk_and_one_that_cannot_be_written_to(tmp_path, states, chance):
    with disk_of_its_own(tmp_path / "disk") as disk:
        if disk is None:
            pytest.skip("this account may not mount a disk")
        lane = Lane(tmp_path / "lane", states, warehouse=disk / "warehouse")
        try:
            calm = undisturbed(lane)
            room = [0, 100_000, 1_000_000, 3_000_000, 10_000_000, 20_000_000]
            tally = fill_disk(lane, calm, disk, room, chance, print)
        finally:
            lane.close()
    assert tally.reads > 0 and tally.faults == []


@long_only
def test_files_that_may_not_grow(lane, calm, chance):
    limit_files(lane, calm, [20_000, 100_000, 300_000, 1_000_000], chance, print)


@long_only
def test_too_little_memory(lane, calm):
    starve(lane, calm, ["1MB", "12MB"], print)
