"""What only a whole column can tell: in which order its dates are written, and what a spreadsheet made of it.

Nothing is decided row by row. A column that fits two orders is decided by the profile, or by another date that must
not be later; else the file is refused, with the number of rows in doubt.
"""

from __future__ import annotations

from typing import Any

import duckdb

from expectations import SUITES
from expectations.rules import NotBefore
from pipelines.database import literal
from pipelines.errors import RefusedFile
from pipelines.parsing import DateOrder, Dates, day_of, first_number, is_iso, parsed, second_number
from pipelines.profiles import ColumnSource, Profile

# What spreadsheets make of long numbers; an id that merely looks like 1E5 is none of these.
_ROUNDED = r"[0-9](\.[0-9]+)?E\+[0-9]{2}"
# ... and what they make of a range like 11-20: a day.
_NAMED = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH_FIRST = rf"({'|'.join(_NAMED)})-([0-9]{{1,2}})"
_MONTH_LAST = rf"([0-9]{{1,2}})-({'|'.join(_NAMED)})"
_RANGE = r"[0-9]+ ?[-–] ?[0-9]+"


def dates_of(con: duckdb.DuckDBPyConnection, source: str, texts: dict[str, str], profile: Profile) -> dict[str, Dates]:
    """For each date of a profile that declares no way of writing: how the file writes it.

    Args:
        con: a connection that knows the rows.
        source: the rows, as SQL.
        texts: canonical column → its cleaned text, as SQL over them.
        profile: of the file.

    Raises:
        RefusedFile: a column is in two orders, or in doubt between them.
    """
    columns = [name for name, spec in profile.columns.items() if name in texts and _is_undeclared(name, spec, profile)]
    if not columns:
        return {}
    # In a column that is mostly written one way, other ways are faults of single rows.
    odd = _one(
        con, [f"count_if(not {is_iso(texts[name])}) > count_if({is_iso(texts[name])})" for name in columns], source
    )
    orders: dict[str, DateOrder] = {name: "ymd" if is_odd else "iso" for name, is_odd in zip(columns, odd, strict=True)}
    in_doubt: dict[str, int] = {}
    for name in [name for name, order in orders.items() if order != "iso"]:
        declared = profile.columns[name].date_order or profile.read.date_order
        if declared:
            orders[name] = declared
            continue
        day = day_of(texts[name])
        first, second = first_number(day), second_number(day)
        day_first, month_first, both, same = _one(
            con,
            [
                f"count(*) filter ({first} > 12 and {second} <= 12)",
                f"count(*) filter ({first} <= 12 and {second} > 12)",
                f"count(*) filter ({first} <= 12 and {second} <= 12 and {first} <> {second})",
                f"count(*) filter ({first} = {second})",
            ],
            source,
        )
        if day_first and month_first:
            raise RefusedFile(
                "DATE_ORDER",
                f"column {_header(profile, name)}: {day_first} rows fit only day-month-year, {month_first} only "
                "month-day-year; a column has one order",
            )
        if day_first or month_first:
            orders[name] = "dmy" if day_first else "mdy"
        elif both:
            in_doubt[name] = both
        elif same:
            orders[name] = "dmy"
    orders |= _by_evidence(con, source, texts, profile, orders, in_doubt)
    return {name: Dates.of(profile.read, order) for name, order in orders.items()}


def _is_undeclared(name: str, spec: ColumnSource, profile: Profile) -> bool:
    is_date = profile.type_of(name) in ("date", "timestamp") or bool(spec.written_as)
    return is_date and not spec.dates and not spec.lookup and spec.constant is None


def _one(con: duckdb.DuckDBPyConnection, expressions: list[str], source: str) -> tuple[Any, ...]:
    return con.execute(f"select {', '.join(expressions)} from {source} as s").fetchone() or ()


def _header(profile: Profile, name: str) -> str:
    return " or ".join(profile.columns[name].sources) or name


