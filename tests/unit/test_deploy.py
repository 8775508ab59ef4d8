"""What is in `deploy/`: it fits the project, and itself."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pipelines.settings import PROJECT_ROOT
from tests.conftest import PERFWH

BIN = PERFWH.parent
DEPLOY = PROJECT_ROOT / "deploy"
UNITS = {path.stem: path for path in (DEPLOY / "systemd").glob("*.service")}


def unit(name: str) -> dict[str, str]:
    lines = UNITS[name].read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_production_says_the_same_as_one_machine_but_for_where_runs_are_kept():
    one = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    production = yaml.safe_load((DEPLOY / "production" / "dagster.yaml").read_text())
    assert production.pop("storage")["postgres"]
    assert production == one


def test_each_unit_finds_its_command_and_its_environment():
    example = dict(
        line.split("=", 1)
        for line in (DEPLOY / "systemd" / "perfwh.env.example").read_text().splitlines()
        if "=" in line
    )
    for name in UNITS:
        told = unit(name)
        program, *arguments = shlex.split(told["ExecStart"])
        assert (BIN / Path(program).name).exists(), name
        for argument in arguments:
            if argument.startswith("${"):
                assert argument[2:-1] in example, (name, argument)
        assert told["UMask"] == "0077"
    if shutil.which("systemd-analyze"):
        said = subprocess.run(
            ["systemd-analyze", "verify", *UNITS.values()], capture_output=True, text=True, check=False
        ).stderr
        assert [line for line in said.splitlines() if "is not executable" not in line] == []


def test_the_image_is_built_from_the_lock_file_alone():
    lines = (PROJECT_ROOT / "Dockerfile").read_text()
    assert "--no-deps --require-hashes -r requirements-production.lock" in lines
    locked = (PROJECT_ROOT / "requirements-production.lock").read_text()
    assert "dagster-postgres==" in locked and "dagster-k8s==" in locked


def test_kubernetes_gives_runs_what_they_need():
    from dagster_k8s.container_context import K8sContainerContext

    values = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    context = K8sContainerContext.create_from_config(
        {
            "k8s": {
                "env_vars": [f"{one['name']}={one['value']}" for one in deployment["env"]],
                "env_secrets": [one["name"] for one in deployment["envSecrets"]],
                "volumes": deployment["volumes"],
                "volume_mounts": deployment["volumeMounts"],
                "resources": values["runLauncher"]["config"]["k8sRunLauncher"]["resources"],
            }
        }
    )
    assert (
        context.run_k8s_config.pod_spec_config["volumes"][0]["persistent_volume_claim"]["claim_name"] == "perfwh-data"
    )
    assert values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]["maxConcurrentRuns"] == 1


def test_kubernetes_values_fit_the_schema_of_the_chart():
    """`DAGSTER_CHART_SCHEMA` names values.schema.json of Dagster's chart, which comes with the chart only."""
    schema = os.environ.get("DAGSTER_CHART_SCHEMA")
    if not schema:
        pytest.skip("DAGSTER_CHART_SCHEMA does not name values.schema.json of Dagster's chart")
    import jsonschema

    jsonschema.validate(
        yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text()), yaml.safe_load(Path(schema).read_text())
    )
