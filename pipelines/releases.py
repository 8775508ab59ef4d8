"""Releases: what readers have of surveys and review cycles, which the next version is made beside.

Its figures change by nobody or by many people, or the difference would be somebody's answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.database import connect, identifier, literal
from pipelines.fingerprint import code_in_force
from pipelines.loads import digest
from pipelines.marts import RESTRICTED_TABLES
from pipelines.publishing import PEOPLE, PERFORMANCE, published_manifest
from pipelines.runs import Run
from pipelines.settings import Settings

EARLIER = "earlier"


def comparable_version(settings: Settings) -> Path | None:
    """The folder of the version that readers have; None where it is of other settings or code, or there is none."""
    told = published_manifest(settings)
    if (
        told is None
        or told["settings_sha256"] != digest(settings.that_shape_figures())
        or told.get("code") != code_in_force()
    ):
        return None
    return settings.warehouse / "versions" / str(told["version"])


def add_earlier(run: Run, tables: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Makes `earlier.*` of the build: what readers have, and what it is made of; empty where nothing is comparable.

    Args:
        run: the run.
        tables: table → column → type.

    Returns:
        The rows of each table.
    """
    version = comparable_version(run.settings)
    counts = {}
    with connect(run.settings, run.database) as con:
        con.execute(f"create schema if not exists {EARLIER}")
        if version:
            con.execute(f"attach {literal(version / PEOPLE)} as before_people (read_only)")
            con.execute(f"attach {literal(version / PERFORMANCE)} as before_performance (read_only)")
        for table, columns in tables.items():
            target = f"{EARLIER}.{identifier(table)}"
            typed = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns.items())
            con.execute(f"create or replace table {target} ({typed})")
            if version:
                schema = "before_people.restricted" if table in RESTRICTED_TABLES else "before_performance.marts"
                con.execute(f"insert into {target} by name select * from {schema}.{identifier(table)}")
            told = con.execute(f"select count(*) from {target}").fetchone()
            counts[table] = told[0] if told else 0
    return counts
