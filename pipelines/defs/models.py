"""dbt's models and tests as assets and checks. The manifest is prepared once for a state of the project."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)
from dagster_dbt.errors import DagsterDbtCliRuntimeError
from packaging.version import Version

from pipelines import ingesting, lineage
from pipelines.building import table_counts
from pipelines.defs import links
from pipelines.defs.automation import FOLLOWS
from pipelines.defs.checks import blocked_by
from pipelines.defs.steps import step
from pipelines.models import (
    dbt_checks,
    descriptions_of,
    disclosure_declarations,
    failed_nodes,
    machine_fault_of_dbt,
    measure_nodes,
    parsed_project,
    variables,
)
from pipelines.settings import DBT_PROJECT

PROJECT = DbtProject(DBT_PROJECT, profiles_dir=DBT_PROJECT)


class Dbt(DbtCliResource):  # type: ignore[misc] # untyped base
    """dbt of this environment, whether or not it is activated.

    Left out is what costs seconds of each run and is of no use here: a process that asks for dbt's version, which the
    lock file pins, and a second dbt in this process through which Dagster could look into the tables.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:
        return None


class Translator(DagsterDbtTranslator):  # type: ignore[misc] # untyped base
    """Groups by layer, owners and kinds; one key per table: its layer and its name."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_code_references=True))
        # Each model is asked about ten times while the definitions are loaded.
        self._specs: dict[str, dg.AssetSpec] = {}

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        if unique_id not in self._specs:
            # While it listens to dbt, dagster-dbt does not say which project it is.
            self._specs[unique_id] = self._spec(manifest, unique_id, project or PROJECT)
        return self._specs[unique_id]

    def _spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec: dg.AssetSpec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id)
        if node is None:
            return spec
        layer = node["schema"]
        area = node["fqn"][2] if layer == "marts" else layer
        return spec.replace_attributes(
            key=dg.AssetKey([layer, node["name"]]),
            group_name=area if area != "restricted" else "facts",
            owners=["team:people-analytics"],
            kinds={"dbt", "duckdb"},
            automation_condition=FOLLOWS,
            tags={"data_class": "aggregate" if layer == "marts" else "person"},
        ).merge_attributes(
            metadata={
                "definition": links.to_model(unique_id),
                "where_columns_come_from": links.to_columns(f"{layer}.{node['name']}"),
                "data_quality": links.to_quality(f"{layer}/{node['name']}"),
                **({"rests_on": _RESTS_ON[node["name"]]} if layer == "marts" and node["name"] in _RESTS_ON else {}),
            }
        )


_PARSED = parsed_project()
_RESTS_ON = disclosure_declarations()
_TRANSLATOR = Translator()


def dbt_cli() -> Dbt:
    """The resource that runs dbt."""
    return Dbt(project_dir=PROJECT, dbt_executable=str(Path(sys.executable).parent / "perfwh-dbt"))


@dbt_assets(  # type: ignore[untyped-decorator]
    manifest=_PARSED / "manifest.json", dagster_dbt_translator=_TRANSLATOR, project=PROJECT, name="models"
)
def models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Builds and tests the models in the run's database.

    All of them, whichever are asked for: the database is made anew by each run. Told of are those that were asked for.
    """
    with step(context) as run:
        if blocking := ingesting.complete(run):
            raise dg.Failure(blocked_by(blocking), allow_retries=False)
        target = run.settings.warehouse / "work" / "dbt"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        shutil.copy(_PARSED / "partial_parse.msgpack", target)
        arguments = ["build", "--exclude-resource-type", "unit_test"]
        arguments += ["--vars", json.dumps(variables(run.settings), sort_keys=True)]
        # With the step's context it would build what was asked for only.
        invocation = dbt.cli(
            arguments, manifest=_PARSED / "manifest.json", dagster_dbt_translator=_TRANSLATOR, target_path=target
        )
        invocation.context = context
        # Row counts can only be read once dbt has let go of the database, so what it reports is passed on at the end.
        events: list[Any] = []
        results = None
        try:
            for event in invocation.stream():
                if _is_asked_for(event, context):
                    events.append(event)
                if isinstance(event, dg.Output):
                    context.log.info(f"dbt: {event.output_name.replace('__', '/', 1)}")
        except DagsterDbtCliRuntimeError as error:
            results = _results(target)
            fault = machine_fault_of_dbt(results, str(error), invocation.process.returncode)
            raise fault or dg.Failure(failed_nodes(results), allow_retries=False) from None
        finally:
            _end(invocation.process)
            results = results or _results(target)
            if results:
                manifest = json.loads((_PARSED / "manifest.json").read_text())
                run.write_checks("models", dbt_checks(results, manifest))
                run.write("descriptions", descriptions_of(manifest))
                if run.settings.stage_times:
                    measure_nodes(results, run.settings.stage_times)
            counts = table_counts(run)
            made_of = lineage.prepared(run.settings, _manifest(target)) if results else {}
            for event in events:
                if isinstance(event, dg.Output) and event.output_name in counts:
                    told = {"dagster/row_count": counts[event.output_name]}
                    columns = made_of.get(event.output_name.replace("__", ".", 1), {})
                    event = event.with_metadata(
                        {**event.metadata, **told, "dagster/column_lineage": _column_lineage(columns)}
                    )
                yield event


def _end(dbt: subprocess.Popen[Any]) -> None:
    """A dbt that nobody listens to any more, since the step failed, would wait for that for ever, holding the build."""
    if dbt.poll() is None:
        dbt.terminate()
        dbt.wait()


def _is_asked_for(event: Any, context: dg.AssetExecutionContext) -> bool:
    if isinstance(event, dg.Output):
        return event.output_name in context.op_execution_context.selected_output_names
    if isinstance(event, dg.AssetCheckResult) and event.asset_key and event.check_name:
        return dg.AssetCheckKey(event.asset_key, event.check_name) in context.selected_asset_check_keys
    return True


def _manifest(target: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((target / "manifest.json").read_text())
    return found


def _column_lineage(columns: Mapping[str, Sequence[str]]) -> dg.TableColumnLineage:
    """The columns of other assets that each column is made of; constants have none."""

    def deps(origins: Sequence[str]) -> list[dg.TableColumnDep]:
        named = [one.split(".", 2) for one in origins if not one.startswith("'")]
        return [dg.TableColumnDep(dg.AssetKey([schema, table]), column) for schema, table, column in named]

    return dg.TableColumnLineage({name: deps(origins) for name, origins in columns.items()})


def _results(target: Path) -> dict[str, Any] | None:
    try:
        results: dict[str, Any] = json.loads((target / "run_results.json").read_text())
    except (OSError, ValueError):
        return None  # dbt did not get that far
    return results
