"""Random companies, exported as a canonical HRIS would: what is true is drawn first, then shown in snapshots.

What shapes a company is drawn one by one (by Hypothesis, which can shrink it, or by a seeded generator); what only
fills it (answers, ratings) follows from one drawn seed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from tests.oracle.history import DAY, add_months, last_of, month_of

T = TypeVar("T")
Row = dict[str, Any]

ITEMS = (
    {"item_id": "i1", "driver": "Team", "scale_min": "1", "scale_max": "5", "not_applicable": "N/A|-"},
    {"item_id": "i2", "driver": "Team", "scale_min": "1", "scale_max": "5", "reversed": "true"},
    {"item_id": "i3", "driver": "Work", "scale_min": "1", "scale_max": "7"},
    {"item_id": "i4", "driver": "Work", "scale_min": "1", "scale_max": "4"},
    {"item_id": "i5", "driver": "Recommend", "scale_min": "0", "scale_max": "10", "is_enps": "true"},
    {"item_id": "i6", "scale_min": "1", "scale_max": "10"},
    {"item_id": "i7", "driver": "Work", "scale_min": "1", "scale_max": "3"},
    {"item_id": "i8", "is_comment": "true"},
    {"item_id": "i9", "driver": "Work", "scale_min": "1", "scale_max": "6", "reversed": "true"},
)
DEPARTMENTS = ("Ops", "Ops North", "Lab")
PERIODS = ("2023", "2023-H1", "2023-H2", "2023-Q1", "2023-Q2", "2023-03", "2024", "2024-H1")


class Chooser(Protocol):
    def one(self, options: Sequence[T]) -> T: ...
    def whole(self, low: int, high: int) -> int: ...


class Seeded:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def one(self, options: Sequence[T]) -> T:
        return self.rng.choice(options)

    def whole(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)


class Drawn:
    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def one(self, options: Sequence[T]) -> T:
        return self.draw(st.sampled_from(options))

    def whole(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))


@st.composite
def companies(draw: Any) -> dict[str, list[Row]]:
    return company(Drawn(draw))


def seeded_company(seed: int) -> dict[str, list[Row]]:
    return company(Seeded(seed))


def company(c: Chooser) -> dict[str, list[Row]]:
    first = c.one([date(2023, 1, 31), date(2022, 12, 31), date(2023, 2, 28), date(2023, 1, 1)])
    months = c.one([*range(2, 16), 26])
    snapshots = [last_of(add_months(month_of(first), n)) for n in range(months)]
    if first.day == 1:
        snapshots = [first, *snapshots]
    elif c.whole(0, 4) == 0:
        snapshots[-1] = snapshots[-1] - 10 * DAY
    people = [_person(c, n, snapshots) for n in range(c.whole(3, 18))]
    rng = random.Random(c.whole(0, 1_000_000))
    changes: list[Row] = []
    rows: list[Row] = []
    for person in people:
        rows += _shown(person, snapshots, changes, rng)
    if c.whole(0, 6) == 0:
        rows = _as_history(rows)
    found = {"employees": rows, "job_changes": changes}
    ids = [person["id"] for person in people]
    days = [snapshots[0] + DAY * n for n in range((snapshots[-1] - snapshots[0]).days + 1)]
    found |= _surveys(c, rng, ids, days)
    found |= _goals(c, rng, ids, days)
    found |= _meetings(c, rng, ids, days)
    found["reviews"] = _reviews(c, rng, ids, days)
    rng.shuffle(found["employees"])
    return _without_employees(found, rng) if c.whole(0, 9) == 0 else found


def _without_employees(company: dict[str, list[Row]], rng: random.Random) -> dict[str, list[Row]]:
    """Nothing is known of employment: files carry attributes themselves, some of them, and not on each row."""
    carried = rng.sample(["department", "location", "gender", "ethnicity", "employment_type"], rng.randint(0, 4))
    for name in ("recognitions", "reviews"):
        for row in company[name]:
            row |= {attribute: rng.choice(["a", "b", None]) for attribute in carried}
    # All rows of a reviewee say the same of them.
    known: dict[Any, Row] = {}
    for row in company["reviews"]:
        first = known.setdefault((row["cycle"], row["reviewee_id"]), row)
        row |= {attribute: first[attribute] for attribute in carried}
    kept = ("recognitions", "reviews", "one_on_ones", "survey_items", "trainings")
    return {name: company[name] for name in kept}


def _near(c: Chooser, month: date) -> date:
    """A day of a month, mostly one on which off-by-one errors show."""
    kind = c.whole(0, 5)
    if kind <= 1:
        return month
    if kind <= 3:
        return last_of(month)
    return month + DAY * c.whole(1, 27)


def _person(c: Chooser, number: int, snapshots: list[date]) -> Row:
    months = [add_months(month_of(snapshots[0]), n) for n in range(len(snapshots))]
    if c.whole(0, 2):
        hired = c.one([date(2012, 2, 29), date(2020, 2, 29), date(2022, 1, 31), date(2021, 12, 1), date(2018, 3, 1)])
        hired += DAY * c.whole(0, 40)
    else:
        hired = _near(c, c.one(months))
    person: Row = {
        "id": f"p{number}",
        "gender": c.one(["f", "m", "m", None]),
        "ethnicity": c.one(["x", "y"]),
        "spells": [],
        "side_job": c.whole(0, 9) == 0,
        "corrected": c.whole(0, 9) == 0,
    }
    spell = _spell(c, hired, months)
    person["spells"].append(spell)
    if spell["last_day"] and spell["shows_exit"] and c.whole(0, 1):
        again = spell["last_day"] + DAY * c.one([1, 2, 30, 75, 200])
        if again <= snapshots[-1]:
            person["spells"].append(_spell(c, again, [m for m in months if m > again] or [months[-1]]))
    return person


def _spell(c: Chooser, hired: date, months: list[date]) -> Row:
    """A stint and the changes within it: (day, attribute, value, whether a job change dates it)."""
    changes = []
    for _ in range(c.whole(0, 3)):
        attribute = c.one(
            ["department", "department", "job_level", "manager_id", "location", "employment_type", "salary"]
        )
        values = {
            "department": DEPARTMENTS,
            "job_level": ("L1", "L2"),
            "manager_id": ("p0", "p1", None),
            "location": ("here", "there"),
            "employment_type": ("permanent", "permanent", "contractor"),
            "salary": ("51000", "52000.50"),
        }[attribute]
        changes.append((_near(c, c.one(months)), attribute, c.one(values), c.whole(0, 1) == 1))
    leaves = c.whole(0, 2) == 0
    last_day = _near(c, c.one(months)) if leaves else None
    if last_day and last_day < hired:
        last_day = hired + DAY * c.one([0, 1, 89, 90, 91, 364, 365])
    return {
        "hired": hired,
        "last_day": last_day,
        "exit_type": c.one(["voluntary", "involuntary", "other", None]) if leaves else None,
        "is_regretted": c.one(["true", "false", None]) if leaves else None,
        "shows_exit": c.whole(0, 5) > 0,
        "notice": c.whole(0, 40) if leaves else 0,
        "start": {
            "department": c.one(DEPARTMENTS),
            "job_level": c.one(["L1", "L2"]),
            "manager_id": c.one(["p0", "p1", None]),
            "location": c.one(["here", "there"]),
            "employment_type": c.one(["permanent"] * 6 + ["contractor", "intern"]),
            "salary": c.one([None, "40000", "50000"]),
            "pay_range_mid": "50000",
        },
        "changes": sorted(changes, key=lambda change: change[0]),
    }


def _shown(person: Row, snapshots: list[date], changes: list[Row], rng: random.Random) -> list[Row]:
    rows = []
    for spell in person["spells"]:
        hired, last = spell["hired"], spell["last_day"]
        until = last_of(add_months(month_of(last), 1)) if last and spell["shows_exit"] else last
        for place, seen in enumerate(snapshots):
            ahead = hired > seen
            if (ahead and (hired - seen).days > 20) or (until and seen > until) or (ahead and rng.random() < 0.5):
                continue
            known = last and spell["shows_exit"] and (last <= seen or (last - seen).days <= spell["notice"])
            at = min(seen, last) if known else seen
            value = dict(spell["start"])
            for on, attribute, new, _ in spell["changes"]:
                if on <= at:
                    value[attribute] = new
            shown_hired = hired
            if person["corrected"] and place < 2 and spell is person["spells"][0] and hired < snapshots[0]:
                shown_hired = hired - 3 * DAY
            row = {
                "employee_id": person["id"],
                "as_of": str(seen),
                "hire_date": str(shown_hired),
                "last_day": str(last) if known else None,
                "exit_type": spell["exit_type"] if known else None,
                "is_regretted": spell["is_regretted"] if known else None,
                "is_primary": "true",
                "gender": person["gender"],
                "ethnicity": person["ethnicity"],
                **value,
            }
            if row["manager_id"] == person["id"]:
                row["manager_id"] = None
            rows.append(row)
            if person["side_job"] and spell is person["spells"][0]:
                rows.append({**row, "is_primary": "false", "hire_date": str(hired + 5 * DAY), "department": "Other"})
        before = dict(spell["start"])
        for on, attribute, new, dated in spell["changes"]:
            old, before[attribute] = before[attribute], new
            if old != new and dated and hired < on and person["id"] not in (old, new):
                kinds = {
                    "department": "transfer",
                    "location": "transfer",
                    "job_level": "promotion",
                    "manager_id": "manager",
                }
                changes.append(
                    {
                        "employee_id": person["id"],
                        "effective_date": str(on),
                        "change_type": kinds.get(attribute, "other"),
                        "old_value": old,
                        "new_value": new,
                    }
                )
    return rows


def _as_history(rows: list[Row]) -> list[Row]:
    """The same told as a history: a row holds until the person's next one."""
    told = []
    for row in rows:
        row = dict(row)
        row["effective_on"] = row.pop("as_of")
        told.append(row)
    return told


