"""What Dagster shows: one connected graph from landing files to published files, described, owned and checked."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import yaml

from pipelines.definitions import defs
from pipelines.entities import ENTITIES
from pipelines.settings import PROJECT_ROOT

pytestmark = pytest.mark.xdist_group("dbt")


@pytest.fixture(scope="module")
def definitions():
    return defs()


@pytest.fixture(scope="module")
def specs(definitions):
    return {spec.key: spec for spec in definitions.resolve_all_asset_specs()}


def test_the_job_makes_every_asset_but_those_that_read_files_anew(definitions, specs):
    job = definitions.resolve_job_def("warehouse")
    assert set(job.asset_layer.executable_asset_keys) == {
        key for key in specs if key.path[0] not in ("raw", "exposures")
    }


def test_exports_that_come_by_period_are_parted(specs):
    months = specs[dg.AssetKey(["raw", "employees"])].partitions_def
    assert months.get_partition_keys(current_time=datetime(2020, 4, 15, tzinfo=UTC)) == [
        "2020-01",
        "2020-02",
        "2020-03",
        "2020-04",
    ]
    for entity in ("survey_responses", "survey_invitations", "reviews", "goals"):
        assert isinstance(specs[dg.AssetKey(["raw", entity])].partitions_def, dg.DynamicPartitionsDefinition)
    for entity in ("trainings", "recognitions", "one_on_ones", "lookup"):
        assert specs[dg.AssetKey(["raw", entity])].partitions_def is None


def test_every_asset_says_whether_it_is_about_persons_and_links_to_its_code(definitions, specs):
    for key, spec in specs.items():
        assert spec.tags["data_class"] in ("person", "aggregate"), key
    for key in definitions.resolve_job_def("warehouse").asset_layer.executable_asset_keys:
        assert specs[key].metadata["dagster/code_references"], key
    assert "models.html#!/model/model.performance_warehouse.turnover" in str(
        specs[dg.AssetKey(["marts", "turnover"])].metadata
    )
    assert "rules.html#goals" in str(specs[dg.AssetKey(["validated", "goals"])].metadata)


def test_what_starts_runs_by_itself_is_off_until_the_configuration_says_so(definitions, monkeypatch):
    from pipelines.defs import automation

    off = {"watch_landing_zone", "follow_inputs", "nightly", "weekly_retention"}
    by_name = {one.name: one for one in (*definitions.sensors, *definitions.schedules)}
    assert {name for name, one in by_name.items() if one.default_status.value == "STOPPED"} == off
    monkeypatch.setenv("PERFWH_AUTOMATION", '["nightly"]')
    assert automation.schedule_status("nightly") == dg.DefaultScheduleStatus.RUNNING
    assert automation.sensor_status("follow_inputs") == dg.DefaultSensorStatus.STOPPED


def test_sources_with_a_calendar_are_fresh_as_long_as_it_says(monkeypatch):
    from pipelines.defs import partitions

    assert partitions.freshness("employees") is None
    monkeypatch.setenv(
        "PERFWH_DUE",
        '{"personio_employees": {"every": "month", "grace_days": 5}, "canonical_employees": {"every": "week"}}',
    )
    assert partitions.freshness("employees").fail_window.to_timedelta() == timedelta(days=14)
    assert partitions.freshness("goals") is None


def test_the_definitions_load_in_less_time_than_their_libraries_without_data_or_warnings(tmp_path):
    """Some five seconds on a usual machine. A limit in seconds failed on slow ones, so the libraries are the measure."""
    from pipelines.models import manifest_path

    manifest_path()
    script = (
        "import time, warnings; warnings.simplefilter('error', UserWarning)\n"
        "import dagster, dagster_dbt, duckdb, pandas\n"
        "libraries = time.process_time()\n"
        "from pipelines.definitions import defs\n"
        "defs().resolve_job_def('warehouse'); print(libraries, time.process_time() - libraries)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PERFWH_LANDING": str(tmp_path / "none")},
    )
    libraries, ours = (float(seconds) for seconds in done.stdout.split())
    assert ours < libraries
    assert "Warning" not in done.stderr


def test_every_asset_is_described_owned_and_of_a_kind(specs):
    for key, spec in specs.items():
        assert spec.description, key
        assert spec.owners, key
        assert spec.kinds, key
        assert spec.group_name != "default", key


def test_from_any_mart_the_way_leads_back_to_the_landing_zone(specs):
    def ancestors(key):
        found = set()
        queue = [key]
        while queue:
            for dep in specs[queue.pop()].deps:
                if dep.asset_key not in found:
                    found.add(dep.asset_key)
                    queue.append(dep.asset_key)
        return found

    landing = dg.AssetKey(["landing", "files"])
    for mart in (key for key in specs if key.path[0] in ("marts", "published")):
        assert landing in ancestors(mart), mart


def test_every_mart_says_what_its_figures_rest_on(specs):
    marts = [spec for key, spec in specs.items() if key.path[0] == "marts"]
    assert len(marts) > 15
    assert [spec.key for spec in marts if len(spec.metadata.get("rests_on", "")) < 20] == []


def test_every_rule_is_a_check_on_its_entity(definitions):
    names = {}
    for asset in definitions.assets:
        for check in asset.check_specs if isinstance(asset, dg.AssetsDefinition) else []:
            names.setdefault(check.asset_key, {})[check.name] = check
    for entity in ENTITIES:
        checks = names[dg.AssetKey(["validated", entity])]
        assert checks["rows_are_conserved"].blocking
        assert checks["every_file_is_loaded"].blocking
        assert "values_are_readable" in checks
    assert names[dg.AssetKey(["validated", "employees"])]["headcount_does_not_collapse"].blocking
    assert "assert_headcount_walk_reconciles" in names[dg.AssetKey(["marts", "headcount_walk"])]


def test_names_of_the_code_location_agree():
    """Where they differ, every load warns."""
    import tomllib

    workspace = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    assert workspace["load_from"][0]["python_module"]["location_name"] == project["code_location_name"]


def test_the_modules_that_do_the_work_do_not_know_dagster():
    for path in [*(PROJECT_ROOT / "pipelines").glob("*.py"), *(PROJECT_ROOT / "expectations").glob("*.py")]:
        if path.name in ("definitions.py", "running.py"):
            continue
        assert "import dagster" not in path.read_text(), path


def test_processes_with_other_settings_do_not_share_a_manifest(tmp_path, monkeypatch):
    """A regression: one process rewrote the manifest while another read it."""
    from pipelines.models import manifest_path

    first = manifest_path()
    content = first.read_bytes()
    monkeypatch.setenv("PERFWH_WAREHOUSE", str(tmp_path / "elsewhere"))
    second = manifest_path()
    assert second != first
    assert first.read_bytes() == content
    assert (second.parent / "partial_parse.msgpack").exists()
