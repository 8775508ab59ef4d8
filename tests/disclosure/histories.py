"""Random companies, and random histories of what is delivered of them: a seed is a list of steps, always the same one.

A step changes the landing zone or the settings; after each of them a version is published. Steps are those by which a
reader of two versions could learn something: late and corrected answers, other ids, other spellings, a file that is
absent for a run, a rollback, corrected items, a late-corrected leaver, a new month.

    versions = play(history(seed), Models())      # dbt's compiled SQL on an in-memory database, about two seconds each
    versions = play(history(seed), Runs(folder))  # whole runs, each a process of its own
    assert attacker.first_leak(versions, MINIMUM) is None

Usage: python -m tests.disclosure.histories [--seeds 10] [--first 0] [--length 3] [--runs] [--no-ledger]
"""

from __future__ import annotations

import argparse
import copy
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

from tests.disclosure.published import Version

Row = dict[str, Any]
MINIMUM = 3
KEY = b"a key for tests"
ITEMS = ("clear", "heard", "load", "tools", "recommend")
_DRIVERS = {"clear": "Team", "heard": "Team", "load": "Work", "tools": "Work", "recommend": "Recommend"}
_SHOWN_AT_FIRST = 8
_MONTHS = 12


# The company


@dataclass
class World:
    """What is in the landing zone, and what is in force.

    files: path → rows in the canonical layout; a path begins with its entity.
    settings: by their names.
    truth: (survey_id, respondent_id) → the person who sent the sheet.
    ahead: files that later months bring, by month.
    kept: files that are absent for a run.
    rolls_back: the next version is published after a rollback.
    """

    files: dict[str, list[Row]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=lambda: {"minimum_group": MINIMUM})
    truth: dict[tuple[str, str], str] = field(default_factory=dict)
    ahead: list[dict[str, list[Row]]] = field(default_factory=list)
    kept: dict[str, list[Row]] = field(default_factory=dict)
    rolls_back: bool = False

    def company(self) -> dict[str, list[Row]]:
        """Entity → rows."""
        found: dict[str, list[Row]] = {}
        for path, rows in sorted(self.files.items()):
            found.setdefault(path.split("/")[0], []).extend(rows)
        return found

    def write(self, landing: Path) -> None:
        """Makes the landing zone what this world says."""
        shutil.rmtree(landing, ignore_errors=True)
        for path, rows in self.files.items():
            (landing / path).parent.mkdir(parents=True, exist_ok=True)
            names = list(dict.fromkeys(name for row in rows for name in row))
            with (landing / path).open("w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, names, restval="")
                writer.writeheader()
                writer.writerows(rows)

    def surveys(self) -> list[str]:
        """The files of answers."""
        return sorted(path for path in self.files if path.startswith("survey_responses/"))


def company(seed: int) -> World:
    """A company of 10 to 60 people over a year, of which the first months are in the landing zone already."""
    rng = random.Random(seed)
    size = rng.choice([10, 14, 20, 30, 40, 60])
    months = [date(2024, number, monthrange(2024, number)[1]) for number in range(1, _MONTHS + 1)]
    people = [_person(rng, number, months) for number in range(size + 6)]
    for late in people[size:]:
        late["hire_date"] = rng.choice(months[1:]).replace(day=rng.randint(1, 28))
        late["last_day"] = None
    world = World()
    world.files["survey_items/items.csv"] = [
        {
            "item_id": item,
            "driver": _DRIVERS[item],
            "scale_min": 0 if item == "recommend" else 1,
            "scale_max": 10 if item == "recommend" else 5,
            "reversed": "true" if item == "load" else "false",
            "is_enps": "true" if item == "recommend" else "false",
        }
        for item in ITEMS
    ]
    for place, month in enumerate(months):
        brought = {f"employees/{month}.csv": [_shown(one, month) for one in people if _is_shown(one, month)]}
        here = [one for one in people if _is_employed(one, month)]
        brought[f"one_on_ones/{month:%Y-%m}.csv"] = _meetings(rng, here, month)
        if month.month % 3 == 2:
            brought |= _survey(rng, here, month, world, is_anonymous=month.month % 2 == 1 or rng.random() < 0.3)
        if month.month % 6 == 0:
            brought[f"reviews/{month:%Y}-H{month.month // 6}.csv"] = _reviews(rng, here, month)
        if month.month % 3 == 0:
            brought[f"goals/{month:%Y}-Q{month.month // 3}.csv"] = _goals(rng, here, month)
        if place < _SHOWN_AT_FIRST:
            world.files |= brought
        else:
            world.ahead.append(brought)
    return world


def _person(rng: random.Random, number: int, months: Sequence[date]) -> Row:
    leaves = rng.random() < 0.25
    month = rng.choice(months)
    return {
        "employee_id": f"p{number:02}",
        "hire_date": date(2020, 1, 1) + timedelta(days=rng.randint(0, 1400)),
        "last_day": month.replace(day=rng.randint(1, month.day)) if leaves and number > 2 else None,
        "exit_type": rng.choice(["voluntary", "voluntary", "involuntary", "other"]),
        "is_regretted": rng.choice(["true", "false"]),
        "department": rng.choices(["Ops", "Lab", "Sales", "Law"], [5, 4, 3, 1])[0],
        "location": rng.choices(["here", "there", "away"], [5, 3, 1])[0],
        "job_level": rng.choices(["L1", "L2"], [3, 2])[0],
        "manager_id": f"p{rng.choice([0, 0, 1, 2]):02}" if number > 2 else ("p00" if number else None),
        "gender": rng.choices(["f", "m", "x"], [5, 5, 1])[0],
        "ethnicity": rng.choices(["a", "b", None], [5, 3, 1])[0],
        "mood": rng.uniform(-1, 1),
    }


def _is_employed(person: Row, day: date) -> bool:
    return person["hire_date"] <= day and (person["last_day"] is None or person["last_day"] >= day)


def _is_shown(person: Row, month: date) -> bool:
    """Leavers stay until the end of the month after their last day."""
    before = month.replace(day=1) - timedelta(days=1)
    return person["hire_date"] <= month and (person["last_day"] is None or person["last_day"] >= before.replace(day=1))


def _shown(person: Row, month: date) -> Row:
    gone = person["last_day"] is not None and person["last_day"] <= month
    ending = {name: person[name] if gone else None for name in ("last_day", "exit_type", "is_regretted")}
    return {name: value for name, value in person.items() if name != "mood"} | ending | {"as_of": month}


def _meetings(rng: random.Random, people: Sequence[Row], month: date) -> list[Row]:
    rows = []
    for one in people:
        if one["manager_id"] and one["manager_id"] != one["employee_id"] and rng.random() < 0.9:
            on = max(month.replace(day=rng.randint(1, 28)), one["hire_date"])
            held = rng.random() < 0.8
            rows.append(
                {
                    "meeting_id": f"m-{month:%Y%m}-{one['employee_id']}",
                    "manager_id": one["manager_id"],
                    "employee_id": one["employee_id"],
                    "scheduled_on": on,
                    "held_on": on if held else None,
                    "status": "held" if held else "cancelled",
                }
            )
    return rows


def _survey(
    rng: random.Random, people: Sequence[Row], month: date, world: World, is_anonymous: bool
) -> dict[str, list[Row]]:
    kind = "pulse" if is_anonymous else "engagement"
    survey, launch = f"{kind}-{month:%Y-%m}", month.replace(day=10)
    people = [one for one in people if one["hire_date"] < launch]
    rows: list[Row] = []
    for number, one in enumerate(rng.sample(list(people), len(people))):
        if rng.random() < 0.8:
            rows += sheet(rng, world, survey, f"r{number:03}", one, launch, is_anonymous)
    found = {f"survey_responses/{survey}.csv": rows}
    if not is_anonymous:
        found[f"survey_invitations/{survey}.csv"] = [
            {"survey_id": survey, "employee_id": one["employee_id"], "launched_on": launch} for one in people
        ]
    return found


def sheet(
    rng: random.Random, world: World, survey: str, respondent: str, person: Row, launch: date, is_anonymous: bool
) -> list[Row]:
    """A person's answers to a survey; some skip an item."""
    world.truth[survey, respondent] = person["employee_id"]
    carried = {name: person[name] for name in ("department", "location")} if is_anonymous else {}
    named = {} if is_anonymous else {"employee_id": person["employee_id"]}
    mood = float(person.get("mood", 0))
    return [
        {
            "survey_id": survey,
            "respondent_id": respondent,
            "item_id": item,
            "answer": _answer(rng, item, mood),
            "responded_at": f"{launch + timedelta(days=rng.randint(0, 6))} 09:00:00",
            **named,
            **carried,
        }
        for item in ITEMS
        if rng.random() < 0.95
    ]


def _answer(rng: random.Random, item: str, mood: float) -> int:
    low, high = (0, 10) if item == "recommend" else (1, 5)
    middle = (low + high) * 0.6 + mood * (high - low) / 5
    return min(high, max(low, round(rng.gauss(middle, (high - low) / 4))))


def _reviews(rng: random.Random, people: Sequence[Row], month: date) -> list[Row]:
    ids = [one["employee_id"] for one in people]
    rows: list[Row] = []
    for one in people:
        person = one["employee_id"]
        raters = [("self", person), *((("manager", one["manager_id"]),) if one["manager_id"] else ())]
        raters += [("peer", other) for other in rng.sample(ids, min(2, len(ids))) if other != person]
        raters += [("report", other["employee_id"]) for other in people if other["manager_id"] == person]
        for relationship, rater in raters:
            if rng.random() < 0.1:
                continue
            for competency in ("Craft", "Team")[: 2 if rng.random() < 0.9 else 1]:
                rows.append(
                    {
                        "cycle": f"{month:%Y}-H{month.month // 6}",
                        "reviewee_id": person,
                        "rater_id": rater,
                        "relationship": relationship,
                        "competency": competency,
                        "rating": min(5, max(1, round(rng.gauss(3.3 + one["mood"], 0.9)))),
                        "scale_min": 1,
                        "scale_max": 5,
                        "submitted_at": f"{month - timedelta(days=5)} 09:00:00",
                    }
                )
    return rows


def _goals(rng: random.Random, people: Sequence[Row], month: date) -> list[Row]:
    period = f"{month:%Y}-Q{month.month // 3}"
    return [
        {
            "goal_id": f"g-{period}-{one['employee_id']}-{number}",
            "owner_id": one["employee_id"],
            "period": period,
            "title": "A goal",
            "level": "individual",
            "weight": rng.choice([20, 30, 50]),
            "start_value": 0,
            "target_value": 100,
            "actual_value": rng.randint(0, 130),
            "status": "in_progress",
            "due_on": month,
            "updated_at": f"{month - timedelta(days=rng.randint(0, 50))} 08:00:00",
        }
        for one in people
        if rng.random() < 0.85
        for number in range(rng.choice([1, 1, 2]))
    ]


# The steps


Step = Callable[[World, random.Random], None]


def late_answers(world: World, rng: random.Random) -> None:
    """One to three people answer after all."""
    path = rng.choice(world.surveys())
    rows = world.files[path]
    survey = rows[0]["survey_id"]
    is_anonymous = not any(row.get("employee_id") for row in rows)
    there = {world.truth[survey, row["respondent_id"]] for row in rows}
    launch = date.fromisoformat(f"{min(row['responded_at'] for row in rows)}"[:10])
    latest = {row["employee_id"]: row for row in _employee_rows(world)}
    # Of those invited; to an anonymous survey, of those employed then.
    could = [row for person, row in sorted(latest.items()) if person not in there and row["hire_date"] < launch]
    could = [row for row in could if row["last_day"] is None or row["last_day"] > launch]
    for number, one in enumerate(rng.sample(could, min(len(could), rng.randint(1, 3)))):
        rows += sheet(rng, world, survey, f"late{len(there)}{number}", one, launch, is_anonymous)


def _employee_rows(world: World) -> Iterator[Row]:
    for path in sorted(world.files):
        if path.startswith("employees/"):
            yield from world.files[path]


def corrected_answers(world: World, rng: random.Random) -> None:
    """One or two answers were entered wrongly."""
    rows = world.files[rng.choice(world.surveys())]
    for row in rng.sample(rows, min(len(rows), rng.randint(1, 2))):
        row["answer"] = _answer(rng, row["item_id"], 0)


def rekeyed_respondents(world: World, rng: random.Random) -> None:
    """The survey tool numbers its respondents anew; one of them has just answered."""
    late_answers(world, rng)
    path = rng.choice(world.surveys())
    rows = world.files[path]
    survey = rows[0]["survey_id"]
    old = sorted({row["respondent_id"] for row in rows})
    new = dict(zip(old, rng.sample([f"k{number:03}" for number in range(len(old))], len(old)), strict=True))
    world.truth |= {(survey, new[one]): world.truth[survey, one] for one in old}
    for row in rows:
        row["respondent_id"] = new[row["respondent_id"]]


def respelt_survey(world: World, rng: random.Random) -> None:
    """A survey is exported under another id, with a late answer."""
    late_answers(world, rng)
    path = rng.choice(world.surveys())
    old = world.files[path][0]["survey_id"]
    new = old.replace("-", "_").upper()
    for rows in world.files.values():
        for row in rows:
            if row.get("survey_id") == old:
                row["survey_id"] = new
    world.truth |= {(new, one): person for (survey, one), person in world.truth.items() if survey == old}


def absent_file(world: World, rng: random.Random) -> None:
    """A file is not there for one run; the next step brings it back."""
    path = rng.choice(sorted(p for p in world.files if p.split("/")[0] in ("survey_responses", "reviews", "goals")))
    if len(world.surveys()) > 1 or not path.startswith("survey_responses"):
        world.kept[path] = world.files.pop(path)


def rolled_back(world: World, rng: random.Random) -> None:
    """The current version is rolled back, then one with a late answer is published."""
    world.rolls_back = True
    late_answers(world, rng)


def other_settings(world: World, rng: random.Random) -> None:
    """A setting changes that no figure depends on, with a late answer."""
    world.settings["quarantine_limit"] = rng.choice([0.2, 0.3, 0.4])
    late_answers(world, rng)


def corrected_item(world: World, rng: random.Random) -> None:
    """An item's reversal or scale was wrong, and somebody has answered late."""
    item = rng.choice(world.files["survey_items/items.csv"][:4])
    if rng.random() < 0.5:
        item["reversed"] = "false" if item["reversed"] == "true" else "true"
    else:
        item["scale_max"] = 7 if item["scale_max"] == 5 else 5
    late_answers(world, rng)


def second_sheet(world: World, rng: random.Random) -> None:
    """A named person sends another sheet; the last answer to each item counts."""
    named = [path for path in world.surveys() if any(row.get("employee_id") for row in world.files[path])]
    if not named:
        return late_answers(world, rng)
    rows = world.files[rng.choice(named)]
    one = rng.choice([row for row in rows if row.get("employee_id")])
    launch = date.fromisoformat(one["responded_at"][:10]) + timedelta(days=7)
    rows += sheet(rng, world, one["survey_id"], f"{one['respondent_id']}b", one, launch, False)
    return None


def corrected_leaver(world: World, rng: random.Random) -> None:
    """Why somebody left was entered wrongly, and is corrected in all exports."""
    gone = sorted({row["employee_id"] for row in _employee_rows(world) if row["last_day"]})
    if gone:
        person, exit_type = rng.choice(gone), rng.choice(["voluntary", "involuntary", "other"])
        every = [world.files, *world.ahead]
        for rows in (rows for files in every for path, rows in files.items() if path.startswith("employees/")):
            for row in rows:
                if row["employee_id"] == person and row["last_day"]:
                    row["exit_type"] = exit_type


def corrected_rating(world: World, rng: random.Random) -> None:
    """One or two ratings are put right."""
    rows = [row for path in sorted(world.files) if path.startswith("reviews/") for row in world.files[path]]
    for row in rng.sample(rows, min(len(rows), rng.randint(1, 2))):
        row["rating"] = rng.randint(1, 5)


def updated_goal(world: World, rng: random.Random) -> None:
    """One goal turns out otherwise."""
    rows = [row for path in sorted(world.files) if path.startswith("goals/") for row in world.files[path]]
    if rows:
        rng.choice(rows)["actual_value"] = rng.randint(0, 130)


def new_month(world: World, rng: random.Random) -> None:
    """Another month has ended: a snapshot, its meetings, perhaps a wave or a cycle."""
    if world.ahead:
        world.files |= world.ahead.pop(0)
    else:
        late_answers(world, rng)


STEPS: tuple[Step, ...] = (
    late_answers,
    corrected_answers,
    rekeyed_respondents,
    respelt_survey,
    absent_file,
    rolled_back,
    other_settings,
    corrected_item,
    second_sheet,
    corrected_leaver,
    corrected_rating,
    updated_goal,
    new_month,
)


@dataclass(frozen=True)
class History:
    """A company and what is done to it; equal seeds give equal histories."""

    seed: int
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"history {self.seed}: {', '.join(step.__name__ for step in self.steps) or 'one version'}"

    def worlds(self) -> Iterator[World]:
        """The state before each publishing, the first one without any step."""
        world = company(self.seed)
        yield copy.deepcopy(world)
        for number, step in enumerate(self.steps):
            world.files |= world.kept
            world.kept, world.rolls_back = {}, False
            step(world, random.Random(f"{self.seed} {number}"))
            yield copy.deepcopy(world)


def history(seed: int, length: int = 3) -> History:
    """The history of a seed: the step with the seed's number, so that all are tried, and random ones around it."""
    rng = random.Random(f"history {seed}")
    steps = [rng.choice(STEPS) for _ in range(length)]
    if steps:
        steps[rng.randrange(length)] = STEPS[seed % len(STEPS)]
    return History(seed, tuple(steps))


# How it is played


class Backend(Protocol):
    """A way to publish: the same world gives the same marts, whichever way is taken."""

    def publish(self, world: World, name: str) -> Version:
        """Publishes a version; it stays as it is, whatever is published later."""

    def rollback(self) -> None:
        """Makes the version before the current one current again."""


def play(played: History, backend: Backend) -> list[Version]:
    """Everything that was ever published in a history, oldest first."""
    versions = []
    for number, world in enumerate(played.worlds()):
        if world.rolls_back and number > 1:
            backend.rollback()
        step = played.steps[number - 1].__name__ if number else "the first"
        versions.append(backend.publish(world, f"version {number + 1} ({step})"))
    return versions


class Ledger(Protocol):
    """HOOK: what `Models` has to do around a build so that the models know what was ever shown.

    Whole runs do it by themselves. An implementation takes what the models read from the ledger into the build database
    before they are built, and records what they show afterwards. Nothing else here knows how the ledger works.
    """

    def before(self, warehouse: Any) -> None:
        """Gives the build database what was shown so far."""

    def after(self, warehouse: Any) -> None:
        """Records what the version that was just built shows."""

    def rolled_back(self, warehouse: Any) -> None:
        """The version before the current one is current again."""


class NoLedger:
    """Nothing is remembered: each version is decided as if it were the first."""

    def before(self, warehouse: Any) -> None:
        warehouse.forget()

    def after(self, warehouse: Any) -> None:
        pass

    def rolled_back(self, warehouse: Any) -> None:
        pass


class Kept:
    """The ledger of the product: all that was ever shown stays known, whatever is current."""

    def before(self, warehouse: Any) -> None:
        warehouse.remember()

    def after(self, warehouse: Any) -> None:
        warehouse.release()

    def rolled_back(self, warehouse: Any) -> None:
        pass


class Models:
    """The cheap way: the models' compiled SQL on an in-memory database, without files, checks and Dagster."""

    def __init__(self, ledger: Ledger | None = None, is_open: bool = False, **settings: Any) -> None:
        from tests.oracle.warehouse import Warehouse, compiled, compiled_open

        self.ledger = ledger or Kept()
        models = compiled_open(**settings) if is_open else compiled(**{"minimum_group": MINIMUM, **settings})
        self.warehouse = Warehouse(models)

    def publish(self, world: World, name: str) -> Version:
        self.ledger.before(self.warehouse)
        self.warehouse.give(world.company())
        version = Version.of_build(name, self.warehouse.con, key=KEY, identities=world.truth)
        self.ledger.after(self.warehouse)
        return version

    def rollback(self) -> None:
        self.ledger.rolled_back(self.warehouse)


class Runs:
    """The real way: `perfwh run` and `perfwh rollback` as processes, in a folder of their own."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = settings

    def publish(self, world: World, name: str) -> Version:
        world.write(self.folder / "landing")
        self._perfwh("run", {**world.settings, **self.settings}, "--force")
        return Version.of_folder(name, self.folder / "warehouse" / "published", key=KEY, identities=world.truth)

    def rollback(self) -> None:
        self._perfwh("rollback", {})

    def _perfwh(self, command: str, settings: dict[str, Any], *options: str) -> None:
        folder = self.folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERFWH_", "XDG_"))}
        # No rule about falling numbers may stand in the way of a history.
        in_force = {
            "settle_seconds": 0,
            "kept_versions": 50,
            "row_count_fall_limit": 1,
            "headcount_fall_limit": 1,
            "pseudonym_key": KEY.decode(),
            "config": folder / "none.toml",
            **settings,
        }
        environment = {
            **kept,
            "HOME": str(folder / "home"),
            "DAGSTER_HOME": str(folder / "dagster"),
            **{f"PERFWH_{name.upper()}": str(value) for name, value in in_force.items()},
        }
        (folder / "home").mkdir(parents=True, exist_ok=True)
        where = ["--landing", folder / "landing", "--warehouse", folder / "warehouse"]
        done = subprocess.run(
            [Path(sys.executable).parent / "perfwh", command, *where, *options],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def main() -> None:
    from tests.disclosure import attacker

    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--length", type=int, default=3, help="steps after the first version")
    options.add_argument("--runs", action="store_true", help="whole runs instead of the models alone")
    options.add_argument("--no-ledger", action="store_true", help="forget what was shown, to see that leaks are found")
    options.add_argument("--kinds", default="", help="gatherers, separated by commas (surveys,reviews,…)")
    given = options.parse_args()
    kinds = tuple(filter(None, given.kinds.split(",")))
    leaking = 0
    for seed in range(given.first, given.first + given.seeds):
        played = history(seed, given.length)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            backend: Backend = Runs(Path(folder)) if given.runs else Models(NoLedger() if given.no_ledger else None)
            leak = attacker.first_leak(play(played, backend), MINIMUM, kinds=kinds)
        leaking += leak is not None
        print(f"{played}: {leak or 'nothing leaks'}", flush=True)
    print(f"{leaking} of {given.seeds} histories leak")


if __name__ == "__main__":
    main()