def _surveys(c: Chooser, rng: random.Random, ids: list[str], days: list[date]) -> dict[str, list[Row]]:
    invitations: list[Row] = []
    responses: list[Row] = []
    launch = days[0]
    for number in range(c.whole(0, 3)):
        survey = f"s{number}"
        launch = _occasion(c, days, launch if number else None)
        kind = c.one(["invited", "invited", "confidential", "anonymous"])
        items = [item["item_id"] for item in ITEMS[: c.one([9, 9, 5, 3])]]
        if kind == "invited":
            invitations += [
                {"survey_id": survey, "employee_id": person, "launched_on": str(launch)}
                for person in ids
                if rng.random() < 0.85
            ]
        for person in ids:
            if rng.random() < 0.2:
                continue
            answered = launch + timedelta(days=rng.randint(0, 9))
            for item in items:
                if rng.random() < 0.1:
                    continue
                times = 2 if rng.random() < 0.05 else 1
                for n in range(times):
                    responses.append(
                        {
                            "survey_id": survey,
                            "respondent_id": f"r-{person}",
                            "item_id": item,
                            "answer": _answer(rng, item),
                            "responded_at": f"{answered + timedelta(days=n)} 10:00:00",
                            "employee_id": None if kind == "anonymous" else person,
                            "department": DEPARTMENTS[hash_of(person) % 3] if kind == "anonymous" else None,
                            "location": ["here", None][hash_of(person) % 2] if kind == "anonymous" else None,
                        }
                    )
    return {"survey_invitations": invitations, "survey_responses": responses, "survey_items": [dict(i) for i in ITEMS]}


