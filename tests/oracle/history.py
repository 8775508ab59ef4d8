"""Who was employed when, and in which slices: the contract's words, read day by day.

Plain Python over the rows of a company, sharing nothing with the models. Slow, and simple enough to be believed.
"""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any, TypeVar

from pipelines.pseudonyms import pseudonyms
from pipelines.settings import Settings
from tests.oracle.warehouse import KEY, Company, settings_of

DAY = timedelta(days=1)
T = TypeVar("T")
ATTRIBUTES = {
    "department": "department",
    "division": "division",
    "location": "location",
    "country": "country",
    "job_level": "job_level",
    "employment_type": "employment_type",
    "manager": "manager_id",
    "gender": "gender",
    "ethnicity": "ethnicity",
}
# Known of people, and no slices.
DESCRIBED = {"salary": "salary", "pay_range_mid": "pay_range_mid"}
COLUMNS = {**ATTRIBUTES, **DESCRIBED}
CARRIED = [name for name in ATTRIBUTES if name != "manager"]
# Which attributes a job change can date, by its type; a type that says nothing can date any of them.
DATES = {
    "promotion": {"job_level"},
    "demotion": {"job_level"},
    "transfer": {"department", "division", "location", "country"},
    "manager": {"manager"},
    "pay": {"salary"},
}
CLASSES = ("voluntary", "involuntary", "other", "unknown")


def day(text: Any) -> date | None:
    return date.fromisoformat(str(text)[:10]) if text not in (None, "") else None


def number(text: Any) -> float | None:
    return float(text) if text not in (None, "") else None


def flag(value: Any) -> bool | None:
    return None if value in (None, "") else str(value).lower() == "true"


def month_of(d: date) -> date:
    return d.replace(day=1)


def add_months(d: date, months: int) -> date:
    year, month = divmod(d.year * 12 + d.month - 1 + months, 12)
    return date(year, month + 1, min(d.day, calendar.monthrange(year, month + 1)[1]))


def last_of(month: date) -> date:
    return add_months(month, 1) - DAY


