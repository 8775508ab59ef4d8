"""Reviews: what perspectives say of people, how strict raters are, whom decisions favour."""

from __future__ import annotations

import math
from datetime import date
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

from scipy.stats import fisher_exact

from tests.oracle.goals import Goals, goals_of, period_of
from tests.oracle.history import History, add_months, day, flag, number, once
from tests.oracle.marts import Mart, mean, ratio, trend
from tests.oracle.morale import carried_slices, just_before, nearest_year_before, open_trainings

PERSPECTIVES = ("self", "manager", "peer", "report")


def half_up(x: float) -> int:
    return math.floor(x + 0.5)


class Reviews:
    def __init__(self, h: History) -> None:
        self.h = h
        self.ratings = [self._turned(row) for row in self._newest()]
        self.cycles = sorted({r["cycle"] for r in self.ratings})
        self.scale = {cycle: self._scale(cycle) for cycle in self.cycles}
        for r in self.ratings:
            low, high = self.scale[r["cycle"]]
            same = (r["low"], r["high"]) == (low, high)
            r["on_cycle"] = (
                r["value"] if same else (r["value"] - r["low"]) / (r["high"] - r["low"]) * (high - low) + low
            )
        self.ends = {cycle: self._ends(cycle) for cycle in self.cycles}

    def _newest(self) -> list[dict[str, Any]]:
        names = ("cycle", "reviewee_id", "rater_id", "relationship", "competency")
        found: dict[Any, dict[str, Any]] = {}
        for row in self.h.rows.get("reviews", []):
            key = tuple(row.get(name) or None for name in names)
            if key not in found or (row.get("submitted_at") or "") >= (found[key].get("submitted_at") or ""):
                found[key] = row
        return list(found.values())

    def _turned(self, row: dict[str, Any]) -> dict[str, Any]:
        # Fractions: a mean of 50 is 50, and no band begins a billionth below it.
        low, high, original = (Fraction(str(row[name])) for name in ("scale_min", "scale_max", "rating"))
        given = number(row.get("calibrated_rating"))
        calibrated = None if given is None else Fraction(str(given))
        if flag(row.get("scale_reversed")):
            original, calibrated = low + high - original, None if calibrated is None else low + high - calibrated
        value = original if calibrated is None else calibrated
        return {
            **row,
            "competency": row.get("competency") or "overall",
            "rater_id": row.get("rater_id") or None,
            "low": low,
            "high": high,
            "value": value,
            "is_calibrated": calibrated is not None,
            "score": (value - low) / (high - low) * 100,
            "original": (original - low) / (high - low) * 100,
            "submitted": day(row.get("submitted_at")),
        }

    def _scale(self, cycle: str) -> tuple[Fraction, Fraction]:
        rows = [r for r in self.ratings if r["cycle"] == cycle]
        scales = {(r["low"], r["high"]) for r in rows}

        def weight(scale: tuple[Fraction, Fraction]) -> Any:
            mine = [r for r in rows if (r["low"], r["high"]) == scale]
            return sum(r["relationship"] == "manager" for r in mine), len(mine), scale[1], scale[0]

        return max(scales, key=weight)

    def _ends(self, cycle: str) -> date:
        submitted = [r["submitted"] for r in self.ratings if r["cycle"] == cycle and r["submitted"]]
        end = max(submitted) if submitted else period_of(cycle if cycle[5:6] in ("", *"HQ01") else cycle[:4])[1]
        return min(end, self.h.observed_to) if self.h.observed_to else end

    @cached_property
    def people(self) -> dict[tuple[str, str], date]:
        """Cycle × reviewee → the day of the last submission."""
        found: dict[tuple[str, str], date] = {}
        for r in self.ratings:
            key = (r["cycle"], r["reviewee_id"])
            days = [r["submitted"] or date.min, found.get(key, date.min)]
            found[key] = max(days)
        return {key: self.ends[key[0]] if d == date.min else d for key, d in found.items()}

    def referred(self, key: tuple[str, str]) -> date | None:
        """The day whose attributes count; None for whom the exports do not know by then."""
        d = self.people[key]
        days = [min(s.last_day or d, d) for s in self.h.by_person.get(key[1], []) if s.hired <= d]
        return max(days, default=None)

    def slices(self, key: tuple[str, str]) -> set[tuple[str, str]]:
        if not self.h.stints:
            rows = [r for r in self.ratings if r["cycle"] == key[0]]
            return carried_slices(self.h, rows, next(r for r in rows if r["reviewee_id"] == key[1]))
        d = self.referred(key)
        stint = d and self.h.on(key[1], d)
        if not d or not stint:
            return set()
        return {(x, v) for x in stint.at(d) for v in stint.slices(x, d)}

    def of(self, key: tuple[str, str], relationship: str | None = None) -> list[dict[str, Any]]:
        return [
            r
            for r in self.ratings
            if (r["cycle"], r["reviewee_id"]) == key and relationship in (None, r["relationship"])
        ]

    def over_competencies(self, rows: list[dict[str, Any]], figure: str) -> float | None:
        """Raters first, then competencies."""
        names = sorted({r["competency"] for r in rows})
        return mean(mean(r[figure] for r in rows if r["competency"] == name) for name in names)

    def rating(self, key: tuple[str, str]) -> float | None:
        return self.over_competencies(self.of(key, "manager"), "on_cycle")

    def earlier(self, find: Any) -> Any:
        return lambda key: (before, *key[1:]) if (before := find(self.ends, key[0])) else None


