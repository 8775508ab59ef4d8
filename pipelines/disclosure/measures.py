"""Measures: the numbers of one contribution that figures sum.

What somebody contributes often tells several things at once: of a person's goals, how many there are, how many are
completed, how many are stale. Each of these is a measure, and a figure sums one of them. The difference between two
versions of a figure rests only on the people whose measure has changed. So contributions of an earlier version are
compared measure by measure. Changed goals of five people then do not hide that one goal has become stale.

Where a version has no measure of some name, such as a rating band that was not used, the measure is 0 for all people.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipelines.disclosure.search import Ints

# Of contents that `packed` makes (dbt_project/macros/disclosure.sql): part → its numbers, in their order.
PACKED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("goals", "goals"): ("goals", "completed", "stale", "aligned"),
    ("goals", "on_time"): ("due", "on_time"),
    ("meetings", "meetings"): ("scheduled", "held", "pairs", "pairs_met"),
    ("recognitions", "recognitions"): ("given", "received"),
}
_DIGITS = 10_000
_EXIT_CLASSES = {10: "voluntary", 20: "involuntary", 30: "other", 40: "unknown"}


def packed(content: Ints, numbers: int, place: int) -> Ints:
    """One of the numbers that a content is made of.

    Args:
        content: of each contribution.
        numbers: how many each content is made of.
        place: which, from 0.
    """
    number: Ints = content // _DIGITS ** (numbers - 1 - place) % _DIGITS
    return number


def measures_of(kind: str, part: str, content: Ints, category: Ints) -> dict[str, Ints]:
    """The measures of the contributions to a part; one without a name where a contribution is one number.

    Args:
        kind: of the occasion.
        part: its name.
        content, category: of each person, see `Loaded`; -1 for nothing.

    Returns:
        Measure → of each person, the number; -1 for nothing.
    """
    found: dict[str, Ints] = {}
    if (kind, part) in PACKED:
        names = PACKED[kind, part]
        found = {name: packed(content, len(names), place) for place, name in enumerate(names)}
        if kind == "recognitions":
            found |= {"givers": np.minimum(found["given"], 1), "receivers": np.minimum(found["received"], 1)}
    elif kind == "answers":
        found = {"answer": content // 4, "favourable": content % 4 == 1, "unfavourable": content % 4 == 2}
    elif (kind, part) == ("ratings", "rating"):
        found = _one_for_each("band", category)
    elif (kind, part) == ("goals", "attainment"):
        # As `attainment_content` packs them in dbt_project/macros/disclosure.sql.
        found = {"raw": content // 2**25, "capped": content % 2**25 // 16, **_one_for_each("band", content % 16)}
    elif kind == "exits":
        found = {name: content % 100 // 10 * 10 == number for number, name in _EXIT_CLASSES.items()}
        found["regretted"] = content % 10 == 1
    elif kind == "populations":
        found = _one_for_each("value", content)
    else:
        found = {"": content}
    return {name: np.where(content >= 0, values, -1).astype(np.int64) for name, values in found.items()}


def _one_for_each(name: str, values: Ints) -> dict[str, Ints]:
    """A measure for each value: 1 for those who have it."""
    return {f"{name} {value}": values == value for value in np.unique(values[values >= 0])}
