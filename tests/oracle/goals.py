"""Goals: attainment of goals, people and slices, and the graph that alignment makes of them."""

from __future__ import annotations

import itertools
from datetime import date
from functools import cache
from typing import Any

from tests.oracle.history import DAY, History, add_months, day, number, once
from tests.oracle.marts import Mart, mean, ratio, trend


def period_of(text: str) -> tuple[date, date]:
    """First and last day of 2024, 2024-H1, 2024-Q1 or 2024-03."""
    year, rest = int(text[:4]), text[5:]
    if not rest:
        start, months = date(year, 1, 1), 12
    elif rest[0] == "H":
        start, months = date(year, 6 * int(rest[1]) - 5, 1), 6
    elif rest[0] == "Q":
        start, months = date(year, 3 * int(rest[1]) - 2, 1), 3
    else:
        start, months = date(year, int(rest), 1), 1
    return start, add_months(start, months) - DAY


def kind(period: str) -> str:
    return {"": "year", "H": "half", "Q": "quarter"}.get(period[5:6], "month")


class Goals:
    """The goals of a company, judged at the end of their periods."""

    def __init__(self, h: History) -> None:
        self.h = h
        self.all = [self._judged(row) for row in h.rows.get("goals", [])]
        self.live = [goal for goal in self.all if goal["status"] != "cancelled"]
        self.periods = sorted({goal["period"] for goal in self.all})
        ids = {goal["goal_id"] for goal in self.live}
        self.parents: dict[str, set[str]] = {}
        for row in h.rows.get("goal_alignments", []):
            if row["goal_id"] in ids and row["parent_goal_id"] in ids:
                self.parents.setdefault(row["goal_id"], set()).add(row["parent_goal_id"])
        company = {goal["goal_id"] for goal in self.live if goal["level"] == "company"}
        for goal in self.live:
            goal["aligned"] = goal["goal_id"] in company or bool(self.serves(goal["goal_id"]) & company)

    def _judged(self, row: dict[str, Any]) -> dict[str, Any]:
        start, target, actual = (number(row.get(f"{name}_value")) for name in ("start", "target", "actual"))
        given, status = number(row.get("attainment")), row.get("status") or None
        start = start or 0.0
        if given is not None:
            raw = given
        elif target is None:
            raw = None
        elif start == target:
            reached = status == "completed" or (actual is not None and actual >= target)
            raw = 1.0 if reached else None if actual is None else 0.0
        else:
            raw = None if actual is None else (actual - start) / (target - start)
        first, last = period_of(row["period"])
        to = self.h.observed_to
        assert to
        due, done, updated = (day(row.get(name)) for name in ("due_on", "completed_on", "updated_at"))
        completed = status == "completed" if status else raw is not None and raw >= 1
        return {
            **{name: row.get(name) for name in ("goal_id", "owner_id", "period", "level")},
            "status": status,
            "first": first,
            "last": last,
            "weight": number(row.get("weight")),
            "raw": raw,
            "capped": None if raw is None else min(max(raw, 0.0), 1.0),
            "completed": completed,
            "due": due is not None and due <= to,
            "on_time": due is not None and due <= to and done is not None and done <= due,
            "updated": updated,
            "stale": not completed and updated is not None and (min(last, to) - updated).days >= 30,
        }

    def serves(self, goal: str) -> set[str]:
        """All goals that one leads to."""
        found: set[str] = set()
        todo = list(self.parents.get(goal, ()))
        while todo:
            one = todo.pop()
            if one not in found:
                found.add(one)
                todo += self.parents.get(one, ())
        return found

    def of(self, person: str, period: str) -> list[dict[str, Any]]:
        return [goal for goal in self.live if goal["owner_id"] == person and goal["period"] == period]

    def weights(self, goals: list[dict[str, Any]]) -> list[float]:
        """Null weights are equal: the mean of the others, one where there are none."""
        known = [goal["weight"] for goal in goals if goal["weight"] is not None]
        usual = sum(known) / len(known) if known else 1.0
        return [usual if goal["weight"] is None else goal["weight"] for goal in goals]

    def attainment(self, person: str, period: str, which: str) -> float | None:
        goals = self.of(person, period)
        pairs = [(w, g[which]) for w, g in zip(self.weights(goals), goals, strict=True) if g[which] is not None]
        return ratio(sum(w * x for w, x in pairs), sum(w for w, _ in pairs))

    def aligned_weight(self, person: str, period: str) -> float | None:
        goals = self.of(person, period)
        weights = self.weights(goals)
        return ratio(sum(w for w, g in zip(weights, goals, strict=True) if g["aligned"]), sum(weights))

    def last_day(self, person: str, period: str) -> date | None:
        """The last day of the period on which someone was employed."""
        first, last = period_of(period)
        last = min(last, self.h.observed_to)
        days = [
            min(s.last_day or last, last)
            for s in self.h.by_person.get(person, [])
            if s.hired <= last and (s.last_day is None or s.last_day >= first)
        ]
        return max(days, default=None)

    def owners(self, period: str) -> dict[str, date]:
        found = {person: self.last_day(person, period) for person in self.h.by_person}
        return {person: d for person, d in found.items() if d is not None}

    def sliced(self, period: str, dimensions: list[str]) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for person, d in self.owners(period).items():
            stint = next((s for s in self.h.by_person[person] if s.employed(d)), None)
            assert stint
            for dimension in dimensions:
                for value in stint.slices(dimension, d):
                    found.setdefault((dimension, value), []).append(person)
        return found

    def previous(self, period: str) -> str | None:
        before = period_of(period)[0] - DAY
        return next((p for p in self.periods if kind(p) == kind(period) and period_of(p)[1] == before), None)

    def previous_year(self, period: str) -> str | None:
        return next((p for p in self.periods if p == str(int(period[:4]) - 1) + period[4:]), None)