@once
def reviews_of(h: History) -> Reviews:
    return Reviews(h)


def rating_distribution(h: History) -> Mart:
    reviews = reviews_of(h)
    cells: dict[Any, list[int]] = {}
    for key in reviews.people:
        rating = reviews.rating(key)
        for dimension, value in reviews.slices(key):
            if dimension in h.dimensions("rating_distribution"):
                bands = cells.setdefault((key[0], dimension, value), [])
                if rating is not None:
                    bands.append(half_up(rating))
    rated = {key[0] for key, bands in cells.items() if bands}
    cells = {key: bands for key, bands in cells.items() if key[0] in rated}
    mart: Mart = {}
    for key, bands in cells.items():
        low, high = reviews.scale[key[0]]
        for band in range(half_up(low), half_up(high) + 1):
            row = {"reviewees": bands.count(band), "share": ratio(bands.count(band), len(bands))}
            mart[(*key, band)] = row
    trend(mart, "share", reviews.earlier(just_before), reviews.earlier(nearest_year_before))
    return mart


def rating_gap(h: History) -> Mart:
    reviews = reviews_of(h)
    cells: dict[Any, dict[str, dict[str, float]]] = {}
    raters: dict[Any, set[str]] = {}
    competencies = {
        cycle: {"all", *(r["competency"] for r in reviews.ratings if r["cycle"] == cycle)} for cycle in reviews.cycles
    }
    for key in reviews.people:
        rows = reviews.of(key)
        for competency in competencies[key[0]]:
            mine = [r for r in rows if competency in ("all", r["competency"])]
            scores = {
                p: reviews.over_competencies([r for r in mine if r["relationship"] == p], "score") for p in PERSPECTIVES
            }
            for dimension, value in reviews.slices(key):
                if dimension not in h.dimensions("rating_gap"):
                    continue
                cell = (key[0], dimension, value, competency)
                cells.setdefault(cell, {})[key[1]] = {p: x for p, x in scores.items() if x is not None}
                for r in mine:
                    who = r["rater_id"] or f"unknown, of {key[1]}"
                    raters.setdefault((cell, r["relationship"]), set()).add(who)
    mart: Mart = {}
    for cell, people in cells.items():
        row: dict[str, Any] = {f"{p}_mean": mean(s[p] for s in people.values() if p in s) for p in PERSPECTIVES}
        for p in ("self", "peer"):
            row[f"{p}_manager_gap"] = mean(s[p] - s["manager"] for s in people.values() if p in s and "manager" in s)
        mart[cell] = row
    trend(mart, "self_manager_gap", reviews.earlier(just_before), reviews.earlier(nearest_year_before))
    return mart


