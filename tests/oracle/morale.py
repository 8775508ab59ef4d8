"""Morale: surveys, recognition and 1:1 meetings."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.oracle.history import CARRIED, History, add_months, day, flag, month_of, number, once
from tests.oracle.marts import Mart, median, ratio, trend


def carried_slices(h: History, rows: list[dict[str, Any]], row: dict[str, Any]) -> set[tuple[str, str]]:
    """The slices of a row by the attributes that its file carries; of those that any row of the file knows."""
    known = {name for name in CARRIED if any(other.get(name) for other in rows)}
    value = {name: row.get(name) or "unknown" for name in known}
    found = {("company", "all"), *value.items()}
    department = value.get("department", "")
    while department in h.settings.department_parents:
        department = h.settings.department_parents[department]
        found.add(("department", department))
    for a, b in h.settings.slice_pairs:
        if a in known and b in known:
            found.add((f"{a} × {b}", f"{value[a]} × {value[b]}"))
    return found


def nearest_year_before(days: dict[Any, date], occasion: Any) -> Any:
    wanted = add_months(days[occasion], -12)
    near = [(abs((wanted - d).days), d, other) for other, d in days.items() if abs((wanted - d).days) <= 45]
    return min(near)[2] if near else None


def just_before(days: dict[Any, date], occasion: Any) -> Any:
    order = sorted(days, key=lambda one: (days[one], one))
    place = order.index(occasion)
    return order[place - 1] if place else None


class Surveys:
    def __init__(self, h: History) -> None:
        self.h = h
        self.items = {row["item_id"]: row for row in h.rows.get("survey_items", [])}
        self.invitations = h.rows.get("survey_invitations", [])
        self.answers = self._last_answers()
        first: dict[str, date] = {}
        for row in h.rows.get("survey_responses", []):
            if self._is_answer(row):
                d = day(row["responded_at"])
                first[row["survey_id"]] = min(d, first.get(row["survey_id"], d))
        self.launched = dict(first)
        for row in self.invitations:
            launches = [day(r["launched_on"]) for r in self.invitations if r["survey_id"] == row["survey_id"]]
            self.launched[row["survey_id"]] = min(launches)
        self.slices = {who: self._slices(who) for who in {(a["survey_id"], a["respondent_id"]) for a in self.answers}}

    def _is_answer(self, row: dict[str, Any]) -> bool:
        nothing = (self.items.get(row["item_id"], {}).get("not_applicable") or "").lower().split("|")
        return row.get("answer") not in (None, "") and row["answer"].lower() not in nothing

    def _last_answers(self) -> list[dict[str, Any]]:
        last: dict[Any, dict[str, Any]] = {}
        for row in self.h.rows.get("survey_responses", []):
            key = (row["survey_id"], row["respondent_id"], row["item_id"])
            if self._is_answer(row) and (key not in last or row["responded_at"] >= last[key]["responded_at"]):
                last[key] = row
        return list(last.values())

    def invited(self, survey: str) -> dict[str, date]:
        return {row["employee_id"]: day(row["launched_on"]) for row in self.invitations if row["survey_id"] == survey}

    def _slices(self, who: tuple[str, str]) -> set[tuple[str, str]] | None:
        """None: does not count."""
        survey, respondent = who
        rows = [row for row in self.h.rows["survey_responses"] if row["survey_id"] == survey and self._is_answer(row)]
        mine = [row for row in rows if row["respondent_id"] == respondent]
        person = next((row["employee_id"] for row in mine if row.get("employee_id")), None)
        invited = self.invited(survey)
        if person is None or not self.h.stints:
            if person and invited and person not in invited:
                return None
            return carried_slices(self.h, [r for r in rows if not r.get("employee_id")], mine[0])
        if invited and person not in invited:
            return None
        d = invited[person] if invited else min(day(row["responded_at"]) for row in mine)
        stint = self.h.on(person, d)
        if stint is None:
            return None
        return {(dimension, value) for dimension in stint.at(d) for value in stint.slices(dimension, d)}

    def could_answer(self, survey: str, dimension: str, value: str) -> tuple[int | None, int | None]:
        """Invited, and those whose number the response rate divides by."""
        invited = self.invited(survey)

        def count(people: dict[str, date]) -> int | None:
            found = 0
            for person, d in people.items():
                stint = self.h.on(person, d)
                found += stint is not None and value in stint.at(d).get(dimension, ())
            return found or None

        if invited:
            return (n := count(invited)), n
        if any(row.get("employee_id") for row in self.h.rows["survey_responses"] if row["survey_id"] == survey):
            return None, count(dict.fromkeys(self.h.by_person, self.launched[survey]))
        return None, None

    def open_to(self, survey: str) -> set[tuple[str, str]]:
        """The slices of those who could answer."""
        invited = self.invited(survey)
        if not invited and any(
            r.get("employee_id") for r in self.h.rows["survey_responses"] if r["survey_id"] == survey
        ):
            invited = dict.fromkeys(self.h.by_person, self.launched[survey])
        stints = [(self.h.on(person, d), d) for person, d in invited.items()]
        return {(x, v) for stint, d in stints if stint for x in stint.at(d) for v in stint.slices(x, d)}

    def value(self, answer: dict[str, Any]) -> float | None:
        """On the item's scale, turned round where the item is; None where it cannot be scored."""
        item = self.items.get(answer["item_id"], {})
        low, high = number(item.get("scale_min")), number(item.get("scale_max"))
        if flag(item.get("is_comment")) or low is None or high is None:
            return None
        try:
            value = float(answer["answer"])
        except ValueError:
            return None
        if not low <= value <= high:
            return None
        return low + high - value if flag(item.get("reversed")) else value

    def favourability(self, answer: dict[str, Any]) -> str:
        item, value = self.items[answer["item_id"]], self.value(answer)
        low, high = float(item["scale_min"]), float(item["scale_max"])
        points = int(high - low) + 1
        assert value is not None
        if points >= 10:
            top, bottom = high - 1, high - 4
        else:
            ends = 2 if points >= 4 else 1
            top, bottom = high - ends + 1, low + ends - 1
        return "favourable" if value >= top else "unfavourable" if value <= bottom else "neutral"

    def scored(self) -> list[dict[str, Any]]:
        return [answer for answer in self.answers if self.value(answer) is not None]

    def same_items(self, one: str, other: str | None, belongs: Any) -> bool:
        def found(survey: Any) -> set[str]:
            return {
                a["item_id"]
                for a in self.h.rows["survey_responses"]
                if a["survey_id"] == survey
                and self._is_answer(a)
                and self.value(a) is not None
                and belongs(a["item_id"])
            }

        return other is not None and found(one) == found(other)

    def earlier(self, find: Any, belongs: Any) -> Any:
        def other(key: Any) -> Any:
            before = find(self.launched, key[0])
            return (before, *key[1:]) if self.same_items(key[0], before, belongs(key)) else None

        return other


