"""The code location: merges what `defs` holds, nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Everything that Dagster shows and runs."""
    from dagster_dbt import DbtCliResource

    from pipelines.defs import jobs, models, published, sources

    return dg.Definitions(
        assets=[*sources.source_assets(), models.models, published.publish],
        jobs=[jobs.warehouse_job],
        schedules=[jobs.nightly],
        # dbt of this environment, whether or not it is activated.
        resources={
            "dbt": DbtCliResource(project_dir=models.PROJECT, dbt_executable=str(Path(sys.executable).parent / "dbt"))
        },
        loggers={"console": jobs.progress},
        executor=dg.in_process_executor,
    )