@once
def rater_calibration(h: History) -> Mart:
    reviews = reviews_of(h)
    mart: Mart = {}
    for cycle in reviews.cycles:
        given: dict[Any, list[float]] = {}
        for r in reviews.ratings:
            if r["cycle"] == cycle and r["relationship"] != "self" and r["rater_id"]:
                given.setdefault((r["rater_id"], r["reviewee_id"], r["relationship"]), []).append(r["original"])
        scores = {key: float(mean(values)) for key, values in given.items()}
        usual = {
            kind: float(mean(x for key, x in scores.items() if key[2] == kind)) for kind in {key[2] for key in scores}
        }
        apart: dict[str, list[float]] = {}
        plain: dict[str, list[float]] = {}
        for key, x in scores.items():
            apart.setdefault(key[0], []).append(x - usual[key[2]])
            plain.setdefault(key[0], []).append(x)
        n_all, raters = len(scores), len(apart)
        means = {rater: sum(d) / len(d) for rater, d in apart.items()}
        within = between = None
        if n_all > raters:
            within = sum((x - means[r]) ** 2 for r, d in apart.items() for x in d) / (n_all - raters)
        if raters > 1:
            between = sum(len(d) * means[r] ** 2 for r, d in apart.items()) / (raters - 1)
        variance = None
        if within is not None and between is not None:
            within = within if within > 1e-9 else 0.0
            size = (n_all - sum(len(d) ** 2 for d in apart.values()) / n_all) / (raters - 1)
            variance = (between - within) / size if between - within > 1e-9 else 0.0
        for rater, d in apart.items():
            n = len(d)
            shrinkage = None if variance is None or within is None else ratio(n * variance, n * variance + within)
            distance = None
            if variance is not None and within is not None:
                distance = ratio(abs(means[rater]), math.sqrt(variance + within / n))
            x = plain[rater]
            middle = sum(x) / n
            spread = math.sqrt(sum((v - middle) ** 2 for v in x) / (n - 1)) if n > 1 else None
            same = max(x) == min(x)
            mart[cycle, rater] = {
                "ratings": n,
                "mean": middle,
                "severity": None if shrinkage is None else -shrinkage * means[rater],
                "spread": spread,
                "is_outlier": n >= h.k
                and ((distance is not None and distance >= 2) or (same and within is not None and within > 0)),
            }
    return mart


def adverse_impact(h: History) -> Mart:
    reviews = reviews_of(h)
    mart: Mart = {}
    order = sorted(reviews.cycles, key=lambda c: (reviews.ends[c], c))
    following = dict(pairwise(order))
    cells: dict[Any, list[bool]] = {}
    for key in reviews.people:
        rating = reviews.rating(key)
        if rating is None:
            continue
        end = reviews.ends[key[0]]
        until = reviews.ends[following[key[0]]] if key[0] in following else h.observed_to
        promoted = until is not None and any(
            change["employee_id"] == key[1]
            and (change.get("change_type") or "").lower() == "promotion"
            and end < change["on"] <= until
            for change in h.rows.get("job_changes", [])
        )
        top = half_up(rating) >= half_up(reviews.scale[key[0]][1])
        for attribute, group in reviews.slices(key):
            if attribute in ("gender", "ethnicity"):
                for decision, selected in (("top_rating", top), ("promotion", promoted)):
                    cells.setdefault((key[0], decision, attribute, group), []).append(selected)
    for key, people in cells.items():
        groups = {g: v for (*rest, g), v in cells.items() if tuple(rest) == key[:3] and g != "unknown"}
        row: dict[str, Any] = {"pool": len(people), "selected": sum(people), "rate": sum(people) / len(people)}
        row |= dict.fromkeys(["impact_ratio", "below_four_fifths", "fisher_p", "reliable"])
        if groups:
            best = min(groups, key=lambda g: (-sum(groups[g]) / len(groups[g]), -len(groups[g]), g))
            other = groups[best]
            row["impact_ratio"] = ratio(row["rate"], sum(other) / len(other))
            row["below_four_fifths"] = None if row["impact_ratio"] is None else row["impact_ratio"] < 0.8
            table = [[sum(people), len(people) - sum(people)], [sum(other), len(other) - sum(other)]]
            row["fisher_p"] = float(fisher_exact(table)[1])
            whole = len(people) + len(other)
            expected = [
                a * b / whole
                for a in (len(people), len(other))
                for b in (sum(people) + sum(other), whole - sum(people) - sum(other))
            ]
            row["reliable"] = min(expected) >= 5
        mart[key] = row
    return mart


