"""Alerting: whoever should know of a run that failed or was blocked, and of a source that is late, is told.

An alert names the check, the source and what to do; it holds counts and names of files, no person's value and no
secret. It goes into `alerts.jsonl` of the warehouse, and to each target that the configuration names.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from expectations.runner import CheckResult
from pipelines.errors import UserError
from pipelines.files import whole_file
from pipelines.identifiers import of_addresses, of_loads
from pipelines.profiles import load_profiles
from pipelines.publishing import published_manifest
from pipelines.punctuality import Late, late_sources
from pipelines.runs import Run
from pipelines.settings import Settings

LOG = "alerts.jsonl"
_TOLD = "told_late.json"
_MOST_LINES = 20
# Two more tries, for a network that hiccups.
_TRIES = "retry=2&wait=1"


@dataclass(frozen=True)
class Alert:
    """What is said: what happened, the details line by line, and what to do."""

    subject: str
    lines: tuple[str, ...]
    to_do: str

    @property
    def text(self) -> str:
        shown = self.lines[:_MOST_LINES]
        more = [f"... and {len(self.lines) - len(shown)} more"] if len(self.lines) > len(shown) else []
        return "\n".join([*shown, *more, "", f"What to do: {self.to_do}"])


def of_blocked(checks: Iterable[CheckResult], settings: Settings) -> Alert:
    """A run that a check kept from publishing."""
    blocking = [check for check in checks if check.blocks]
    return Alert(
        f"Blocked: {len(blocking)} checks keep {settings.warehouse} from publishing; the last good version stays",
        tuple(f"{check.asset} · {check.check_name}: {check.description}" for check in blocking),
        "deliver mended files under the same names and run again; `perfwh status` has all checks, "
        "`perfwh status --quarantine` the causes row by row",
    )


def of_failed(faults: Iterable[str], run_id: str, settings: Settings) -> Alert:
    """A run that could not do its work; without an id it failed before Dagster knew of it."""
    page = f". Dagster's page of run {run_id} has the rest" if run_id else ""
    return Alert(
        f"Failed: a run of {settings.warehouse} published nothing; the last good version stays",
        tuple(faults),
        f"mend what is named and run again: nothing has to be cleaned up{page}",
    )


def of_late(late: Iterable[Late], settings: Settings) -> Alert:
    """Sources that have not delivered when due."""
    return Alert(
        f"Late: sources of {settings.warehouse} have not delivered",
        tuple(map(str, late)),
        "ask whoever delivers them; calendars are set by `due` (docs/running.md)",
    )


def raise_alert(alert: Alert, settings: Settings) -> list[str]:
    """Tells everybody who is to be told.

    Returns:
        What could not be told, and where; a run is never failed by its alert.
    """
    faults = []
    names = of_addresses(settings)
    alert = Alert(
        names.keyed_sentence(alert.subject),
        tuple(map(names.keyed_sentence, alert.lines)),
        names.keyed_sentence(alert.to_do),
    )
    line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "subject": alert.subject, "text": alert.text}
    try:
        if settings.warehouse.is_dir():
            with (settings.warehouse / LOG).open("a") as log:
                log.write(json.dumps(line) + "\n")
    except OSError as error:
        faults.append(f"{settings.warehouse / LOG}: {error.strerror}")
    for name, target in _targets(settings).items():
        if not target.notify(title=alert.subject, body=alert.text):
            faults.append(
                f"alerts: {name} could not be reached; {settings.warehouse / LOG} has what it should have said"
            )
    return faults


def tell_of_run(settings: Settings, run_id: str, faults: Iterable[str]) -> list[str]:
    """Tells of a run that published nothing.

    Args:
        settings: the configuration in force.
        run_id: the run.
        faults: which steps failed, and why.

    Returns:
        What could not be told.
    """
    run = Run(settings, run_id)
    loads = run.loads()
    names = of_loads(loads, settings)
    files = [load.file_name for load in loads]
    checks = [replace(one, description=names.keyed_sentence(one.description, files)) for one in run.checks()]
    faults = [names.keyed_sentence(fault, files) for fault in faults]
    is_blocked = any(check.blocks for check in checks)
    return raise_alert(of_blocked(checks, settings) if is_blocked else of_failed(faults, run_id, settings), settings)


def tell_of_late(settings: Settings) -> list[str]:
    """Tells of each source that is late, once for each day on which it was due.

    Returns:
        What could not be told.
    """
    current = published_manifest(settings)
    loads = Run(settings, current["run_id"]).loads() if current else []
    if not settings.due or not loads:
        return []
    late = late_sources(loads, load_profiles(settings.profiles), settings)
    path = settings.warehouse / _TOLD
    told = set(json.loads(path.read_text())) if path.exists() else set()
    said = {str(one) for one in late}
    new = [one for one in late if str(one) not in told]
    faults = raise_alert(of_late(new, settings), settings) if new else []
    if said != told and not faults:
        whole_file(path, json.dumps(sorted(said)))
    return faults


def check_targets(settings: Settings) -> None:
    """Finds targets that cannot be used before anything depends on them.

    Raises:
        UserError: an address is not understood.
    """
    _targets(settings)


def say(faults: Iterable[str]) -> None:
    """Says on the terminal what could not be told."""
    for fault in faults:
        print(f"perfwh: {fault}", file=sys.stderr, flush=True)


def _targets(settings: Settings) -> dict[str, Any]:
    """By what they may be called: their place and kind. Any part of an address may be a secret."""
    if not settings.alerts:
        return {}
    import apprise

    # It would log the addresses that it fails to reach, tokens included.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    targets = {}
    for place, secret in enumerate(settings.alerts, start=1):
        url = secret.get_secret_value()
        url += ("&" if "?" in url else "?") + _TRIES
        # A webhook of a service that is known gets the service's own layout, any other one JSON.
        found = apprise.Apprise.instantiate(url) or (
            apprise.Apprise.instantiate("json" + url.removeprefix("http")) if url.startswith("http") else None
        )
        name = f"address {place} ({url.split(':', 1)[0]}:…)"
        if found is None:
            raise UserError(
                f"alerts: {name} is not understood; expected https://… (a webhook), "
                "mailtos://user:password@host?to=address, or another Apprise URL"
            )
        # The sender of many tries again; a target by itself does not.
        targets[name] = apprise.Apprise(found)
    return targets
