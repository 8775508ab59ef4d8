"""Versions that are kept, and the one writer: rollback, verify, and what becomes of a lock."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from pipelines import locking
from pipelines.errors import UserError
from pipelines.publishing import kept_manifests, make_current, published_manifest
from pipelines.settings import load_settings
from tests.conftest import PERFWH, perfwh

pytestmark = pytest.mark.xdist_group("sample")


@pytest.fixture
def two(sample, tmp_path):
    """A warehouse with two versions of the sample; the later one is current."""
    shutil.copytree(sample.landing, tmp_path / "landing")
    shutil.copytree(sample.warehouse, tmp_path / "warehouse", symlinks=True)
    settings = load_settings(landing=tmp_path / "landing", warehouse=tmp_path / "warehouse", settle_seconds=0)
    first = published_manifest(settings)
    shutil.copytree(
        settings.warehouse / "versions" / first["version"], settings.warehouse / "versions" / "29990101T0-b"
    )
    make_current(settings, "29990101T0-b")
    for name, changed in ((first["version"], {"fingerprint": "of other files"}), ("29990101T0-b", {})):
        path = settings.warehouse / "versions" / name / "manifest.json"
        path.write_text(json.dumps({**first, "version": name, **changed}))
    return settings


def of(settings):
    return ("--landing", settings.landing, "--warehouse", settings.warehouse)


def test_rollback_makes_the_version_before_current_and_the_next_run_leaves_it_so(two):
    later, earlier = [manifest["version"] for manifest in kept_manifests(two)]
    done = perfwh("rollback", *of(two))
    assert done.returncode == 0, done.stderr
    assert earlier in done.stdout
    assert published_manifest(two)["version"] == earlier
    told = perfwh("status", *of(two)).stdout
    assert f"perfwh rollback {later}" in told and "current" in told
    again = perfwh("run", *of(two))
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() == f"Nothing new; version {earlier} stays current."
    assert perfwh("rollback", later, *of(two)).returncode == 0
    assert published_manifest(two)["version"] == later


def test_rollback_to_what_is_not_kept_says_what_is(two):
    done = perfwh("rollback", "20200101T000000-x", *of(two))
    assert done.returncode == 2
    assert "20200101T000000-x: not kept" in done.stderr and "29990101T0-b" in done.stderr
    assert "Traceback" not in done.stderr
    perfwh("rollback", *of(two))
    oldest = perfwh("rollback", *of(two))
    assert oldest.returncode == 2 and "an earlier version: not kept" in oldest.stderr


@pytest.mark.parametrize("fault", ["changed", "gone", "added", "counted"])
def test_verify_finds_what_is_not_as_it_was_published(two, fault):
    assert perfwh("verify", *of(two)).stdout.strip().endswith("all is as it was published")
    folder = (two.warehouse / "published").resolve() / "marts"
    match fault:
        case "changed":
            path = folder / "morale.parquet"
            path.write_bytes(path.read_bytes()[:-1] + b"x")
            said = "marts/morale.parquet: has changed"
        case "gone":
            (folder / "enps.parquet").unlink()
            said = "marts/enps.parquet: is gone"
        case "added":
            (folder / "more.parquet").write_bytes(b"-")
            said = "marts/more.parquet: is not in the manifest"
        case "counted":
            path = folder.parent / "manifest.json"
            manifest = json.loads(path.read_text())
            manifest["row_counts"]["restricted.fct_stint"] += 1
            path.write_text(json.dumps(manifest))
            said = "restricted.fct_stint: "
    done = perfwh("verify", *of(two))
    assert done.returncode == 1
    assert said in done.stderr and done.stderr.count("\n") == 2


def test_a_second_writer_is_told_who_holds_the_lock_since_when_and_how_to_wait(two):
    with locking.held(two, "a test"):
        began = time.monotonic()
        done = perfwh("run", "--wait", "1", *of(two))
        assert time.monotonic() - began >= 1
    assert done.returncode == 1
    assert "a test (process" in done.stderr and "since 20" in done.stderr and "perfwh run --wait SECONDS" in done.stderr
    assert "Traceback" not in done.stderr
    assert perfwh("run", *of(two)).stdout.startswith("Nothing new")


def test_a_second_writer_waits_until_the_first_has_ended(two):
    with locking.held(two, "a test"):
        command = [PERFWH, "run", *map(str, of(two))]
        second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "waiting up to 600 s" in second.stderr.readline()
        assert second.poll() is None
    out, _ = second.communicate(timeout=60)
    assert (second.returncode, out.startswith("Nothing new")) == (0, True)


def test_the_lock_of_a_killed_owner_is_taken_over(settings, capfd):
    script = (
        "import sys, time; from pathlib import Path; from pipelines import locking\n"
        "from pipelines.settings import load_settings\n"
        "locking.hold(load_settings(warehouse=Path(sys.argv[1])), 'a run')\n"
        "print('held', flush=True); time.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script, str(settings.warehouse)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout.readline() == "held\n"
    impatient = settings.model_copy(update={"lock_wait_seconds": 0.1})
    with pytest.raises(UserError, match=f"a run .process {owner.pid} on .* still writes"):
        locking.hold(impatient, "another")
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    with locking.held(impatient, "another"):
        assert f"process {owner.pid}" in capfd.readouterr().err.splitlines()[-1]
    assert not (settings.warehouse / "writer.json").exists()
