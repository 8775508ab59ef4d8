"""Retention: headcount walk, turnover, retention, cohorts and survival, from days on which people are employed."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

from tests.oracle.history import CLASSES, DAY, History, Stint, add_months, last_of, month_of, once
from tests.oracle.marts import Mart, ratio, trend

EXIT_CLASSES = ("total", *CLASSES, "regretted")
Z = 1.959963984540054


def is_exit_of(stint: Stint, exit_class: str) -> bool:
    if stint.exit_class is None:
        return False
    if exit_class == "total":
        return True
    return bool(stint.is_regretted) if exit_class == "regretted" else stint.exit_class == exit_class


def _monthly(key: Any) -> Any:
    return (add_months(key[0], -1), *key[1:])


def _yearly(key: Any) -> Any:
    return (add_months(key[0], -12), *key[1:])


def _group(h: History) -> Any:
    return lambda key: (key[0], key[1], *key[3:]) if h.demographic(key[1]) else None


def all_dimensions(h: History) -> list[str]:
    marts = ("headcount_walk", "turnover", "retention")
    return list(dict.fromkeys(["company", "manager", *(name for mart in marts for name in h.dimensions(mart))]))


@once
def walk(h: History) -> Mart:
    """Unprotected, with what other marts need beside the published figures."""
    rows: Mart = {}
    for dimension in all_dimensions(h):
        seen: dict[str, set[date]] = {}
        for stint in h.stints:
            for d in (d for d in stint.values if d >= h.months[0]):
                for value in stint.slices(dimension, d):
                    seen.setdefault(value, set()).add(month_of(d))
        for value, months in seen.items():
            first, last = min(months), max(months)
            for month in h.months:
                if first <= month <= last:
                    rows[month, dimension, value] = _walk_row(h, month, dimension, value)
    return rows


def _walk_row(h: History, month: date, dimension: str, value: str) -> dict[str, Any]:
    closes = h.closes(month)

    def there(stint: Stint, d: date) -> bool:
        return d in stint.values and value in stint.slices(dimension, d)

    row: dict[str, Any] = {
        "opening": sum(s.at_close(month - DAY) and there(s, month - DAY) for s in h.stints),
        "closing": sum(s.at_close(closes) and there(s, closes) for s in h.stints),
        "headcount_last_day": sum(there(s, closes) for s in h.stints),
        **dict.fromkeys(["hires", "rehires", "transfers_in", "transfers_out"], 0),
        **{f"exits_{name}": 0 for name in (*CLASSES, "regretted")},
    }
    days = 0
    for stint in h.stints:
        if month <= stint.hired <= closes and there(stint, stint.hired):
            row["hires" if stint.number == 1 else "rehires"] += 1
        if stint.last_day and month <= stint.last_day <= closes and there(stint, stint.last_day):
            row[f"exits_{stint.exit_class}"] += 1
            row["exits_regretted"] += bool(stint.is_regretted)
        d = max(month, stint.hired)
        while d <= closes and d in stint.values:
            days += there(stint, d)
            if d > stint.hired:
                row["transfers_in"] += there(stint, d) and not there(stint, d - DAY)
                row["transfers_out"] += there(stint, d - DAY) and not there(stint, d)
            d += DAY
    row["average_headcount"] = days / ((closes - month).days + 1)
    row["is_complete"] = h.complete(month)
    twelfth = month + timedelta(days=11)
    row["on_twelfth"] = sum(there(s, twelfth) for s in h.stints) if twelfth <= h.observed_to else None
    return row


WALK = (
    "opening hires rehires transfers_in transfers_out exits_voluntary exits_involuntary exits_other exits_unknown closing "
    "headcount_last_day average_headcount is_complete"
).split()


def _bases(rows: Mart) -> dict[Any, int]:
    return {key: max(row["opening"], row["headcount_last_day"]) for key, row in rows.items()}


def headcount_walk(h: History) -> Mart:
    rows = walk(h)
    mine = h.dimensions("headcount_walk")
    mart = {key: {name: row[name] for name in WALK} for key, row in rows.items() if key[1] in mine}
    for row in mart.values():
        row["exits"] = sum(row[f"exits_{name}"] for name in CLASSES)
    trend(mart, "closing", _monthly, _yearly)
    return mart


def turnover(h: History) -> Mart:
    rows = {key: row for key, row in walk(h).items() if key[1] in h.dimensions("turnover")}
    people = _bases(rows)
    mart: Mart = {}
    base: dict[Any, int] = {}
    for month, dimension, value in rows:
        place = h.months.index(month)
        for definition in ("monthly", "rolling_12m", "annualised_3m", "year_to_date", "jolts"):
            whole = {"rolling_12m": 12, "annualised_3m": 3, "year_to_date": month.month}.get(definition, 1)
            window = h.months[max(place - whole + 1, 0) : place + 1]
            cells = [rows[m, dimension, value] for m in window if (m, dimension, value) in rows]
            if definition == "jolts":
                denominator = rows[month, dimension, value]["on_twelfth"]
            else:
                denominator = sum(cell["average_headcount"] for cell in cells) / len(window)
            for exit_class in EXIT_CLASSES:
                names = [f"exits_{c}" for c in (CLASSES if exit_class == "total" else [exit_class])]
                separations = sum(cell[name] for cell in cells for name in names)
                rate = ratio(separations, denominator)
                if definition == "annualised_3m":
                    rate = None if rate is None or len(window) < 3 else rate * 4
                key = (month, dimension, value, definition, exit_class)
                mart[key] = {
                    "separations": separations,
                    "denominator": denominator,
                    "rate": rate,
                    "window_months": len(window),
                    "is_complete": len(window) == whole and all(h.complete(m) for m in window),
                }
                base[key] = min(people[m, dimension, value] for m in window if (m, dimension, value) in rows)
    trend(mart, "rate", _monthly, _yearly)
    return mart


@once
def retention(h: History) -> Mart:
    rows = {key: row for key, row in walk(h).items() if key[1] in h.dimensions("retention")}
    mart: Mart = {}
    base: dict[Any, int] = {}
    for month, dimension, value in rows:
        closes, ago = h.closes(month), add_months(month, -12)
        row: dict[str, Any] = dict.fromkeys(
            ["employed_12m_ago", "still_employed", "retention_rate_12m", "stability_index"]
        )
        if ago in h.months:
            then = [
                s
                for s in h.stints
                if s.at_close(last_of(ago)) and last_of(ago) in s.values and value in s.slices(dimension, last_of(ago))
            ]
            a_year_on = [
                s
                for s in h.stints
                if s.at_close(closes)
                and value in s.slices(dimension, closes)
                and s.hired + timedelta(days=365) <= closes
            ]
            row["employed_12m_ago"] = len(then)
            row["still_employed"] = sum(s.at_close(closes) for s in then)
            row["retention_rate_12m"] = ratio(row["still_employed"], len(then))
            row["stability_index"] = ratio(len(a_year_on), len(then))
        for n in (90, 365):
            later = timedelta(days=n)
            hired = [
                s
                for s in h.stints
                if s.number == 1
                and month_of(s.hired) == month
                and value in s.slices(dimension, s.hired)
                and s.hired + later <= h.observed_to
            ]
            retained = sum(s.employed(s.hired + later) for s in hired)
            row |= {
                f"new_hires_{n}d": len(hired),
                f"retained_{n}d": retained,
                f"new_hire_{n}d_rate": ratio(retained, len(hired)),
            }
        mart[month, dimension, value] = row
        counts = [row["employed_12m_ago"], row["new_hires_90d"] or None, row["new_hires_365d"] or None]
        base[month, dimension, value] = min([c for c in counts if c is not None], default=h.k)
    trend(mart, "retention_rate_12m", _monthly, _yearly)
    return mart


def retention_cohort(h: History) -> Mart:
    mart: Mart = {}
    cohorts: dict[Any, list[Stint]] = {}
    for stint in h.stints:
        if month_of(stint.hired) >= h.observed_from:
            for dimension in h.dimensions("retention_cohort"):
                for value in stint.slices(dimension, stint.hired):
                    cohorts.setdefault((month_of(stint.hired), dimension, value), []).append(stint)
    for key, stints in cohorts.items():
        for n in range(1000):
            seen = [s for s in stints if add_months(s.hired, n) <= h.observed_to]
            if not seen:
                break
            retained = sum(s.employed(add_months(s.hired, n)) for s in seen)
            mart[(*key, n)] = {
                "cohort_size": len(stints),
                "observable": len(seen),
                "retained": retained,
                "retention_rate": ratio(retained, len(seen)),
            }
    return mart


def spells(h: History, dimension: str) -> dict[str, list[tuple[int, int, Stint]]]:
    """Value of the slice at hire or entry → first day of tenure under observation, last one, stint."""
    found: dict[str, list[tuple[int, int, Stint]]] = {}
    for stint in h.stints:
        entry = max(stint.hired, h.observed_from)
        last = stint.last_day or h.observed_to
        if last >= h.observed_from:
            for value in stint.slices(dimension, entry):
                found.setdefault(value, []).append(
                    ((entry - stint.hired).days + 1, (last - stint.hired).days + 1, stint)
                )
    return found


def retention_survival(h: History) -> Mart:
    mart: Mart = {}
    for dimension in h.dimensions("retention_survival"):
        for value, people in spells(h, dimension).items():
            for exit_class in EXIT_CLASSES:
                curve, ends, total, before = 1.0, False, 0.0, 0
                for n in range(1, 121):
                    # Days are counted in whole ones; half a day up.
                    until = math.floor(30.4375 * n + 0.5)
                    exits = 0
                    for t in sorted(
                        {last for _, last, s in people if before < last <= until and is_exit_of(s, exit_class)}
                    ):
                        risk = sum(first <= t <= last for first, last, _ in people)
                        left = sum(last == t and is_exit_of(s, exit_class) for _, last, s in people)
                        exits += left
                        if left == risk:
                            curve, ends = 0.0, True
                        else:
                            curve *= 1 - left / risk
                            total += left / (risk * (risk - left))
                    before = until
                    row: dict[str, Any] = {
                        "at_risk": sum(first <= until <= last for first, last, _ in people),
                        "exits": exits,
                        "survival": curve,
                        "std_error": None if ends else curve * math.sqrt(total),
                        "ci_low": None if ends else 1.0,
                        "ci_high": None if ends else 1.0,
                    }
                    if not ends and total > 0:
                        width = Z * math.sqrt(total) / math.log(curve)
                        row["ci_low"], row["ci_high"] = sorted((curve ** math.exp(width), curve ** math.exp(-width)))
                    mart[dimension, value, exit_class, n] = row
    return mart
