"""What the definitions of the marts have in common: cells, and the figures of earlier periods.

Nothing is suppressed here: what may be shown is tested by attacks, what is shown has to be right.
"""

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
