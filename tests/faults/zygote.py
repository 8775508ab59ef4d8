"""A process that has imported all that a run needs, and forks one at each request: `perfwh run`, 15 s of imports less.

A request is a line of JSON on the standard input; answered are the process's number and, once it ended, its exit code.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    _import_all()
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run(asked)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _import_all() -> None:
    import great_expectations  # noqa: F401

    import expectations.runner  # noqa: F401
    from pipelines import running  # noqa: F401
    from pipelines.definitions import defs
    from pipelines.defs.jobs import JOB

    defs().resolve_job_def(JOB)
    _keep_engines()


def _keep_engines() -> None:
    """Dagster makes an SQL engine for each event it stores; kept ones take a fifth off a run, and store the same."""
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from dagster._core.storage.runs.sqlite import sqlite_run_storage

    for module in (sqlite_event_log, sqlite_run_storage):
        make, kept = module.create_engine, {}

        def once(url: str, make: Any = make, kept: dict[str, Any] = kept, **options: Any) -> Any:
            if url not in kept:
                kept[url] = make(url, **options)
            return kept[url]

        module.create_engine = once


def _run(asked: dict[str, Any]) -> None:
    """In the child: the run itself, as the command line starts it."""
    os.setsid()
    out = os.open(asked["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for handle in (1, 2):
        os.dup2(out, handle)
    os.environ.update(asked["environment"])
    if asked["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["largest_file"], asked["largest_file"]))
    sys.addaudithook(_listening(asked["boundaries"], asked["kill_at"]))
    if asked["synced"]:
        _write_down_syncs(asked["synced"])
    from pipelines.cli import main as perfwh

    try:
        perfwh(["run", *asked["options"]], prog_name="perfwh")
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _listening(boundaries: str | None, kill_at: str | None) -> Any:
    """Writes down the boundaries that are passed, and kills this process and its children at one of them."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "perfwh.boundary":
            return
        if boundaries:
            with Path(boundaries).open("a") as stream:
                stream.write(f"{arguments[0]}\n")
        if arguments[0] == kill_at:
            os.killpg(0, signal.SIGKILL)

    return hook


def _write_down_syncs(log: str) -> None:
    """Which files and folders were on the disk, and when: what a power cut leaves."""
    fsync = os.fsync

    def synced(handle: Any) -> None:
        fsync(handle)
        number = handle if isinstance(handle, int) else handle.fileno()
        with Path(log).open("a") as stream:
            stream.write(f"{os.fstat(number).st_ino} {time.time_ns()}\n")

    os.fsync = synced


if __name__ == "__main__":
    main()
