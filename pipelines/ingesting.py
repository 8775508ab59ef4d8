"""Ingesting: what is done between the landing zone and the models, part by part.

A run of everything has a step for each part. A run of chosen assets has not; what it lacks is made up for (`complete`),
so that whatever is chosen is made of all that lies in the landing zone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from expectations.runner import CheckResult
from pipelines import (
    building,
    fingerprint,
    landing,
    loads,
    logs,
    publishing,
    punctuality,
    recognising,
    validating,
)
from pipelines.database import connect
from pipelines.disclosure import ledger, upgrade
from pipelines.entities import ENTITIES, LOOKUP, Entity
from pipelines.erasure import cleaning
from pipelines.errors import RefusedFile
from pipelines.files import remove_folder
from pipelines.identifiers import of_addresses
from pipelines.loads import Load
from pipelines.models import manifest_path, types_of_marts
from pipelines.profiles import load_profiles
from pipelines.recognising import Recognised
from pipelines.runs import Run
from pipelines.settings import Settings

_log = logs.get(__name__)
STRANGERS = "landing/strangers"


@dataclass(frozen=True)
class Looked:
    """What lies in the landing zone.

    found: the files, each with its profile.
    unreadable: what is no file, or cannot be read at all.
    held: files that are still being written.
    cleaned: how many files held people who are to be forgotten, and hold them no more.
    """

    found: list[Recognised]
    unreadable: list[Load]
    held: list[Load]
    cleaned: int


@dataclass(frozen=True)
class Judged:
    """An entity's files and rows: the ledger's lines, the number of rows in force, and what was asked of them."""

    loads: list[Load]
    rows: int
    checks: list[CheckResult]


@dataclass(frozen=True)
class Content:
    """What is known of a period of an entity: counts, and a hash that changes with any of its files."""

    files: int
    rows: int
    digest: str


def look(settings: Settings) -> Looked:
    """Looks through the landing zone, and cleans what has come of people who are to be forgotten."""
    profiles = load_profiles(settings.profiles)
    whole, held = landing.settle(landing.list_files(settings.landing), settings.settle_seconds)
    whole = cleaning.rename_of_erased(whole, settings)
    cleaned = cleaning.clean_of_erased(whole, profiles, settings)
    found, unreadable = [], []
    for path in whole:
        try:
            file = landing.take_in(path, settings.landing)
            found.append(recognising.recognise(file, profiles, settings.unpacking))
        except FileNotFoundError:
            continue  # taken away since they were listed
        except RefusedFile as refusal:
            name = path.relative_to(settings.landing).as_posix()
            unreadable.append(loads.refused(landing.LandedFile(path, name, "", 0, 0), None, refusal))
    arriving = [path.relative_to(settings.landing).as_posix() for path in held]
    waiting = [loads.held(cleaning.name_without_erased(name, settings)) for name in arriving]
    return Looked(found, unreadable, waiting, len(cleaned))


def take_stock(run: Run) -> Looked:
    """The run's first part: which files it is made of."""
    publishing.sweep(run.settings)
    run.begin()
    looked = look(run.settings)
    run.write_inbox(looked.found)
    seen = [(one.file.name, one.file.sha256) for one in looked.found]
    seen += [(load.file_name, fingerprint.UNREADABLE) for load in looked.unreadable]
    seen += [
        (load.file_name, fingerprint.HELD) for load in looked.held if not landing.is_unfinished(Path(load.file_name))
    ]
    run.write("fingerprint", fingerprint.fingerprint(run.settings, seen))
    run.write_loads("landing", [*looked.unreadable, *looked.held])
    _log.info("landing zone: %d files, %d still arriving", len(looked.found), len(looked.held))
    return looked


def tell_strangers(run: Run) -> Judged:
    """Says of each file that nobody knows what it lacks."""
    _begin(run)
    unknown = [
        loads.refused(one.file, None, one.refusal or RefusedFile("NO_PROFILE", "no profile"))
        for one in run.inbox(load_profiles(run.settings.profiles), "unknown")
    ]
    run.write_loads("strangers", unknown)
    unknown = _written(unknown, run.settings)
    unreadable = [load for load in run.loads("landing") if load.status == "refused"]
    checks = validating.file_checks(STRANGERS, [*unknown, *unreadable])
    run.write_checks("strangers", checks)
    return Judged([*unknown, *unreadable], 0, checks)


def judge_lookups(run: Run) -> Judged:
    """Judges the files that others are looked up in."""
    _begin(run)
    judged = _judged(run, LOOKUP, [])
    run.write_loads(LOOKUP, judged)
    judged = _written(judged, run.settings)
    checks = validating.file_checks(f"{building.VALIDATED}/{LOOKUP}", judged)
    run.write_checks(f"validated-{LOOKUP}", checks)
    return Judged(judged, sum(load.rows_loaded for load in judged), checks)


