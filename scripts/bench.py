"""Measures a whole run, stage by stage, beside one hand-written SQL script over the same files.

CPU seconds, wall seconds and peak memory; wall time is noise on shared machines, CPU and the ratio are not.
Usage: python scripts/bench.py [--employees 20000] [--months 36] [--keep]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / ".bench"
PERFWH = Path(sys.executable).parent / "perfwh"


def measured(command: list[str], **environment: str) -> tuple[float, float, float, str]:
    """CPU seconds, wall seconds and peak memory (MB) of a command and its children, and what it said."""
    script = (
        "import json, resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024\n"
        "print(json.dumps([done.returncode, cpu, memory, done.stdout, done.stderr]))\n"
    )
    began = time.monotonic()
    outer = subprocess.run(
        [sys.executable, "-c", script, *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    wall = time.monotonic() - began
    code, cpu, memory, out, err = json.loads(outer.stdout)
    if code:
        sys.exit(f"{' '.join(command)} ended with {code}:\n{out[-3000:]}\n{err[-3000:]}")
    return cpu, wall, memory, out + err


def stages_of(stages: Path) -> list[tuple[str, float, float, float]]:
    """Dagster's steps, summed up by the rooms that data passes through."""
    names = {
        "landing": "landing",
        "earlier": "earlier version",
        "validated": "read and judge",
        "models": "dbt",
        "audit": "publish",
        "publish": "publish",
    }
    sums: dict[str, list[float]] = {}
    for step in map(json.loads, stages.read_text().splitlines()):
        if "step" not in step:
            continue
        name = names[step["step"].split("__")[0]]
        total = sums.setdefault(name, [0.0, 0.0, 0.0])
        total[0] += step["cpu_s"]
        total[1] += step["wall_s"]
        total[2] = max(total[2], step["peak_mb"])
    return [(name, *sums[name]) for name in dict.fromkeys(names.values()) if name in sums]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--employees", type=int, default=20_000)
    options.add_argument("--months", type=int, default=36)
    options.add_argument("--keep", action="store_true", help="keep the files below .bench")
    given = options.parse_args()
    landing = BENCH / f"sample-{given.employees}-{given.months}"
    shutil.rmtree(BENCH / "warehouse", ignore_errors=True)
    lines: list[tuple[str, float, float, float]] = []
    if not landing.exists():
        cpu, wall, memory, _ = measured(
            [
                str(PERFWH),
                "sample",
                "--employees",
                str(given.employees),
                "--months",
                str(given.months),
                "--out",
                str(landing),
            ]
        )
        lines.append(("(sample written)", cpu, wall, memory))
    size = sum(path.stat().st_size for path in landing.rglob("*") if path.is_file())
    stages = BENCH / "stages.jsonl"
    stages.unlink(missing_ok=True)
    environment = {
        "DAGSTER_HOME": str(BENCH / "dagster"),
        "PERFWH_PSEUDONYM_KEY": "bench",
        "PERFWH_SETTLE_SECONDS": "0",
        "PERFWH_STAGE_TIMES": str(stages),
    }
    run = [str(PERFWH), "run", "--landing", str(landing), "--warehouse", str(BENCH / "warehouse"), "--force"]
    cpu, wall, memory, said = measured(run, **environment)
    lines += stages_of(stages)
    lines.append(("whole run", cpu, wall, memory))
    out = BENCH / "baseline.duckdb"
    out.unlink(missing_ok=True)
    sql = (ROOT / "scripts" / "bench.sql").read_text().format(landing=landing, out=out)
    (BENCH / "baseline.sql").write_text(sql)
    script = "import duckdb, sys; duckdb.connect(config={'threads': 2}).execute(open(sys.argv[1]).read())"
    baseline = measured([sys.executable, "-c", script, str(BENCH / "baseline.sql")])
    lines.append(("hand-written SQL", *baseline[:3]))
    reading = json.loads(measured([sys.executable, str(ROOT / "scripts" / "bench_reading.py"), str(landing)])[3])
    print(f"\n{given.employees:,} people × {given.months} months, {size / 1e6:,.0f} MB of exports\n")
    print(f"{'stage':<22}{'CPU s':>9}{'wall s':>9}{'peak MB':>10}{'CPU ratio':>11}")
    for name, cpu_s, wall_s, peak in lines:
        print(f"{name:<22}{cpu_s:>9.1f}{wall_s:>9.1f}{peak:>10,.0f}{cpu_s / baseline[0]:>11.2f}")
    print("\nreading beside DuckDB's own read_csv, same files, CPU s")
    for name, cpu_s in reading.items():
        print(f"{name:<22}{cpu_s:>9.1f}{cpu_s / reading['read_csv']:>11.2f}")
    rows = re.findall(r"^(\w+) +([\d,]+)$", said, re.MULTILINE)
    print("\nmarts: " + ", ".join(f"{name} {count}" for name, count in rows))
    if not given.keep:
        shutil.rmtree(BENCH / "warehouse", ignore_errors=True)
        out.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
