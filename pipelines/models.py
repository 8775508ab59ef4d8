"""dbt's artefacts: the manifest, prepared once for a state of the project, and what it and the results say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from expectations.runner import CheckResult
from pipelines.runs import build_database
from pipelines.settings import DBT_PROJECT, Settings, load_settings

_PARTS = ("models", "macros", "tests", "dbt_project.yml", "profiles.yml")


def _project_files() -> Iterable[Path]:
    for part in _PARTS:
        path = DBT_PROJECT / part
        yield from sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def project_digest() -> str:
    """Changes whenever a file of the dbt project does."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in _project_files())).hexdigest()


def variables(settings: Settings) -> dict[str, Any]:
    """All that dbt is told on its command line: what shapes the models, and where the build is."""
    return {
        **settings.dbt_vars(),
        "build_database": str(build_database(settings)),
        "threads": settings.threads,
        "memory_limit": settings.memory_limit,
        "spill": str(settings.warehouse / "work" / "spill"),
    }


def ensure_manifest() -> Path:
    """The path of the manifest, which is written anew where the project or its variables have changed since.

    It is parsed with the variables of the run, since dbt starts from nothing when they differ.

    Raises:
        RuntimeError: dbt could not parse the project.
    """
    target = DBT_PROJECT / "target"
    manifest, stamp = target / "manifest.json", target / "manifest.sha256"
    told = json.dumps(variables(load_settings()), sort_keys=True)
    digest = hashlib.sha256((project_digest() + told).encode()).hexdigest()
    if manifest.exists() and stamp.exists() and stamp.read_text() == digest:
        return manifest
    target.mkdir(exist_ok=True)
    # Several processes may load the definitions at once.
    with FileLock(target / "manifest.lock"):
        if not (manifest.exists() and stamp.exists() and stamp.read_text() == digest):
            from dbt.cli.main import dbtRunner

            folder = str(DBT_PROJECT)
            where = ["--project-dir", folder, "--profiles-dir", folder, "--vars", told]
            outcome = dbtRunner().invoke(["--quiet", "parse", *where])
            if not outcome.success:
                raise RuntimeError(f"dbt cannot parse {DBT_PROJECT}") from outcome.exception
            stamp.write_text(digest)
    return manifest


def descriptions_of(manifest: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Table → column → definition; the table's own stands under the empty name."""
    return {
        node["name"]: {
            "": node["description"].strip(),
            **{name: column["description"].strip() for name, column in node["columns"].items()},
        }
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["description"]
    }


def dbt_checks(run_results: dict[str, Any], manifest: dict[str, Any]) -> list[CheckResult]:
    """The dbt tests of a build as check results; a failing row is a row that the test returns.

    A test that was skipped, or that could not be run, is no result: the run fails by itself then.
    """
    checks = []
    for result in run_results["results"]:
        node = manifest["nodes"].get(result["unique_id"])
        if node is None or node["resource_type"] != "test":
            continue
        if result["status"] not in ("pass", "warn", "fail"):
            continue
        attached = node.get("attached_node") or next(iter(node["depends_on"]["nodes"]), "")
        model = manifest["nodes"].get(attached) or {"schema": "models", "name": "all"}
        severity = "critical" if node["config"]["severity"].lower() == "error" else "warning"
        checks.append(
            CheckResult(
                f"{model['schema']}/{model['name']}",
                node["name"],
                severity,  # type: ignore[arg-type]
                result["status"] == "pass",
                int(result.get("failures") or 0),
                0,
            )
        )
    return checks
