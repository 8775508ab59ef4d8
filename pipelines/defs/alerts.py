"""Alerts of what the daemon sees: runs that Dagster started and that failed, and sources that are late."""

import dagster as dg

from pipelines import alerting
from pipelines.defs.jobs import STARTED_BY
from pipelines.reporting import write_pages
from pipelines.running import faults_of_steps
from pipelines.settings import load_settings


# On, since nobody watches what runs by itself; without `alerts` in the configuration it only writes into the log.
@dg.run_failure_sensor(
    name="alert_on_failure",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of a run that failed or was blocked, killed ones too, and writes the page of data quality; "
    "`perfwh run` does both itself.",
)
def alert_on_failure(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Raises the alert of a failed run."""
    run = context.dagster_run
    if STARTED_BY in run.tags:
        return dg.SkipReason("perfwh run has told of it")
    faults = faults_of_steps(context.get_step_failure_events()) or [context.failure_event.message or "the run ended"]
    for fault in alerting.tell_of_run(load_settings(), run.run_id, faults):
        context.log.error(fault)
    context.log.info(write_pages(load_settings()))
    return None


@dg.sensor(
    name="alert_on_late_sources",
    minimum_interval_seconds=3600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of a source that has not delivered by the day on which it was due (setting `due`).",
)
def alert_on_late_sources(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Looks at the calendars."""
    settings = load_settings()
    if not settings.due:
        return dg.SkipReason("no source has a calendar: set `due`")
    for fault in alerting.tell_of_late(settings):
        context.log.error(fault)
    return dg.SkipReason("looked at the calendars")
