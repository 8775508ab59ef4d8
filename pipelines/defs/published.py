"""Publishing as assets: what readers get, made current in one step once every check before it has passed."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipelines import comparing, publishing
from pipelines.auditing import NOT_COLLAPSED, row_count_checks
from pipelines.defs import checks
from pipelines.defs.automation import FOLLOWS
from pipelines.defs.sources import OWNERS, STRANGERS
from pipelines.defs.steps import step
from pipelines.loads import superseded
from pipelines.marts import MARTS, RESTRICTED_TABLES
from pipelines.models import manifest_path
from pipelines.reporting import changes_as_markdown, write_pages
from pipelines.runs import Run, clear

PERFORMANCE = dg.AssetKey(["published", "performance"])
PEOPLE = dg.AssetKey(["published", "people"])


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            PERFORMANCE,
            deps=[STRANGERS, *(["marts", mart] for mart in MARTS)],
            group_name="published",
            owners=OWNERS,
            kinds={"duckdb", "parquet"},
            automation_condition=FOLLOWS,
            tags={"data_class": "aggregate"},
            description="published/performance.duckdb and published/marts/*.parquet: aggregates, safe to hand to BI.",
        ),
        dg.AssetSpec(
            PEOPLE,
            deps=[STRANGERS, *(["restricted", table] for table in RESTRICTED_TABLES)],
            group_name="published",
            owners=OWNERS,
            kinds={"duckdb"},
            automation_condition=FOLLOWS,
            tags={"data_class": "person"},
            description="published/people.duckdb: person-level facts and dimensions, readable by their owner only.",
        ),
    ],
    name="publish",
)
def publish(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Makes a version of what the run has built and checked."""
    with step(context) as run:
        if not run.has("checks/models"):
            raise dg.Failure(
                "this run has built no models to publish; materialize published/* with all that is upstream of it, or "
                "start the job `warehouse`",
                allow_retries=False,
            )
        _refuse_if_blocked(run)
        loads = run.loads()
        before = comparing.noted_if_possible(run.settings, publishing.current_version(run.settings))
        manifest = publishing.publish(
            run,
            [*loads, *superseded(loads, run.settings)],
            run.checks(),
            run.read("descriptions"),
            run.read("fingerprint"),
        )
        hidden = publishing.suppressed_counts(run.settings, manifest["version"])
        after = comparing.noted(run.settings, manifest["version"])
        changes = comparing.changes(before, after) if after else {}
        outcome = {"version": manifest["version"], "row_counts": manifest["row_counts"], "hidden": hidden}
        waiting = publishing.waiting_changes(run.settings, manifest["version"])
        run.write("outcome", {**outcome, "changes": changes, "waiting": waiting})
        context.log.info(write_pages(run.settings))
        clear(run.settings)
        sys.audit(publishing.BOUNDARY, "the build is cleared")
        folder = run.settings.warehouse / "versions" / manifest["version"]
        for key, schema, name in (
            (PERFORMANCE, "marts", publishing.PERFORMANCE),
            (PEOPLE, "restricted", publishing.PEOPLE),
        ):
            counts = {table: rows for table, rows in manifest["row_counts"].items() if table.startswith(f"{schema}.")}
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "dagster/row_count": sum(counts.values()),
                    "dagster/uri": str(folder / name),
                    "version": manifest["version"],
                    "bytes": (folder / name).stat().st_size,
                    **{f"rows/{table.split('.')[1]}": rows for table, rows in counts.items()},
                    **(_told(hidden, changes) if key == PERFORMANCE else {}),
                },
            )


def _told(hidden: dict[str, int], changes: dict[str, Any]) -> dict[str, Any]:
    """What the page of the aggregates says of a version, with numbers that can be plotted."""
    headlines = changes.get("headlines", {})
    return {
        **{f"cells/{name}": count for name, count in hidden.items()},
        **{f"figure/{name}": one["newest"] for name, one in headlines.items() if one["newest"] is not None},
        "changes": dg.MetadataValue.md(changes_as_markdown(changes)),
    }


def _refuse_if_blocked(run: Run) -> None:
    """In a run of everything Dagster does not get this far; one of chosen assets may have left out the checks."""
    if not run.has("checks/audit"):
        run.write_checks("audit", row_count_checks(run))
    if blocking := [check for check in run.checks() if check.blocks]:
        raise dg.Failure(checks.blocked_by(blocking), allow_retries=False)


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            NOT_COLLAPSED,
            asset=dg.AssetKey(["marts", mart]),
            blocking=True,
            description="The mart has not lost too many of its rows against the version that readers have.",
        )
        for mart in MARTS
    ],
    name="audit",
)
def audit(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Compares the build with the version that readers have."""
    with step(context) as run:
        found = row_count_checks(run)
        run.write_checks("audit", found)
        for mart, result in zip(MARTS, found, strict=True):
            yield from checks.results(dg.AssetKey(["marts", mart]), [result])


def exposures() -> list[dg.AssetSpec]:
    """Who reads what is published, as dbt's exposures say: dashboards, analyses."""
    manifest = json.loads(manifest_path().read_text())
    specs = []
    for one in manifest["exposures"].values():
        layers = {manifest["nodes"][node]["schema"] for node in one["depends_on"]["nodes"]}
        files = [key for key, layer in ((PERFORMANCE, "marts"), (PEOPLE, "restricted")) if layer in layers]
        specs.append(
            dg.AssetSpec(
                dg.AssetKey(["exposures", one["name"]]),
                deps=files,
                group_name="exposures",
                owners=[one["owner"]["email"]] if one["owner"].get("email") else OWNERS,
                kinds={one["type"]},
                tags={"data_class": "person" if PEOPLE in files else "aggregate"},
                description=one["description"],
                metadata={"url": one["url"]} if one["url"] else {},
            )
        )
    return specs
