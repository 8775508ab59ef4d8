"""What protection takes of a run: 20,000 people, 12 surveys, 8 slice dimensions, 12 drivers, in the canonical layout.

Three runs: the first one, one in which nobody has changed, one after late answers (two surveys are made anew).
Usage: python scripts/bench_protection.py [--employees 20000] [--surveys 12] [--drivers 12]
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
from bench import BENCH, PERFWH, measured
from pyarrow import csv

DIMENSIONS = ("department", "division", "location", "country", "job_level", "employment_type", "gender", "ethnicity")
# How many values each has; the last of them are small.
VALUES = (40, 8, 25, 12, 9, 4, 3, 6)
PROTECTION = ("hidden_slices", "settled_occasions", "release_contents", "releases")


def write(folder: Path, employees: int, surveys: int, drivers: int, late: int = 0) -> None:
    """The company: everyone is employed throughout, seven in ten answer, three in a hundred skip a question."""
    rng = np.random.default_rng(1)
    ids = np.char.mod("E%06d", np.arange(employees))
    people = {
        "employee_id": ids,
        "hire_date": np.full(employees, "2015-01-01"),
        "as_of": np.full(employees, "2024-12-31"),
    }
    for dimension, values in zip(DIMENSIONS, VALUES, strict=True):
        share = 0.75 ** np.arange(values)
        people[dimension] = np.char.mod(f"{dimension} %d", rng.choice(values, employees, p=share / share.sum()))
    _write(folder / "employees" / "employees.csv", people)
    early = people | {"as_of": np.full(employees, "2022-01-31")}
    _write(folder / "employees" / "earlier.csv", early)
    items = np.char.mod("i%02d", np.arange(drivers * 2))
    shape = {"item_id": items, "driver": np.char.mod("driver %02d", np.arange(drivers * 2) // 2)}
    scale = {"scale_min": np.ones(len(items), dtype=int), "scale_max": np.full(len(items), 5)}
    _write(folder / "survey_items" / "items.csv", shape | scale)
    for survey in range(surveys):
        who = np.flatnonzero(rng.random(employees) < 0.7)
        asked = np.flatnonzero(rng.random(len(who) * len(items)) > 0.03)
        if late and survey < 2:
            who_late = np.setdiff1d(np.arange(employees), who)[:late]
            asked = np.append(asked, len(who) * len(items) + np.arange(late * len(items)))
            who = np.append(who, who_late)
        person, item = who[asked // len(items)], asked % len(items)
        mood = np.random.default_rng(survey).normal(3.4, 0.4, employees)[person]
        answer = np.clip(np.rint(mood + np.random.default_rng(survey + 99).normal(0, 1, len(person))), 1, 5).astype(int)
        _write(
            folder / "survey_responses" / f"s{survey:02}.csv",
            {
                "survey_id": np.full(len(person), f"s{survey:02}"),
                "respondent_id": ids[person],
                "employee_id": ids[person],
                "item_id": items[item],
                "answer": answer,
                "responded_at": np.full(len(person), f"{2022 + survey // 4}-{survey % 4 * 3 + 2:02}-15 09:00:00"),
            },
        )


def _write(path: Path, columns: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    csv.write_csv(pa.table(columns), path)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--employees", type=int, default=20_000)
    options.add_argument("--surveys", type=int, default=12)
    options.add_argument("--drivers", type=int, default=12)
    given = options.parse_args()
    folder = BENCH / "protection"
    shutil.rmtree(folder, ignore_errors=True)
    dimensions = json.dumps({mart: ["company", *DIMENSIONS] for mart in ("morale", "morale_item", "enps")})
    for name, late in (("first run", 0), ("nobody has changed", 0), ("late answers", 40)):
        write(folder / "landing", given.employees, given.surveys, given.drivers, late)
        stages = folder / "stages.jsonl"
        stages.unlink(missing_ok=True)
        run = [
            str(PERFWH),
            "run",
            "--landing",
            str(folder / "landing"),
            "--warehouse",
            str(folder / "warehouse"),
            "--force",
        ]
        cpu, *_ = measured(
            run,
            DAGSTER_HOME=str(folder / "dagster"),
            PERFWH_PSEUDONYM_KEY="bench",
            PERFWH_SETTLE_SECONDS="0",
            PERFWH_STAGE_TIMES=str(stages),
            PERFWH_DIMENSIONS=dimensions,
        )
        took = {
            node["node"].rsplit(".", 1)[-1]: node["wall_s"]
            for node in map(json.loads, stages.read_text().splitlines())
            if "node" in node
        }
        mine = {model: took[model] for model in PROTECTION}
        seconds = sum(mine.values())
        told = ", ".join(f"{model} {took[model]:.1f}" for model in mine)
        print(f"{name:<20} run {cpu:6.1f} CPU s, protection {seconds:5.1f} s ({seconds / cpu:.0%}): {told}", flush=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
