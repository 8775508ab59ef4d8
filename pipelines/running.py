"""One run from the command line: starts Dagster's job, follows it, and says how it ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from pipelines import alerting, landing, locking, publishing, reporting
from pipelines.errors import EXIT_BLOCKED, EXIT_FAILED, EXIT_PUBLISHED, UserError, machine_fault
from pipelines.files import PRIVATE_FILE, PRIVATE_FOLDER, keep_private
from pipelines.profiles import load_profiles
from pipelines.pseudonyms import key_in_force
from pipelines.runs import Run, clear
from pipelines.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dagster import DagsterEvent, DagsterInstance, ExecuteInProcessResult


def prepare_dagster_home(settings: Settings) -> Path:
    """Makes Dagster's folder, with the project's instance configuration in it."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    configured, wanted = home / "dagster.yaml", PROJECT_ROOT / "dagster.yaml"
    if home == PROJECT_ROOT / ".dagster":
        configured.unlink(missing_ok=True)
        configured.symlink_to(wanted)
    elif not configured.exists():
        shutil.copyfile(wanted, configured)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    return home


def check_landing(settings: Settings) -> None:
    """Raises UserError where there is no landing zone, or nothing in it."""
    if not landing.list_files(settings.landing):
        raise UserError(
            f"{settings.landing}: no export files. Put some there (see docs/profiles.md), "
            "or try `perfwh sample --out FOLDER`."
        )


def check_before(settings: Settings) -> None:
    """Finds faults of usage and configuration before anything starts.

    Raises:
        UserError: no landing zone, nothing in it, an invalid profile, or no place to write.
    """
    check_landing(settings)
    load_profiles(settings.profiles)
    key_in_force(settings)
    try:
        settings.warehouse.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    except OSError as error:
        raise UserError(f"{settings.warehouse}: cannot be made ({error.strerror})") from None
    if not os.access(settings.warehouse, os.W_OK):
        raise UserError(f"{settings.warehouse}: cannot be written to")


def run(settings: Settings, force: bool = False) -> int:
    """Runs the whole job.

    Args:
        settings: the configuration in force, which the environment must say too.
        force: run even where nothing has changed since the current version.

    Returns:
        The exit code of the contract.

    Raises:
        UserError: a fault of usage or configuration.
    """
    alerting.check_targets(settings)
    keep_private()
    try:
        check_before(settings)
        with locking.held(settings, "perfwh run"):
            return _run(settings, force)
    except Exception as error:
        told = machine_fault(error)
        if told is None:
            raise
        alerting.say(alerting.raise_alert(alerting.of_failed([told], "", settings), settings))
        if isinstance(error, UserError):
            raise
        raise UserError(f"{told}. Nothing is published; the last good version stays current", EXIT_FAILED) from None


def _run(settings: Settings, force: bool) -> int:
    publishing.sweep(settings)
    if not force and (said := _nothing_new(settings)):
        print("\n".join([said, *(f"caution: {caution}" for caution in settings.cautions)]))
        alerting.say(alerting.tell_of_late(settings))
        return EXIT_PUBLISHED
    prepare_dagster_home(settings)
    print(f"perfwh: {settings.landing} → {settings.warehouse / 'published'}", file=sys.stderr, flush=True)
    result = _execute(settings.warehouse / "runs" / "dbt.log")
    code = _exit_code(settings, result)
    # What did not become a version is of no use to anybody, and about people.
    clear(settings)
    faults = faults_of_steps(result.all_events)
    reporting.print_summary(settings, result.run_id, code, faults)
    if code == EXIT_PUBLISHED:
        alerting.say(alerting.tell_of_late(settings))
    else:
        alerting.say(alerting.tell_of_run(settings, result.run_id, faults))
    return code


def faults_of_steps(events: Iterable[DagsterEvent]) -> list[str]:
    """Which steps failed, and what is known of it: what to do, or the kind of the error, never its text."""
    faults = []
    for event in events:
        if event.event_type_value == "STEP_FAILURE":
            data = event.step_failure_data
            told = data.user_failure_data and data.user_failure_data.description
            kind = data.error and (data.error.cause or data.error).cls_name
            if kind == "DagsterExecutionInterruptedError":
                told = "interrupted"
            faults.append(f"{event.step_key}: {told or kind or 'see the page of the run'}")
    return faults


def _nothing_new(settings: Settings) -> str | None:
    """What to say where a run would publish the same again; a version that was rolled back counts as published."""
    from pipelines.fingerprint import fingerprint_now

    version = publishing.has_been_published(settings, fingerprint_now(settings))
    return version and f"Nothing new; version {version} stays current."


@contextlib.contextmanager
def open_instance() -> Iterator[DagsterInstance]:
    """Dagster's instance in `DAGSTER_HOME`.

    Dagster makes the tables of a new folder without a lock, so two first runs (of two warehouses) would disturb each
    other; one makes them while the other waits.
    """
    import dagster as dg

    with FileLock(Path(os.environ["DAGSTER_HOME"]) / "opening.lock", mode=PRIVATE_FILE):
        instance = dg.DagsterInstance.get()
        # Each store makes its tables when it is first asked for.
        assert instance.run_storage and instance.event_log_storage and instance.schedule_storage
    with instance:
        yield instance


def _execute(log: Path) -> ExecuteInProcessResult:
    from pipelines.definitions import defs
    from pipelines.defs.jobs import JOB, STARTED_BY

    with open_instance() as instance:
        job = defs().resolve_job_def(JOB)
        log.parent.mkdir(parents=True, exist_ok=True)
        # The progress lines instead of Dagster's log, which the run's page has, and of dbt's, which goes to a file.
        with log.open("w") as stream, contextlib.redirect_stdout(stream):
            return job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {}}}},
                tags={STARTED_BY: "perfwh run"},
            )


def _exit_code(settings: Settings, result: ExecuteInProcessResult) -> int:
    if result.success:
        return EXIT_PUBLISHED
    blocked = any(check.blocks for check in Run(settings, result.run_id).checks())
    return EXIT_BLOCKED if blocked else EXIT_FAILED
