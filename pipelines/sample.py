"""The sample company: exports of people who do not exist, shaped like those of vendors.

A company is simulated month by month on NumPy arrays, one element per person, and written with Arrow; nothing goes
row by row. Equal seeds give equal files. The profiles that read them are `source_profiles/sample_*.yml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as pa_csv

LAST_MONTH = np.datetime64("2025-12")
_NEVER = np.datetime64("NaT", "D")

_GIVEN = "Ada Ben Cleo Dario Elin Farid Greta Hugo Ines Jonas Kaja Leon Mira Nils Oda Pavel Quinn Rosa Sven".split()
_FAMILY = (
    "Abelson Brandt Castell Dornic Eklund Farrow Grantham Holloway Iversen Jarvik Kestrel Lindqvist Marlow Norwood "
    "Ostrander Penrose Quillfeather Ravenhill Stellan Thornby Underhill Vantongeren Wexcombe Yarrow Zelenko"
).split()
_DEPARTMENTS = (
    ("Engineering", "Technology", 0.28),
    ("Data", "Technology", 0.07),
    ("Product", "Technology", 0.08),
    ("Sales", "Commercial", 0.20),
    ("Marketing", "Commercial", 0.08),
    ("Customer Care", "Operations", 0.15),
    ("Logistics", "Operations", 0.07),
    ("Finance", "Corporate", 0.04),
    ("People", "Corporate", 0.03),
)
_LOCATIONS = (
    ("Bergen", "NO", "NOK", 0.35),
    ("Porto", "PT", "EUR", 0.3),
    ("Leeds", "GB", "GBP", 0.2),
    ("Remote", "NO", "NOK", 0.15),
)
_LEVELS = ("L1", "L2", "L3", "L4", "M1", "M2", "E1")
_LEVEL_SHARES = (0.25, 0.32, 0.22, 0.09, 0.09, 0.025, 0.005)
_TITLES = ("Associate", "Specialist", "Senior Specialist", "Principal", "Team Lead", "Head", "Director")
_WORKER_TYPES = ("Regular", "Fixed Term", "Intern", "Contractor")
_GENDERS, _GENDER_SHARES = ("Female", "Male", "Non-binary", ""), (0.47, 0.48, 0.02, 0.03)
_ETHNICITIES, _ETHNICITY_SHARES = ("Group A", "Group B", "Group C", "Not stated"), (0.55, 0.25, 0.12, 0.08)
_REASONS = {
    "Voluntary": ("Career", "Pay", "Relocation", "Manager"),
    "Involuntary": ("Performance", "Restructuring"),
    "Other": ("Retirement", "End of contract"),
    "": ("",),
}
_COMPETENCIES = ("Delivery", "Collaboration", "Growth")
_ITEMS = 12
_COURSES = ("Data protection", "Safe workplace", "Coaching for leads", "Presenting", "SQL basics")

Array = NDArray[Any]


@dataclass
class _Company:
    """Everyone who ever worked there; element i of each array is person i. Months change it in place."""

    rng: np.random.Generator
    count: int
    columns: dict[str, Array]
    changes: list[dict[str, Array]] = field(default_factory=list)

    def __getitem__(self, name: str) -> Array:
        return self.columns[name][: self.count]

    def ids(self, people: Array) -> Array:
        """Employee numbers: text with leading zeros, as spreadsheets like to lose them."""
        return np.char.mod("%06d", people + 10_001)


def write_company(out: Path, employees: int, months: int, seed: int) -> dict[str, int]:
    """Writes all exports of an invented company.

    Args:
        out: folder, made where it does not exist.
        employees: people at the start.
        months: monthly snapshots, the last one of December 2025.
        seed: of the random numbers.

    Returns:
        Rows per kind of export.
    """
    company = _found(np.random.default_rng(seed), employees, months)
    counts: dict[str, int] = {}

    def write(name: str, table: Mapping[str, Array], preamble: str = "", footer: str = "") -> None:
        _write_csv(out / name, table, preamble, footer)
        kind = name.split("/")[0]
        counts[kind] = counts.get(kind, 0) + len(next(iter(table.values())))

    first = LAST_MONTH - np.timedelta64(months - 1, "M")
    ones, thanks, trainings = [], [], []
    for month in np.arange(first, LAST_MONTH + 1):
        start, end = month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]") - 1
        _live_a_month(company, start, end, employees, is_first=month == first)
        snapshot = _snapshot(company, start, end)
        title = f"Worker Report - as of {end}\n\n"
        write(f"hris/workers_{end}.csv", snapshot, title, f"Total,{len(snapshot['Employee ID'])}\n")
        ones.append(_one_on_ones(company, start, end))
        thanks.append(_recognitions(company, start, end))
        trainings.append(_trainings(company, start, end))
        number = int(month.astype(int)) % 12 + 1
        if number in (3, 9):
            _write_engagement_survey(company, month, write)
        if number in (1, 6, 11):
            _write_pulse(company, month, write)
        if number in (6, 12):
            write(f"reviews/360_{_half(month)}.csv", _reviews(company, month))
            goals, alignments = _goals(company, month)
            write(f"goals/goals_{_half(month)}.csv", goals)
            write(f"goal_alignments/alignments_{_half(month)}.csv", alignments)
    write("job_changes/job_changes.csv", _together(company.changes))
    write("one_on_ones/one_on_ones.csv", _numbered("Meeting ID", "M", _together(ones)))
    write("recognitions/recognitions.csv", _numbered("Recognition ID", "R", _together(thanks)))
    write("trainings/trainings.csv", _together(trainings))
    return counts


def _write_csv(path: Path, table: Mapping[str, Array], preamble: str, footer: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrow = pa.table({name: pa.array(values, from_pandas=True) for name, values in table.items()})
    with path.open("wb") as stream:
        stream.write(preamble.encode())
        pa_csv.write_csv(arrow, stream, pa_csv.WriteOptions(quoting_style="needed"))
        stream.write(footer.encode())


def _together(parts: list[dict[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _numbered(name: str, prefix: str, table: dict[str, Array]) -> dict[str, Array]:
    numbers = np.char.mod(prefix + "%07d", np.arange(1, len(next(iter(table.values()))) + 1))
    return {name: numbers, **table}


def _half(month: np.datetime64) -> str:
    return f"{str(month)[:4]}-H{1 if int(month.astype(int)) % 12 < 6 else 2}"


def _american(days: Array) -> Array:
    """M/D/YYYY; no date is empty."""
    texts = days.astype("datetime64[D]").astype("U10")
    parts = np.char.partition(texts, "-")
    rest = np.char.partition(parts[:, 2], "-")
    made = np.char.add(np.char.add(np.char.lstrip(rest[:, 0], "0"), "/"), np.char.lstrip(rest[:, 2], "0"))
    return np.where(np.isnat(days), "", np.char.add(np.char.add(made, "/"), parts[:, 0]))


def _choice(rng: np.random.Generator, count: int, shares: tuple[float, ...]) -> Array:
    return rng.choice(len(shares), size=count, p=np.array(shares) / sum(shares))


def _days(rng: np.random.Generator, count: int, start: np.datetime64, end: np.datetime64) -> Array:
    return start + rng.integers(0, int((end - start).astype(int)) + 1, size=count).astype("timedelta64[D]")


def _found(rng: np.random.Generator, employees: int, months: int) -> _Company:
    size = employees + int(employees * 0.05 * months) + 50
    columns: dict[str, Array] = {
        "given": rng.integers(0, len(_GIVEN), size),
        "family": rng.integers(0, len(_FAMILY), size),
        "gender": _choice(rng, size, _GENDER_SHARES),
        "ethnicity": _choice(rng, size, _ETHNICITY_SHARES),
        "born": np.datetime64("1962-01-01") + rng.integers(0, 14_600, size).astype("timedelta64[D]"),
        "department": _choice(rng, size, tuple(share for *_, share in _DEPARTMENTS)),
        "location": _choice(rng, size, tuple(share for *_, share in _LOCATIONS)),
        "level": _choice(rng, size, _LEVEL_SHARES),
        "type": _choice(rng, size, (0.88, 0.06, 0.03, 0.03)),
        "fte": rng.choice([1.0, 1.0, 1.0, 0.8, 0.5], size),
        "pay": np.zeros(size),
        "hired": np.full(size, _NEVER),
        "first_hired": np.full(size, _NEVER),
        "last_day": np.full(size, _NEVER),
        "category": np.full(size, "", "U12"),
        "reason": np.full(size, "", "U20"),
        "regretted": np.zeros(size, bool),
        "back_from_leave": np.full(size, _NEVER),
        "manager": np.full(size, -1),
        "mood": rng.normal(0, 1, size),
    }
    company = _Company(rng, employees, columns)
    # Interns and contractors are junior, and have not been there for long.
    temporary = columns["type"] >= 2
    columns["level"][temporary] = 0
    columns["level"][0], columns["type"][0] = len(_LEVELS) - 1, 0
    columns["pay"][:] = np.round(32_000 * 1.28 ** columns["level"] * rng.normal(1, 0.07, size), -2)
    first = (LAST_MONTH - np.timedelta64(months - 1, "M")).astype("datetime64[D]")
    ago = np.where(
        temporary[:employees], rng.integers(1, 200, employees), rng.gamma(1.3, 1100, employees).astype(int) + 1
    )
    columns["hired"][:employees] = first - np.minimum(ago, 5_400).astype("timedelta64[D]")
    columns["first_hired"][:employees] = columns["hired"][:employees]
    everyone = np.arange(employees)
    columns["manager"][:employees] = _managers_for(company, everyone)
    return company


def _employed(company: _Company, day: np.datetime64) -> Array:
    """Positions of the people employed on a day."""
    gone = company["last_day"] < day
    return np.flatnonzero((company["hired"] <= day) & ~gone)


def _managers_for(company: _Company, people: Array) -> Array:
    """A manager for each: someone of the same department and a higher level, else the head of the company."""
    leads = np.flatnonzero((company["level"] >= 4) & np.isnat(company["last_day"]) & ~np.isnat(company["hired"]))
    found = np.zeros(len(people), int)
    for department in range(len(_DEPARTMENTS)):
        here = leads[company["department"][leads] == department]
        for level in range(len(_LEVELS)):
            above = here[company["level"][here] > max(level, 3)]
            mine = (company["department"][people] == department) & (company["level"][people] == level)
            if len(above):
                found[mine] = company.rng.choice(above, size=int(mine.sum()))
    found[found == people] = 0
    found[people == 0] = -1
    return found


def _live_a_month(company: _Company, start: np.datetime64, end: np.datetime64, target: int, is_first: bool) -> None:
    rng = company.rng
    here = _employed(company, start)
    here = here[here != 0]
    _leave_for_good(company, here, start, end)
    staying = here[np.isnat(company["last_day"][here])]
    _change_jobs(company, staying, start, end)
    absent = staying[rng.random(len(staying)) < 0.004]
    company["back_from_leave"][absent] = end + np.timedelta64(90, "D")
    # An intern is taken on after half a year.
    taken = staying[(company["type"][staying] == 2) & (company["hired"][staying] < start - np.timedelta64(180, "D"))]
    company["type"][taken] = 0
    _take_back(company, start, end)
    wanted = target * (1 + 0.002) - len(_employed(company, end))
    _hire(company, max(int(wanted), 0) if not is_first else 0, start, end)
    # Whose manager has left gets another one on the last day of the month.
    now = _employed(company, end)
    orphans = now[(company["manager"][now] >= 0) & (company["last_day"][company["manager"][now]] <= end)]
    _set_manager(company, orphans, _managers_for(company, orphans), np.full(len(orphans), end))


def _leave_for_good(company: _Company, people: Array, start: np.datetime64, end: np.datetime64) -> None:
    rng = company.rng
    tenure = (start - company["hired"][people]).astype(int) / 365
    risk = np.where(tenure < 1, 0.022, 0.014) * np.exp(-0.25 * company["mood"][people])
    leaving = people[rng.random(len(people)) < risk]
    category = np.array(["Voluntary", "Involuntary", "Other", ""])[_choice(rng, len(leaving), (0.62, 0.22, 0.11, 0.05))]
    company["last_day"][leaving] = _days(rng, len(leaving), start, end)
    company["category"][leaving] = category
    for name, reasons in _REASONS.items():
        mine = leaving[category == name]
        company["reason"][mine] = np.array(reasons)[rng.integers(0, len(reasons), len(mine))]
    company["regretted"][leaving] = (category == "Voluntary") & (rng.random(len(leaving)) < 0.4)


def _change_jobs(company: _Company, people: Array, start: np.datetime64, end: np.datetime64) -> None:
    rng = company.rng
    moved = people[rng.random(len(people)) < 0.008]
    on = _days(rng, len(moved), start, end)
    before = company["department"][moved].copy()
    after = (before + rng.integers(1, len(_DEPARTMENTS), len(moved))) % len(_DEPARTMENTS)
    company["department"][moved] = after
    names = np.array([name for name, *_ in _DEPARTMENTS])
    _note(company, moved, on, "Transfer", names[before], names[after])
    divisions = np.array([division for _, division, _ in _DEPARTMENTS])
    other = divisions[before] != divisions[after]
    _note(company, moved[other], on[other], "Transfer", divisions[before[other]], divisions[after[other]])
    _set_manager(company, moved, _managers_for(company, moved), on)
    up = people[(rng.random(len(people)) < 0.007) & (company["level"][people] < len(_LEVELS) - 2)]
    levels, grades = np.array(_LEVELS), company["level"][up].copy()
    company["level"][up] += 1
    company["pay"][up] = np.round(company["pay"][up] * 1.12, -2)
    _note(company, up, _days(rng, len(up), start, end), "Promotion", levels[grades], levels[grades + 1])


def _set_manager(company: _Company, people: Array, managers: Array, on: Array) -> None:
    before = company["manager"][people].copy()
    company["manager"][people] = managers
    real = (before >= 0) & (managers >= 0) & (before != managers)
    _note(company, people[real], on[real], "Manager", company.ids(before[real]), company.ids(managers[real]))


def _note(company: _Company, people: Array, on: Array, what: str, old: Array, new: Array) -> None:
    company.changes.append(
        {
            "Employee ID": company.ids(people),
            "Effective Date": on.astype("datetime64[D]"),
            "Event": np.full(len(people), what, "U10"),
            "Old Value": old.astype("U24"),
            "New Value": new.astype("U24"),
        }
    )


def _take_back(company: _Company, start: np.datetime64, end: np.datetime64) -> None:
    rng = company.rng
    gone = np.flatnonzero((company["last_day"] < start - np.timedelta64(100, "D")) & (company["level"] < 4))
    back = gone[rng.random(len(gone)) < 0.006]
    company["hired"][back] = _days(rng, len(back), start, end)
    company["last_day"][back] = _NEVER
    for name in ("category", "reason"):
        company[name][back] = ""
    company["manager"][back] = _managers_for(company, back)


def _hire(company: _Company, wanted: int, start: np.datetime64, end: np.datetime64) -> None:
    first = company.count
    company.count = min(first + wanted, len(company.columns["hired"]))
    new = np.arange(first, company.count)
    company["hired"][new] = company["first_hired"][new] = _days(company.rng, len(new), start, end)
    company["manager"][new] = _managers_for(company, new)


def _snapshot(company: _Company, start: np.datetime64, end: np.datetime64) -> dict[str, Array]:
    """Everyone employed, and leavers until the end of the month after their last day."""
    month_before = start.astype("datetime64[M]") - 1
    shown = np.flatnonzero(
        (company["hired"] <= end)
        & (np.isnat(company["last_day"]) | (company["last_day"] >= month_before.astype("datetime64[D]")))
    )
    column = {name: values[: company.count][shown] for name, values in company.columns.items()}
    left = column["last_day"] <= end
    department = np.array([name for name, *_ in _DEPARTMENTS])[column["department"]]
    given, family = np.array(_GIVEN)[column["given"]], np.array(_FAMILY)[column["family"]]
    ids = company.ids(shown)
    dotted = np.char.add(np.char.add(np.char.lower(given), "."), np.char.lower(family))
    on_leave = column["back_from_leave"] > end
    return {
        "Employee ID": ids,
        "Legal Name": np.char.add(np.char.add(family, ", "), given),
        "Work Email": np.char.add(np.char.add(dotted, ids), "@example.invalid"),
        "Worker Status": np.where(left, "Terminated", np.where(on_leave, "On Leave", "Active")),
        "Worker Type": np.array(_WORKER_TYPES)[column["type"]],
        "Hire Date": _american(column["hired"]),
        "Original Hire Date": _american(column["first_hired"]),
        "Last Day of Work": _american(np.where(left, column["last_day"], _NEVER)),
        "Termination Category": np.where(left, column["category"], ""),
        "Termination Reason": np.where(left, column["reason"], ""),
        "Regrettable": np.where(left & (column["category"] != ""), np.where(column["regretted"], "Yes", "No"), ""),
        "Business Title": np.char.add(np.char.add(np.array(_TITLES)[column["level"]], " "), department),
        "Job Level": np.array(_LEVELS)[column["level"]],
        "Department": department,
        "Division": np.array([division for _, division, _ in _DEPARTMENTS])[column["department"]],
        "Location": np.array([name for name, *_ in _LOCATIONS])[column["location"]],
        "Country": np.array([country for _, country, *_ in _LOCATIONS])[column["location"]],
        "FTE": column["fte"],
        "Manager ID": np.where(column["manager"] >= 0, company.ids(column["manager"]), ""),
        "Base Pay": column["pay"],
        "Currency": np.array([currency for _, _, currency, _ in _LOCATIONS])[column["location"]],
        "Pay Range Midpoint": np.round(32_000 * 1.28 ** column["level"], -2),
        "Gender": np.array(_GENDERS)[column["gender"]],
        "Ethnicity": np.array(_ETHNICITIES)[column["ethnicity"]],
        "Date of Birth": _american(column["born"]),
    }


def _one_on_ones(company: _Company, start: np.datetime64, end: np.datetime64) -> dict[str, Array]:
    people = _employed(company, end)
    people = people[company["manager"][people] >= 0]
    on = np.maximum(_days(company.rng, len(people), start, end), company["hired"][people])
    held = company.rng.random(len(people)) < 0.82
    return {
        "Manager ID": company.ids(company["manager"][people]),
        "Employee ID": company.ids(people),
        "Scheduled On": on.astype("datetime64[D]"),
        "Held On": np.where(held, on, _NEVER).astype("datetime64[D]"),
        "Status": np.where(held, "Held", "Cancelled"),
    }


def _recognitions(company: _Company, start: np.datetime64, end: np.datetime64) -> dict[str, Array]:
    rng, people = company.rng, _employed(company, end)
    givers = people[rng.random(len(people)) < 0.18]
    receivers = rng.choice(people, len(givers))
    receivers = np.where(receivers == givers, 0, receivers)
    kinds = np.array(["Teamwork", "Craft", "Customer", "Courage"])
    latest = np.maximum(company["hired"][givers], company["hired"][receivers])
    return {
        "Giver": company.ids(givers),
        "Receiver": company.ids(receivers),
        "Date": np.maximum(_days(rng, len(givers), start, end), latest).astype("datetime64[D]"),
        "Category": kinds[rng.integers(0, len(kinds), len(givers))],
        "Points": rng.choice([10, 20, 50], len(givers)),
    }


def _trainings(company: _Company, start: np.datetime64, end: np.datetime64) -> dict[str, Array]:
    rng, people = company.rng, _employed(company, end)
    people = people[rng.random(len(people)) < 0.06]
    assigned = _days(rng, len(people), start, end)
    done = rng.random(len(people)) < 0.7
    completed = assigned + rng.integers(0, 40, len(people)).astype("timedelta64[D]")
    return {
        "Employee ID": company.ids(people),
        "Course": np.array(_COURSES)[rng.integers(0, len(_COURSES), len(people))],
        "Assigned": assigned.astype("datetime64[D]"),
        "Completed": np.where(done, completed, _NEVER).astype("datetime64[D]"),
        "Status": np.where(done, "Completed", "Assigned"),
        "Score": np.where(done, rng.integers(60, 101, len(people)).astype("U3"), ""),
    }


def _answers(company: _Company, people: Array, low: int, high: int, lift: float = 0.0) -> Array:
    """People × items: answers follow the person's mood and differ by item."""
    rng = company.rng
    middle, spread = low + (high - low) * 0.66, (high - low) / 5
    items = rng.normal(0, 0.4, _ITEMS)
    raw = middle + spread * (
        0.6 * company["mood"][people][:, None] + items + rng.normal(lift, 0.8, (len(people), _ITEMS))
    )
    return np.clip(np.rint(raw), low, high).astype(int)