@once
def surveys_of(h: History) -> Surveys:
    return Surveys(h)


def _survey_mart(h: History, mart_name: str, groups: Any) -> Mart:
    surveys = surveys_of(h)
    cells: dict[Any, list[dict[str, Any]]] = {}
    for answer in surveys.scored():
        for dimension, value in surveys.slices[answer["survey_id"], answer["respondent_id"]] or ():
            if dimension in h.dimensions(mart_name):
                for group in groups(surveys, answer["item_id"]):
                    cells.setdefault((answer["survey_id"], dimension, value, group), []).append(answer)
    for survey, group in {(key[0], key[3]) for key in cells}:
        for dimension, value in surveys.open_to(survey):
            if dimension in h.dimensions(mart_name):
                cells.setdefault((survey, dimension, value, group), [])
    mart: Mart = {}
    for key, answers in cells.items():
        respondents = len({a["respondent_id"] for a in answers})
        invited, could = surveys.could_answer(*key[:3])
        kinds = [surveys.favourability(a) for a in answers]
        scores = []
        for answer in answers:
            item = surveys.items[answer["item_id"]]
            low, high = float(item["scale_min"]), float(item["scale_max"])
            scores.append((surveys.value(answer) - low) / (high - low) * 100)
        mart[key] = {
            "invited": invited,
            "respondents": respondents,
            "response_rate": ratio(respondents, could),
            **{name: ratio(kinds.count(name), len(kinds)) for name in ("favourable", "neutral", "unfavourable")},
            "mean_score_100": ratio(sum(scores), len(scores)),
        }

    def belongs(key: Any) -> Any:
        return lambda item: key[3] in groups(surveys, item)

    trend(
        mart,
        "mean_score_100",
        surveys.earlier(just_before, belongs),
        surveys.earlier(nearest_year_before, belongs),
    )
    return mart


@once
def morale(h: History) -> Mart:
    def groups(surveys: Surveys, item: str) -> list[str]:
        driver = surveys.items[item].get("driver")
        return ["all", driver] if driver else ["all"]

    return _survey_mart(h, "morale", groups)


def morale_item(h: History) -> Mart:
    return _survey_mart(h, "morale_item", lambda surveys, item: [item])


@once
def enps(h: History) -> Mart:
    surveys = surveys_of(h)
    cells: dict[Any, list[dict[str, Any]]] = {}
    for answer in surveys.scored():
        if flag(surveys.items[answer["item_id"]].get("is_enps")):
            for dimension, value in surveys.slices[answer["survey_id"], answer["respondent_id"]] or ():
                if dimension in h.dimensions("enps"):
                    cells.setdefault((answer["survey_id"], dimension, value), []).append(answer)
    for survey in {key[0] for key in cells}:
        for dimension, value in surveys.open_to(survey):
            if dimension in h.dimensions("enps"):
                cells.setdefault((survey, dimension, value), [])
    mart: Mart = {}
    for key, answers in cells.items():
        votes = [float(a["answer"]) for a in answers]
        promoters, detractors = sum(v >= 9 for v in votes), sum(v <= 6 for v in votes)
        mart[key] = {
            "promoters": promoters,
            "passives": len(votes) - promoters - detractors,
            "detractors": detractors,
            "respondents": len({a["respondent_id"] for a in answers}),
            "enps": (promoters - detractors) / len(votes) * 100 if votes else None,
        }

    def belongs(key: Any) -> Any:
        return lambda item: bool(flag(surveys.items[item].get("is_enps")))

    trend(mart, "enps", surveys.earlier(just_before, belongs), surveys.earlier(nearest_year_before, belongs))
    return mart


