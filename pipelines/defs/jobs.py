"""The job for the whole run, and how a run talks to the terminal."""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from pathlib import Path

import dagster as dg

from pipelines.logs import PROGRESS
from pipelines.running import faults_of_steps
from pipelines.settings import load_settings

JOB = "warehouse"
# Tag of the runs that `perfwh run` started: it raises their alerts itself.
STARTED_BY = "perfwh/started_by"

warehouse_job = dg.define_asset_job(
    JOB,
    # What reads files of a period anew is materialized by itself; a job has one way of being parted, this one none.
    selection=dg.AssetSelection.all() - dg.AssetSelection.key_prefixes("raw"),
    # Steps that write one DuckDB file would collide, and each process of its own imports everything again.
    executor_def=dg.in_process_executor,
    description="Everything: landing zone → published marts. The same job that `perfwh run` starts.",
    tags={"dagster/max_retries": "0"},
)


class _ProgressHandler(logging.Handler):
    """One line for each asset made and each check failed; Dagster's own log has the rest."""

    def __init__(self, stage_times: Path | None) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._stage_times = stage_times
        self._step_began = (0.0, 0.0)

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", None) or {}
        event = meta.get("dagster_event")
        if event and self._stage_times:
            self._measure(event, self._stage_times)
        line = self._line(event) if event else _told(meta.get("orig_message"))
        if line:
            print(f"  {time.monotonic() - self._began:6.1f}s  {line}", file=sys.stderr, flush=True)

    def _measure(self, event: dg.DagsterEvent, target: Path) -> None:
        """Steps run in this process, or in children that have ended with the step."""
        own, children = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
        if event.event_type_value == "STEP_START":
            self._step_began = (cpu, time.monotonic())
        elif event.event_type_value == "STEP_SUCCESS":
            began_cpu, began = self._step_began
            peak = max(own.ru_maxrss, children.ru_maxrss) / 1024
            measured = {
                "step": event.step_key,
                "cpu_s": cpu - began_cpu,
                "wall_s": time.monotonic() - began,
                "peak_mb": peak,
            }
            with target.open("a") as stream:
                stream.write(json.dumps(measured) + "\n")

    def _line(self, event: dg.DagsterEvent) -> str | None:
        match event.event_type_value:
            case "ASSET_MATERIALIZATION":
                made = event.step_materialization_data.materialization
                if event.step_key == "models" and made.asset_key.path[0] != "marts":
                    return None  # was shown when dbt had built it
                rows = made.metadata.get("dagster/row_count")
                count = f"  {rows.value:,} rows" if rows is not None else ""
                return f"{made.asset_key.to_user_string():<42}{count}"
            case "ASSET_CHECK_EVALUATION":
                check = event.asset_check_evaluation_data
                if check.passed:
                    return None
                word = "FAILED" if check.severity == dg.AssetCheckSeverity.ERROR else "warning"
                failing = check.metadata.get("failing_rows") or check.metadata.get("dagster_dbt/failed_row_count")
                of = f": {failing.value:,} rows" if failing is not None else ""
                return f"{word}  {check.asset_key.to_user_string()} · {check.check_name}{of}"
            case "STEP_FAILURE":
                return f"FAILED  {faults_of_steps([event])[0]}"
            case "STEP_UP_FOR_RETRY":
                wait = event.step_retry_data.seconds_to_wait or 0
                return f"again   {event.step_key}: in {wait:g} s, after a fault that may pass"
        return None


def _told(message: str | None) -> str | None:
    """How far a long step is."""
    return message if message and message.startswith(("dbt: ", PROGRESS)) else None


@dg.logger
def progress(_: dg.InitLoggerContext) -> logging.Logger:
    """Progress on the terminal: one line for each asset, and failed checks."""
    logger = logging.Logger("progress", logging.DEBUG)
    logger.addHandler(_ProgressHandler(load_settings().stage_times))
    return logger
