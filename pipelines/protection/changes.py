"""Who has changed between what readers have and what is made anew, and whether all have in the same way.

The difference of two versions is a sum over those who came, went or answered otherwise. Where it is as large or as
small as it can be, what each of them did is known, however many they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

# What somebody contributed to a part in the version that readers have, and what now; None for nothing.
Change = tuple[str | None, str | None]
# Of people, how much they add to one end of what a question's difference can be, and to the other.
Ends = dict[str, tuple[float, float]]
# The part of reviews that is a rating, one of several bands; other parts are a score between two ends, or a yes or no.
RATING = ""
# Between the parts that somebody has contributed to, and between a person and what they did.
BETWEEN = "\x1f"
_FAVOURABLE, _UNFAVOURABLE = " is favourable", " is unfavourable"


def parts_of(content: str | None) -> dict[str, str]:
    """What somebody has contributed (`release_contents`): part → value.

    An answer to a survey has a score, and is favourable or not, unfavourable or not: figures are made of each of them,
    and where the scores of many have changed, whether they are favourable may have of few.
    """
    found: dict[str, str] = {}
    for one in content.split(BETWEEN) if content else ():
        part, _, value = one.rpartition("=")
        if value[-1:] in ("f", "n", "u"):
            found[part + _FAVOURABLE] = "100" if value[-1] == "f" else "0"
            found[part + _UNFAVOURABLE] = "100" if value[-1] == "u" else "0"
            value = value[:-1]
        found[part] = value
    return found


def questions(part: str, changes: Mapping[str, Change]) -> Iterator[tuple[Ends, bool]]:
    """The questions of yes or no that a part comes to, as ends of their differences.

    Args:
        part: as `parts_of` names them.
        changes: person → change; only who has changed.

    Yields:
        What people add to the ends; whether only the first of them is told if all are at it (that somebody certainly
        has not one of many ratings is no harm, nor that they were not unfavourable).
    """
    if part == RATING:
        for band in sorted({one for change in changes.values() for one in change if one is not None}):
            toward, away = ({p: _rated(band, b, a) for p, (b, a) in some.items()} for some in _both_ways(changes))
            for ends in (toward, away):
                yield {person: end for person, end in ends.items() if any(end)}, True
    elif not part.endswith(_UNFAVOURABLE):
        yield {person: _answered(_level(before), _level(after)) for person, (before, after) in changes.items()}, False


def all_alike(part: str, changes: Mapping[str, Change]) -> bool:
    """Whether it follows from the difference of a part what each of those who have changed did."""
    return any(
        ends
        and (all(no == 0 for _, no in ends.values()) or (not yes_only and all(yes == 0 for yes, _ in ends.values())))
        for ends, yes_only in questions(part, changes)
    )


def _both_ways(changes: Mapping[str, Change]) -> tuple[Mapping[str, Change], Mapping[str, Change]]:
    return changes, {person: (after, before) for person, (before, after) in changes.items()}


def _rated(band: str, before: str | None, after: str | None) -> tuple[float, float]:
    """Whether somebody has come to a band; nothing where they went without having been in it, which is as much."""
    if after == band:
        return 1, 0
    return (0, 1) if before == band or after is not None else (0, 0)


def _answered(before: float | None, after: float | None) -> tuple[float, float]:
    """Whether somebody has moved the sum as far up as they could, or as far down."""
    is_up = (after == 1 and not before) or (after is None and before == 0)
    is_down = (before == 1 and not after) or (before is None and after == 0)
    return (1, 0) if is_up else (0, 1) if is_down else (0.5, 0.5)


def _level(value: str | None) -> float | None:
    """From 0 to 1: these two are the ends that give somebody away."""
    return None if value is None else float(value) / 100
