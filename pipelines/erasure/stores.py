"""What our own work has written of a person outside of tables: logs, records of runs, alerts, pages, certificates.

Each function makes one kind of file forget a person, and returns how many lines were rewritten. A file is replaced as a
whole, so that a process which is killed leaves the old one or the new one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines.alerting import LOG as ALERTS
from pipelines.erasure.identity import Identity
from pipelines.files import whole_file
from pipelines.settings import Settings

CERTIFICATES = "erasures"
# Rows, which are removed and rebuilt; all other files of the warehouse hold texts.
ROOMS_OF_ROWS = ("raw", "validated", "versions", "published", "build", "work")
_OWN_STORES = ("logs", "runs", "pages", ALERTS, CERTIFICATES)


def forget_logs(settings: Settings, identity: Identity, _: bool) -> int:
    """The logs, rotated ones included."""
    return _strike(_files(settings.warehouse / "logs"), identity)


def forget_run_records(settings: Settings, identity: Identity, _: bool) -> int:
    """What the steps of runs have left for each other, and dbt's messages."""
    return _strike(_files(settings.warehouse / "runs"), identity)


def forget_alerts(settings: Settings, identity: Identity, _: bool) -> int:
    """The alerts that were raised."""
    return _strike([settings.warehouse / ALERTS], identity)


def forget_pages(settings: Settings, identity: Identity, _: bool) -> int:
    """The pages for people without Dagster."""
    return _strike(_files(settings.warehouse / "pages"), identity)


def forget_certificates(settings: Settings, identity: Identity, _: bool) -> int:
    """The certificates of earlier erasures."""
    return _strike(_files(settings.warehouse / CERTIFICATES), identity)


def forget_other_notes(settings: Settings, identity: Identity, _: bool) -> int:
    """Everything else that is a text: marks beside the rooms of the warehouse, and measured times."""
    others = [
        file
        for path in (settings.warehouse.iterdir() if settings.warehouse.is_dir() else ())
        if path.name not in (*ROOMS_OF_ROWS, *_OWN_STORES, "ledger") and not path.is_symlink()
        for file in (_files(path) if path.is_dir() else [path])
    ]
    return _strike([*others, *([settings.stage_times] if settings.stage_times else [])], identity)


def recorded_names(settings: Settings) -> set[str]:
    """The names of files that records speak of: of runs, loads, versions and certificates."""
    warehouse = settings.warehouse
    names: set[str] = set()
    for pattern in (
        "runs/*/inbox.json",
        "runs/*/loads/*.json",
        "validated/*/load.json",
        "versions/*/manifest.json",
        f"{CERTIFICATES}/*.json",
    ):
        for path in warehouse.glob(pattern):
            try:
                _collect(json.loads(path.read_text()), names)
            except (OSError, ValueError):
                continue  # damaged; as a text it is searched all the same
    return names


def _collect(told: Any, names: set[str]) -> None:
    if isinstance(told, list):
        for one in told:
            _collect(one, names)
    elif isinstance(told, dict):
        names.update(told[key] for key in ("name", "file_name") if isinstance(told.get(key), str))
        for one in told.values():
            _collect(one, names)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _strike(paths: Iterable[Path], identity: Identity) -> int:
    count = 0
    for path in paths:
        if not path.is_file():
            continue
        text = path.read_bytes().decode(errors="replace")
        if not identity.is_in(text):
            continue
        struck = identity.strike(text)
        lines = zip(text.splitlines(), struck.splitlines(), strict=False)
        count += max(sum(before != after for before, after in lines), 1)
        # Which run was the last one is told by these times.
        times = [(one, one.stat()) for one in (path, path.parent)]
        whole_file(path, struck)
        for one, stat in times:
            os.utime(one, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return count
