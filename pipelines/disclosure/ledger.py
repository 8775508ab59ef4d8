"""The ledger: what readers were ever shown of whom, kept beside the versions and longer than they are.

<warehouse>/ledger/<number>/    one folder for each version that showed something new, written before it is current:
    states.parquet, people.parquet, slices.parquet, rows.parquet, cells.parquet    see `TABLES`
    <mart>.parquet              the rows of the mart as that version shows them, of the occasions that changed

People and what they contributed are keyed digests; the key lies outside of the warehouse. Folders are added, never
changed, except where a person is erased. A run that fails after the folder is written leaves more in the ledger than
readers have seen, never less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
from scipy import sparse

from pipelines.database import connect, identifier, literal
from pipelines.disclosure.search import Ints
from pipelines.disclosure.states import State
from pipelines.files import remove_drafts, whole_folder

if TYPE_CHECKING:
    from pipelines.disclosure.decisions import Outcome
    from pipelines.settings import Settings

SCHEMA = "earlier"
FOLDER = "ledger"
# States of one folder have numbers of their own.
STATES_PER_FOLDER = 1_000_000
# Tables of the ledger: column → type.
TABLES: Mapping[str, Mapping[str, str]] = {
    "states": {
        "state": "bigint", "kind": "varchar", "occasion": "varchar", "wave": "varchar", "settings": "varchar",
        "digest": "varchar", "day": "bigint", "gone": "bigint", "parts": "varchar[]", "measures": "varchar[]",
    },
    "people": {
        "state": "bigint", "person": "bigint", "slices": "integer[]", "weights": "double[]", "content": "bigint[]",
        "presence": "bigint[]", "measured": "bigint[]",
    },
    "slices": {"state": "bigint", "number": "bigint", "slice_dimension": "varchar", "slice_value": "varchar"},
    "rows": {"state": "bigint", "part": "bigint", "weights": "varchar", "number": "bigint"},
    "cells": {
        "state": "bigint", "figures": "varchar", "slice_dimension": "varchar", "slice_value": "varchar",
        "decision": "varchar",
    },
}  # fmt: skip
# Marts whose rows are kept, so that a figure can stay as readers have it: mart → kind → SQL for its occasions.
MARTS: Mapping[str, Mapping[str, str]] = {
    "morale": {"answers": "survey_id"},
    "morale_item": {"answers": "survey_id"},
    "enps": {"answers": "survey_id"},
    "rating_distribution": {"ratings": "cycle"},
    "rating_gap": {"ratings": "cycle"},
    "adverse_impact": {"ratings": "cycle"},
    "goal_attainment": {"goals": "period"},
    "goal_attainment_distribution": {"goals": "period"},
    "one_on_one": {"meetings": "month"},
    "recognition": {"recognitions": "month"},
    "goal_alignment": {"goals": "period"},
    "headcount_walk": {"exits": "extract(year from month)", "populations": "m.slice_dimension"},
    "turnover": {"exits": "extract(year from month)", "populations": "m.slice_dimension"},
    "retention": {"populations": "m.slice_dimension"},
}
# Texts that exports choose, of which the ledger keeps keyed digests: mart → column.
DIGESTED: Mapping[str, str] = {"goal_alignment": "goal_id"}
_DECISIONS = {
    "record": pa.string(), "kind": pa.string(), "occasion": pa.string(), "wave": pa.string(), "state": pa.int64(),
    "settings": pa.string(), "digest": pa.string(), "day": pa.int64(), "parts": pa.list_(pa.string()),
    "measures": pa.list_(pa.string()), "figures": pa.string(), "slice_dimension": pa.string(),
    "slice_value": pa.string(), "decision": pa.string(), "number": pa.int64(), "part": pa.int64(),
    "use": pa.string(), "person": pa.int64(), "slices": pa.list_(pa.int32()), "weights": pa.list_(pa.float64()),
    "content": pa.list_(pa.int64()), "presence": pa.list_(pa.int64()), "measured": pa.list_(pa.int64()),
    "waiting": pa.int64(), "spent": pa.int64(), "budget_cells": pa.int64(),
}  # fmt: skip


def table_of(outcomes: Sequence[Outcome]) -> pa.Table:
    """Outcomes as one table: records of the kinds `outcome`, `cell`, `state`, `person`, `slice` and `row`."""
    tables = [pa.table({name: pa.array([], kind) for name, kind in _DECISIONS.items()})]
    for number, outcome in enumerate(outcomes):
        where = {"kind": outcome.kind, "occasion": outcome.occasion, "wave": outcome.wave, "state": number}
        totals = [
            {**where, "waiting": outcome.waiting, "spent": outcome.spent, "budget_cells": outcome.suppressed_for_budget}
        ]
        tables.append(_records("outcome", totals))
        figures, dimensions, values, decisions = zip(*outcome.cells, strict=True) if outcome.cells else ((),) * 4
        tables.append(
            _columns(
                "cell", where, len(figures), figures=figures, slice_dimension=dimensions, slice_value=values,
                decision=decisions,
            )
        )  # fmt: skip
        if outcome.state is not None:
            tables += _state_records(outcome.state, where)
    return pa.concat_tables(tables)


def _state_records(state: State, where: Mapping[str, Any]) -> list[pa.Table]:
    one = {
        **where, "settings": state.settings, "digest": state.digest, "day": state.day, "parts": state.parts,
        "measures": [f"{state.parts.index(part)} {name}" for part, name in state.measures],
    }  # fmt: skip
    members = sparse.csc_array(state.members)
    count = len(state.people)
    people = _columns(
        "person", where, count, person=state.people,
        slices=pa.ListArray.from_arrays(members.indptr.astype(np.int32), pa.array(members.indices, pa.int32())),
        weights=pa.ListArray.from_arrays(members.indptr.astype(np.int32), pa.array(members.data, pa.float64())),
        content=_lists(state.content), presence=_lists(state.presence), measured=_lists(state.measured),
    )  # fmt: skip
    slices = _columns(
        "slice", where, len(state.slices), number=list(range(len(state.slices))),
        slice_dimension=[dimension for dimension, _ in state.slices], slice_value=[value for _, value in state.slices],
    )  # fmt: skip
    parts, uses, numbers = zip(*state.rows, strict=True) if state.rows else ((),) * 3
    rows = _columns("row", where, len(parts), part=parts, use=uses, number=numbers)
    return [_records("state", [one]), people, slices, rows]


def _lists(numbers: Ints) -> pa.ListArray:
    """A list for each row of a matrix."""
    ends = np.arange(len(numbers) + 1, dtype=np.int32) * numbers.shape[1]
    return pa.ListArray.from_arrays(ends, pa.array(numbers.ravel(), pa.int64()))


def _records(record: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table(
        {
            name: pa.array([record if name == "record" else row.get(name) for row in rows], kind)
            for name, kind in _DECISIONS.items()
        }
    )


def _columns(record: str, where: Mapping[str, Any], count: int, **columns: Any) -> pa.Table:
    constant = {"record": record, **where}
    filled = {}
    for name, kind in _DECISIONS.items():
        if name in columns:
            column = columns[name]
            filled[name] = column if isinstance(column, pa.Array) else pa.array(column, kind)
        elif name in constant:
            filled[name] = pa.repeat(pa.scalar(constant[name], kind), count)
        else:
            filled[name] = pa.nulls(count, kind)
    return pa.table(filled)


def read(con: duckdb.DuckDBPyConnection, relations: Mapping[str, duckdb.DuckDBPyRelation]) -> list[State]:
    """The states that the ledger holds, the earliest first.

    Args:
        con: the connection that the relations belong to.
        relations: the tables of the ledger, as `ledger_<table>`.
    """
    # DuckDB finds relations by the names of variables, which are unused for the linter.
    heads = relations["ledger_states"]  # noqa: F841 - as above
    slices = relations["ledger_slices"]  # noqa: F841 - as above
    rows = relations["ledger_rows"]  # noqa: F841 - as above
    cells = relations["ledger_cells"]  # noqa: F841 - as above
    states = []
    head_rows = con.sql(
        "select state, kind, occasion, wave, settings, digest, day, gone, parts, measures from heads order by state"
    )
    for number, kind, occasion, wave, settings, digest, day, gone, parts, measures in head_rows.fetchall():
        people = relations["ledger_people"]  # noqa: F841 - as above
        mine = con.sql(f"select * from people where state = {number} order by person").to_arrow_table().combine_chunks()
        names = con.sql(
            f"select slice_dimension, slice_value from slices where state = {number} order by number"
        ).fetchall()
        count, width = mine.num_rows, len(parts)
        named = [(parts[int(part)], name) for part, _, name in (one.partition(" ") for one in measures)]
        members = sparse.csr_array((len(names), count))
        if count:
            lists = mine["slices"].combine_chunks()
            lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
            flat = np.asarray(lists.flatten().to_numpy(zero_copy_only=False), dtype=np.int64)
            each = np.asarray(lists.value_lengths().to_numpy(zero_copy_only=False), dtype=np.int64)
            weights = np.asarray(_flat(mine["weights"]), dtype=np.float64)
            place = (flat, np.repeat(np.arange(count), each))
            members = sparse.csr_array((weights, place), (len(names), count))
        states.append(
            State(
                kind, occasion, wave, settings, digest, int(day or 0), int(gone or 0),
                np.asarray(mine["person"].to_numpy(), dtype=np.int64), list(parts),
                np.asarray(_flat(mine["content"]), dtype=np.int64).reshape(count, width),
                np.asarray(_flat(mine["presence"]), dtype=np.int64).reshape(count, width),
                named, np.asarray(_flat(mine["measured"]), dtype=np.int64).reshape(count, len(named)),
                names, members,
                con.sql(f"select part, weights, number from rows where state = {number} order by all").fetchall(),
                con.sql(
                    "select figures, slice_dimension, slice_value, decision from cells "
                    f"where state = {number} order by all"
                ).fetchall(),
            )
        )  # fmt: skip
    return states


def _flat(column: pa.ChunkedArray) -> np.ndarray:
    lists = column.combine_chunks()
    lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
    return np.asarray(lists.flatten().to_numpy(zero_copy_only=False))


def folders(warehouse: Path) -> list[Path]:
    """The folders of the ledger, the oldest first."""
    return sorted(path for path in (warehouse / FOLDER).glob("[0-9]*") if path.is_dir())


def key_in_force(settings: Settings) -> str:
    """The key of the digests, in hexadecimal digits; it follows from the key of the tombstones, which never changes."""
    from pipelines import pseudonyms

    secret = pseudonyms.key_of_file(settings.tombstone_key_file, "the key of the tombstones and the ledger", settings)
    return hashlib.blake2b(b"ledger of disclosure control", key=secret[:64], digest_size=32).hexdigest()


def add_to_build(
    con: duckdb.DuckDBPyConnection, warehouse: Path | None, key: str, marts: Mapping[str, Mapping[str, str]]
) -> dict[str, int]:
    """Makes `earlier.*` of a build: what the ledger holds, for the models; empty tables where there is no ledger.

    Args:
        con: a connection to the build.
        warehouse: where the ledger is; None for none.
        key: of the digests.
        marts: mart → column → type.

    Returns:
        The rows of each table.
    """
    con.execute(f"create schema if not exists {SCHEMA}")
    con.execute(f"create or replace table {SCHEMA}.ledger_key as select {literal(key)} as key")
    known_folders = folders(warehouse) if warehouse else []
    counts = {}
    for name, columns in TABLES.items():
        files = [path / f"{name}.parquet" for path in known_folders if (path / f"{name}.parquet").exists()]
        counts[f"ledger_{name}"] = _fill(con, f"ledger_{name}", columns, files)
    for mart in MARTS:
        files = [path / f"{mart}.parquet" for path in known_folders if (path / f"{mart}.parquet").exists()]
        counts[mart] = _fill(con, mart, {"ledger_state": "bigint", **marts[mart]}, files)
    return counts


def _fill(con: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], files: Sequence[Path]) -> int:
    target = f"{SCHEMA}.{identifier(table)}"
    typed = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns.items())
    con.execute(f"create or replace table {target} ({typed})")
    for file in files:
        # Columns that a later software has added are empty in what an earlier one wrote; those it has dropped are left.
        there = {name for name, *_ in con.execute(f"describe select * from read_parquet({literal(file)})").fetchall()}
        both = ", ".join(identifier(name) for name in columns if name in there)
        con.execute(f"insert into {target} ({both}) select {both} from read_parquet({literal(file)})")
    row = con.execute(f"select count(*) from {target}").fetchone()
    return int(row[0]) if row else 0


def write(con: duckdb.DuckDBPyConnection, build: str, draft: Path, first: int) -> int:
    """Writes what a build shows anew into a folder.

    Args:
        con: a connection to which the build is attached.
        build: the name under which it is.
        draft: the folder.
        first: number of the first state.

    Returns:
        How many states were written; nothing is where there are none.
    """
    decided = f"{build}.disclosure.disclosure_decisions"
    state = f"state + {first} as state"
    queries = {
        "states": f"select {state}, kind, occasion, wave, settings, digest, day, 0::bigint as gone, parts, measures "
        f"from {decided} "
        "where record = 'state' order by 1",
        "people": f"select {state}, person, slices, weights, content, presence, measured from {decided} "
        "where record = 'person' order by 1, 2",
        "slices": f"select {state}, number, slice_dimension, slice_value from {decided} "
        "where record = 'slice' order by 1, 2",
        "rows": f"select {state}, part, \"use\" as weights, number from {decided} where record = 'row' order by all",
        "cells": f"select {state}, figures, slice_dimension, slice_value, decision from {decided} "
        "where record = 'cell' "
        f"and state in (select state from {decided} where record = 'state') order by all",
    }
    row = con.execute(f"select count(*) from {decided} where record = 'state'").fetchone()
    count = int(row[0]) if row else 0
    if not count:
        return 0
    for name, query in queries.items():
        con.execute(f"copy ({query}) to {literal(draft / f'{name}.parquet')} (format parquet, compression zstd)")
    for mart, occasions in MARTS.items():
        digest = ""
        if column := DIGESTED.get(mart):
            digest = f" replace (md5(concat((select key from {build}.{SCHEMA}.ledger_key), {column})) as {column})"
        rows = " union all ".join(
            f"select s.state + {first} as ledger_state, m.*{digest} from {build}.marts.{identifier(mart)} as m "
            f"inner join {decided} as s on s.record = 'state' and s.kind = '{kind}' "
            f"and s.occasion = cast({of} as varchar)"
            for kind, of in occasions.items()
        )
        con.execute(
            f"copy ({rows} order by all) to {literal(draft / f'{mart}.parquet')} (format parquet, compression zstd)"
        )
    return count


def record(settings: Settings, build: Path) -> int:
    """Adds what a build shows anew to the ledger; its states. Done before the version becomes current.

    Args:
        settings: the configuration in force.
        build: the build database.
    """
    warehouse = settings.warehouse
    remove_drafts(warehouse / FOLDER)
    number = next_number(warehouse)
    written = 0

    def fill(draft: Path) -> None:
        nonlocal written
        with connect(settings) as con:
            con.execute(f"attach {literal(build)} as build (read_only)")
            written = write(con, "build", draft, number * STATES_PER_FOLDER)

    with connect(settings, build, read_only=True) as con:
        row = con.execute("select count(*) from disclosure.disclosure_decisions where record = 'state'").fetchone()
    if row and row[0]:
        whole_folder(warehouse / FOLDER / f"{number:06d}", fill)
    return written


def next_number(warehouse: Path) -> int:
    """The number of the next folder."""
    known_folders = folders(warehouse)
    return int(known_folders[-1].name) + 1 if known_folders else 1
