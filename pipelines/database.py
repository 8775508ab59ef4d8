"""Connections to DuckDB, all set up alike: limits, no network, no hive folders, no surprises."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import duckdb

from pipelines.settings import Settings

# How Parquet is written. A dictionary of ids and names is built in vain: without it writing takes a sixth less.
PARQUET = "format parquet, dictionary_size_limit 1000"
# On two threads a file of a few megabytes takes a third more CPU than on one.
_BYTES_PER_THREAD = 32 << 20


def connect(settings: Settings, path: Path | None = None, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Opens a DuckDB file, or a database in memory, within the configured limits."""
    return duckdb.connect(
        str(path) if path else ":memory:", read_only=read_only, config=_config(settings, settings.threads)
    )


def scratch(settings: Settings, size: int = 0) -> duckdb.DuckDBPyConnection:
    """A connection for work on files of `size` bytes; what it makes is temporary, and its own.

    Nothing that an export holds can make it reach beyond landing zone and warehouse, or change how it is set up.
    Databases in memory are kept from file to file: opening one takes 10 ms. Times are UTC.
    """
    threads = min(settings.threads, 1 + size // _BYTES_PER_THREAD)
    reach = (settings.warehouse, settings.warehouse.resolve(), settings.landing, settings.landing.resolve())
    return _in_memory(json.dumps(_config(settings, threads)), reach).cursor()


@lru_cache(maxsize=4)
def _in_memory(config: str, reach: tuple[Path, ...]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(":memory:", config=json.loads(config))
    con.execute("set global timezone = 'UTC'")
    con.execute(f"set allowed_directories = [{', '.join(map(literal, reach))}]")
    con.execute("set enable_external_access = false; set lock_configuration = true")
    return con


def _config(settings: Settings, threads: int) -> dict[str, str | bool | int | float | list[str]]:
    spill = settings.warehouse / "work" / "spill"
    return {
        "memory_limit": settings.memory_limit,
        "threads": threads,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }


def literal(value: str | Path | None) -> str:
    """A text as an SQL literal."""
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