def _occasion(c: Chooser, days: list[date], before: date | None) -> date:
    """Any day, or one about a year after the occasion before: within 45 days it compares, on the 46th it does not."""
    about = [add_months(before, 12) + DAY * n for n in (0, 10, -10, 45, -45, 46, -46)] if before else []
    about = [d for d in about if days[0] <= d <= days[-1]]
    return c.one(about) if about and c.whole(0, 2) else c.one(days)


def hash_of(text: str) -> int:
    return sum(map(ord, text))


def _answer(rng: random.Random, item: str) -> str:
    described = next(i for i in ITEMS if i["item_id"] == item)
    if "scale_max" not in described:
        return "a comment"
    if rng.random() < 0.04:
        return rng.choice(["N/A", "99", "-"])
    return str(rng.randint(int(described["scale_min"]), int(described["scale_max"])))


def _goals(c: Chooser, rng: random.Random, ids: list[str], days: list[date]) -> dict[str, list[Row]]:
    goals: list[Row] = []
    periods = [c.one(PERIODS) for _ in range(c.whole(0, 3))]
    for period in dict.fromkeys(periods):
        for person in [*ids, "stranger"]:
            for _ in range(rng.choice([0, 1, 1, 2, 3])):
                start, target = rng.choice([(0, 10), (100, 50), (1, 1), (None, 4)])
                day = rng.choice(days)
                goals.append(
                    {
                        "goal_id": f"g{len(goals)}",
                        "owner_id": person,
                        "period": period,
                        "level": rng.choice(["company", "team", "individual", "individual", None]),
                        "weight": rng.choice([None, 0, 20, 50, 200]),
                        "start_value": start,
                        "target_value": target,
                        "actual_value": rng.choice([None, 0, 1, 5, 10, 13, 60]),
                        "attainment": rng.choice([None] * 6 + [0.5, 0.8, 1.2]),
                        "status": rng.choice([None, "in_progress", "completed", "cancelled", "not_started"]),
                        "due_on": str(day),
                        "completed_on": rng.choice([None, str(day), str(day + DAY), str(day - DAY)]),
                        "updated_at": rng.choice(
                            [None, *(f"{d} 08:00:00" for d in rng.sample(days, min(3, len(days))))]
                        ),
                    }
                )
    alignments = [
        {"goal_id": f"g{rng.randrange(len(goals))}", "parent_goal_id": f"g{rng.randrange(len(goals))}"}
        for _ in range(rng.randint(0, len(goals)))
    ]
    return {"goals": goals, "goal_alignments": alignments}


