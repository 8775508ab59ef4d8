"""Punctuality: which sources have not delivered by the day on which the configuration expects them.

A source is judged by the newest day that its files speak of, so that an old month delivered again hides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from expectations.runner import CheckResult
from pipelines.errors import UserError
from pipelines.loads import Load
from pipelines.profiles import Profile
from pipelines.settings import Due, Settings

ON_TIME = "sources_are_on_time"
_PERIODS = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}


@dataclass(frozen=True)
class Late:
    """A source that is late: the day its newest file speaks of (None: there is no file), and when the next was due."""

    source: str
    entity: str
    newest_on: date | None
    due_on: date | None

    def __str__(self) -> str:
        if self.due_on is None:
            return f"{self.source}: has never delivered"
        return f"{self.source}: was due by {self.due_on}; its newest file speaks of {self.newest_on}"


def due_on(calendar: Due, newest_on: date) -> date:
    """The day by which a source delivers the period after the one that it has spoken of."""
    import pandas

    following = pandas.Period(newest_on, freq=_PERIODS[calendar.every]) + 1
    return (following.end_time + pandas.Timedelta(days=calendar.grace_days)).date()


def late_sources(
    loads: Iterable[Load], profiles: dict[str, Profile], settings: Settings, today: date | None = None
) -> list[Late]:
    """The sources with a calendar that are late.

    Args:
        loads: what became of the files in the landing zone.
        profiles: all source profiles.
        settings: whose `due` holds the calendars.
        today: the day to judge at; today where it is left out.

    Raises:
        UserError: a calendar is given for a source profile that does not exist.
    """
    if unknown := sorted(set(settings.due) - set(profiles)):
        raise UserError(f"due: no source profile is called {', '.join(unknown)}")
    loaded = [load for load in loads if load.status == "loaded"]
    late = []
    for source, calendar in sorted(settings.due.items()):
        of_source = [load for load in loaded if load.profile == source]
        told = [date.fromisoformat(load.newest_on) for load in of_source if load.newest_on]
        if not of_source:
            late.append(Late(source, profiles[source].entity, None, None))
        elif told and (due := due_on(calendar, max(told))) < (today or date.today()):
            late.append(Late(source, profiles[source].entity, max(told), due))
    return late


def checks(
    asset: str, entity: str, loads: Iterable[Load], profiles: dict[str, Profile], settings: Settings
) -> list[CheckResult]:
    """Whether the sources of an entity are on time; who is late keeps nothing back."""
    of_entity = [one for one in late_sources(loads, profiles, settings) if one.entity == entity]
    told = "; ".join(map(str, of_entity)) or "Each source has delivered by the day on which it was due."
    return [CheckResult(asset, ON_TIME, "warning", not of_entity, len(of_entity), len(settings.due), told)]