def _trend(goals: Goals, mart: Mart, figure: str) -> None:
    def earlier(find: Any) -> Any:
        return lambda key: (found, *key[1:]) if (found := find(key[0])) else None

    trend(mart, figure, earlier(goals.previous), earlier(goals.previous_year))


def _group(h: History) -> Any:
    return lambda key: (key[0], key[1]) if h.demographic(key[1]) else None


@once
def goals_of(h: History) -> Goals:
    return Goals(h)


@once
def goal_attainment(h: History) -> Mart:
    goals = goals_of(h)
    mart: Mart = {}
    base: dict[Any, int] = {}
    for period in goals.periods:
        for cell, people in goals.sliced(period, h.dimensions("goal_attainment")).items():
            owners = [person for person in people if goals.of(person, period)]
            mine = [goal for person in owners for goal in goals.of(person, period)]
            due = sum(goal["due"] for goal in mine)
            known = any(goal["updated"] for goal in mine)
            key = (period, *cell)
            mart[key] = {
                "owners_eligible": len(people),
                "owners_with_goals": len(owners),
                "coverage": ratio(len(owners), len(people)),
                "goals": len(mine),
                "completed": sum(goal["completed"] for goal in mine),
                "attainment_raw": mean(goals.attainment(person, period, "raw") for person in owners),
                "attainment_capped": mean(goals.attainment(person, period, "capped") for person in owners),
                "on_time_rate": ratio(sum(goal["on_time"] for goal in mine), due),
                "stale_share": ratio(sum(goal["stale"] for goal in mine), len(mine)) if known else None,
                "aligned_goal_share": ratio(sum(goal["aligned"] for goal in mine), len(mine)),
                "aligned_weight_share": mean(goals.aligned_weight(person, period) for person in owners),
            }
            base[key] = len(owners) or len(people)
    _trend(goals, mart, "attainment_capped")
    return mart


def goal_attainment_distribution(h: History) -> Mart:
    goals = goals_of(h)
    limits = h.settings.attainment_bands
    names = [f"<{limits[0] * 100:.0f}%"]
    names += [f"{a * 100:.0f}-{b * 100:.0f}%" for a, b in itertools.pairwise(limits)]
    names += [f"{limits[-1] * 100:.0f}%+"]
    mart: Mart = {}
    base: dict[Any, int] = {}
    for period in goals.periods:
        for cell, people in goals.sliced(period, h.dimensions("goal_attainment_distribution")).items():
            found = [goals.attainment(person, period, "raw") for person in people]
            known = [x for x in found if x is not None]
            for place, name in enumerate(names):
                inside = [x for x in known if sum(x >= limit for limit in limits) == place]
                if known:
                    mart[(period, *cell, name)] = {"owners": len(inside), "share": len(inside) / len(known)}
                    base[(period, *cell, name)] = len(known)
    _trend(goals, mart, "share")
    return mart


def goal_alignment(h: History) -> Mart:
    goals = goals_of(h)
    ids = {goal["goal_id"] for goal in goals.live}
    cycle_of = {}
    for goal in ids:
        mutual = {other for other in goals.serves(goal) if goal in goals.serves(other)}
        if mutual:
            cycle_of[goal] = frozenset(mutual | {goal})
    children: dict[Any, set[Any]] = {}
    for goal, parents in goals.parents.items():
        for parent in parents:
            a, b = cycle_of.get(goal, goal), cycle_of.get(parent, parent)
            if a != b:
                children.setdefault(b, set()).add(a)

    @cache
    def depth(node: Any) -> int:
        return max((1 + depth(child) for child in children.get(node, ())), default=0)

    mart: Mart = {}
    for top in goals.live:
        if top["level"] != "company":
            continue
        inside = [g for g in goals.live if g["first"] <= top["last"] and g["last"] >= top["first"]]
        below = [g for g in inside if g["goal_id"] != top["goal_id"] and top["goal_id"] in goals.serves(g["goal_id"])]
        mart[top["goal_id"], top["period"]] = {
            "descendants": len(below),
            "contributors": len({g["owner_id"] for g in below}),
            "max_depth": depth(cycle_of.get(top["goal_id"], top["goal_id"])),
            "rolled_up_attainment": mean(g["raw"] for g in below),
            "orphans_in_period": len({g["goal_id"] for g in inside if not g["aligned"] and g["level"] != "company"}),
            "cycles_in_period": len({cycle_of[g["goal_id"]] for g in inside if g["goal_id"] in cycle_of}),
        }
    return mart
