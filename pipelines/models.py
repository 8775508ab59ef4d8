"""dbt's artefacts: the manifest, prepared once for a state of the project, and what it and the results say."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from expectations.runner import CheckResult
from pipelines.errors import MachineFault, machine_words
from pipelines.files import whole_folder
from pipelines.runs import build_database
from pipelines.settings import DBT_PROJECT, Settings, load_settings

# Whoever began with an older state of the project has ended by then.
_KEPT_SECONDS = 7 * 24 * 3600
_PARTS = ("models", "macros", "tests", "dbt_project.yml", "profiles.yml")


def _project_files() -> Iterable[Path]:
    for part in _PARTS:
        path = DBT_PROJECT / part
        yield from sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    # What the models in Python call.
    yield from sorted((Path(__file__).parent / "disclosure").glob("*.py"))


def project_digest() -> str:
    """Changes whenever a file of the dbt project does, or one that its models call."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in _project_files())).hexdigest()


def disclosure_declarations() -> dict[str, str]:
    """Mart → what its figures rest on, in words, from `disclosure` in dbt_project.yml."""
    import yaml

    declared = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]["disclosure"]
    return {mart: _in_words(declaration) for mart, declaration in declared.items()}


def _in_words(declaration: Mapping[str, Any]) -> str:
    if "rests_on" in declaration:
        return str(declaration["rests_on"])
    groups = "; ".join(", ".join(columns) for columns in declaration["figures"].values())
    also = declaration.get("population", [])
    by_population = f" By gender and ethnicity, {', '.join(also)} need a population that is shown." if also else ""
    return (
        f"The {declaration['kind']} of each {declaration['occasion']}. "
        f"Figures that are shown or suppressed together: {groups}.{by_population}"
    )


def variables(settings: Settings) -> dict[str, Any]:
    """All that dbt is told on its command line: what shapes the models, and where the build is."""
    return {
        **settings.dbt_vars(),
        "build_database": str(build_database(settings)),
        "keep_open": True,
        "threads": settings.threads,
        "memory_limit": settings.memory_limit,
        "spill": str(settings.warehouse / "work" / "spill"),
    }


def parsed_project() -> Path:
    """The folder with the manifest (and dbt's partial parse) of the project as it stands, made where there is none.

    It is parsed with the variables of the run, since dbt starts from nothing when they differ. Each state of project
    and variables has a folder of its own that never changes, so that processes side by side do not disturb each other.

    Raises:
        RuntimeError: dbt could not parse the project.
    """
    told = json.dumps(variables(load_settings()), sort_keys=True)
    digest = hashlib.sha256((project_digest() + told).encode()).hexdigest()
    folder = DBT_PROJECT / "target" / "parsed" / digest[:20]

    def parse(draft: Path) -> None:
        from dbt.cli.main import dbtRunner

        here = str(DBT_PROJECT)
        where = ["--project-dir", here, "--profiles-dir", here, "--target-path", str(draft), "--log-path", str(draft)]
        outcome = dbtRunner().invoke(["--quiet", "parse", *where, "--vars", told])
        if not outcome.success:
            raise RuntimeError(f"dbt cannot parse {DBT_PROJECT}") from outcome.exception

    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / "lock"):
            whole_folder(folder, parse)
            _prune(folder.parent)
    return folder


def _prune(parsed: Path) -> None:
    for old in parsed.glob("[!.]*/"):
        if old.is_dir() and time.time() - old.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)


def manifest_path() -> Path:
    """The manifest of the project as it stands."""
    return parsed_project() / "manifest.json"


def types_of_marts(manifest: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Mart → column → type, as the contracts say."""
    return {
        node["name"]: {name: column["data_type"] for name, column in node["columns"].items()}
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
    }


def measure_nodes(results: Mapping[str, Any], target: Path) -> None:
    """Adds how long each model and test took to a file, a JSON line each; wall time, as several run at once."""
    with target.open("a") as stream:
        for result in results["results"]:
            stream.write(json.dumps({"node": result["unique_id"], "wall_s": result["execution_time"]}) + "\n")


def descriptions_of(manifest: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Table → column → definition, with its data class if it is about people; the table's own under the empty name."""

    def told(column: dict[str, Any]) -> str:
        kind = column["config"]["meta"].get("data_class")
        return (
            f"{column['description'].strip()} Data class: {kind.replace('_', ' ')}."
            if kind
            else column["description"].strip()
        )

    return {
        node["name"]: {
            "": node["description"].strip(),
            **{name: told(column) for name, column in node["columns"].items()},
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
                asked(node),
            )
        )
    return checks


def machine_fault_of_dbt(run_results: dict[str, Any] | None, said: str, exit_code: int | None) -> MachineFault | None:
    """What kept dbt from its work, if it was the machine.

    Args:
        run_results: what dbt left, if anything.
        said: what it said last.
        exit_code: of its process; negative where a signal ended it.
    """
    errors = [one["message"] or "" for one in (run_results or {"results": []})["results"] if one["status"] == "error"]
    words = machine_words("\n".join([*errors, said]))
    if words is None and exit_code == -signal.SIGKILL:
        words = "Out of Memory Error"
    return MachineFault(words) if words else None


def failed_nodes(run_results: dict[str, Any] | None) -> str:
    """The models and tests that failed, by name; what dbt says of them may quote rows."""
    results = run_results["results"] if run_results else []
    failed = [one["unique_id"].split(".")[2] for one in results if one["status"] in ("error", "fail")]
    return f"dbt failed: {', '.join(failed) or 'before any model'}; runs/dbt.log has its words"


def asked(node: Mapping[str, Any]) -> str:
    """What a test asks: the comment that a singular one begins with, the arguments of a generic one."""
    if generic := node.get("test_metadata"):
        given = {name: value for name, value in generic["kwargs"].items() if name != "model"}
        return f"{generic['name']}: {', '.join(f'{name} {value}' for name, value in given.items())}"
    # The settings of a test, `{{ config(…) }}`, may stand above its comment.
    below = itertools.dropwhile(lambda line: not line.startswith("--"), node["raw_code"].splitlines())
    lines = itertools.takewhile(lambda line: line.startswith("--"), below)
    return " ".join(line.removeprefix("--").strip() for line in lines)
