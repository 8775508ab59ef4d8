"""A reader as BI tools are: opens the current version, asks across its tables, closes, comes again.

python -m tests.faults.reader WAREHOUSE EXPECTED STOP PAUSE: prints `whole <version>`, or what was wrong with it.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

import duckdb

# Nothing may be found by any of these: they hold within each version, and across its files.
_LAWS = {
    "headcount reconciles": """
        select 1 from marts.headcount_walk where opening + hires + rehires + transfers_in - transfers_out
            - exits_voluntary - exits_involuntary - exits_other - exits_unknown <> closing
    """,
    "turnover counts the walk's exits": """
        select 1 from marts.turnover as t join marts.headcount_walk as w using (month, slice_dimension, slice_value)
        where t.definition = 'monthly' and t.exit_class = 'voluntary' and t.separations <> w.exits_voluntary
    """,
    "hires are stints": """
        select 1 from (select sum(hires + rehires) as n from marts.headcount_walk where slice_dimension = 'company')
        where n > (select count(*) from people.restricted.fct_stint)
    """,
}


def look(version: Path, expected: list[dict[str, list[object]]]) -> list[str]:
    """What is wrong with a version."""
    manifest = json.loads((version / "manifest.json").read_text())
    faults = []
    with duckdb.connect(str(version / "performance.duckdb"), read_only=True, config={"threads": 1}) as con:
        con.execute(f"attach '{version / 'people.duckdb'}' as people (read_only)")
        for table, rows in manifest["row_counts"].items():
            where = f"people.{table}" if table.startswith("restricted.") else table
            counted = con.execute(f"select count(*) from {where}").fetchone()
            if counted != (rows,):
                faults.append(f"{table}: {counted} rows, the manifest says {rows}")
        faults += [law for law, sql in _LAWS.items() if con.execute(f"{sql} limit 1").fetchone()]
        for name in ("headcount_walk", "morale"):
            rows = manifest["row_counts"][f"marts.{name}"]
            parquet = con.execute(f"select count(*) from read_parquet('{version}/marts/{name}.parquet')").fetchone()
            if parquet != (rows,):
                faults.append(f"{name}.parquet: {parquet} rows, the manifest says {rows}")
        walk = con.execute("select count(*), sum(hash(t)::hugeint)::varchar from marts.headcount_walk as t").fetchone()
        goals = con.execute(
            "select count(*), sum(hash(t)::hugeint)::varchar from people.restricted.fct_goal as t"
        ).fetchone()
    is_known = any(
        one["performance:marts.headcount_walk"] == list(walk or ())
        and one["people:restricted.fct_goal"] == list(goals or ())
        for one in expected
    )
    return faults if is_known else [*faults, "neither the one state of the company nor the other"]


def main() -> None:
    warehouse, told, stop, pause = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
    expected = json.loads(told.read_text())
    while not stop.exists():
        version = (warehouse / "published").resolve()
        try:
            faults = look(version, expected)
        except Exception as error:
            faults = [f"{type(error).__name__}: {error}"]
        print("\n".join(f"{version.name}: {fault}" for fault in faults) or f"whole {version.name}", flush=True)
        time.sleep(pause * random.uniform(0.5, 1.5))


if __name__ == "__main__":
    main()
