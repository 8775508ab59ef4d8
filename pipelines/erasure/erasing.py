"""`perfwh erase`: someone, or what is older than it may be kept, leaves everything; a certificate says what left where.

Tombstone first, then what our own work has noted, then the files, then what was made of them, then a new version, then
the older versions. The files that say who is meant are the last to be rewritten: where this is cut short, the same
command goes on, and a run that finds the tombstone cleans what it is given.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines import landing, loads, locking, publishing, running
from pipelines.database import connect, identifier, literal
from pipelines.erasure import cleaning, dagster_history, ledger_entries, stores, tombstones
from pipelines.erasure.cleaning import Cleaned, Conformed
from pipelines.erasure.identity import Identity, parts_renamed
from pipelines.erasure.records import expired_records, references_of
from pipelines.erasure.tombstones import Tombstone
from pipelines.errors import EXIT_PUBLISHED, UserError
from pipelines.files import keep_private, remove_folder, whole_file
from pipelines.profiles import load_profiles
from pipelines.publishing import PEOPLE, PERFORMANCE
from pipelines.settings import Settings

_DIGITS = 12
_ROWS = ("raw", "validated")

# The stores that hold something of a person beside the files and what is made of them. Each is asked to forget, with
# the settings, what names the person, and whether this is a rehearsal. In a rehearsal all files below the warehouse and
# DAGSTER_HOME are copies and may be changed, but a database on a server may not. Each returns how much it has
# forgotten, or would forget, for the certificate.
Forget = Callable[[Settings, Identity, bool], int]
STORES: tuple[tuple[str, Forget], ...] = (
    ("digests of the ledger", ledger_entries.forget),
    ("lines of logs", stores.forget_logs),
    ("lines of run records", stores.forget_run_records),
    ("lines of alerts", stores.forget_alerts),
    ("lines of pages", stores.forget_pages),
    ("lines of certificates", stores.forget_certificates),
    ("lines of other notes", stores.forget_other_notes),
    ("runs of Dagster", dagster_history.forget_runs),
    ("partitions of Dagster", dagster_history.forget_partitions),
    ("other rows of Dagster", dagster_history.forget_rows),
)


@dataclass(frozen=True)
class Certificate:
    """What left where, in counts; nothing in it names the person.

    person: pseudonym of who was erased; None for rows that had become too old.
    files: of the landing zone, what was taken out of each, by the names that they have now.
    unread: files that could not be read, and may hold the person still.
    renamed: files that were called after the person.
    copies: folders of raw and validated rows that were removed.
    stores: what was forgotten in logs, records of runs and Dagster's history.
    versions: that were removed.
    published: the version in their place; None where no version could be published yet.
    left: how often an address, a name or an id still stands in the published databases.
    """

    erased_at: str
    person: str | None
    files: list[Cleaned]
    unread: list[str]
    renamed: int = 0
    copies: int = 0
    stores: dict[str, int] = field(default_factory=dict)
    versions: tuple[str, ...] = ()
    published: str | None = None
    left: int = 0
    path: Path | None = None


def erase(settings: Settings, employee_id: str) -> Certificate:
    """Forgets a person: landing zone, rows, quarantine, logs, records, Dagster's history, every kept version.

    Args:
        settings: the configuration in force, which the environment must say too.
        employee_id: as the exports write it.

    Raises:
        UserError: nobody of this id is known, a file cannot be written, or the run that follows does not publish.
    """
    running.check_before(settings)
    with _landing_zone(settings, "perfwh erase") as found:
        versions = publishing.versions(settings)
        certificate, identity = _forget(settings, employee_id, found, _Before.of(settings))
    done = _publish(settings, certificate, versions, identity)
    # What was written meanwhile, by a run that was under way.
    with locking.held(settings, "perfwh erase"):
        later = _forget_in_stores(settings, identity, False)
    done = replace(done, stores={name: count + later[name] for name, count in done.stores.items()})
    _write(done)
    return done


def erase_expired(settings: Settings, today: date) -> Certificate:
    """Forgets the rows that are older than `retention_days` keeps them; else as `erase`.

    Raises:
        UserError: no retention is configured, a file cannot be written, or the run that follows does not publish.
    """
    _check_retention(settings)
    running.check_before(settings)
    with _landing_zone(settings, "perfwh erase --expired") as found:
        versions = publishing.versions(settings)
        certificate = _forget_expired(settings, today, found, _Before.of(settings))
    if not certificate.files:
        return certificate
    return _publish(settings, certificate, versions, None)


def rehearse(settings: Settings, employee_id: str | None, today: date) -> Certificate:
    """What an erasure would do, in the same counts; no file is written, but in a temporary folder that is removed.

    The same work is done on copies: of the landing zone, of what our own work has noted, of Dagster's history.

    Args:
        settings: the configuration in force.
        employee_id: whom to forget; None: what is older than it may be kept.
        today: the day from which ages count.

    Raises:
        UserError: as `erase` and `erase_expired`, before anything would be changed.
    """
    if employee_id is None:
        _check_retention(settings)
    running.check_landing(settings)
    keep_private()
    before = _Before.of(settings)
    with tempfile.TemporaryDirectory(prefix="perfwh-") as folder:
        copied = _copies(settings, Path(folder))
        try:
            running.check_before(copied)
            found = _conformed(copied)
            if employee_id is None:
                certificate = _forget_expired(copied, today, found, before)
            else:
                certificate, _ = _forget(copied, employee_id, found, before, is_rehearsal=True)
        except UserError as error:
            told = str(error)
            for name in ("landing", "warehouse", "pseudonym_key_file", "tombstone_key_file"):
                told = told.replace(str(getattr(copied, name)), str(getattr(settings, name)))
            raise UserError(told, error.exit_code) from None
    is_needed = employee_id is not None or bool(certificate.files)
    return replace(certificate, versions=publishing.versions(settings) if is_needed else ())


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


@dataclass(frozen=True)
class _Before:
    """What the warehouse holds before anything is forgotten, which a rehearsal has no copy of.

    folders: of raw and validated rows.
    names: of files that records speak of.
    """

    folders: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> _Before:
        return cls(frozenset(_folders_of_rows(settings)), frozenset(stores.recorded_names(settings)))


def _forget(
    settings: Settings, employee_id: str, found: Conformed, held: _Before, is_rehearsal: bool = False
) -> tuple[Certificate, Identity]:
    """All that comes before a new version is published.

    Args:
        settings: the configuration in force.
        employee_id: whom to forget.
        found: the files.
        held: what the warehouse held before.
        is_rehearsal: whether this is done on copies.

    Raises:
        UserError: nobody of this id is known, or a file cannot be written; nothing has been changed then.
    """
    person, *_ = tombstones.hashes([employee_id], settings)
    earlier = tombstones.tombstones(settings)
    before = {one for stone in earlier if stone.person == person for one in stone.references}
    names = references_of(employee_id, found.loads, settings, before)
    known = {*tombstones.hashes(names.all, settings), *before}
    choose = cleaning.of_people(known, found, settings)
    planned = cleaning.plan(found, choose, settings, Identity(names.ids, names.texts))
    here = landing.names_of_all(settings.landing)
    renamed = cleaning.renames({*here, *held.names}, known, planned, settings)
    in_landing = {old: new for old, new in renamed.items() if old in here}
    if not (planned or before or in_landing):
        raise UserError(f"nobody in {settings.landing} has this employee id, and nobody has been erased with it")
    cleaning.check_renames(in_landing, load_profiles(settings.profiles))
    identity = Identity(names.ids, names.texts, parts_renamed(renamed))
    stone = Tombstone(person, _now(), tuple(sorted(known)))
    tombstones.write(settings, [*(one for one in earlier if one.person != person), stone])
    forgotten = _forget_in_stores(settings, identity, is_rehearsal)
    made = {*held.folders, *_folders_of_rows(settings)}
    cleaned = cleaning.clean(planned, settings, identity, in_landing)
    count = cleaning.rename(in_landing, settings)
    copies = _forget_copies(settings, made)
    unread = sorted(in_landing.get(name, name) for name in found.unread)
    return Certificate(_now(), person[:_DIGITS], cleaned, unread, count, copies, forgotten), identity


def _forget_in_stores(settings: Settings, identity: Identity, is_rehearsal: bool) -> dict[str, int]:
    return {name: forget(settings, identity, is_rehearsal) for name, forget in STORES}


def _check_retention(settings: Settings) -> None:
    if not settings.retention_days:
        raise UserError("retention_days is empty: say of which entities rows are kept for how many days")


def _forget_expired(settings: Settings, today: date, found: Conformed, held: _Before) -> Certificate:
    """All that comes before a new version is published; without files where nothing is old enough."""
    planned = cleaning.plan(found, lambda load, _, profile: expired_records(load, profile, today, settings), settings)
    if not planned:
        return Certificate(_now(), None, [], found.unread)
    made = {*held.folders, *_folders_of_rows(settings)}
    cleaned = cleaning.clean(planned, settings)
    return Certificate(_now(), None, cleaned, found.unread, copies=_forget_copies(settings, made))


def _copies(settings: Settings, folder: Path) -> Settings:
    """Settings whose landing zone, warehouse, Dagster's folder and keys are copies that may be changed.

    Rows and versions are not copied: rows are made again from the files, of versions only the number counts.
    """
    copied = {name: folder / name for name in ("landing", "warehouse", "dagster_home")}
    shutil.copytree(settings.landing, copied["landing"], symlinks=True)
    ignored = {str(settings.warehouse / room) for room in stores.ROOMS_OF_ROWS}
    if settings.warehouse.is_dir():
        shutil.copytree(
            settings.warehouse,
            copied["warehouse"],
            symlinks=True,
            ignore=lambda at, names: [name for name in names if str(Path(at, name)) in ignored],
        )
    if settings.dagster_home.is_dir():
        shutil.copytree(settings.dagster_home, copied["dagster_home"], ignore=_sockets)
    for name in ("pseudonym_key_file", "tombstone_key_file", "stage_times"):
        path: Path | None = getattr(settings, name)
        if path is not None:
            copied[name] = folder / "single" / name
            copied[name].parent.mkdir(exist_ok=True)
            if path.exists():
                shutil.copy2(path, copied[name])
    # A cached property takes the place that an update gives it, as a field does.
    return settings.model_copy(update=copied)


def _sockets(folder: str, names: list[str]) -> list[str]:
    """What cannot be copied."""
    return [name for name in names if not Path(folder, name).is_file() and not Path(folder, name).is_dir()]


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


def _folders_of_rows(settings: Settings) -> set[str]:
    """The folders of raw and validated rows, as `room/key`."""
    return {
        f"{folder.parent.name}/{folder.name}" for room in _ROWS for folder in (settings.warehouse / room).glob("[!.]*")
    }


def _forget_copies(settings: Settings, made: set[str]) -> int:
    """Removes the raw and validated rows of all contents that do not lie in the landing zone now.

    Returns:
        How many folders of `made` are gone.
    """
    found = _conformed(settings)
    kept = {f"raw/{loads.raw_folder(one, settings).name}" for one, _ in found.files}
    kept |= {f"validated/{load.key}" for load in found.loads}
    for folder in _folders_of_rows(settings) - kept:
        remove_folder(settings.warehouse / folder)
    return len(made - kept)


def _publish(
    settings: Settings, certificate: Certificate, versions: Sequence[str], identity: Identity | None
) -> Certificate:
    """Publishes a version of what is left, removes all others, and writes the certificate.

    Args:
        settings: the configuration in force.
        certificate: what has left so far.
        versions: those of before.
        identity: who must not be found in what is published.

    Raises:
        UserError: the run did not publish; the versions of before are still there, and hold what was to go.
    """
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{certificate.person or 'expired'}"
    certificate = replace(certificate, path=settings.warehouse / stores.CERTIFICATES / f"{stamp}.json")
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
        others = {*versions, *publishing.remove_other_versions(settings)} - {current}
    left = _left(settings, identity) if identity else 0
    done = replace(certificate, versions=tuple(sorted(others)), published=current, left=left)
    _write(done)
    return done


def _write(certificate: Certificate) -> None:
    assert certificate.path
    told = {name: value for name, value in asdict(certificate).items() if name != "path"}
    whole_file(certificate.path, json.dumps(told, indent=1))


def _left(settings: Settings, identity: Identity) -> int:
    """How many values of the published databases still name a person."""
    texts = [*identity.texts, *identity.telling_ids]
    wanted = " or ".join(f"contains(lower(value), {literal(text.lower())})" for text in texts)
    count = 0
    for name in (PEOPLE, PERFORMANCE) if texts else ():
        with connect(settings, settings.warehouse / "published" / name, read_only=True) as con:
            columns = con.execute(
                "select schema_name, table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' "
                "and schema_name in ('marts', 'ops', 'restricted')"
            ).fetchall()
            for schema, table, column in columns:
                likely = con.execute(
                    f"select value, count(*) from (select {identifier(column)} as value "
                    f"from {identifier(schema)}.{identifier(table)}) where {wanted} group by value"
                ).fetchall()
                count += sum(times for value, times in likely if identity.strike_header(value)[1])
    return count


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
