"""Publishing: from the checked build to a version that readers see, in one atomic step.

versions/<version>/   performance.duckdb, people.duckdb, marts/*.parquet, manifest.json
published             → versions/<version>, swapped by one rename; readers of the old files keep them
withdrawn.json        what was rolled back from: it is not published again before something new has come
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from expectations.runner import CheckResult
from pipelines import logs
from pipelines.database import connect, identifier, literal
from pipelines.disclosure import cost, ledger
from pipelines.errors import UserError
from pipelines.files import draft_of, sync, whole_file, whole_folder
from pipelines.fingerprint import code_in_force
from pipelines.identifiers import Identifiers, of_loads
from pipelines.loads import Load, digest
from pipelines.marts import MARTS, RESTRICTED_TABLES
from pipelines.quarantine import COLUMNS, rows_sql
from pipelines.runs import Run, clear
from pipelines.settings import PROJECT_ROOT, Settings

# Readable by drivers as old as BI tools ship.
_STORAGE_VERSION = "v1.4.0"
PERFORMANCE = "performance.duckdb"
PEOPLE = "people.duckdb"
MANIFEST = "manifest.json"
# Python's audit event at each step of a run: whoever listens is told which one it is.
BOUNDARY = "perfwh.boundary"
_WITHDRAWN = "withdrawn.json"
_log = logs.get(__name__)
_SHARED_FILE, _SHARED_FOLDER = 0o644, 0o755
_LOAD_COLUMNS = (
    "file_name",
    "sha256",
    "entity",
    "profile",
    "rows_read",
    "rows_loaded",
    "rows_quarantined",
    "rows_duplicate",
    "status",
    "code",
    "message",
)

# Columns whose words are our own, or pseudonyms: nothing in them comes out of an export as it is.
_OUR_OWN_WORDS = {
    *("slice_dimension", "suppression_reason", "band", "definition", "exit_class", "decision", "attribute", "kind"),
    "manager",
}
_KEYED_COLUMNS = {
    "keyed": "As it is written outside of this database.",
    "text": "As it stands in the exports, or as the file is called.",
}


def current_version(settings: Settings) -> str | None:
    """The version that readers see, whatever it is like; None before the first one."""
    published = settings.warehouse / "published"
    return published.readlink().name if published.is_symlink() else None


def published_manifest(settings: Settings) -> dict[str, Any] | None:
    """What the current version says of itself, or None before the first one, or where that cannot be read."""
    return _manifest(settings.warehouse / "published")


def manifest_of(settings: Settings, version: str) -> dict[str, Any] | None:
    """What a version says of itself; None where it is not kept, or that cannot be read."""
    return _manifest(settings.warehouse / "versions" / version)


def kept_manifests(settings: Settings) -> list[dict[str, Any]]:
    """What the kept versions say of themselves, the newest first."""
    folders = sorted((settings.warehouse / "versions").glob("[!.]*"), reverse=True)
    return [manifest for folder in folders if (manifest := _manifest(folder))]


def _manifest(version: Path) -> dict[str, Any] | None:
    """None for a disk's damage: such a version is none, and the next run makes another."""
    try:
        told: dict[str, Any] = json.loads((version / MANIFEST).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return told


def rollback(settings: Settings, version: str | None = None) -> dict[str, Any]:
    """Makes a kept version current: the one before the current one, or one that is named.

    Returns:
        Its manifest.

    Raises:
        UserError: there is no such version.
    """
    current = current_version(settings) or ""
    kept = {manifest["version"]: manifest for manifest in kept_manifests(settings)}
    if version is None:
        version = next((name for name in kept if name < current), None)
    if version is None or version not in kept:
        raise UserError(f"{version or 'an earlier version'}: not kept; kept: {', '.join(kept) or 'none'}")
    # Said before it is done: a rollback that is cut short has then changed nothing.
    withdrawn = [one["fingerprint"] for name, one in kept.items() if name > version]
    whole_file(settings.warehouse / _WITHDRAWN, json.dumps(withdrawn))
    make_current(settings, version)
    _log.info("rolled back to version %s", version)
    return kept[version]


def has_been_published(settings: Settings, fingerprint: str) -> str | None:
    """The version that readers have of what this fingerprint stands for, or have instead of it since a rollback."""
    current = published_manifest(settings)
    if current is None:
        return None
    return current["version"] if fingerprint in (current["fingerprint"], *_withdrawn(settings)) else None


def _withdrawn(settings: Settings) -> list[str]:
    """The fingerprints of what was rolled back from, since something new was last published."""
    path = settings.warehouse / _WITHDRAWN
    return list(json.loads(path.read_text())) if path.exists() else []


def sweep(settings: Settings) -> None:
    """Removes all that a run which was killed left: what is half-made, and a version whole but not yet current."""
    clear(settings)
    current = current_version(settings) or ""
    told = _withdrawn(settings)
    for manifest in kept_manifests(settings):
        if manifest["version"] > current and manifest["fingerprint"] not in told:
            shutil.rmtree(settings.warehouse / "versions" / manifest["version"])


def faults_of(settings: Settings, version: str) -> list[str]:
    """What of a kept version is not as its manifest says: files that are gone, changed or added, and row counts.

    Raises:
        UserError: there is no such version.
    """
    folder = settings.warehouse / "versions" / version
    if not folder.is_dir():
        raise UserError(f"{version}: not kept; `perfwh status` lists the versions")
    manifest = _manifest(folder)
    if manifest is None:
        return [f"{MANIFEST}: cannot be read"]
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    told = manifest["checksums"]
    faults = [f"{name}: is gone" for name in sorted(set(told) - found)]
    faults += [f"{name}: is not in the manifest" for name in sorted(found - set(told))]
    faults += [f"{name}: has changed" for name in sorted(found & set(told)) if _sha256(folder / name) != told[name]]
    if faults:
        return faults
    for name, schemas in ((PERFORMANCE, ("marts", "ops")), (PEOPLE, ("restricted",))):
        with connect(settings, folder / name, read_only=True) as con:
            for table, rows in manifest["row_counts"].items():
                if table.split(".")[0] in schemas and (count := _count(con, table)) != rows:
                    faults.append(f"{table}: {count} rows, not {rows}")
    return faults


def publish(
    run: Run,
    loads: Sequence[Load],
    checks: Sequence[CheckResult],
    descriptions: dict[str, dict[str, str]],
    fingerprint: str,
) -> dict[str, Any]:
    """Makes a new version of the marts current.

    Args:
        run: the run whose build passed all checks.
        loads: the ledger, for `ops.loads` and `ops.quarantine`.
        checks: all results, for `ops.checks`.
        descriptions: table → column → definition; the table's own under "".
        fingerprint: of all that the version follows from.

    Returns:
        The manifest.
    """
    settings = run.settings
    names = of_loads(loads, settings)
    loads = [load.written(names) for load in loads]
    version = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{run.run_id[:8]}"

    def fill(draft: Path) -> None:
        counts = _write_performance(run, draft, loads, checks, descriptions, names)
        sys.audit(BOUNDARY, "aggregates are written")
        counts |= _write_people(run, draft, loads, descriptions, names)
        sys.audit(BOUNDARY, "people are written")
        told = {
            "version": version,
            "run_id": run.run_id,
            "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "code_version": _code_version(),
            "code": code_in_force(),
            "fingerprint": fingerprint,
            "settings": names.keyed_content(settings.that_shape_figures()),
            "settings_sha256": digest(settings.that_shape_figures()),
            "row_counts": counts,
            "files": [
                {"file_name": load.file_name, "sha256": load.sha256, "profile": load.profile}
                for load in loads
                if load.status == "loaded"
            ],
            "checksums": {
                path.relative_to(draft).as_posix(): _sha256(path) for path in sorted(draft.rglob("*")) if path.is_file()
            },
        }
        (draft / MANIFEST).write_text(json.dumps(told, indent=2))
        sys.audit(BOUNDARY, "the manifest is written")

    folder = settings.warehouse / "versions" / version
    whole_folder(folder, fill)
    if settings.share_marts:
        _share(folder)
    sys.audit(BOUNDARY, "the version is whole")
    # Before readers see it: a crash in between leaves more in the ledger than they have seen, never less.
    ledger.record(settings, run.database)
    sys.audit(BOUNDARY, "the ledger is written")
    make_current(settings, version)
    sys.audit(BOUNDARY, "the version is current")
    _log.info("published version %s", version)
    (settings.warehouse / _WITHDRAWN).unlink(missing_ok=True)
    _prune(settings, version)
    sys.audit(BOUNDARY, "old versions are gone")
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    return manifest


def suppressed_counts(settings: Settings, version: str) -> dict[str, int]:
    """Of a version's protected cells: how many there are, how many are suppressed and why, how many changes wait."""
    names = ("cells", "below_minimum", "complementary", "budget", "held", "waiting")
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in names)
    with connect(settings, settings.warehouse / "versions" / version / PERFORMANCE, read_only=True) as con:
        found = con.execute(f"select {sums} from ops.protection").fetchone() or (0,) * len(names)
    return dict(zip(names, map(int, found), strict=True))


