"""What starts runs by itself: files that land, the clock, and inputs that were made anew.

All are off until the setting `automation` names them, or someone switches them on on Dagster's page: a machine that
has the project need not be the one that publishes, and two that publish would do so twice.
"""

from __future__ import annotations

import json
import time

import dagster as dg

from pipelines import landing, locking, publishing
from pipelines.defs.jobs import JOB, warehouse_job
from pipelines.erasure.cleaning import name_without_erased
from pipelines.errors import UserError
from pipelines.fingerprint import Seen, files_now, fingerprint_now
from pipelines.identifiers import of_addresses
from pipelines.settings import Automation, load_settings

# A run whose process dies (a crash, a power cut) is started again by the daemon; one that fails by itself is not.
RETRIED = {"dagster/max_retries": "2", "dagster/retry_on_asset_or_op_failure": "false"}
# A run has begun to write by then, or waits for another one.
_BEGINS_WITHIN_SECONDS = 120
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

# Sources that were never delivered are no reason to wait, so nothing is asked of missing ones.
FOLLOWS = (
    dg.AutomationCondition.any_deps_updated().since_last_handled()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
    & dg.AutomationCondition.all_deps_blocking_checks_passed()
).with_label("follows its inputs")


def sensor_status(name: Automation) -> dg.DefaultSensorStatus:
    """Whether a sensor is on where nobody has switched it."""
    return dg.DefaultSensorStatus.RUNNING if name in load_settings().automation else dg.DefaultSensorStatus.STOPPED


def schedule_status(name: Automation) -> dg.DefaultScheduleStatus:
    """Whether a schedule is on where nobody has switched it."""
    return dg.DefaultScheduleStatus.RUNNING if name in load_settings().automation else dg.DefaultScheduleStatus.STOPPED


@dg.sensor(
    name="watch_landing_zone",
    job=warehouse_job,
    minimum_interval_seconds=15,
    default_status=sensor_status("watch_landing_zone"),
    description="Starts one run when new files lie whole in the landing zone, however many arrived together.",
)
def watch_landing_zone(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Compares what lies there with what readers have, and with what a run was last started for."""
    settings = load_settings()
    if context.instance.get_runs_count(dg.RunsFilter(job_name=JOB, statuses=_UNDER_WAY)):
        return dg.SkipReason("a run is under way; what it does not find is looked for after it")
    try:
        paths = landing.list_files(settings.landing)
    except UserError as error:
        return dg.SkipReason(str(error))
    if not paths:
        return dg.SkipReason(f"{settings.landing} is empty")
    if coming := landing.arriving(paths, settings.settle_seconds):
        return dg.SkipReason(f"{len(coming)} files are still arriving")
    before = json.loads(context.cursor) if context.cursor else {"files": {}, "fingerprint": "", "started": 0}
    files = files_now(settings, {name: Seen(*seen) for name, seen in before["files"].items()})
    # Dagster keeps the cursor: names of files are there as everybody may read them, and without who was erased.
    names = of_addresses(settings)
    seen = {names.keyed(name_without_erased(name, settings)): one for name, one in files.items()}
    found, started = fingerprint_now(settings, files), before["started"]
    if found == before["fingerprint"] or publishing.has_been_published(settings, found):
        cursor = json.dumps({"files": seen, "fingerprint": found, "started": started})
        return dg.SensorResult(skip_reason="nothing new", cursor=cursor)
    # Should the daemon end before it has kept the cursor, it asks for the same run under the same key again.
    asked = dg.RunRequest(run_key=f"{started + 1}-{found[:16]}", tags=RETRIED)
    cursor = json.dumps({"files": seen, "fingerprint": found, "started": started + 1})
    return dg.SensorResult(run_requests=[asked], cursor=cursor)


follow_inputs = dg.AutomationConditionSensorDefinition(
    "follow_inputs",
    target=dg.AssetSelection.all(),
    default_status=sensor_status("follow_inputs"),
    minimum_interval_seconds=30,
    run_tags=RETRIED,
    description="Makes anew what depends on files that were read again (a month that was backfilled, say), up to the "
    "published version; nothing follows an input whose blocking checks have failed.",
)


def _nightly() -> dg.ScheduleDefinition:
    settings = load_settings()

    @dg.schedule(
        name="nightly",
        job=warehouse_job,
        cron_schedule=settings.nightly_cron,
        execution_timezone=settings.time_zone,
        default_status=schedule_status("nightly"),
        description="By the clock (settings `nightly_cron`, `time_zone`), for shops that prefer it to watching files.",
    )
    def nightly() -> dg.RunRequest | dg.SkipReason:
        settings = load_settings()
        try:
            version = publishing.has_been_published(settings, fingerprint_now(settings))
        except UserError as error:
            return dg.SkipReason(str(error))
        return dg.SkipReason(f"nothing new; {version} stays current") if version else dg.RunRequest(tags=RETRIED)

    return nightly


try:
    nightly = _nightly()
except dg.DagsterInvalidDefinitionError:
    raise UserError(
        f"nightly_cron: {load_settings().nightly_cron!r} is no cron expression; expected five fields: minute, hour, "
        "day of the month, month, day of the week"
    ) from None


# On: without it, a run whose process has died keeps all later ones waiting.
@dg.sensor(
    name="end_dead_runs",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process has died (killed, a power cut), which Dagster takes for running ones.",
)
def end_dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """A run writes the warehouse or waits for who does; where nobody writes, whoever has not ended is dead."""
    if context.instance.run_launcher.supports_check_run_worker_health:
        return dg.SkipReason("the launcher looks after its runs itself")
    started = context.instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    late = [one for one in started if time.time() - (one.start_time or 0) > _BEGINS_WITHIN_SECONDS]
    if not late or locking.is_held(load_settings()):
        return dg.SkipReason(f"{len(started)} runs are under way")
    for record in late:
        # It may have ended since it was looked up.
        now = context.instance.get_run_by_id(record.dagster_run.run_id)
        if now and now.status == dg.DagsterRunStatus.STARTED:
            context.instance.report_run_failed(now, "The process of the run has died.")
    return dg.SkipReason(f"{len(late)} runs whose process had died have been ended")