def _write_engagement_survey(company: _Company, month: np.datetime64, write: Any) -> None:
    """Qualtrics-like: three header rows, confidential; with its invitations."""
    rng = company.rng
    launch = month.astype("datetime64[D]") + 9
    invited = _employed(company, launch)
    survey = f"engagement-{month}"
    write(
        f"survey_invitations/invitations_{survey}.csv",
        {
            "Survey": np.full(len(invited), survey),
            "Employee ID": company.ids(invited),
            "Sent On": np.full(len(invited), launch),
            "Closes On": np.full(len(invited), launch + 14),
        },
    )
    people = invited[rng.random(len(invited)) < 0.74]
    answers = _answers(company, people, 1, 5).astype("U1")
    answers[rng.random(answers.shape) < 0.03] = ""
    minutes = rng.integers(0, 14 * 24 * 60, len(people)).astype("timedelta64[m]")
    at = np.char.replace((launch.astype("datetime64[m]") + minutes).astype("datetime64[s]").astype("U19"), "T", " ")
    recommend = np.clip(np.rint(7.3 + 1.5 * company["mood"][people] + rng.normal(0, 1.4, len(people))), 0, 10).astype(
        int
    )
    comments = np.array(["", "", "", "More time for focus, please", 'Our "new" tools\nhelp a lot'])
    table: dict[str, Array] = {
        "RecordedDate": at,
        "ResponseId": np.char.add("R_", rng.permutation(len(people)).astype("U9")),
        "ExternalReference": company.ids(people),
        "Finished": np.full(len(people), "True"),
        **{f"Q{item + 1}": answers[:, item] for item in range(_ITEMS)},
        "Q_eNPS": recommend,
        "Q_Comment": comments[rng.integers(0, len(comments), len(people))],
    }
    # The header's second row words the questions, its third keys them; both stand above the answers.
    labels = [f"Question text of {name}, on one scale" for name in table]
    keys = [f'{{"ImportId":"{name}"}}' for name in table]
    write(
        f"survey_responses/{survey}_qualtrics.csv",
        {
            name: np.concatenate([[label, key], values.astype("U64")])
            for (name, values), label, key in zip(table.items(), labels, keys, strict=True)
        },
    )


