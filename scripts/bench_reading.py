"""Measures reading beside DuckDB's own `read_csv` with the same types, file by file, in one process.

Four ways, in turn, so that noise meets all alike; of each file and way the median of some rounds counts:

read_csv               DuckDB as it comes, with the types of the profile, from CSV to Parquet. No lines are numbered,
                       nothing is kept of lines that cannot be read, no total or title is looked for.
read_csv, our threads  The same on as many threads as we give a file of its size: a second one costs a small file more
                       CPU than it saves time.
read                   `reading.read_file`: raw Parquet, unreadable lines in Parquet of their own, numbered lines.
conform                `conforming.conform`: from raw to typed rows, judged by each critical rule, and the quarantine.

Prints CPU seconds as JSON. Usage: python scripts/bench_reading.py LANDING
"""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb

# What a run has imported long before it reads.
import pandas  # noqa: F401
import pyarrow  # noqa: F401

from pipelines import conforming, reading
from pipelines.database import literal, scratch
from pipelines.entities import SQL_TYPES
from pipelines.heads import Head, head_of
from pipelines.landing import LandedFile, list_files, take_in
from pipelines.profiles import Profile, load_profiles, normalised
from pipelines.recognising import recognise
from pipelines.settings import Settings, load_settings

_ROUNDS = 5
T = TypeVar("T")


def types_of(profile: Profile, head: Head) -> tuple[dict[str, str], str | None]:
    """The types that `read_csv` can give the columns of a file itself, and the one way of writing dates it knows."""
    types = {f"c{place}": "varchar" for place in range(len(head.names))}
    ways = {way for spec in profile.columns.values() for way in spec.dates}
    for name, spec in profile.columns.items():
        kind = profile.type_of(name)
        is_plain = not (spec.values or spec.number.strip or spec.number.thousands or spec.null_tokens)
        if not is_plain or kind in ("timestamp", "boolean") or (spec.dates and len(ways) > 1):
            continue
        for place, header in enumerate(head.names):
            if normalised(header) in map(normalised, spec.sources):
                types[f"c{place}"] = SQL_TYPES[kind]
    return types, ways.pop() if len(ways) == 1 else None


def read_csv(file: LandedFile, profile: Profile, head: Head, con: duckdb.DuckDBPyConnection, out: Path) -> None:
    """What DuckDB alone does with a file."""
    types, way = types_of(profile, head)
    encoding = {"windows-1252": "latin-1"}.get(head.encoding, head.encoding)
    dates = f", dateformat = {literal(way)}" if way else ""
    con.execute(
        f"copy (select * from read_csv({literal(file.path)}, auto_detect = false, header = false, "
        f"skip = {head.records}, delim = {literal(head.delimiter)}, quote = {literal(profile.read.quote)}, "
        f"columns = {types}, encoding = {literal(encoding)}, ignore_errors = true{dates})) "
        f"to {literal(out / 'alone.parquet')} (format parquet)"
    )


def cpu_of(work: Callable[..., T], *given: object) -> tuple[float, T]:
    """CPU seconds that a piece of work takes, and what it gives."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    done = work(*given)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


def measured(
    file: LandedFile, profile: Profile, settings: Settings, default: duckdb.DuckDBPyConnection, out: Path
) -> dict[str, float]:
    """CPU seconds of each way for one file."""
    head = head_of(file.path, profile)
    for part in ("raw", "validated"):
        (out / part).mkdir(parents=True)
    with scratch(settings, file.size) as alike:
        few, _ = cpu_of(read_csv, file, profile, head, alike, out)
    many, _ = cpu_of(read_csv, file, profile, head, default, out)
    read, raw = cpu_of(reading.read_file, file, profile, settings, out / "raw")
    conform, _ = cpu_of(conforming.conform, raw, file.name, profile, {}, settings, out / "validated")
    return {"read_csv": many, "read_csv, our threads": few, "read": read, "conform": conform}


def main(landing: Path) -> dict[str, float]:
    """CPU seconds of each way over all CSV files below a folder that no lookup is needed for."""
    profiles = load_profiles(None)
    measures: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(landing=landing, warehouse=Path(folder))
        default = duckdb.connect(config={"threads": settings.threads})
        found = [recognise(take_in(path, landing), profiles) for path in list_files(landing)]
        files = [
            (one.file, one.profile)
            for one in found
            if one.profile and not one.profile.lookups and head_of(one.file.path, one.profile).format == "csv"
        ]
        for number in range(_ROUNDS):
            for file, profile in files:
                out = Path(folder) / f"{number}-{file.sha256}"
                for way, cpu in measured(file, profile, settings, default, out).items():
                    measures[way, file.name].append(cpu)
                shutil.rmtree(out)
    sums: dict[str, float] = defaultdict(float)
    for (way, _), cpu in measures.items():
        sums[way] += statistics.median(cpu)
    return dict(sums)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
