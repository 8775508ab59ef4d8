"""`perfwh erase`: someone, or what is older than it may be kept, leaves everything; a certificate says what left where.

Tombstone first, then the files, then what was made of them, then a new version, then the older versions: where this is
cut short, the same command goes on, and a run that finds the tombstone cleans what it is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines import landing, loads, locking, publishing, running
from pipelines.database import connect, identifier, literal
from pipelines.erasure import cleaning, tombstones
from pipelines.erasure.cleaning import Cleaned, Conformed, Planned
from pipelines.erasure.records import expired_records, references_of
from pipelines.erasure.tombstones import Tombstone
from pipelines.errors import EXIT_PUBLISHED, UserError
from pipelines.files import keep_private, remove_folder, whole_file
from pipelines.profiles import load_profiles
from pipelines.publishing import PEOPLE, PERFORMANCE
from pipelines.settings import Settings

_CERTIFICATES = "erasures"
_DIGITS = 12


@dataclass(frozen=True)
class Certificate:
    """What left where, in counts.

    person: pseudonym of who was erased; None for rows that had become too old.
    files: of the landing zone, what was taken out of each.
    unread: files that could not be read, and may hold the person still.
    copies: folders of raw and validated rows that were removed.
    versions: that were removed.
    published: the version in their place; None where no version could be published yet.
    left: how often an address or a name still stands in the published databases.
    """

    erased_at: str
    person: str | None
    files: list[Cleaned]
    unread: list[str]
    copies: int = 0
    versions: tuple[str, ...] = ()
    published: str | None = None
    left: int = 0
    path: Path | None = None


def erase(settings: Settings, employee_id: str, dry_run: bool = False) -> Certificate:
    """Forgets a person: landing zone, raw and validated rows, quarantine, restricted tables, every kept version.

    Args:
        settings: the configuration in force, which the environment must say too.
        employee_id: as the exports write it.
        dry_run: only say what would be taken out of the files.

    Raises:
        UserError: nobody of this id is known, a file cannot be written, or the run that follows does not publish.
    """
    running.check_before(settings)
    with _landing_zone(settings, "perfwh erase") as found:
        names = references_of(employee_id, found.loads, settings)
        person, *_ = tombstones.hashes([employee_id], settings)
        earlier = tombstones.tombstones(settings)
        before = [one for one in earlier if one.person == person]
        known = {*tombstones.hashes(names.all, settings), *(one for stone in before for one in stone.references)}
        planned = cleaning.plan(found, cleaning.of_people(known, found, settings), settings, sorted(names.texts))
        if not planned and not before:
            raise UserError(f"nobody in {settings.landing} has this employee id, and nobody has been erased with it")
        if dry_run:
            return _dry(planned, person, found)
        stone = Tombstone(person, _now(), tuple(sorted(known)))
        tombstones.write(settings, [*(one for one in earlier if one.person != person), stone])
        cleaned = cleaning.clean(planned, settings, sorted(names.texts))
        copies = sum(one.copies for one in cleaned) + _forget_copies(settings)
    return _publish(settings, Certificate(_now(), person[:_DIGITS], cleaned, found.unread, copies), names.texts)


def erase_expired(settings: Settings, today: date, dry_run: bool = False) -> Certificate:
    """Forgets the rows that are older than `retention_days` keeps them; else as `erase`.

    Raises:
        UserError: no retention is configured, a file cannot be written, or the run that follows does not publish.
    """
    if not settings.retention_days:
        raise UserError("retention_days is empty: say of which entities rows are kept for how many days")
    running.check_before(settings)
    with _landing_zone(settings, "perfwh erase --expired") as found:
        planned = cleaning.plan(
            found, lambda load, _, profile: expired_records(load, profile, today, settings), settings
        )
        if dry_run or not planned:
            return _dry(planned, None, found)
        cleaned = cleaning.clean(planned, settings)
        copies = sum(one.copies for one in cleaned) + _forget_copies(settings)
    return _publish(settings, Certificate(_now(), None, cleaned, found.unread, copies), [])


def lift(settings: Settings, employee_id: str) -> None:
    """Removes a tombstone: what is delivered of this person from now on is loaded again.

    Raises:
        UserError: nobody was erased with this id.
    """
    person, *_ = tombstones.hashes([employee_id], settings)
    earlier = tombstones.tombstones(settings)
    others = [one for one in earlier if one.person != person]
    if len(others) == len(earlier):
        raise UserError("nobody has been erased with this employee id")
    tombstones.write(settings, others)


@contextmanager
def _landing_zone(settings: Settings, doing: str) -> Iterator[Conformed]:
    """The files of the landing zone, while nobody else writes the warehouse."""
    keep_private()
    with locking.held(settings, doing):
        publishing.sweep(settings)
        yield _conformed(settings)


def _conformed(settings: Settings) -> Conformed:
    whole, _ = landing.settle(landing.list_files(settings.landing), settings.settle_seconds)
    return cleaning.conformed(whole, load_profiles(settings.profiles), settings)


def _forget_copies(settings: Settings) -> int:
    """Removes the raw and validated rows of all contents that do not lie in the landing zone now.

    Returns:
        How many folders.
    """
    found = _conformed(settings)
    kept = {loads.raw_folder(one, settings).name for one, _ in found.files} | {load.key for load in found.loads}
    gone = [
        folder
        for room in ("raw", "validated")
        for folder in (settings.warehouse / room).iterdir()
        if folder.name not in kept
    ]
    return sum(map(remove_folder, gone))


def _publish(settings: Settings, certificate: Certificate, texts: Iterable[str]) -> Certificate:
    """Publishes a version of what is left, removes all others, and writes the certificate.

    Raises:
        UserError: the run did not publish; the versions of before are still there, and hold what was to go.
    """
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{certificate.person or 'expired'}"
    certificate = replace(certificate, path=settings.warehouse / _CERTIFICATES / f"{stamp}.json")
    _write(certificate)
    code = running.run(settings, force=True)
    current = publishing.current_version(settings)
    if code != EXIT_PUBLISHED or current is None:
        raise UserError(
            "the landing zone is clean, but no version of it could be published, and those of before still hold what "
            f"was to go: mend what is told above, and give the same command again. So far: {certificate.path}",
            code,
        )
    with locking.held(settings, "perfwh erase"):
        others = publishing.remove_other_versions(settings)
    done = replace(certificate, versions=others, published=current, left=_left(settings, sorted(texts)))
    _write(done)
    return done


def _write(certificate: Certificate) -> None:
    assert certificate.path
    told = {name: value for name, value in asdict(certificate).items() if name != "path"}
    whole_file(certificate.path, json.dumps(told, indent=1))


def _left(settings: Settings, texts: Sequence[str]) -> int:
    """How many values of the published databases still hold one of some texts."""
    wanted = " or ".join(f"contains(lower(value), {literal(text)})" for text in texts)
    count = 0
    for name in (PEOPLE, PERFORMANCE) if texts else ():
        with connect(settings, settings.warehouse / "published" / name, read_only=True) as con:
            columns = con.execute(
                "select schema_name, table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' "
                "and schema_name in ('marts', 'ops', 'restricted')"
            ).fetchall()
            for schema, table, column in columns:
                told = con.execute(
                    f"select count(*) from (select {identifier(column)} as value "
                    f"from {identifier(schema)}.{identifier(table)}) where {wanted}"
                ).fetchone()
                count += told[0] if told else 0
    return count


def _dry(planned: Iterable[Planned], person: str | None, found: Conformed) -> Certificate:
    files = [Cleaned(one.load.file_name, len(one.records.gone), one.mentions, 0, False) for one in planned]
    return Certificate(_now(), person and person[:_DIGITS], files, found.unread)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