def days_of(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += DAY


@dataclass
class Job:
    """One job as the exports tell of it: a hire date, corrected or not, and the rows that belong to it."""

    start: date
    rows: list[dict[str, Any]]
    end: date | None = None
    exit_type: str | None = None
    is_regretted: bool | None = None
    vanished: bool = False


@dataclass
class Stint:
    person: str
    number: int
    hired: date
    last_day: date | None
    exit_class: str | None
    is_regretted: bool | None
    values: dict[date, dict[str, set[str]]] = field(default_factory=dict, repr=False)

    def employed(self, d: date) -> bool:
        return self.hired <= d and (self.last_day is None or d <= self.last_day)

    def at_close(self, d: date) -> bool:
        return self.hired <= d and (self.last_day is None or d < self.last_day)

    def slices(self, dimension: str, d: date) -> set[str]:
        return self.at(d)[dimension]

    def at(self, d: date) -> dict[str, set[str]]:
        """After the last day observed, what was true on it."""
        return self.values[d] if d in self.values else self.values[max(self.values)]


def once(make: Callable[[History], T]) -> Callable[[History], T]:
    """What several marts need of a company is made once."""

    def made(h: History) -> T:
        if make.__qualname__ not in h.made:
            h.made[make.__qualname__] = make(h)
        return h.made[make.__qualname__]

    return made


class History:
    """A company's people from the first day to the last that the exports speak of."""

    def __init__(self, company: Company, settings: Settings | None = None) -> None:
        self.settings = settings or settings_of()
        self.made: dict[str, Any] = {}
        # What the warehouse chose to hide beyond small groups; that it is enough has tests of its own.
        self.rows = {name: [dict(row) for row in rows] for name, rows in company.items()}
        for row in self.rows.get("employees", []):
            row["seen"] = day(row.get("effective_on")) or day(row.get("as_of"))
            row["main"] = flag(row.get("is_primary")) is not False
        for change in self.rows.get("job_changes", []):
            change["on"] = day(change["effective_date"])

    @cached_property
    def observed_from(self) -> date | None:
        seen = [row["seen"] for row in self.rows.get("employees", [])]
        return min(seen) if seen else None

    @cached_property
    def observed_to(self) -> date | None:
        seen = [row["seen"] for row in self.rows.get("employees", [])]
        return self.settings.observed_to or (max(seen) if seen else None)

    @cached_property
    def months(self) -> list[date]:
        if self.observed_from is None or self.observed_to is None:
            return []
        months = [month_of(self.observed_from)]
        while add_months(months[-1], 1) <= self.observed_to:
            months.append(add_months(months[-1], 1))
        return months

    def closes(self, month: date) -> date:
        assert self.observed_to
        return min(last_of(month), self.observed_to)

    def complete(self, month: date) -> bool:
        assert self.observed_from and self.observed_to
        if not (self.observed_from <= month and last_of(month) <= self.observed_to):
            return False
        rows = [row for row in self.rows["employees"] if row["seen"] <= self.observed_to]
        if any(row.get("effective_on") for row in rows):
            return True
        shown = {month_of(row["seen"]) for row in rows if flag(row.get("is_partial")) is not True}
        return not shown or month in shown or not min(shown) < month < max(shown)

    @cached_property
    def delivered(self) -> dict[str, list[dict[str, Any]]]:
        """Person → rows in order of the day they were seen; future-dated rows wait for their day."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in sorted(self.rows.get("employees", []), key=lambda row: row["seen"]):
            if row["seen"] <= self.observed_to:
                found.setdefault(row["employee_id"], []).append(row)
        return found

    @cached_property
    def snapshots(self) -> list[date]:
        return sorted({r["seen"] for rows in self.delivered.values() for r in rows if not r.get("effective_on")})

    def jobs(self, person: str, main: bool) -> list[Job]:
        """Stints are told apart by hire date; a changed one without an exit between is a correction."""
        rows = [row for row in self.delivered[person] if row["main"] is main]
        rows.sort(key=lambda row: (row["seen"], row["hire_date"]))
        jobs: list[Job] = []
        for hired in dict.fromkeys(day(row["hire_date"]) for row in rows):
            assert hired
            mine = [row for row in rows if day(row["hire_date"]) == hired]
            before = jobs[-1] if jobs else None
            if before and not self._left_between(before, hired, mine):
                before.start = hired
                before.rows += mine
            else:
                jobs.append(Job(hired, mine))
        for job in jobs:
            newest = job.rows[-1]
            job.end = day(newest.get("last_day"))
            job.exit_type, job.is_regretted = newest.get("exit_type"), flag(newest.get("is_regretted"))
            if job.end is None and not newest.get("effective_on") and self._missed(newest["seen"]):
                job.end, job.vanished = newest["seen"], True
        return [job for job in jobs if job.end is None or job.end >= job.start]

    def _missed(self, seen: date) -> date | None:
        return next((d for d in self.snapshots if d > seen), None)

    def _left_between(self, before: Job, hired: date, rows: list[dict[str, Any]]) -> bool:
        newest, first_seen = before.rows[-1], rows[0]["seen"]
        if newest["seen"] >= first_seen:
            return True
        end = day(newest.get("last_day"))
        if end is not None:
            return end < hired or (end < first_seen and day(rows[-1].get("last_day")) != end)
        missed = None if newest.get("effective_on") else self._missed(newest["seen"])
        return missed is not None and missed < first_seen and hired > newest["seen"]

    @cached_property
    def stints(self) -> list[Stint]:
        found: list[Stint] = []
        for person in self.delivered:
            mine: list[Stint] = []
            for jobs in self._employments(person):
                mine += self._stints_of(person, jobs)
            for place, stint in enumerate(sorted(mine, key=lambda s: s.hired), start=1):
                stint.number = place
            found += mine
        return found

    def _employments(self, person: str) -> list[list[Job]]:
        """Jobs that overlap are one employment."""
        jobs = sorted(self.jobs(person, True) + self.jobs(person, False), key=lambda job: job.start)
        together: list[list[Job]] = []
        for job in jobs:
            if together and any(other.end is None or other.end >= job.start for other in together[-1]):
                together[-1].append(job)
            else:
                together.append([job])
        return [jobs for jobs in together if min(job.start for job in jobs) <= self.observed_to]

    def _stints_of(self, person: str, jobs: list[Job]) -> list[Stint]:
        to = self.observed_to
        assert to
        start = min(job.start for job in jobs)
        ends = [job.end for job in jobs]
        last = None if None in ends else max(end for end in ends if end)
        final = next(job for job in jobs if job.end == last)
        end = last if last and last <= to else None
        exit_class = "unknown" if final.vanished or final.exit_type not in CLASSES[:3] else final.exit_type
        rows = [row for job in jobs for row in job.rows if row["main"]]
        # Before the first day observed nothing changes that the exports could tell of.
        first_day = max(start, self.months[0] - DAY)
        values = self._values(person, rows, min(first_day, end or to), end or to)
        excluded = {name.lower() for name in self.settings.excluded_employment_types}
        stints: list[Stint] = []
        current: Stint | None = None
        for d in values:
            if next(iter(values[d]["employment_type"])).lower() in excluded:
                if current:
                    # Who goes on as a contractor leaves, neither voluntarily nor involuntarily.
                    current.last_day, current.exit_class, current.is_regretted = d - DAY, "other", None
                current = None
                continue
            if current is None:
                hired = start if d == min(values) else d
                current = Stint(person, 0, hired, end, exit_class if end else None, final.is_regretted if end else None)
                stints.append(current)
            current.values[d] = values[d]
        for stint in stints:
            self._add_slices(stint)
        return stints

    def _values(
        self, person: str, rows: list[dict[str, Any]], start: date, end: date
    ) -> dict[date, dict[str, set[str]]]:
        """Day → attribute → value: the first row holds from the first day, a change from the day that dates it."""
        # Of two rows of one day, that of the later hire date.
        one_a_day = {row["seen"]: row for row in sorted(rows, key=lambda row: (row["seen"], row["hire_date"]))}
        rows = list(one_a_day.values())
        found: dict[date, dict[str, set[str]]] = {d: {} for d in days_of(start, end)}
        for name, column in COLUMNS.items():
            spans: list[tuple[date, str | None]] = [(start, rows[0].get(column) if rows else None)]
            for before, after in itertools.pairwise(rows):
                old, new = before.get(column) or None, after.get(column) or None
                if old != new:
                    spans.append((self._dated(person, name, before, after), new))
            value, upcoming = None, sorted(spans, key=lambda span: max(span[0], start))
            for d in found:
                while upcoming and max(upcoming[0][0], start) <= d:
                    value = upcoming.pop(0)[1]
                found[d][name] = {self._named(name, value)}
        return found

    def _dated(self, person: str, name: str, before: dict[str, Any], after: dict[str, Any]) -> date:
        if after.get("effective_on"):
            return after["seen"]
        column = COLUMNS[name]
        fitting = [
            change["on"]
            for change in self.rows.get("job_changes", [])
            if change["employee_id"] == person
            and before["seen"] < change["on"] <= after["seen"]
            and (change.get("old_value") or None) == (before.get(column) or None)
            and (change.get("new_value") or None) == (after.get(column) or None)
            and name in DATES.get((change.get("change_type") or "").lower(), set(COLUMNS))
        ]
        return min(fitting, default=after["seen"])

    def _named(self, name: str, value: str | None) -> str:
        if not value:
            return "unknown"
        return pseudonyms([value], KEY)[0] if name == "manager" else value

    def _add_slices(self, stint: Stint) -> None:
        parents = self.settings.department_parents
        for d, values in stint.values.items():
            values = dict(values)
            stint.values[d] = values
            values["company"] = {"all"}
            (department,) = values["department"]
            values["department"] = {department}
            while department in parents:
                department = parents[department]
                values["department"] = values["department"] | {department}
            years = d.year - stint.hired.year
            years -= add_months(stint.hired, 12 * years) > d
            limits = self.settings.tenure_band_years
            band = sum(1 for limit in limits if years >= limit)
            values["tenure_band"] = {
                f"<{limits[0]}y"
                if band == 0
                else f"{limits[-1]}y+"
                if band == len(limits)
                else f"{limits[band - 1]}-{limits[band]}y"
            }
            for first, second in self.settings.slice_pairs:
                values[f"{first} × {second}"] = {f"{a} × {b}" for a in values[first] for b in values[second]}

    def dimensions(self, mart: str) -> list[str]:
        mine = self.settings.dimensions_of(mart)
        pairs = [f"{a} × {b}" for a, b in self.settings.slice_pairs if a in mine and b in mine]
        return [*mine, *pairs]

    def demographic(self, dimension: str) -> bool:
        return bool({"gender", "ethnicity"} & set(dimension.split(" × ")))

    def on(self, person: str, d: date) -> Stint | None:
        """The stint of someone on a day that is observed, or on a later one."""
        return next(
            (s for s in self.by_person.get(person, []) if s.employed(d) and s.values and d >= min(s.values)), None
        )

    @cached_property
    def by_person(self) -> dict[str, list[Stint]]:
        found: dict[str, list[Stint]] = {}
        for stint in self.stints:
            found.setdefault(stint.person, []).append(stint)
        return found

    @property
    def k(self) -> int:
        return self.settings.minimum_group