def _meetings(c: Chooser, rng: random.Random, ids: list[str], days: list[date]) -> dict[str, list[Row]]:
    meetings, thanks, trainings = [], [], []
    for n in range(c.whole(0, 40)):
        on = rng.choice([*days, days[-1] + DAY, days[0] - 40 * DAY])
        held = rng.choice([on, on, on + DAY, None])
        meetings.append(
            {
                "meeting_id": f"m{n}",
                "manager_id": rng.choice(ids[:2]),
                "employee_id": rng.choice(ids),
                "scheduled_on": str(on),
                "held_on": str(held) if held else None,
                "status": rng.choice([None, "Held", "Cancelled"]) if not held else "Held",
            }
        )
        thanks.append(
            {
                "recognition_id": f"t{n}",
                "giver_id": rng.choice(ids),
                "receiver_id": rng.choice(ids),
                "given_on": str(rng.choice(days)),
            }
        )
        assigned = rng.choice(days)
        trainings.append(
            {
                "employee_id": rng.choice(ids),
                "course": f"course {n}",
                "assigned_on": str(assigned),
                "completed_on": str(assigned + DAY * rng.randint(0, 60)) if rng.random() < 0.4 else None,
                "status": rng.choice([None, "assigned", "waived"]),
            }
        )
    return {"one_on_ones": meetings, "recognitions": thanks, "trainings": trainings}


def _reviews(c: Chooser, rng: random.Random, ids: list[str], days: list[date]) -> list[Row]:
    rows: list[Row] = []
    submitted: date | None = None
    for number in range(c.whole(0, 3)):
        cycle = f"2023-H{number + 1}" if number < 2 else "2024 Spring"
        submitted = _occasion(c, days, submitted) if c.whole(0, 4) else None
        low, high = c.one([(1, 5), (1, 5), (1, 4), (1, 10)])
        turned = c.whole(0, 3) == 0
        # From a company whose head rates everybody to teams of one or two.
        leads = ids[: rng.choice([1, 4, 4, 9])]
        for place, person in enumerate(ids):
            raters = [("self", person), ("manager", leads[place % len(leads)])]
            raters += [("peer", other) for other in rng.sample(ids, min(len(ids), rng.randint(0, 3)))]
            raters += [(kind, rng.choice(ids)) for kind in ("report", "observer", "manager") if rng.random() < 0.4]
            for relationship, rater in dict.fromkeys(raters):
                if rng.random() < 0.15:
                    continue
                for competency in ("Craft", "Team", None)[: rng.choice([1, 2, 2])]:
                    own_high = high * 2 if rng.random() < 0.03 else high
                    rows.append(
                        {
                            "cycle": cycle,
                            "reviewee_id": person,
                            "rater_id": None if rng.random() < 0.03 else rater,
                            "relationship": relationship,
                            "competency": competency,
                            "rating": rng.randint(low, own_high),
                            "scale_min": low,
                            "scale_max": own_high,
                            "scale_reversed": turned,
                            "calibrated_rating": rng.randint(low, own_high) if rng.random() < 0.1 else None,
                            "submitted_at": f"{submitted - DAY * rng.randint(0, 5)} 09:00:00" if submitted else None,
                        }
                    )
    return rows
