"""Dagster's own history without a person: runs and their events, partitions, checks, ticks and cursors.

Runs and partitions are deleted through Dagster's API. What it cannot reach (checks of a deleted run, cursors, ticks) is
struck out of the tables by SQL, for SQLite and PostgreSQL alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pipelines.entities import ENTITIES
from pipelines.erasure.identity import Identity
from pipelines.errors import EXIT_FAILED, UserError
from pipelines.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

_BUSY_SECONDS = 60
# Rows of these tables go with their run.
_OF_RUNS = ("runs", "run_tags", "event_logs")
_ROWS_AT_ONCE = 500
Connect = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class _Hit:
    """A row that names the person: its table, its key, and the columns to be rewritten."""

    table: sa.Table
    key: dict[str, Any]
    struck: dict[str, str]
    run_id: str | None


def forget_runs(settings: Settings, identity: Identity, is_rehearsal: bool) -> int:
    """Deletes the runs that speak of a person, with all their events; how many."""
    with _instance(settings) as instance:
        if instance is None:
            return 0
        runs = _runs_with(instance, identity)
        for run_id in () if is_rehearsal else sorted(runs):
            instance.delete_run(run_id)
        return len(runs)


def forget_partitions(settings: Settings, identity: Identity, is_rehearsal: bool) -> int:
    """Deletes the partitions whose name names a person (a survey that is called after somebody); how many."""
    with _instance(settings) as instance:
        if instance is None:
            return 0
        found = [
            (name, partition)
            for name in sorted({entity.period for entity in ENTITIES.values() if entity.period})
            for partition in instance.get_dynamic_partitions(name)
            if identity.is_in(partition)
        ]
        for name, partition in () if is_rehearsal else found:
            instance.delete_dynamic_partition(name, partition)
        return len(found)


def forget_rows(settings: Settings, identity: Identity, is_rehearsal: bool) -> int:
    """Strikes a person out of all other rows, and overwrites what deleted rows have left; how many rows were struck."""
    with _instance(settings) as instance:
        if instance is None:
            return 0
        databases = _databases(settings)
        runs = _runs_with(instance, identity) if is_rehearsal else set()
        count = 0
        for connect in _connections(instance, databases):
            with connect() as con:
                # What goes with its run or as a partition is counted there.
                hits = [
                    hit
                    for hit in _hits(con, identity)
                    if not (hit.table.name in _OF_RUNS and hit.run_id in runs)
                    and not (is_rehearsal and hit.table.name == "dynamic_partitions")
                ]
                count += len(hits)
                for hit in () if is_rehearsal else hits:
                    where = [hit.table.c[name] == value for name, value in hit.key.items()]
                    con.execute(hit.table.update().where(*where).values(**hit.struck))
                if not is_rehearsal:
                    con.commit()
                    _free(con)
    if not is_rehearsal:
        for path in databases:
            _rewrite(path, identity)
    return count


@contextmanager
def _instance(settings: Settings) -> Iterator[DagsterInstance | None]:
    """Dagster's instance; None where Dagster has never run, so that nothing is made."""
    home = settings.dagster_home
    if not home.is_dir() or not any(home.iterdir()):
        yield None
        return
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def _databases(settings: Settings) -> list[Path]:
    """Dagster's SQLite files."""
    return sorted(path for path in settings.dagster_home.rglob("*.db") if _is_sqlite(path))


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(16) == b"SQLite format 3\0"


def _connections(instance: DagsterInstance, databases: list[Path]) -> list[Connect]:
    """Connections to everything that Dagster stores: each SQLite file, and each database of another kind once."""
    found: dict[str, Connect] = {str(path): partial(_connected, path) for path in databases}
    stores: tuple[tuple[Any, str], ...] = (
        (instance.run_storage, "connect"),
        (instance.event_log_storage, "index_connection"),
        (instance.schedule_storage, "connect"),
    )
    for store, name in stores:
        connect: Connect = getattr(store, name)
        with connect() as con:
            if con.dialect.name != "sqlite":
                found.setdefault(str(con.engine.url), connect)
    return list(found.values())


@contextmanager
def _connected(path: Path) -> Iterator[sa.Connection]:
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": _BUSY_SECONDS})
    with engine.connect() as con:
        yield con
    engine.dispose()


def _runs_with(instance: DagsterInstance, identity: Identity) -> set[str]:
    """The ids of runs that speak of the person: in their tags or configuration, or in one of their events."""
    if not identity.words():
        return set()
    run_storage: Any = instance.run_storage
    events: Any = instance.event_log_storage
    with run_storage.connect() as con:
        found = {hit.run_id for hit in _hits(con, identity, ("runs", "run_tags"))}
    known = set(instance.get_run_ids())
    for run_id in sorted(known):
        with events.run_connection(run_id) as con:
            found |= {hit.run_id for hit in _hits(con, identity, ("event_logs",), run_id)}
    return {run_id for run_id in found if run_id in known}


def _hits(
    con: sa.Connection, identity: Identity, tables: tuple[str, ...] | None = None, run_id: str | None = None
) -> Iterator[_Hit]:
    """The rows in which a text names the person.

    The database looks for the words first; whether they name the person is decided by the same rule as anywhere else.
    """
    wanted = identity.words()
    if not wanted:
        return
    metadata = sa.MetaData()
    metadata.reflect(bind=con, only=None if tables is None else lambda name, _: name in tables)
    for table in metadata.tables.values():
        columns = [column for column in table.columns if isinstance(column.type, sa.String)]
        keys = list(table.primary_key.columns)
        if not columns or not keys:
            continue
        likely = sa.or_(
            *(
                sa.and_(*(sa.func.lower(column).contains(word, autoescape=True) for word in words))
                for column in columns
                for words in wanted
            )
        )
        query = sa.select(table).where(likely)
        if run_id is not None:
            query = query.where(table.c.run_id == run_id)
        rows = con.execute(query).mappings()
        for some in rows.partitions(_ROWS_AT_ONCE):
            for row in some:
                struck = {
                    column.name: identity.strike(text)
                    for column in columns
                    if (text := row[column.name]) and identity.is_in(text)
                }
                if struck:
                    yield _Hit(table, {key.name: row[key.name] for key in keys}, struck, row.get("run_id"))


def _free(con: sa.Connection) -> None:
    """Lets PostgreSQL reuse at once what deleted rows have left; SQLite files are rewritten."""
    if con.dialect.name == "postgresql":
        # Dagster's connections commit by themselves, as VACUUM needs.
        con.execute(sa.text("vacuum"))


def _rewrite(path: Path, identity: Identity) -> None:
    """Writes an SQLite file without what deleted and changed rows have left in its free pages.

    Files of single runs are only ever added to; they are rewritten where the person is found in their bytes.

    Raises:
        UserError: another process keeps the file in use.
    """
    files = [one for one in (path, path.with_name(f"{path.name}-wal")) if one.exists()]
    is_of_run = path.parent.name == "runs" and path.stem != "index"
    if is_of_run and not any(identity.is_in(one.read_bytes().decode(errors="replace")) for one in files):
        return
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as con:
            con.execute("vacuum")
            is_busy = con.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
    except sqlite3.OperationalError:
        is_busy = True
    if is_busy:
        raise UserError(
            f"{path}: Dagster keeps it in use, so what was deleted there cannot be overwritten; stop Dagster's "
            "processes (`make dev`, the daemon) and give the same command again",
            EXIT_FAILED,
        )
