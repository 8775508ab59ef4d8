"""What the definitions of the marts have in common: cells, protection, and the figures of earlier periods."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from fractions import Fraction
from typing import Any

Key = tuple[Hashable, ...]
Mart = dict[Key, dict[str, Any]]


def ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else a / b


def mean(values: Iterable[Any]) -> Fraction | None:
    """Without nulls, and exact."""
    known = [Fraction(value) for value in values if value is not None]
    return sum(known, Fraction(0)) / len(known) if known else None


def median(values: list[float]) -> float | None:
    values = sorted(values)
    half = len(values) // 2
    if not values:
        return None
    return float(values[half]) if len(values) % 2 else (values[half - 1] + values[half]) / 2


def hide(mart: Mart, base: dict[Key, int], k: int, group: Callable[[Key], Hashable], shown: Iterable[str] = ()) -> None:
    """Adds the protection of demographic slices: one small cell hides its whole group; group None is not protected."""
    smallest: dict[Hashable, int] = {}
    for key, people in base.items():
        smallest[group(key)] = min(people, smallest.get(group(key), people))
    for key, row in mart.items():
        hidden = group(key) is not None and smallest[group(key)] < k
        reason = None if not hidden else "below_minimum" if base[key] < k else "complementary"
        suppress(row, hidden, reason, shown)


def suppress(row: dict[str, Any], hidden: bool, reason: str | None, shown: Iterable[str] = ()) -> None:
    if hidden:
        for figure in row:
            if figure not in shown:
                row[figure] = None
    row["is_suppressed"], row["suppression_reason"] = hidden, reason


def protect(row: dict[str, Any], people: int, k: int, hidden: bool) -> None:
    """Adds the protection of a row with so many people behind it."""
    reason = "below_minimum" if people < k else "complementary" if hidden else None
    suppress(row, reason is not None, reason)


def trend(
    mart: Mart, figure: str, previous: Callable[[Key], Key | None], previous_year: Callable[[Key], Key | None]
) -> None:
    """Adds the figure of the period before and of the year before."""
    for key, row in mart.items():
        for name, find, delta in (
            ("previous", previous, "delta_vs_previous"),
            ("previous_year", previous_year, "delta_vs_previous_year"),
        ):
            other = find(key)
            value = mart[other][figure] if other in mart else None
            row[f"{figure}_{name}"] = value
            row[delta] = None if value is None or row[figure] is None else row[figure] - value