def judge_entity(run: Run, entity: Entity) -> Judged:
    """Reads and judges an entity's files, and puts the rows into the build."""
    _begin(run)
    if not run.has(f"loads/{LOOKUP}"):
        judge_lookups(run)
    name = f"{building.VALIDATED}/{entity.name}"
    profiles = load_profiles(run.settings.profiles)
    judged = _judged(run, entity.name, run.loads(LOOKUP))
    run.write_loads(entity.name, judged)
    rows = building.add_entity(run, entity, judged, profiles)
    judged = _written(judged, run.settings)
    checks: list[CheckResult] = [
        *validating.file_checks(name, judged),
        *validating.balance_checks(name, judged, run.settings),
        *punctuality.checks(name, entity.name, judged, profiles, run.settings),
        *validating.rule_checks(run, entity.name, name, any(load.rows_read for load in judged)),
    ]
    run.write_checks(f"validated-{entity.name}", checks)
    failed = [check.check_name for check in checks if not check.passed]
    _log.info("%s: %d rows of %d files", name, rows, len(judged), extra={"source": entity.name, "failed": failed})
    return Judged(judged, rows, checks)


def name_people(run: Run) -> int:
    """Puts the pseudonyms of everyone who may be named in a mart into the build; their number."""
    _make_up_for(run, ENTITIES["employees"])
    people = building.add_pseudonyms(run)
    run.write("people", people)
    return people


def add_earlier(run: Run) -> dict[str, int]:
    """Puts what readers were ever shown beside the build, from the ledger; the rows of each table."""
    _begin(run)
    types = types_of_marts(json.loads(manifest_path().read_text()))
    key = ledger.key_in_force(run.settings)
    if read := upgrade.read_versions(run.settings, key, types):
        _log.info("what %d versions showed before there was a ledger is read into it", read)
    with connect(run.settings, run.database) as con:
        rows = ledger.add_to_build(con, run.settings.warehouse, key, types)
    run.write("earlier", rows)
    return rows


def complete(run: Run) -> list[CheckResult]:
    """Makes up for the parts that the run has had no step for.

    Returns:
        The results that keep the models from being built.
    """
    if not run.has("checks/strangers"):
        tell_strangers(run)
    for entity in ENTITIES.values():
        _make_up_for(run, entity)
    if not run.has("people"):
        name_people(run)
    if not run.has("earlier"):
        add_earlier(run)
    return [check for check in run.checks() if check.blocks and check.asset != STRANGERS]


def read_again(settings: Settings, entity: str, periods: Collection[str] | None = None) -> list[Load]:
    """Reads and judges files of an entity anew, as if they had never been.

    Args:
        settings: the configuration in force.
        entity: the entity, or `lookup`.
        periods: only files of one of these periods; None: all.

    Returns:
        The ledger's lines of these files, as everybody may read them. One that cannot be read at all is of no period,
        and is always among them.
    """
    found = look(settings).found
    of_kind = [one for one in found if one.profile and one.profile.entity == entity]
    lookups = loads.judge([one for one in found if loads.is_lookup(one)], [], settings) if entity != LOOKUP else []
    known = zip(of_kind, loads.judge(of_kind, lookups, settings), strict=True)
    names = of_addresses(settings)
    chosen = [
        (one, load)
        for one, load in known
        if periods is None or load.status == "refused" or not set(periods).isdisjoint(load.written(names).periods)
    ]
    for one, load in chosen:
        remove_folder(loads.raw_folder(one, settings))
        if load.key:
            remove_folder(loads.validated_folder(load.key, settings))
    read = loads.judge([one for one, _ in chosen], lookups, settings)
    return _written(loads.once_each(read, load_profiles(settings.profiles)), settings)


def contents(of: Iterable[Load]) -> dict[str, Content]:
    """What the loads of an entity hold, by period; files without one are under the empty name."""
    by_period: dict[str, list[Load]] = {}
    for load in of:
        for period in load.periods or [""]:
            by_period.setdefault(period, []).append(load)
    return {
        period: Content(
            len(among),
            sum(load.rows_loaded for load in among),
            loads.digest(sorted((load.file_name, load.sha256, load.key or "") for load in among)),
        )
        for period, among in sorted(by_period.items())
    }


def _make_up_for(run: Run, entity: Entity) -> None:
    if not run.has(f"checks/validated-{entity.name}"):
        judge_entity(run, entity)


def _written(of: Iterable[Load], settings: Settings) -> list[Load]:
    """The ledger's lines as everybody may read them."""
    names = of_addresses(settings)
    return [load.written(names) for load in of]


def _begin(run: Run) -> None:
    if not run.has("inbox"):
        take_stock(run)


def _judged(run: Run, entity: str, lookups: list[Load]) -> list[Load]:
    profiles = load_profiles(run.settings.profiles)
    return loads.once_each(loads.judge(run.inbox(profiles, entity), lookups, run.settings), profiles)
