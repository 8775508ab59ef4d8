"""Publishing as assets: what readers get, made current in one step once every check before it has passed."""

from collections.abc import Iterator

import dagster as dg

from pipelines import publishing
from pipelines.defs.sources import OWNERS, STRANGERS, this_run
from pipelines.fingerprint import fingerprint
from pipelines.loads import superseded
from pipelines.marts import MARTS, RESTRICTED_TABLES

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
            tags={"data_class": "aggregate"},
            description="published/performance.duckdb and published/marts/*.parquet: aggregates, safe to hand to BI.",
        ),
        dg.AssetSpec(
            PEOPLE,
            deps=[STRANGERS, *(["restricted", table] for table in RESTRICTED_TABLES)],
            group_name="published",
            owners=OWNERS,
            kinds={"duckdb"},
            tags={"data_class": "person"},
            description="published/people.duckdb: person-level facts and dimensions, readable by their owner only.",
        ),
    ],
    name="publish",
)
def publish(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Makes a version of what the run has built and checked."""
    run = this_run(context)
    loads = run.loads()
    manifest = publishing.publish(
        run,
        [*loads, *superseded(loads, run.settings)],
        run.checks(),
        run.read("descriptions"),
        fingerprint(run.settings),
    )
    run.write("outcome", {"version": manifest["version"], "row_counts": manifest["row_counts"]})
    run.clear()
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
            },
        )