def performance(h: History) -> Mart:
    reviews, goals = reviews_of(h), goals_of(h)
    severity = rater_calibration(h)
    solid, top = h.settings.performance_bands
    for r in reviews.ratings:
        strict = severity.get((r["cycle"], r["rater_id"]), {}).get("severity") or 0.0
        r["adjusted"] = r["score"] + (0.0 if r["is_calibrated"] or r["relationship"] == "self" else strict)
    mart: Mart = {}
    for key, reviewed in reviews.people.items():
        cycle, person = key
        if h.stints and reviews.referred(key) is None:
            continue
        scores = {}
        adjusted = {}
        for p in ("self", "manager", "peer", "observer"):
            scores[p] = reviews.over_competencies(reviews.of(key, p), "score")
            adjusted[p] = reviews.over_competencies(reviews.of(key, p), "adjusted")
        weights = {p: Fraction(str(h.settings.review_weights.get(p, 0.0))) for p, x in scores.items() if x is not None}
        score = ratio(sum(w * scores[p] for p, w in weights.items()), sum(weights.values()))
        fair = ratio(sum(w * adjusted[p] for p, w in weights.items()), sum(weights.values()))
        manager = reviews.of(key, "manager")
        needs = [
            name
            for name in sorted({r["competency"] for r in manager})
            if mean(r["score"] for r in manager if r["competency"] == name) < solid
        ]
        promotions = [
            change["on"]
            for change in h.rows.get("job_changes", [])
            if change["employee_id"] == person
            and (change.get("change_type") or "").lower() == "promotion"
            and change["on"] <= reviewed
        ]
        period = _goal_period(goals, cycle, person, reviewed)
        mart[key] = {
            "reviewed_on": reviewed,
            **{f"{p}_score": x for p, x in scores.items()},
            "score": score,
            "severity_adjusted_score": None if fair is None else min(max(fair, 0.0), 100.0),
            "goal_period": period,
            "goal_attainment": goals.attainment(person, period, "raw") if period else None,
            "band": None if score is None else "top" if score >= top else "solid" if score >= solid else "below",
            "training_needs": "|".join(needs) or None,
            "open_trainings": open_trainings(h, person, reviewed),
            "compa_ratio": _compa_ratio(reviews, key),
            "months_since_promotion": _whole_months(max(promotions), reviewed) if promotions else None,
        }
    return mart


def _compa_ratio(reviews: Reviews, key: tuple[str, str]) -> float | None:
    d = reviews.referred(key)
    stint = d and reviews.h.on(key[1], d)
    if not d or not stint:
        return None
    (pay,), (middle,) = stint.at(d)["salary"], stint.at(d)["pay_range_mid"]
    return None if "unknown" in (pay, middle) else float(pay) / float(middle)


def _whole_months(a: date, b: date) -> int:
    return max(n for n in range(0, 2000) if add_months(a, n) <= b)


def _goal_period(goals: Goals, cycle: str, person: str, reviewed: date) -> str | None:
    def fits(period: str) -> bool:
        first, last = period_of(period)
        if goals.attainment(person, period, "raw") is None:
            return False
        return period == cycle or (first <= reviewed and last > add_months(reviewed, -12))

    fitting = [period for period in goals.periods if fits(period)]
    return min(
        fitting,
        key=lambda p: (p != cycle, -period_of(p)[1].toordinal(), -period_of(p)[0].toordinal(), p),
        default=None,
    )
