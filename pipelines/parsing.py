"""Parsing: from the text of an export to a typed value, as DuckDB SQL. A value that does not parse is null.

Every cast is guarded by a pattern, because `try_cast` takes 2.5 as 3, 0x10 as 16 and 1_000 as 1000.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.database import literal
from pipelines.entities import ColumnType
from pipelines.profiles import ColumnSource, NumberFormat, Reading

DateOrder = Literal["iso", "ymd", "dmy", "mdy"]

# What white space and invisible characters around a value look like in exports.
_BLANKS = "chr(32) || chr(9) || chr(10) || chr(13) || chr(160) || chr(8203) || chr(65279)"
ISO_DATE = "%Y-%m-%d"
# Where times are counted from 1970.
EPOCH = "epoch"
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


def trimmed(column: str) -> str:
    """The text without blanks around it; an empty one is null."""
    return f"nullif(trim({column}, {_BLANKS}), '')"


def without(text: str, null_tokens: tuple[str, ...]) -> str:
    """The trimmed text, null where it is one of the tokens."""
    if not null_tokens:
        return text
    tokens = ", ".join(literal(token.strip()) for token in null_tokens)
    return f"case when {text} not in ({tokens}) then {text} end"


def parsed(text: str, column_type: ColumnType, source: ColumnSource, dates: Dates | None = None) -> str:
    """The typed value of a cleaned text, null where it is not written as the profile says."""
    match column_type:
        case "id":
            return _id(text, source.width)
        case "text":
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
            return _date(text, source, dates or Dates())
        case "timestamp":
            return _timestamp(text, source, dates or Dates())


_ORDERS = {
    "iso": "2024-01-31",
    "ymd": "2024-01-31 or 31-Jan-2024",
    "dmy": "31/01/2024",
    "mdy": "01/31/2024",
}


def expectation(column_type: ColumnType, source: ColumnSource, dates: Dates | None) -> str:
    """What a value of a column has to look like, in words."""
    match column_type:
        case "boolean":
            return "true or false (yes/no, y/n, t/f, 1/0)"
        case "integer":
            return "a whole number"
        case "number":
            mark = f", thousands marked by {source.number.thousands!r}" if source.number.thousands else ""
            return f"a number, decimals marked by {source.number.decimal!r}{mark}"
        case "date" | "timestamp":
            way = " or ".join(source.dates) or _ORDERS[(dates or Dates()).order]
            return f"a {'day' if column_type == 'date' else 'time'} that exists, written {way}, of 1900 to 2199"
    return "a text"


def _id(text: str, width: int | None) -> str:
    """Leading zeros that a spreadsheet has dropped are certain where the number of digits is declared."""
    if not width:
        return text
    return (
        f"case when regexp_full_match({text}, '[0-9]{{1,{width - 1}}}') then lpad({text}, {width}, '0') else {text} end"
    )


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
    if way == EPOCH:
        return f"cast({_instant(text)} as date)"
    guard = "".join(_DIRECTIVES.get(piece, piece) for piece in _pieces(way))
    day = f"cast(try_strptime({text}, {literal(way)}) as date)"
    return f"case when regexp_full_match({text}, {literal(guard)}) then {day} end"


def _instant(text: str) -> str:
    """Seconds, or thousandths of them, since 1970."""
    return (
        f"case when regexp_full_match({text}, '[0-9]{{9,10}}') then epoch_ms(cast({text} as bigint) * 1000) "
        f"when regexp_full_match({text}, '[0-9]{{12,13}}') then epoch_ms(cast({text} as bigint)) end"
    )


def _pieces(way: str) -> list[str]:
    pieces, rest = [], way
    while rest:
        size = 2 if rest.startswith("%") else 1
        piece, rest = rest[:size], rest[size:]
        pieces.append(piece if size == 2 else ("\\" + piece if piece in ".+*?()[]|^$/" and piece != "/" else piece))
    return pieces


def _within_reason(day: str) -> str:
    return f"case when {day} between date '1900-01-02' and date '2199-12-31' then {day} end"


# Dates of a column that declares no way of writing


@dataclass(frozen=True)
class Dates:
    """How a file writes dates where the column does not say it.

    `order` was decided from the whole column; `iso` means that all of it is written like 2024-01-31.
    """

    order: DateOrder = "iso"
    two_digit_years: int | None = None
    serial_dates: str | None = None
    timezone: str | None = None

    @classmethod
    def of(cls, read: Reading, order: DateOrder) -> Dates:
        return cls(order, read.two_digit_years, read.serial_dates, read.timezone)


_ISO_DAY = r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})"
_NUMERIC_DAY = r"([0-9]{1,2})[-/. ]([0-9]{1,2})[-/. ]([0-9]{4}|[0-9]{2})"
_NAMED_DAY = r"([0-9]{1,2})[- ./]*([A-Za-z]{3})[A-Za-z]*[- .,/]*([0-9]{4}|[0-9]{2})"
_NAMED_MONTH = r"([A-Za-z]{3})[A-Za-z]* +([0-9]{1,2})(?:st|nd|rd|th)?,? +([0-9]{4}|[0-9]{2})"
_TIME = r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,6})?))? ?([AaPp]\.?[Mm]\.?)?"
_OFFSET = r"(Z|(?:UTC|GMT)?[+-][0-9]{1,2}(?::?[0-9]{2})?|UTC|GMT)?"
_TAIL = rf"[T ,]+{_TIME} ?{_OFFSET}$"
_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"
_DAY_ZERO = {"1900": "1899-12-30", "1904": "1904-01-01"}


def is_iso(text: str) -> str:
    """Whether a text begins like an ISO date: what most columns hold, and cheap to ask of all."""
    return f"{text} like '____-__-__%'"


def day_of(text: str) -> str:
    """The text of a day, without the time that may follow it."""
    return f"regexp_replace({text}, {literal(_TAIL)}, '')"


def first_number(text: str) -> str:
    """The first number of a day written in numbers, for deciding the order; null for other texts."""
    return f"try_cast(regexp_extract({text}, {literal('^' + _NUMERIC_DAY + '$')}, 1) as integer)"


def second_number(text: str) -> str:
    """The second one."""
    return f"try_cast(regexp_extract({text}, {literal('^' + _NUMERIC_DAY + '$')}, 2) as integer)"


def _date(text: str, source: ColumnSource, dates: Dates) -> str:
    if source.dates:
        days = [_last_of_month(strptime_date(text, way), way, source.month_is) for way in source.dates]
        return _within_reason(days[0] if len(days) == 1 else f"coalesce({', '.join(days)})")
    iso = strptime_date(f"regexp_replace({text}, '[T ][0-9:.]+(Z|[+-][0-9:]+)?$', '')", ISO_DATE)
    if dates.order == "iso":
        # A time of day after an ISO date does no harm.
        return _within_reason(iso)
    return _within_reason(f"coalesce({iso}, {_any_day(day_of(text), dates)})")


def _last_of_month(day: str, way: str, month_is: str) -> str:
    if month_is == "first" or "%d" in way:
        return day
    return (
        f"last_day({day})"
        if "%m" in way or "%b" in way.lower()
        else f"cast({day} + interval 1 year - interval 1 day as date)"
    )


def _any_day(day: str, dates: Dates) -> str:
    """A day in ISO order, in numbers of the column's order, with the month's name, or counted."""

    def part(pattern: str, group: int) -> str:
        return f"regexp_extract({day}, {literal('^' + pattern + '$')}, {group})"

    def made(pattern: str, year: int, month: int | str, on: int) -> str:
        number = f"try_cast({part(pattern, month)} as integer)" if isinstance(month, int) else month
        return (
            f"case when regexp_matches({day}, {literal('^' + pattern + '$')}) then "
            f"try_cast(printf('%04d-%02d-%02d', {_year(part(pattern, year), dates)}, {number}, "
            f"try_cast({part(pattern, on)} as integer)) as date) end"
        )

    def named(pattern: str, group: int) -> str:
        place = f"position(lower({part(pattern, group)}) in '{_MONTHS}')"
        return f"case when {place} % 3 = 1 then {place} // 3 + 1 end"

    ways = [made(_ISO_DAY, 1, 2, 3)]
    if dates.order == "dmy":
        ways.append(made(_NUMERIC_DAY, 3, 2, 1))
    if dates.order == "mdy":
        ways.append(made(_NUMERIC_DAY, 3, 1, 2))
    ways.append(made(_NAMED_DAY, 3, named(_NAMED_DAY, 2), 1))
    ways.append(made(_NAMED_MONTH, 3, named(_NAMED_MONTH, 1), 2))
    if dates.serial_dates:
        ways.append(
            f"case when regexp_full_match({day}, '[0-9]{{1,5}}(\\.0+)?') "
            f"then date '{_DAY_ZERO[dates.serial_dates]}' + cast(floor(cast({day} as double)) as integer) end"
        )
    return f"coalesce({', '.join(ways)})"


def _year(text: str, dates: Dates) -> str:
    number = f"try_cast({text} as integer)"
    if dates.two_digit_years is None:
        return f"case when length({text}) = 4 then {number} end"
    return (
        f"case when length({text}) = 4 then {number} when {number} <= {dates.two_digit_years} then 2000 + {number} "
        f"else 1900 + {number} end"
    )


def _timestamp(text: str, source: ColumnSource, dates: Dates) -> str:
    if source.dates:
        guards = ["".join(_DIRECTIVES.get(piece, piece) for piece in _pieces(way)) for way in source.dates]
        tries = [
            _instant(text)
            if way == EPOCH
            else f"case when regexp_full_match({text}, {literal(guard)}) "
            f"then {_in_utc(f'try_strptime({text}, {literal(way)})', dates)} end"
            for way, guard in zip(source.dates, guards, strict=True)
        ]
        return f"coalesce({', '.join(tries)})" if len(tries) > 1 else tries[0]
    pattern = (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
    )
    # With an offset, the instant in UTC; without, as it stands, or in the zone that the profile names.
    iso = (
        f"case when regexp_full_match({text}, {literal(pattern)}) then "
        f"case when regexp_matches({text}, ':[0-9.]+(Z|[+-][0-9:]+)$') "
        f"then (try_cast({text} as timestamptz) at time zone 'UTC') "
        f"else {_in_utc(f'try_cast({text} as timestamp)', dates)} end end"
    )
    if dates.order == "iso":
        return iso
    return f"coalesce({iso}, {_any_timestamp(text, dates)})"


def _in_utc(stamp: str, dates: Dates) -> str:
    if not dates.timezone:
        return stamp
    return f"(({stamp}) at time zone {literal(dates.timezone)} at time zone 'UTC')"


def _any_timestamp(text: str, dates: Dates) -> str:
    def part(group: int) -> str:
        return f"regexp_extract({text}, {literal(_TAIL)}, {group})"

    half = f"lower({part(4)})"
    hour = (
        f"case when {half} like 'p%' then try_cast({part(1)} as integer) % 12 + 12 "
        f"when {half} like 'a%' then try_cast({part(1)} as integer) % 12 else try_cast({part(1)} as integer) end"
    )
    seconds = f"coalesce(try_cast(nullif({part(3)}, '') as double), 0)"
    day = f"cast({_any_day(day_of(text), dates)} as timestamp)"
    stands = (
        f"{day} + case when regexp_matches({text}, {literal(_TAIL)}) then "
        f"to_seconds(({hour}) * 3600 + try_cast({part(2)} as integer) * 60 + {seconds}) else interval 0 second end"
    )
    offset = f"regexp_replace({part(5)}, '^(UTC|GMT)', '')"
    hours = f"60 * try_cast(regexp_extract({offset}, '[0-9]{{1,2}}') as integer)"
    rest = (
        f"coalesce(try_cast(nullif(regexp_extract({offset}, '[+-][0-9]{{1,2}}:?([0-9]{{2}})$', 1), '') as integer), 0)"
    )
    minutes = f"case when {offset} like '-%' then -1 else 1 end * ({hours} + {rest})"
    return (
        f"case when {part(5)} = '' then {_in_utc(stands, dates)} when {offset} in ('', 'Z') then {stands} "
        f"else {stands} - to_minutes({minutes}) end"
    )