def _monthly(months: int) -> Any:
    return lambda key: (add_months(key[0], -months), *key[1:])


def _group(h: History) -> Any:
    return lambda key: (key[0], key[1]) if h.demographic(key[1]) else None


@once
def recognition(h: History) -> Mart:
    rows = h.rows.get("recognitions", [])
    cells: dict[Any, list[tuple[str, str]]] = {}
    for row in rows:
        d = day(row["given_on"])
        assert d
        for role in ("giver", "receiver"):
            person = row[f"{role}_id"]
            if h.stints:
                stint = h.on(person, d)
                found = {(x, v) for x in stint.at(d) for v in stint.slices(x, d)} if stint else set()
                found.add(("company", "all"))
            else:
                found = carried_slices(h, rows, row)
            for dimension, value in found:
                if dimension in h.dimensions("recognition"):
                    cells.setdefault((month_of(d), dimension, value), []).append((role, person))
    mart: Mart = {}
    base: dict[Any, int] = {}
    for key, roles in cells.items():
        month, dimension, value = key
        people = {
            s.person
            for s in h.stints
            if month in h.months
            and any(value in v[dimension] for d, v in s.values.items() if month <= d <= h.closes(month))
        }
        givers, receivers = ({p for r, p in roles if r == role} for role in ("giver", "receiver"))
        mart[key] = {
            "given": sum(role == "giver" for role, _ in roles),
            "received": sum(role == "receiver" for role, _ in roles),
            "givers": len(givers),
            "receivers": len(receivers),
            "reach": ratio(len(receivers), len(people)),
        }
        base[key] = len(people) or max(len(givers), len(receivers))
    trend(mart, "reach", _monthly(1), _monthly(12))
    return mart


def is_held(row: dict[str, Any]) -> bool:
    return bool(row.get("held_on")) or (row.get("status") or "").lower() in ("held", "completed", "done")


@once
def one_on_one(h: History) -> Mart:
    to = h.observed_to or date.max
    meetings = [row for row in h.rows.get("one_on_ones", []) if day(row["scheduled_on"]) <= to]
    last: dict[Any, date] = {}
    for row in sorted(
        meetings, key=lambda r: (r.get("held_on") or r["scheduled_on"], r["scheduled_on"], r["meeting_id"])
    ):
        if is_held(row):
            pair, met = (row["manager_id"], row["employee_id"]), day(row.get("held_on") or row["scheduled_on"])
            row["gap"] = (met - last[pair]).days if pair in last else None
            last[pair] = met
    cells: dict[Any, list[dict[str, Any]]] = {}
    for row in meetings:
        d = day(row["scheduled_on"])
        assert d
        if not h.stints:
            cells.setdefault((month_of(d), "company", "all"), []).append(row)
        stint = h.on(row["employee_id"], d)
        if stint is None or month_of(d) not in h.months:
            continue
        for dimension in h.dimensions("one_on_one"):
            for value in stint.slices(dimension, d):
                cells.setdefault((month_of(d), dimension, value), []).append(row)
    mart: Mart = {}
    base: dict[Any, int] = {}
    for key, rows in cells.items():
        pairs = {(r["manager_id"], r["employee_id"]) for r in rows}
        met = {(r["manager_id"], r["employee_id"]) for r in rows if is_held(r)}
        held = sum(is_held(r) for r in rows)
        mart[key] = {
            "scheduled": len(rows),
            "held": held,
            "held_rate": ratio(held, len(rows)),
            "pairs": len(pairs),
            "pairs_met": len(met),
            "coverage": ratio(len(met), len(pairs)),
            "median_days_between": median([r["gap"] for r in rows if r.get("gap") is not None]),
        }
        base[key] = len({r["employee_id"] for r in rows})
    trend(mart, "held_rate", _monthly(1), _monthly(12))
    return mart


def open_trainings(h: History, person: str, d: date) -> int:
    """Assigned by a day, and not completed on it."""
    words = ("completed", "done", "passed", "cancelled", "canceled", "waived")
    return sum(
        row["employee_id"] == person
        and bool(row.get("assigned_on"))
        and day(row["assigned_on"]) <= d
        and (
            day(row["completed_on"]) > d if row.get("completed_on") else (row.get("status") or "").lower() not in words
        )
        for row in h.rows.get("trainings", [])
    )