def waiting_changes(settings: Settings, version: str) -> list[tuple[str, str, int]]:
    """The occasions of which changes wait: kind, name, and people whose changes do; those with most of them first."""
    with connect(settings, settings.warehouse / "versions" / version / PERFORMANCE, read_only=True) as con:
        return con.execute(
            "select kind, occasion, sum(waiting)::int as waiting from ops.protection group by all having waiting > 0 "
            "order by waiting desc, kind, occasion"
        ).fetchall()


def _share(version: Path) -> None:
    """Lets other accounts of the machine read the aggregates, and go there."""
    for folder in (version.parent.parent, version.parent, version, version / "marts"):
        folder.chmod(_SHARED_FOLDER)
    for file in (version / PERFORMANCE, version / MANIFEST, *(version / "marts").iterdir()):
        file.chmod(_SHARED_FILE)


def make_current(settings: Settings, version: str) -> None:
    """Points `published` at a version. Readers see the old one or the new one, never both or neither."""
    published = settings.warehouse / "published"
    link = draft_of(published)
    link.symlink_to(Path("versions") / version, target_is_directory=True)
    link.replace(published)
    sync(settings.warehouse)


def remove_other_versions(settings: Settings) -> tuple[str, ...]:
    """Removes every version but the current one, what was rolled back from as well.

    Returns:
        Their names.
    """
    others = _versions_but(settings, current_version(settings))
    for path in others:
        shutil.rmtree(path)
    (settings.warehouse / _WITHDRAWN).unlink(missing_ok=True)
    return tuple(path.name for path in others)


