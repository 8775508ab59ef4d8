"""Which records of a file go, and which only lose the mention of somebody; lines, never what stands in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines import conforming
from pipelines.database import identifier, literal, scratch
from pipelines.entities import ENTITIES, LOOKUP
from pipelines.erasure.tombstones import OF_SURVEY, hashes
from pipelines.loads import Load
from pipelines.parsing import trimmed
from pipelines.profiles import Profile
from pipelines.reading import RawFile
from pipelines.settings import Settings

# What separates the fields of a line that could not be cut, or of one that is kept as JSON.
_SEPARATORS = '[,;\\t|":{}]+'
_OF_SURVEY = ("survey_id", "respondent_id")


@dataclass(frozen=True)
class Records:
    """Of one file: the lines in which records begin that go, and line → places of the fields that are emptied."""

    gone: frozenset[int]
    emptied: Mapping[int, tuple[int, ...]]

    def __bool__(self) -> bool:
        return bool(self.gone or self.emptied)


@dataclass(frozen=True)
class References:
    """All that names a person in exports: ids, those of former times too, addresses and names, codes in surveys."""

    ids: frozenset[str]
    texts: frozenset[str]
    codes: frozenset[str]

    @property
    def all(self) -> list[str]:
        return sorted(self.ids | self.texts | self.codes)


# How addresses and names are written: `Berg, Anna` is `Anna Berg` elsewhere, and the other way round.
_REFERENCES = (
    "lower(email)",
    "lower(full_name)",
    r"case when regexp_matches(full_name, '^[^,]*[^,\s][^,]*,[^,]*[^,\s]') "
    r"then lower(trim(split_part(full_name, ',', 2)) || ' ' || trim(split_part(full_name, ',', 1))) end",
    r"case when regexp_matches(full_name, '^[^,]*[^,\s]\s+[^,\s]+$') "
    r"then lower(regexp_replace(full_name, '^(.*\S)\s+(\S+)$', '\2, \1')) end",
)


def references_of(
    employee_id: str, loads: Iterable[Load], settings: Settings, known: Collection[str] = ()
) -> References:
    """What names a person in the files; an address or a name that somebody else has too is none.

    Args:
        employee_id: as the exports write it.
        loads: the conformed files.
        settings: the configuration in force.
        known: hashes of what names them, of an erasure that was cut short: what it has removed already led to it.
    """
    loads = list(loads)
    with scratch(settings) as con:
        moves = _rows(con, loads, "job_changes", settings)
        moved = con.sql(
            f"select distinct old_value, new_value from {moves} "
            "where lower(change_type) = 'employee_id' and old_value is not null and new_value is not null"
        ).fetchall()
        people = _rows(con, loads, "employees", settings)
        ids = {employee_id, *_known(con, f"select distinct employee_id from {people}", set(known), settings)}
        ids |= {one for pair in moved for one in pair if hashes([one], settings)[0] in known}
        while more := {one for pair in moved if ids & set(pair) for one in pair} - ids:
            ids |= more
        con.register("mine", pa.table({"id": pa.array(sorted(ids), "string")}))
        named = " union ".join(
            f"select {reference} as reference, employee_id in (from mine) as is_mine from {people}"
            for reference in _REFERENCES
        )
        texts = con.sql(
            f"select reference from ({named}) where reference is not null group by 1 having bool_and(is_mine)"
        ).fetchall()
        texts += [
            (text,)
            for reference in _REFERENCES
            for text in _known(con, f"select distinct {reference} from {people}", set(known), settings)
            if (text,) not in texts
        ]
        mine = {one.lower() for one in ids} | {text for (text,) in texts}
        con.register("all_mine", pa.table({"id": pa.array(sorted(mine), "string")}))
        con.register("my_texts", pa.table({"text": pa.array(sorted(text for (text,) in texts), "string")}))
        codes = " union ".join(
            f"select survey_id || {literal(OF_SURVEY)} || respondent_id from {_rows(con, loads, entity, settings)} "
            "where (lower(employee_id) in (from all_mine) or lower(respondent_id) in (from my_texts)) "
            "and survey_id is not null and respondent_id is not null"
            for entity in ("survey_invitations", "survey_responses")
        )
        told = con.sql(codes).fetchall()
    return References(frozenset(ids), frozenset(text for (text,) in texts), frozenset(code for (code,) in told))


def _rows(con: duckdb.DuckDBPyConnection, loads: list[Load], entity: str, settings: Settings) -> str:
    files = [_file(load, conforming.ROWS, settings) for load in loads if load.entity == entity and load.key]
    if files:
        return f"read_parquet([{', '.join(map(literal, files))}], union_by_name = true)"
    empty = ", ".join(f"null::varchar as {identifier(column.name)}" for column in ENTITIES[entity].columns)
    return f"(select {empty} where false)"


def _file(load: Load, name: str, settings: Settings) -> Path:
    return settings.warehouse / "validated" / (load.key or "") / name


def records_of(
    load: Load, raw: RawFile, profile: Profile, known: set[str], person_columns: Iterable[str], settings: Settings
) -> Records:
    """The records of a file that are about people who are known by hashes, or mention them.

    Args:
        load, raw, profile: the file, conformed and as it was read.
        known: hashes of all that names them.
        person_columns: of a lookup, the columns that name people; an entity knows its own.
        settings: the configuration in force.
    """
    entity = ENTITIES.get(profile.entity)
    subjects = entity.naming("subject") if entity else list(person_columns)
    mentioned = entity.naming("mentioned") if entity else []
    with scratch(settings) as con:
        con.execute(
            f"create temp view conformed as from read_parquet({literal(_file(load, conforming.ROWS, settings))})"
        )
        con.execute(f"create temp view delivered as {raw.delivered}")
        gone: set[int] = set()
        emptied: dict[int, set[int]] = {}
        found = [(column, *_found(con, raw, profile, column, known, settings)) for column in (*subjects, *mentioned)]
        for column, lines, places in found:
            if column in subjects:
                gone |= lines
            else:
                for line in lines:
                    emptied.setdefault(line, set()).update(places)
        if entity and set(_OF_SURVEY) <= set(entity.by_name):
            gone |= _found_by_code(con, raw, profile, known, settings)
        gone |= _uncut(con, _file(load, conforming.QUARANTINE, settings), known, settings)
        con.execute("drop view conformed; drop view delivered")
    return Records(frozenset(gone), {line: tuple(sorted(of)) for line, of in emptied.items() if line not in gone})


def _found(
    con: duckdb.DuckDBPyConnection, raw: RawFile, profile: Profile, column: str, known: set[str], settings: Settings
) -> tuple[set[int], list[int]]:
    """The lines in which a column names someone known, and the places of the fields that it is made of.

    What the column says is looked at as it was conformed and as it was delivered: a line that repeats another, or that
    no row was made of, is delivered only.
    """
    spec = profile.columns.get(column)
    if spec is None:
        return set(), []
    name = identifier(column)
    of_value = _known(con, f"select distinct {name}::varchar from conformed", known, settings)
    lines = _lines(con, f"{name}::varchar", of_value)
    headers: list[tuple[str, ...]] = [(header,) for header in spec.join] or ([spec.sources] if spec.sources else [])
    places = [int(found[1:]) for variants in headers if (found := raw.column(variants))]
    if places:
        text = (
            f"nullif(concat_ws({literal(spec.separator)}, {', '.join(trimmed(f'c{place}') for place in places)}), '')"
        )
        of_text = _known(con, f"select distinct {text} from delivered", known, settings)
        con.register("matched", pa.table({"line": pa.array(sorted(lines), "int64")}))
        same = con.sql(f"select distinct {text} from delivered where _line in (select line from matched)").fetchall()
        lines |= _lines(con, text, {*of_text, *(value for (value,) in same if value)}, "delivered")
    return lines, places


def _found_by_code(
    con: duckdb.DuckDBPyConnection, raw: RawFile, profile: Profile, known: set[str], settings: Settings
) -> set[int]:
    """The lines of survey files that name someone known by their code in that survey.

    Where a file is of one survey, codes are looked for as they were delivered too: some lines have no answer.
    """
    code = f"survey_id || {literal(OF_SURVEY)} || respondent_id"
    lines = _lines(con, code, _known(con, f"select distinct {code} from conformed", known, settings))
    surveys = con.sql("select distinct survey_id from conformed where survey_id is not null").fetchall()
    sources = profile.columns["respondent_id"].sources if "respondent_id" in profile.columns else ()
    place = raw.column(sources) if sources else None
    if place and len(surveys) == 1:
        code = f"{literal(surveys[0][0] + OF_SURVEY)} || {trimmed(place)}"
        lines |= _lines(con, code, _known(con, f"select distinct {code} from delivered", known, settings), "delivered")
    return lines


def _known(con: duckdb.DuckDBPyConnection, sql: str, known: set[str], settings: Settings) -> list[str]:
    values = [value for (value,) in con.sql(sql).fetchall() if value is not None]
    return [value for value, told in zip(values, hashes(values, settings), strict=True) if told in known]


def _lines(con: duckdb.DuckDBPyConnection, value: str, wanted: Iterable[str], relation: str = "conformed") -> set[int]:
    con.register("wanted", pa.table({"value": pa.array(sorted(wanted), "string")}))
    return {
        line
        for (line,) in con.sql(
            f"select distinct _line from {relation} where {value} in (select value from wanted)"
        ).fetchall()
    }


def _uncut(con: duckdb.DuckDBPyConnection, quarantine: Path, known: set[str], settings: Settings) -> set[int]:
    """Lines that could not be cut into fields and in which someone known stands between separators."""
    words = (
        f"select _line, trim(unnest(string_split_regex(raw_row, {literal(_SEPARATORS)}))) as word "
        f"from read_parquet({literal(quarantine)}) where rule = 'row_width'"
    )
    wanted = _known(con, f"select distinct word from ({words})", known, settings)
    return _lines(con, "word", wanted, f"({words})")


def expired_records(load: Load, profile: Profile, today: date, settings: Settings) -> Records:
    """The records of a file that are older than the settings keep rows of its entity.

    Snapshots go by their day. Where a file of employees has no such days, people go some time after they have left,
    with all their rows; who has a row without a last day stays.
    """
    if profile.entity == LOOKUP or profile.entity not in settings.retention_days:
        return Records(frozenset(), {})
    limit = literal((today - timedelta(days=settings.retention_days[profile.entity])).isoformat())
    days = ENTITIES[profile.entity].day_columns
    newest = f"greatest({', '.join(f'{day}::date' for day in days)})"
    is_old = f"coalesce({newest} < date {limit}, false)"
    if profile.entity == "employees":
        mine = "over (partition by employee_id)"
        has_left = f"bool_and(last_day is not null) {mine} and max(last_day) {mine} < date {limit}"
        is_old = f"coalesce(case when as_of is null then {has_left} else as_of < date {limit} end, false)"
    rows = f"select _line, {is_old} as is_old from read_parquet({literal(_file(load, conforming.ROWS, settings))})"
    with scratch(settings) as con:
        # A line of several rows goes once all of them are old.
        lines = con.sql(f"select _line from ({rows}) group by _line having bool_and(is_old)").fetchall()
    return Records(frozenset(line for (line,) in lines), {})