def _write_pulse(company: _Company, month: np.datetime64, write: Any) -> None:
    """Wide and anonymous: the file itself carries department and location."""
    rng = company.rng
    day = month.astype("datetime64[D]") + 14
    people = _employed(company, day)
    people = people[rng.random(len(people)) < 0.55]
    people = rng.permutation(people)
    answers = _answers(company, people, 1, 7)[:, :5]
    departments = np.array([name for name, *_ in _DEPARTMENTS])
    places = np.array([name for name, *_ in _LOCATIONS])
    write(
        f"survey_responses/pulse-{month}_wide.csv",
        {
            "Response": np.char.add(f"P{month}-", np.arange(1, len(people) + 1).astype("U9")),
            "Submitted": np.full(len(people), day) + rng.integers(0, 5, len(people)).astype("timedelta64[D]"),
            "Department": departments[company["department"][people]],
            "Location": places[company["location"][people]],
            **{f"P{item + 1}": answers[:, item] for item in range(5)},
        },
    )


def _reviews(company: _Company, month: np.datetime64) -> dict[str, Array]:
    """A 360 export: self, manager and two peers, on three competencies."""
    rng = company.rng
    end = (month + 1).astype("datetime64[D]") - 1
    people = _employed(company, end)
    people = people[(company["manager"][people] >= 0) & (company["hired"][people] < end - 90)]
    raters = np.concatenate(
        [people, company["manager"][people], rng.choice(people, len(people)), rng.choice(people, len(people))]
    )
    kinds = np.repeat(np.array(["Self", "Manager", "Peer", "Peer"]), len(people))
    who = np.tile(people, 4)
    keep = (kinds == "Self") | (raters != who)
    # Nobody rates the same person twice.
    _, firsts = np.unique(np.stack([who, raters, (kinds == "Self")]), axis=1, return_index=True)
    keep &= np.isin(np.arange(len(who)), firsts)
    who, raters, kinds = (np.repeat(values[keep], len(_COMPETENCIES)) for values in (who, raters, kinds))
    strict = ((raters * 7919) % 13 - 6) / 14
    raw = 3.3 + 0.5 * company["mood"][who] + strict + 0.4 * (kinds == "Self") + rng.normal(0, 0.6, len(who))
    rating = np.clip(np.rint(raw), 1, 5).astype(int)
    calibrated = (kinds == "Manager") & (rng.random(len(who)) < 0.1)
    return {
        "Cycle": np.full(len(who), _half(month)),
        "Reviewee ID": company.ids(who),
        "Reviewer ID": company.ids(raters),
        "Relationship": kinds,
        "Competency": np.tile(np.array(_COMPETENCIES), len(who) // len(_COMPETENCIES)),
        "Rating": rating,
        "Calibrated Rating": np.where(calibrated, np.clip(rating - 1, 1, 5).astype("U1"), ""),
        "Submitted": np.full(len(who), end - 10),
    }


def _goals(company: _Company, month: np.datetime64) -> tuple[dict[str, Array], dict[str, Array]]:
    """Goals of a half-year: two of the company, one per department, two or three per person, mostly aligned."""
    rng = company.rng
    half = _half(month)
    end = (month + 1).astype("datetime64[D]") - 1
    people = _employed(company, end)
    people = people[rng.random(len(people)) < 0.9]
    leads = np.array([_lead_of(company, department) for department in range(len(_DEPARTMENTS))])
    own = np.repeat(people, rng.integers(2, 4, len(people)))
    owners = np.concatenate([[0, 0], leads, own])
    level = np.concatenate([["Company"] * 2, ["Team"] * len(leads), ["Individual"] * len(own)])
    count = len(owners)
    ids = np.char.mod(f"G-{half}-%06d", np.arange(1, count + 1))
    start = rng.choice([0.0, 0.0, 100.0], count)
    target = np.where(start > 0, 50.0, rng.choice([10.0, 100.0, 1.0], count))
    reached = np.clip(rng.normal(0.82, 0.3, count), 0, 1.5)
    status = np.where(rng.random(count) < 0.03, "Cancelled", np.where(reached >= 1, "Completed", "In progress"))
    updated = end - rng.integers(0, 70, count).astype("timedelta64[D]")
    due = np.full(count, end)
    completed = np.where(status == "Completed", due - rng.integers(-5, 30, count).astype("timedelta64[D]"), _NEVER)
    goals = {
        "Goal ID": ids,
        "Owner ID": company.ids(owners),
        "Period": np.full(count, half),
        "Goal": np.char.add("Goal ", np.arange(1, count + 1).astype("U8")),
        "Type": level,
        "Weight": rng.choice([20, 30, 40, 50], count),
        "Start": start,
        "Target": target,
        "Current": np.round(start + (target - start) * reached, 3),
        "Status": status,
        "Due": due,
        "Completed": completed.astype("datetime64[D]"),
        "Last Updated": updated,
    }
    teams = np.arange(2, 2 + len(leads))
    mine = np.arange(2 + len(leads), count)
    mine = mine[rng.random(len(mine)) < 0.75]
    alignments = {
        "Goal ID": np.concatenate([ids[teams], ids[mine]]),
        "Parent Goal ID": np.concatenate(
            [ids[rng.integers(0, 2, len(teams))], ids[2 + company["department"][owners[mine]]]]
        ),
    }
    return goals, alignments


def _lead_of(company: _Company, department: int) -> int:
    here = np.flatnonzero(
        (company["department"] == department) & np.isnat(company["last_day"]) & ~np.isnat(company["hired"])
    )
    return int(here[np.argmax(company["level"][here])]) if len(here) else 0
