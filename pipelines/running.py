"""One run from the command line: starts Dagster's job, follows it, and says how it ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import landing, locking, publishing, reporting
from pipelines.errors import EXIT_BLOCKED, EXIT_FAILED, EXIT_PUBLISHED, UserError
from pipelines.profiles import load_profiles
from pipelines.pseudonyms import key_in_force
from pipelines.runs import Run
from pipelines.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from dagster import ExecuteInProcessResult


def prepare_dagster_home(settings: Settings) -> Path:
    """Makes Dagster's folder, with the project's instance configuration in it."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    configured, wanted = home / "dagster.yaml", PROJECT_ROOT / "dagster.yaml"
    if home == PROJECT_ROOT / ".dagster":
        configured.unlink(missing_ok=True)
        configured.symlink_to(wanted)
    elif not configured.exists():
        shutil.copyfile(wanted, configured)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    return home


def check_before(settings: Settings) -> None:
    """Finds faults of usage and configuration before anything starts.

    Raises:
        UserError: no landing zone, nothing in it, an invalid profile, or no place to write.
    """
    if not landing.list_files(settings.landing):
        raise UserError(
            f"{settings.landing}: no export files. Put some there (see docs/profiles.md), "
            "or try `perfwh sample --out FOLDER`."
        )
    load_profiles(settings.profiles)
    key_in_force(settings)
    try:
        settings.warehouse.mkdir(parents=True, exist_ok=True)
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
    check_before(settings)
    os.umask(0o077)
    with locking.held(settings, "perfwh run"):
        if not force and (said := _nothing_new(settings)):
            print(said)
            return EXIT_PUBLISHED
        prepare_dagster_home(settings)
        print(f"perfwh: {settings.landing} → {settings.warehouse / 'published'}", file=sys.stderr, flush=True)
        result = _execute(settings.warehouse / "runs" / "dbt.log")
        code = _exit_code(settings, result)
        reporting.print_summary(settings, result.run_id, code)
    return code


def _nothing_new(settings: Settings) -> str | None:
    """What to say where a run would publish the same again; a version that was rolled back counts as published."""
    from pipelines.fingerprint import fingerprint

    version = publishing.has_been_published(settings, fingerprint(settings))
    return version and f"Nothing new; version {version} stays current."


def _execute(log: Path) -> ExecuteInProcessResult:
    import dagster as dg

    from pipelines.definitions import defs
    from pipelines.defs.jobs import JOB

    with dg.DagsterInstance.get() as instance:
        job = defs().resolve_job_def(JOB)
        log.parent.mkdir(parents=True, exist_ok=True)
        # The progress lines instead of Dagster's log, which the run's page has, and of dbt's, which goes to a file.
        with log.open("w") as stream, contextlib.redirect_stdout(stream):
            return job.execute_in_process(
                instance=instance, raise_on_error=False, run_config={"loggers": {"console": {"config": {}}}}
            )


def _exit_code(settings: Settings, result: ExecuteInProcessResult) -> int:
    if result.success:
        return EXIT_PUBLISHED
    blocked = any(check.blocks for check in Run(settings, result.run_id).checks())
    return EXIT_BLOCKED if blocked else EXIT_FAILED