def versions(settings: Settings) -> tuple[str, ...]:
    """The names of all kept versions, the current one among them."""
    return tuple(path.name for path in sorted((settings.warehouse / "versions").glob("[!.]*")))


def _versions_but(settings: Settings, current: str | None) -> list[Path]:
    return sorted(path for path in (settings.warehouse / "versions").iterdir() if path.name != current)


def _prune(settings: Settings, current: str) -> None:
    versions = _versions_but(settings, current)
    for path in versions[: max(len(versions) - settings.kept_versions + 1, 0)]:
        shutil.rmtree(path, ignore_errors=True)


def _write_performance(
    run: Run,
    draft: Path,
    loads: Sequence[Load],
    checks: Sequence[CheckResult],
    descriptions: dict[str, dict[str, str]],
    names: Identifiers,
) -> dict[str, int]:
    (draft / "marts").mkdir()
    with connect(run.settings) as con:
        _open(con, run.database, draft / PERFORMANCE)
        con.execute("create schema published.marts; create schema published.ops")
        con.execute(f"create temp table protection as {cost.sql('build')}")
        _write_keyed_texts(con, names)
        counts = {f"marts.{mart}": _copy(con, "marts", mart, "marts", descriptions) for mart in MARTS}
        for mart in MARTS:
            target = literal(draft / "marts" / f"{mart}.parquet")
            con.execute(f"copy published.marts.{identifier(mart)} to {target} (format parquet, compression zstd)")
        _write_ops(con, loads, checks)
        con.execute(f"create table published.ops.protection as {_as_written(con, 'temp.main.protection')}")
        for column, text in cost.COLUMNS.items():
            con.execute(f"comment on column published.ops.protection.{column} is {literal(text)}")
        for table in ("loads", "quarantine", "checks", "protection"):
            counts[f"ops.{table}"] = _count(con, f"published.ops.{table}")
        con.execute("checkpoint published; detach published")
    return counts


def _write_people(
    run: Run, draft: Path, loads: Sequence[Load], descriptions: dict[str, dict[str, str]], names: Identifiers
) -> dict[str, int]:
    with connect(run.settings) as con:
        _open(con, run.database, draft / PEOPLE)
        con.execute("create schema published.restricted")
        counts = {
            f"restricted.{table}": _copy(con, "restricted", table, "restricted", descriptions)
            for table in RESTRICTED_TABLES
        }
        # What was kept back may name people as well.
        con.execute("create schema published.ops")
        con.execute(f"create table published.ops.quarantine_rows as {rows_sql(loads, run.settings)} order by all")
        for column, text in COLUMNS.items():
            con.execute(f"comment on column published.ops.quarantine_rows.{column} is {literal(text)}")
        # Who may read of people may also see what is written in the keyed form elsewhere.
        con.execute(f"create temp table protection as {cost.sql('build')}")
        _write_keyed_texts(con, names)
        files = {names.keyed(keyed): name for keyed, name in run.file_names().items()}
        files |= {keyed: name for name, keyed in names.keyed_where_different(_plain_names(run)).items()}
        if files:
            con.executemany("insert into keyed_texts values (?, ?)", [(name, keyed) for keyed, name in files.items()])
        con.execute(
            "create table published.ops.keyed_texts as select distinct keyed, text from keyed_texts order by all"
        )
        for column, text in _KEYED_COLUMNS.items():
            con.execute(f"comment on column published.ops.keyed_texts.{column} is {literal(text)}")
        con.execute("checkpoint published; detach published")
    return counts


