"""Rows that are older than `retention_days` keeps them are forgotten on a schedule."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg

from pipelines.defs.automation import schedule_status
from pipelines.settings import load_settings


@dg.op(description="The same as `perfwh erase --expired`: rows leave the landing zone, copies and every kept version.")
def expired_rows(context: dg.OpExecutionContext) -> None:
    """Forgets them in a process of its own, which publishes a new version by a run of its own."""
    perfwh = Path(sys.executable).parent / "perfwh"
    done = subprocess.run(
        [perfwh, "erase", "--expired", "--yes"], capture_output=True, text=True, check=False, env=os.environ
    )
    # It tells of files and counts, never of persons.
    context.log.info(done.stdout)
    if done.returncode:
        raise dg.Failure(f"perfwh erase --expired ended with {done.returncode}: {done.stderr[-2000:]}")


@dg.job(description="Forgets what is older than it may be kept.")
def forget_expired() -> None:
    """One step: what is older than it may be kept is forgotten."""
    expired_rows()


@dg.schedule(
    job=forget_expired,
    cron_schedule="0 4 * * 0",
    execution_timezone=load_settings().time_zone,
    # Off until someone says so: it takes rows out of the files of the landing zone, for good.
    default_status=schedule_status("weekly_retention"),
    description="Every Sunday at four, where `retention_days` is configured.",
)
def weekly_retention() -> dg.RunRequest | dg.SkipReason:
    """A run, where anything is to be forgotten after some days at all."""
    if not load_settings().retention_days:
        return dg.SkipReason("retention_days is empty: nothing is forgotten by itself")
    return dg.RunRequest()
