"""Parsing: from the text of an export to a typed value, as DuckDB SQL. A value that does not parse is null.

Every cast is guarded by a pattern, because `try_cast` takes 2.5 as 3, 0x10 as 16 and 1_000 as 1000.
"""

from __future__ import annotations

from pipelines.database import literal
from pipelines.entities import ColumnType
from pipelines.profiles import ColumnSource, NumberFormat

# What white space and invisible characters around a value look like in exports.
_BLANKS = "chr(32) || chr(9) || chr(10) || chr(13) || chr(160) || chr(8203) || chr(65279)"
ISO_DATE = "%Y-%m-%d"
_PLAIN_NUMBER = r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?"
_DIRECTIVES = {
    "%Y": "[0-9]{4}",
    "%y": "[0-9]{2}",
    "%m": "[0-9]{1,2}",
    "%d": "[0-9]{1,2}",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]+",
    "%H": "[0-9]{1,2}",
    "%I": "[0-9]{1,2}",
    "%M": "[0-9]{2}",
    "%S": "[0-9]{2}",
    "%p": "[AaPp][Mm]",
}


def cleaned(column: str, null_tokens: tuple[str, ...]) -> str:
    """The text without blanks around it; empty and null tokens are null."""
    text = f"nullif(trim({column}, {_BLANKS}), '')"
    if not null_tokens:
        return text
    tokens = ", ".join(literal(token.strip()) for token in null_tokens)
    return f"case when {text} not in ({tokens}) then {text} end"


def parsed(text: str, column_type: ColumnType, source: ColumnSource) -> str:
    """The typed value of a cleaned text, null where it is not written as the profile says."""
    match column_type:
        case "id" | "text":
            return text
        case "boolean":
            return (
                f"case when lower({text}) in ('true', 't', 'yes', 'y', '1') then true "
                f"when lower({text}) in ('false', 'f', 'no', 'n', '0') then false end"
            )
        case "number":
            return _number(text, source.number)
        case "integer":
            return f"case when regexp_full_match({text}, '[+-]?[0-9]{{1,18}}') then cast({text} as bigint) end"
        case "date":
            return _date(text, source.dates)
        case "timestamp":
            return _timestamp(text, source.dates)


def _number(text: str, written: NumberFormat) -> str:
    for token in written.strip:
        text = f"trim(replace({text}, {literal(token)}, ''))"
    plain = text if written.decimal == "." else f"replace({text}, ',', '.')"
    value = f"when regexp_full_match({plain}, '{_PLAIN_NUMBER}') then cast({plain} as double)"
    if written.thousands:
        # Only digits grouped by threes hold thousands separators; 25.5 stays twenty-five and a half.
        mark, point = f"[{written.thousands}]", f"[{written.decimal}]"
        grouped = f"[+-]?[0-9]{{1,3}}({mark}[0-9]{{3}})+({point}[0-9]+)?"
        bare = f"replace(replace({text}, {literal(written.thousands)}, ''), {literal(written.decimal)}, '.')"
        value = f"when regexp_full_match({text}, {literal(grouped)}) then cast({bare} as double) {value}"
    number = f"case {value} end"
    return number if written.factor == 1 else f"{number} * {written.factor!r}"


def strptime_date(text: str, way: str) -> str:
    """The date in one way of writing; null unless the whole text is written so and the day exists."""
    guard = "".join(_DIRECTIVES.get(piece, piece) for piece in _pieces(way))
    day = f"cast(try_strptime({text}, {literal(way)}) as date)"
    return f"case when regexp_full_match({text}, {literal(guard)}) then {day} end"


def _pieces(way: str) -> list[str]:
    pieces, rest = [], way
    while rest:
        size = 2 if rest.startswith("%") else 1
        piece, rest = rest[:size], rest[size:]
        pieces.append(piece if size == 2 else ("\\" + piece if piece in ".+*?()[]|^$/" and piece != "/" else piece))
    return pieces


def _within_reason(day: str) -> str:
    return f"case when {day} between date '1900-01-02' and date '2199-12-31' then {day} end"


def _date(text: str, ways: tuple[str, ...]) -> str:
    days = [strptime_date(text, way) for way in ways or (ISO_DATE,)]
    if not ways:
        # A time of day after an ISO date does no harm.
        days = [strptime_date(f"regexp_replace({text}, '[T ][0-9:.]+(Z|[+-][0-9:]+)?$', '')", ISO_DATE)]
    return _within_reason(days[0] if len(days) == 1 else f"coalesce({', '.join(days)})")


def _timestamp(text: str, ways: tuple[str, ...]) -> str:
    if ways:
        guards = ["".join(_DIRECTIVES.get(piece, piece) for piece in _pieces(way)) for way in ways]
        tries = [
            f"case when regexp_full_match({text}, {literal(guard)}) then try_strptime({text}, {literal(way)}) end"
            for way, guard in zip(ways, guards, strict=True)
        ]
        return f"coalesce({', '.join(tries)})" if len(tries) > 1 else tries[0]
    pattern = (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
    )
    # With an offset, the instant in UTC; without, as it stands.
    return (
        f"case when regexp_full_match({text}, {literal(pattern)}) then "
        f"case when regexp_matches({text}, ':[0-9.]+(Z|[+-][0-9:]+)$') "
        f"then (try_cast({text} as timestamptz) at time zone 'UTC') else try_cast({text} as timestamp) end end"
    )