def _plain_names(run: Run) -> list[str]:
    """The names of the run's files that hold no address."""
    return [one["name"] for one in run.read("inbox")] if run.has("inbox") else []


def _write_keyed_texts(con: duckdb.DuckDBPyConnection, names: Identifiers) -> None:
    """Makes `keyed_texts` of the texts of the marts that name a person: distinct texts, so each is looked at once."""
    import pyarrow

    sources = [*(f"build.marts.{identifier(mart)}" for mart in MARTS), "temp.main.protection"]
    parts = [
        f"select {identifier(column)} as text from {source}" for source in sources for column in _texts_of(con, source)
    ]
    distinct = " union ".join(parts)
    texts = [text for (text,) in con.execute(f"select text from ({distinct}) where text is not null").fetchall()]
    found = names.keyed_where_different(texts)
    table = {
        "text": pyarrow.array(list(found), "string"),
        "keyed": pyarrow.array(list(found.values()), "string"),
    }
    con.register("found", pyarrow.table(table))
    con.execute("create temp table keyed_texts as select * from found")
    con.unregister("found")


def _texts_of(con: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    """The columns of a table that may hold a text out of exports."""
    told = con.execute(f"select column_name, column_type from (describe {source})").fetchall()
    return [name for name, kind in told if kind == "VARCHAR" and name not in _OUR_OWN_WORDS]


def _as_written(con: duckdb.DuckDBPyConnection, source: str) -> str:
    """The query of a table in which the texts that name a person stand in the keyed form."""
    columns = []
    for column in map(identifier, _texts_of(con, source)):
        of_people = f"select count(*) from {source} where {column} in (select text from keyed_texts)"
        if _number(con, of_people):
            columns.append(column)
    joins = [f"left join keyed_texts as k{place} on t.{column} = k{place}.text" for place, column in enumerate(columns)]
    written = [f"coalesce(k{place}.keyed, t.{column}) as {column}" for place, column in enumerate(columns)]
    replaced = f" replace ({', '.join(written)})" if written else ""
    return f"select t.*{replaced} from {source} as t {' '.join(joins)}"


def _open(con: duckdb.DuckDBPyConnection, build: Path, target: Path) -> None:
    con.execute(f"attach {literal(build)} as build (read_only)")
    con.execute(f"attach {literal(target)} as published (storage_version '{_STORAGE_VERSION}')")


def _copy(
    con: duckdb.DuckDBPyConnection, source: str, table: str, schema: str, descriptions: dict[str, dict[str, str]]
) -> int:
    target = f"published.{schema}.{identifier(table)}"
    # Sorted, so that equal content makes equal files and readers can skip what they do not ask for.
    held = f"build.{source}.{identifier(table)}"
    query = _as_written(con, held) if schema == "marts" else f"select * from {held}"
    con.execute(f"create table {target} as {query} order by all")
    for column, text in descriptions.get(table, {}).items():
        what = f"column {target}.{identifier(column)}" if column else f"table {target}"
        con.execute(f"comment on {what} is {literal(text)}")
    return _count(con, target)


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return _number(con, f"select count(*) from {table}")


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    return int(row[0]) if row else 0


def _write_ops(con: duckdb.DuckDBPyConnection, loads: Sequence[Load], checks: Sequence[CheckResult]) -> None:
    con.execute(
        """
        create table published.ops.loads (
            file_name varchar, sha256 varchar, entity varchar, profile varchar, rows_read bigint, rows_loaded bigint,
            rows_quarantined bigint, rows_duplicate bigint, status varchar, code varchar, message varchar,
            loaded_at timestamp
        );
        create table published.ops.quarantine (file_name varchar, entity varchar, rule varchar, rows bigint);
        create table published.ops.checks (
            asset varchar, check_name varchar, severity varchar, passed boolean, failing_rows bigint, total_rows bigint
        );
        """
    )
    if loads:
        columns = ", ".join(_LOAD_COLUMNS)
        con.executemany(
            f"insert into published.ops.loads ({columns}, loaded_at) "
            f"values ({'?, ' * len(_LOAD_COLUMNS)} cast(? as timestamptz) at time zone 'UTC')",
            [(*(getattr(load, name) for name in _LOAD_COLUMNS), load.loaded_at) for load in loads],
        )
    quarantined = [
        (load.file_name, load.entity, rule, rows)
        for load in loads
        if load.status == "loaded"
        for rule, rows in load.quarantined_by_rule.items()
    ]
    if quarantined:
        con.executemany("insert into published.ops.quarantine values (?, ?, ?, ?)", quarantined)
    if checks:
        con.executemany(
            "insert into published.ops.checks values (?, ?, ?, ?, ?, ?)",
            [(c.asset, c.check_name, c.severity, c.passed, c.failing_rows, c.total_rows) for c in checks],
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _code_version() -> str | None:
    found = subprocess.run(
        ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None
