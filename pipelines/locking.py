"""One writer: a process that writes the warehouse holds its lock from the first step of a run to the last.

The lock is the operating system's (`flock`), so it ends with its owner, however that one ends; what stands beside it
only tells who that is.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipelines.errors import EXIT_FAILED, UserError
from pipelines.files import PRIVATE_FILE, PRIVATE_FOLDER, whole_file
from pipelines.settings import Settings

_LOCK = "writer.lock"
_OWNER = "writer.json"
_held: dict[Path, FileLock] = {}


def hold(settings: Settings, doing: str) -> None:
    """Takes the warehouse's lock and keeps it until `release`, or until this process ends.

    Args:
        settings: of the warehouse, and how long to wait.
        doing: what this process is about to do, for those who wait.

    Raises:
        UserError: another process still held it after `lock_wait_seconds`.
    """
    if settings.warehouse in _held:
        return
    settings.warehouse.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    lock = FileLock(settings.warehouse / _LOCK, mode=PRIVATE_FILE, thread_local=False)
    owner = settings.warehouse / _OWNER
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(
            f"perfwh: {_told(owner)} writes this warehouse; waiting up to {settings.lock_wait_seconds:g} s",
            file=sys.stderr,
            flush=True,
        )
        try:
            lock.acquire(timeout=settings.lock_wait_seconds)
        except Timeout:
            raise UserError(
                f"{_told(owner)} still writes {settings.warehouse}. Try again once it has ended, or wait longer: "
                "perfwh run --wait SECONDS, or PERFWH_LOCK_WAIT_SECONDS",
                EXIT_FAILED,
            ) from None
    if owner.exists():
        print(f"perfwh: {_told(owner)} ended without letting go; taking over", file=sys.stderr, flush=True)
    whole_file(
        owner,
        json.dumps(
            {
                "doing": doing,
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        ),
    )
    _held[settings.warehouse] = lock


def release(settings: Settings) -> None:
    """Lets go of the lock, if this process holds it."""
    lock = _held.pop(settings.warehouse, None)
    if lock:
        (settings.warehouse / _OWNER).unlink(missing_ok=True)
        lock.release()


@contextmanager
def held(settings: Settings, doing: str) -> Iterator[None]:
    """Holds the lock for a while."""
    hold(settings, doing)
    try:
        yield
    finally:
        release(settings)


def is_held(settings: Settings) -> bool:
    """Whether any process writes the warehouse."""
    if not settings.warehouse.is_dir():
        return False
    lock = FileLock(settings.warehouse / _LOCK, mode=PRIVATE_FILE, thread_local=False)
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def build_lock(database: Path) -> FileLock:
    """What dbt holds while it builds; free a moment after the run that it belongs to has ended."""
    return FileLock(database.parent.with_suffix(".lock"), mode=PRIVATE_FILE)


def _told(owner: Path) -> str:
    """Who holds the lock, since when; it may end while it is asked."""
    try:
        told: dict[str, Any] = json.loads(owner.read_text())
    except (OSError, ValueError):
        return "another process"
    return f"{told['doing']} (process {told['pid']} on {told['host']}, since {told['since']})"
