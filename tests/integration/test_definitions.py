"""What Dagster shows: one connected graph from landing files to published files, described, owned and checked."""

from __future__ import annotations

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


def test_the_job_makes_every_asset(definitions, specs):
    job = definitions.resolve_job_def("warehouse")
    assert set(job.asset_layer.executable_asset_keys) == set(specs)


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