def _by_evidence(
    con: duckdb.DuckDBPyConnection,
    source: str,
    texts: dict[str, str],
    profile: Profile,
    orders: dict[str, DateOrder],
    in_doubt: dict[str, int],
) -> dict[str, DateOrder]:
    """The one order of the columns in doubt under which no date stands before another that it must not precede."""
    if not in_doubt:
        return {}
    pairs = [
        (rule.later, rule.earlier)
        for rule in SUITES.get(profile.entity, ())
        if isinstance(rule, NotBefore) and {rule.later, rule.earlier} <= set(orders)
    ]
    fitting: list[DateOrder] = []
    either: tuple[DateOrder, ...] = ("dmy", "mdy")
    for choice in either if pairs else ():
        tried: dict[str, DateOrder] = {**orders, **dict.fromkeys(in_doubt, choice)}
        days = {
            name: parsed(texts[name], "date", profile.columns[name], Dates.of(profile.read, tried[name]))
            for pair in pairs
            for name in pair
        }
        broken = " or ".join(f"{days[later]} < {days[earlier]}" for later, earlier in pairs)
        if not _one(con, [f"coalesce(bool_or({broken}), false)"], source)[0]:
            fitting.append(choice)
    if len(fitting) != 1:
        name, rows = next(iter(in_doubt.items()))
        raise RefusedFile(
            "DATE_ORDER",
            f"column {_header(profile, name)}: {rows} rows fit day-month-year and month-day-year, and nothing decides; "
            f"say `date_order: dmy` or `date_order: mdy` under `read` in {profile.profile}",
        )
    return dict.fromkeys(in_doubt, fitting[0])


def refuse_rounded_ids(con: duckdb.DuckDBPyConnection, source: str, texts: dict[str, str], profile: Profile) -> None:
    """Long ids that a spreadsheet shows as 1.23E+11 have lost digits; nobody can tell which they were.

    Raises:
        RefusedFile: an id is written so.
    """
    ids = [name for name in texts if name in profile.columns and profile.type_of(name) == "id"]
    if not ids:
        return
    counts = _one(con, [f"count(*) filter (regexp_full_match({texts[name]}, '{_ROUNDED}'))" for name in ids], source)
    for name, rows in zip(ids, counts, strict=True):
        if rows:
            raise RefusedFile(
                "ID_FORMAT",
                f"column {_header(profile, name)}: {rows} rows hold ids like 1.23E+11, whose digits a spreadsheet has "
                "dropped; export again, without opening the file in a spreadsheet",
            )


def ranges_made_days(
    con: duckdb.DuckDBPyConnection, source: str, columns: dict[str, str]
) -> tuple[list[str], list[str]]:
    """Which columns hold ranges like 11-20 that a spreadsheet shows as Nov-20 or 20-Nov.

    In a column that holds other ranges it is certain what stood there, since a range goes up; elsewhere it is not.

    Args:
        con: a connection that knows the rows.
        source: the rows, as SQL.
        columns: raw column → its header, of columns that hold texts.

    Returns:
        The columns where it is certain, and a note for each column concerned.
    """
    if not columns:
        return [], []
    counts = _one(
        con,
        [
            # Few values are as short as that; the others need not be looked at closely.
            f"count(*) filter (length({name}) between 3 and 9 and regexp_full_match(lower({name}), {literal(pattern)}))"
            for name in columns
            for pattern in (f"{_MONTH_FIRST}|{_MONTH_LAST}", _RANGE)
        ],
        source,
    )
    certain, notes = [], []
    for (name, header), days, ranges in zip(columns.items(), counts[::2], counts[1::2], strict=True):
        if days and ranges:
            certain.append(name)
            notes.append(
                f"{header}: {days} ranges that a spreadsheet made days of (Nov-20 from 11-20) are ranges again"
            )
        elif days:
            notes.append(
                f"{header}: {days} values look like ranges that a spreadsheet made days of; kept as they stand"
            )
    return certain, notes


def as_range(text: str) -> str:
    """SQL: the range that a spreadsheet made a day of; other texts as they are."""

    def way(pattern: str, month: int, number: int) -> str:
        whole = literal(f"^(?:{pattern})$")
        low = f"list_position({_NAMED}, regexp_extract(lower({text}), {whole}, {month}))"
        high = f"cast(regexp_extract(lower({text}), {whole}, {number}) as integer)"
        return (
            f"when regexp_matches(lower({text}), {whole}) then least({low}, {high}) || '-' || greatest({low}, {high})"
        )

    return f"case {way(_MONTH_FIRST, 1, 2)} {way(_MONTH_LAST, 2, 1)} else {text} end"
