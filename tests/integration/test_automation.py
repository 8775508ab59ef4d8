"""The sensors and schedules, asked directly: when they start a run, and when they do not."""

from __future__ import annotations

import os
import time

import dagster as dg
import pytest

from pipelines import locking
from pipelines.defs import automation
from pipelines.settings import load_settings

pytestmark = pytest.mark.xdist_group("dbt")


@pytest.fixture
def zone(tmp_path, monkeypatch):
    """A landing zone, and what the sensor says when it is asked, with the cursor of the time before."""
    (tmp_path / "landing").mkdir()
    monkeypatch.setenv("PERFWH_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("PERFWH_WAREHOUSE", str(tmp_path / "warehouse"))
    monkeypatch.setenv("PERFWH_SETTLE_SECONDS", "5")
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = None

        def ask():
            nonlocal cursor
            told = automation.watch_landing_zone(dg.build_sensor_context(instance, cursor=cursor))
            cursor = getattr(told, "cursor", None) or cursor
            return told

        yield tmp_path / "landing", ask, instance


def land(folder, name, text, age=60):
    (folder / name).write_text(text)
    os.utime(folder / name, (time.time() - age, time.time() - age))


def requests(told):
    return getattr(told, "run_requests", None) or []


def test_files_that_arrive_together_start_one_run_and_no_second_one(zone):
    folder, ask, _ = zone
    assert "is empty" in ask().skip_message
    land(folder, "a.csv", "1")
    land(folder, "b.csv", "2")
    assert len(requests(ask())) == 1
    assert requests(ask()) == []


def test_files_that_are_still_arriving_start_none(zone):
    folder, ask, _ = zone
    land(folder, "a.csv", "1")
    land(folder, "b.csv", "2", age=0)
    assert ask().skip_message == "1 files are still arriving"
    land(folder, "b.csv.part", "2")
    land(folder, "b.csv", "2")
    assert ask().skip_message == "1 files are still arriving"
    # A transfer that was given up keeps nobody waiting.
    land(folder, "b.csv.part", "2", age=3600)
    assert len(requests(ask())) == 1


def test_content_counts_and_not_the_time_and_going_back_is_a_change(zone):
    folder, ask, _ = zone
    land(folder, "a.csv", "1")
    keys = [requests(ask())[0].run_key]
    land(folder, "a.csv", "1", age=30)
    assert requests(ask()) == []
    land(folder, "a.csv", "2")
    keys.append(requests(ask())[0].run_key)
    land(folder, "a.csv", "1")
    keys.append(requests(ask())[0].run_key)
    assert len(set(keys)) == 3, "Dagster starts nothing twice for one key"


def test_a_file_that_was_not_touched_is_not_hashed_again(zone, monkeypatch):
    from pipelines import fingerprint

    folder, ask, _ = zone
    land(folder, "a.csv", "1")
    ask()
    hashed = []
    take_in = fingerprint.take_in
    monkeypatch.setattr(fingerprint, "take_in", lambda path, *rest: hashed.append(path.name) or take_in(path, *rest))
    land(folder, "b.csv", "2")
    ask()
    assert hashed == ["b.csv"]


def test_no_run_is_asked_for_while_one_is_under_way(zone):
    folder, ask, instance = zone
    land(folder, "a.csv", "1")
    run = instance.create_run_for_job(_job(), status=dg.DagsterRunStatus.STARTED)
    assert "a run is under way" in ask().skip_message
    instance.report_run_failed(run)
    assert len(requests(ask())) == 1


def _job():
    @dg.job(name="warehouse")
    def warehouse():
        pass

    return warehouse


def test_a_run_whose_process_died_is_ended_once_nobody_writes(zone, monkeypatch):
    *_, instance = zone
    monkeypatch.setattr(automation, "_BEGINS_WITHIN_SECONDS", -1)
    run = instance.create_run_for_job(_job())
    instance.report_dagster_event(dg.DagsterEvent(event_type_value="PIPELINE_START", job_name="warehouse"), run.run_id)

    def ask():
        return automation.end_dead_runs(dg.build_sensor_context(instance)).skip_message

    with locking.held(load_settings(), "a test"):
        assert ask() == "1 runs are under way"
    assert "have been ended" in ask()
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
    assert ask() == "0 runs are under way"


def test_by_the_clock_only_what_is_new_is_published(zone):
    folder, *_ = zone
    tick = dg.build_schedule_context()
    land(folder, "a.csv", "1")
    assert len(automation.nightly.evaluate_tick(tick).run_requests) == 1


def test_a_cron_expression_that_is_none_is_named(tmp_path):
    from tests.conftest import perfwh

    land(tmp_path, "a.csv", "1")
    done = perfwh("run", "--landing", tmp_path, "--warehouse", tmp_path / "w", PERFWH_NIGHTLY_CRON="at five")
    assert done.returncode == 2
    assert "nightly_cron: 'at five' is no cron expression" in done.stderr
