"""Building: the database that a run builds aside, from the validated files to what dbt reads as its source.

delivered.<entity>   every judged row of every file in force, quarantined ones too: what the rules are judged on
validated.<entity>   the rows that broke no critical rule: dbt's source
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from pipelines import conforming
from pipelines.database import connect, identifier, literal
from pipelines.entities import ENTITIES, SQL_TYPES, Entity
from pipelines.loads import Load
from pipelines.profiles import Item, Profile
from pipelines.pseudonyms import key_in_force, pseudonyms
from pipelines.runs import Run

DELIVERED = "delivered"
VALIDATED = "validated"


def add_entity(run: Run, entity: Entity, loads: Iterable[Load], profiles: dict[str, Profile]) -> int:
    """Puts the judged rows of an entity into the build database.

    Args:
        run: the run.
        entity: the entity.
        loads: its loads.
        profiles: all profiles; those in use may describe survey items.

    Returns:
        The number of rows in `validated`.
    """
    loaded = [load for load in loads if load.status == "loaded" and load.key]
    columns = ", ".join(identifier(column.name) for column in entity.columns)
    sources = [_empty(entity)]
    if loaded:
        sources = [_files(run, loaded, columns)]
    if entity.name == "survey_items":
        items = [item for name in _profiles_in_use(run) for item in profiles[name].items]
        if items:
            sources.append(_items(items, columns))
    delivered = f"{DELIVERED}.{identifier(entity.name)}"
    validated = f"{VALIDATED}.{identifier(entity.name)}"
    with connect(run.settings, run.database) as con:
        con.execute(f"create schema if not exists {DELIVERED}; create schema if not exists {VALIDATED}")
        con.execute(f"create or replace view {delivered} as {' union all '.join(sources)}")
        con.execute(
            f"create or replace view {validated} as select {columns}, _load as delivery_number, _line as line_number "
            f"from {delivered} where _violations is null"
        )
        count = con.execute(f"select count(*) from {validated}").fetchone()
    return int(count[0]) if count else 0


def _empty(entity: Entity) -> str:
    typed = ", ".join(f"null::{SQL_TYPES[column.type]} as {identifier(column.name)}" for column in entity.columns)
    marks = "0::bigint as _line, null::varchar as _unparsed, null::varchar as _ambiguous, null::varchar as _violations"
    return f"select {typed}, {marks}, 0 as _load where false"


def _files(run: Run, loads: list[Load], columns: str) -> str:
    # Files are in force in the order of their names: the later one wins where two speak of one thing.
    paths = [run.settings.warehouse / "validated" / (load.key or "") / conforming.ROWS for load in loads]
    numbered = ", ".join(f"({literal(path)}, {number})" for number, path in enumerate(paths, start=1))
    files = ", ".join(literal(path) for path in paths)
    return (
        f"select {columns}, {', '.join(conforming.MARKS)}, f.number as _load "
        f"from read_parquet([{files}], filename = true, hive_partitioning = false) as r "
        f"join (values {numbered}) as f (path, number) on r.filename = f.path"
    )


def _profiles_in_use(run: Run) -> list[str]:
    return sorted({one["profile"] for one in run.read("inbox") if one["profile"]})


def _items(items: list[Item], columns: str) -> str:
    rows = json.dumps(
        [
            {
                "item_id": item.item_id,
                "text": item.text,
                "driver": item.driver,
                "scale_min": item.scale_min,
                "scale_max": item.scale_max,
                "reversed": item.reversed,
                "is_enps": item.is_enps,
                "is_comment": item.is_comment,
                "not_applicable": "|".join(item.not_applicable) or None,
            }
            for item in items
        ]
    )
    shape = json.dumps([{c.name: SQL_TYPES[c.type] for c in ENTITIES["survey_items"].columns}])
    # A file that describes an item wins over its profile's description, which is delivery 0.
    return (
        f"select {columns}, 0::bigint, null::varchar, null::varchar, null::varchar, 0 "
        f"from (select unnest(from_json({literal(rows)}, {literal(shape)}), recursive := true))"
    )


def add_pseudonyms(run: Run) -> int:
    """Makes `validated.person_pseudonyms`: everyone who may be named in a mart, with the name to use.

    Returns:
        The number of people.
    """
    import pyarrow

    with connect(run.settings, run.database) as con:
        people = [
            row[0]
            for row in con.execute(
                f"select employee_id from {VALIDATED}.employees union select manager_id from {VALIDATED}.employees "
                "where manager_id is not null order by 1"
            ).fetchall()
        ]
        names = pseudonyms(people, key_in_force(run.settings))
        con.register(
            "named",
            pyarrow.table({"person_id": pyarrow.array(people, "string"), "pseudonym": pyarrow.array(names, "string")}),
        )
        con.execute(f"create or replace table {VALIDATED}.person_pseudonyms as select * from named")
    return len(people)


def table_counts(run: Run) -> dict[str, int]:
    """Rows of every table that dbt has built, by `schema__table`."""
    with connect(run.settings, run.database, read_only=True) as con:
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where not internal order by 1, 2"
        ).fetchall()
        if not tables:
            return {}
        counts = " union all ".join(
            f"select {literal(f'{schema}__{table}')}, count(*) from {identifier(schema)}.{identifier(table)}"
            for schema, table in tables
        )
        return dict(con.execute(counts).fetchall())
