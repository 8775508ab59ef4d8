"""The code location: merges what `defs` holds, nothing else."""

from __future__ import annotations

import warnings

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Everything that Dagster shows and runs."""
    # Backfills of a range in one run and links to code are beta in Dagster; the tests hold both to what they do.
    warnings.simplefilter("ignore", dg.BetaWarning)
    from pipelines.defs import alerts, automation, jobs, links, models, published, retention, sources

    return dg.Definitions(
        assets=[
            *links.with_code([*sources.raw_assets(), *sources.source_assets(), models.models, published.publish]),
            *published.exposures(),
        ],
        asset_checks=[published.audit],
        jobs=[jobs.warehouse_job, retention.forget_expired],
        schedules=[automation.nightly, retention.weekly_retention],
        sensors=[
            automation.watch_landing_zone,
            automation.follow_inputs,
            automation.end_dead_runs,
            alerts.alert_on_failure,
            alerts.alert_on_late_sources,
        ],
        resources={"dbt": models.dbt_cli()},
        loggers={"console": jobs.progress},
        executor=dg.in_process_executor,
    )
