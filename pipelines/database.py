"""Connections to DuckDB, all set up alike: limits, no network, no hive folders, no surprises."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.settings import Settings


def connect(settings: Settings, path: Path | None = None, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Opens a DuckDB file, or a database in memory, within the configured limits."""
    spill = settings.warehouse / "work" / "spill"
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
    return duckdb.connect(str(path) if path else ":memory:", read_only=read_only, config=config)


def literal(value: str | Path | None) -> str:
    """A text as an SQL literal."""
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
