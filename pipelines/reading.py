"""Reading: one file, once, into immutable Parquet with every value as the text that stood there.

Nothing is sniffed and nothing is interpreted: types, nulls and rules come later. What cannot even be cut into
fields is kept beside the rows, with its line. Whether the file is whole is judged here.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines.database import PARQUET, identifier, literal, scratch
from pipelines.errors import RefusedFile, file_fault
from pipelines.heads import Head, codec_of, head_of, sheet
from pipelines.landing import LandedFile
from pipelines.profiles import Profile, Reading, normalised
from pipelines.settings import Settings, Unpacking
from pipelines.unpacking import is_packed, open_content, plain_file, unpack

if TYPE_CHECKING:
    import numpy
    import pandas

ROWS = "rows.parquet"
REJECTS = "rejects.parquet"
_CUT = "cut.parquet"
# Beyond this share, lines of the wrong width mean that the file is cut wrongly, not that lines are bad.
_REJECT_LIMIT = 0.1
_MAX_LINE_BYTES = 4 << 20
# Small enough for the cache of a core: larger pieces take twice the time.
_PIECE = 256 << 10
# Blanks, and the bytes that invisible ones begin or end with: more than needed does no harm.
_BLANK_BYTES = set(b" \t" + "\u00a0\u200b\ufeff".encode())
# Columns that no profile asks for and that nobody should hold are not kept, not even raw.
_NEVER_KEPT = re.compile(
    r"\b(ssn|social security|national id|tax id|passport|iban|bank account)\b|ip ?address|latitude|longitude"
)


@dataclass(frozen=True)
class RawFile:
    """A read file: columns `c0 … cn` (text) in file order, and the lines that could not be cut into them.

    `line` is the SQL expression for the line a row begins in, over the rows read with `file_row_number`;
    `above` is the text of the titles above the header, `notes` is what is worth knowing and no fault. `has_controls`
    says that characters stand somewhere that belong into no text, `is_trimmed` that no value has blanks around it:
    where the bytes of the whole file prove it, no value needs to be looked at.
    """

    rows: Path
    rejects: Path
    header: list[str]
    line: str
    row_count: int
    reject_count: int
    above: str = ""
    notes: tuple[str, ...] = ()
    has_controls: bool = False
    is_trimmed: bool = False

    @property
    def delivered(self) -> str:
        """SQL: the rows, each with its line as `_line`."""
        places = ", ".join(f"c{place}" for place in range(len(self.header)))
        return f"select {self.line} as _line, {places} from read_parquet({literal(self.rows)}, file_row_number = true)"

    def column(self, variants: tuple[str, ...]) -> str | None:
        """The raw column that holds the first of these headers that the file has."""
        places = {normalised(name): f"c{place}" for place, name in reversed(list(enumerate(self.header)))}
        return next((places[normalised(v)] for v in variants if normalised(v) in places), None)


def read_file(file: LandedFile, profile: Profile, settings: Settings, out: Path) -> RawFile:
    """Reads a file into `out`.

    Args:
        file: the file, whose content must still be what was hashed.
        profile: how it is written.
        out: an empty folder.

    Raises:
        RefusedFile: empty, cut short, in another encoding, with an ambiguous header, or too many ragged lines.
    """
    head = head_of(file.path, profile, settings.unpacking)
    _check_header(head.names, profile)
    readers = {"csv": _read_csv, "jsonl": _read_json_lines, "excel": _read_sheet, "parquet": _read_parquet}
    with scratch(settings, file.size) as con:
        con.execute("create temp table rejects (record bigint, error varchar, raw_row varchar)")
        done = readers[head.format](con, file, profile, head, settings, out)
        rows = _number(con, f"select count(*) from read_parquet({literal(out / ROWS)})")
        rejects = _number(con, f"select count(*) from read_parquet({literal(out / REJECTS)})")
    if rows + rejects == 0 and not profile.allow_empty:
        raise RefusedFile("NO_ROWS", "the file has a header and no rows")
    if rejects > max(_REJECT_LIMIT * (rows + rejects), 1):
        raise RefusedFile(
            "ROW_WIDTH",
            f"{rejects} of {rows + rejects} lines do not have {len(head.names)} fields: "
            f"check delimiter ({head.delimiter!r}) and quote ({profile.read.quote!r}) in {profile.profile}",
        )
    return RawFile(
        rows=out / ROWS,
        rejects=out / REJECTS,
        header=head.names,
        line=done.line,
        row_count=rows,
        reject_count=rejects,
        above=head.above,
        notes=(*_unused(head.names, profile), *done.notes),
        has_controls=done.has_controls,
        is_trimmed=done.is_trimmed,
    )


def _unused(names: list[str], profile: Profile) -> list[str]:
    """Columns that nothing is made of: kept as raw text, or not at all where nobody should hold them."""
    if profile.answers and not profile.answers.columns:
        return []
    known = profile.known_headers()
    extra = [name for name in names if name and normalised(name) not in known]
    never = [name for name in extra if _NEVER_KEPT.search(normalised(name))]
    notes = [f"nothing is made of {len(extra)} columns: {', '.join(extra[:12])}"] if extra else []
    return notes + ([f"not even kept: {', '.join(never)}"] if never else [])


def _check_header(header: list[str], profile: Profile) -> None:
    names = [normalised(name) for name in header if name.strip()]
    wanted = {normalised(v) for variants in profile.needed_headers() for v in variants}
    twice = sorted({name for name in names if names.count(name) > 1} & wanted)
    if twice:
        raise RefusedFile("DUPLICATE_HEADER", f"column {', '.join(twice)} stands more than once in the header")


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0] or 0) if row else 0


def _kept(names: list[str], profile: Profile) -> list[str]:
    """The fields as they are kept."""
    asked = profile.known_headers()
    return [
        f"null::varchar as c{place}"
        if _NEVER_KEPT.search(normalised(name)) and normalised(name) not in asked
        else f"c{place}"
        for place, name in enumerate(names)
    ]


# CSV


@dataclass(frozen=True)
class _Read:
    """What a reader finds out; see `RawFile`."""

    line: str
    notes: tuple[str, ...] = ()
    has_controls: bool = False
    is_trimmed: bool = False


def _read_csv(
    con: duckdb.DuckDBPyConnection, file: LandedFile, profile: Profile, head: Head, settings: Settings, out: Path
) -> _Read:
    read = profile.read
    with _as_utf8(file, read, head.encoding, settings) as text:
        try:
            rows = _cut(con, text, profile, head, out)
        except _MixedLineEnds:
            con.execute("drop table if exists reject_errors; drop table if exists reject_scans")
            _unify_line_ends(text)
            rows = _cut(con, text, profile, head, out)
        lines = _look_through(text, head.delimiter, read.quote)
        if not lines.is_ended:
            records = rows + head.records + _number(con, "select count(*) from rejects")
            if _number(con, "select max(record) from rejects") >= records:
                raise RefusedFile("TRUNCATED", "the last line is cut short; deliver the whole file again")
        notes = () if lines.is_ended else ("the last line has no end; if the file was cut there, nobody can tell",)
        line = _number_lines(con, text, lines, profile, head, rows, out)
        return _Read(line, notes, lines.has_controls, lines.is_trimmed)


@contextmanager
def _as_utf8(file: LandedFile, read: Reading, encoding: str, settings: Settings) -> Iterator[Path]:
    """The file unpacked and in UTF-8, under a name that we chose: even a bound file name is a glob to the reader."""
    text = _work(settings) / f"{file.sha256}.text"
    text.unlink(missing_ok=True)
    try:
        if encoding != "utf-8":
            _recode(file.path, read, encoding, text, settings.unpacking)
        elif is_packed(file.path):
            unpack(file.path, read.member, text, settings.unpacking)
        else:
            text.symlink_to(file.path.absolute())
        yield text
    finally:
        text.unlink(missing_ok=True)


def _work(settings: Settings) -> Path:
    work = settings.warehouse / "work"
    work.mkdir(parents=True, exist_ok=True)
    return work


def _recode(path: Path, read: Reading, encoding: str, target: Path, limits: Unpacking) -> None:
    with (
        open_content(path, read.member, limits) as source,
        io.TextIOWrapper(source, encoding=codec_of(encoding), newline="") as decoded,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        try:
            shutil.copyfileobj(decoded, out, 1 << 20)
        except UnicodeError:
            raise _not_encoded(encoding) from None


def _not_encoded(encoding: str) -> RefusedFile:
    return RefusedFile("ENCODING", f"a line is not {encoding}; declare the file's encoding under `read`")


class _MixedLineEnds(Exception):  # noqa: N818 - mended, not reported
    """Some lines end with CR LF and some with LF."""


def _cut(con: duckdb.DuckDBPyConnection, text: Path, profile: Profile, head: Head, out: Path) -> int:
    """Cuts the lines into fields: so many rows of `cut.parquet`, and what cannot be cut in the table `rejects`."""
    read = profile.read
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(head.names)))
    source = f"""
        read_csv({literal(text)}, auto_detect = false, header = false, skip = {head.records},
            columns = {{{columns}}}, delim = {literal(head.delimiter)}, quote = {literal(read.quote)},
            escape = {literal(read.quote)}, nullstr = '', strict_mode = true,
            hive_partitioning = false, store_rejects = true, rejects_limit = 0, max_line_size = {_MAX_LINE_BYTES},
            buffer_size = {2 * _MAX_LINE_BYTES})
    """
    kept = ", ".join(_kept(head.names, profile))
    try:
        rows = _number(con, f"copy (select {kept} from {source}) to {literal(out / _CUT)} ({PARQUET})")
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
        raise _refusal(error, read, head, text) from None
    if not _number(con, "select count(*) from reject_errors"):
        return rows
    con.execute(
        """
        insert into rejects
        select line, string_agg(distinct lower(replace(error_type::varchar, ' ', '_')), '|' order by 1),
            trim(any_value(csv_line), chr(10) || chr(13))
        from reject_errors group by line order by line
        """
    )
    if _number(
        con, "select count(*) from rejects where error like '%invalid_encoding%' or error like '%invalid_unicode%'"
    ):
        raise _not_encoded(head.encoding)
    return rows


def _refusal(error: duckdb.Error, read: Reading, head: Head, text: Path) -> Exception:
    """DuckDB quotes whole rows in its errors; only the kind of the error goes on."""
    said = str(error)
    if "not utf-8 encoded" in said or "encoding" in said.lower() or "unicode" in said.lower():
        return _not_encoded(head.encoding)
    if "Maximum line size" in said:
        return RefusedFile("TOO_LARGE", f"a line is longer than {_MAX_LINE_BYTES} bytes")
    if "invalid state" in said and _has_mixed_line_ends(text):
        return _MixedLineEnds()
    return RefusedFile("UNREADABLE", f"not readable as CSV with delimiter {head.delimiter!r}, quote {read.quote!r}")


def _pieces(text: Path) -> Iterator[bytes]:
    with text.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _has_mixed_line_ends(text: Path) -> bool:
    pairs = feeds = 0
    for piece in _pieces(text):
        pairs, feeds = pairs + piece.count(b"\r\n"), feeds + piece.count(b"\n")
    return 0 < pairs < feeds


def _unify_line_ends(text: Path) -> None:
    mended = text.with_suffix(".mended")
    with mended.open("wb") as out:
        for piece in _pieces(text):
            out.write(piece.replace(b"\r", b""))
    text.unlink()
    mended.rename(text)


@dataclass(frozen=True)
class _Lines:
    """How many lines a text has, what they end with, whether the last one is ended, and what should not be there."""

    count: int
    end: bytes
    is_ended: bool
    has_controls: bool
    is_trimmed: bool


def _look_through(text: Path, delimiter: str, quote: str) -> _Lines:
    """Looks at every byte of a text, once."""
    import numpy as np

    mark = ord(quote) if quote else 0
    blank_bytes = _BLANK_BYTES - set(delimiter.encode())
    feeds = returns = low = parity = 0
    has_controls, is_trimmed, is_within_quotes, is_astray = False, True, False, False
    # Two bytes are looked at again with the next piece: each blank is judged beside what follows it.
    seen = b"\n"
    for piece in _pieces(text):
        data = np.frombuffer(seen + piece, dtype=np.uint8)
        is_feed, is_return, is_mark = data == 10, data == 13, data == mark
        new = slice(len(seen), None)
        feeds += int(np.count_nonzero(is_feed[new]))
        returns += int(np.count_nonzero(is_return[new]))
        low += int(np.count_nonzero(data[new] < 32)) - piece.count(b"\t")
        has_controls = has_controls or low > feeds + returns or b"\x7f" in piece
        if is_trimmed:
            is_end = is_feed | is_return
            for code in delimiter.encode():
                is_end |= data == code
            is_edge = is_end | is_mark
            is_blank = np.zeros(len(data), dtype=bool)
            has_wide = int(data.max()) > 127
            for code in blank_bytes:
                if code < 128 or has_wide:
                    is_blank |= data == code
            blanks = np.flatnonzero(is_blank[1:-1] & (is_edge[:-2] | is_edge[2:])) + 1
            if len(blanks):
                # A comma within quotes is no edge of a value.
                before = np.bitwise_xor.reduceat(is_mark.view(np.uint8), np.concatenate(([0], blanks)))[:-1]
                is_outside = np.bitwise_xor.accumulate(before) == parity
                is_trimmed = not bool((is_outside | is_mark[blanks - 1] | is_mark[blanks + 1]).any())
                is_within_quotes = True
            # Outside, a quote begins a value; inside, it ends one; two of them in a row are a quote of the value.
            marks = np.flatnonzero(is_mark[1:-1]) + 1
            is_inside = (np.arange(len(marks)) + parity + int(is_mark[0])) % 2 == 1
            beside = np.where(is_inside, marks + 1, marks - 1)
            is_astray = is_astray or not bool((is_end[beside] | is_mark[beside]).all())
        parity ^= int(np.count_nonzero(is_mark[:-2])) % 2
        seen = seen[-1:] + piece if len(piece) < 2 else piece[-2:]
    is_ended = seen[-1:] in (b"\n", b"\r")
    if is_within_quotes and is_astray:
        # A quote within a value that is not quoted: what is within quotes cannot be told by counting them.
        is_trimmed = False
    return _Lines(
        count=(feeds or returns) + (0 if is_ended else 1),
        end=b"\n" if feeds or not returns else b"\r",
        is_ended=is_ended,
        has_controls=has_controls,
        is_trimmed=is_trimmed and seen[-1] not in _BLANK_BYTES,
    )


def _number_lines(
    con: duckdb.DuckDBPyConnection, text: Path, lines: _Lines, profile: Profile, head: Head, rows: int, out: Path
) -> str:
    """How the line of a row follows from its place; kept in a column only where it is not plain counting.

    Rows of several lines, blank lines and lines that were not cut push the rows after them down.
    """
    cut = f"read_parquet({literal(out / _CUT)})"
    no_data = _no_data(profile.read, head)
    # Most files have neither, and the first column tells it.
    hinted = _number(con, f"select count(*) from {cut} where {_no_data(profile.read, head, 1)}")
    not_data = _number(con, f"select count(*) from {cut} where {no_data}") if hinted else 0
    rejects, first = con.execute("select count(*), min(record) from rejects").fetchone() or (0, None)
    # A total below the rows pushes none of them down.
    is_below = not rejects or first > head.records + rows
    if is_below and not not_data and lines.count - head.lines == rows + rejects:
        if rejects:
            con.execute(f"update rejects set record = record - {head.records} + {head.lines}")
        (out / _CUT).rename(out / ROWS)
        _write_rejects(con, profile.read, head.delimiter, out)
        return f"file_row_number + {head.lines + 1}"
    starts, is_blank = _records(text, lines.end, profile.read.quote.encode())
    rejected = [record for (record,) in con.execute("select record from rejects").fetchall()]
    is_row = ~is_blank
    is_row[: head.records] = False
    is_row[[record - 1 for record in rejected if record <= len(is_row)]] = False
    if int(is_row.sum()) != rows or max(rejected, default=0) > len(is_row):
        # Quotes within fields that are not quoted themselves: lines can only be counted.
        numbered = f"select row_number() over () + {head.lines} as _line, * from {cut}"
    else:
        import pyarrow

        con.register("row_lines", pyarrow.table({"_line": starts[is_row]}))
        if rejected:
            at = [starts[record - 1] for record in rejected]
            con.register("record_lines", pyarrow.table({"_line": at, "record": rejected}))
            con.execute("update rejects set record = l._line from record_lines as l where l.record = rejects.record")
        numbered = f"select row_lines._line, c.* from row_lines positional join {cut} as c"
    data = f"select * from ({numbered}) where not coalesce({no_data}, false)"
    con.execute(f"copy ({data}) to {literal(out / ROWS)} ({PARQUET})")
    (out / _CUT).unlink()
    _write_rejects(con, profile.read, head.delimiter, out)
    return "_line"


def _records(text: Path, end: bytes, quote: bytes) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The line in which each record of a text begins, and which of them are blank lines.

    A line's end within quotes ends no record. Arrays have one element for each record, blank ones included.
    """
    import numpy as np

    ends, are_inside, lengths = [], [], []
    offset = parity = 0
    last = 0
    for piece in _pieces(text):
        data = np.frombuffer(piece, dtype=np.uint8)
        found = np.flatnonzero(data == end[0])
        quotes = np.flatnonzero(data == quote[0]) if quote else np.empty(0, dtype=np.int64)
        are_inside.append((np.searchsorted(quotes, found) + parity) % 2 == 1)
        parity = (parity + len(quotes)) % 2
        # Before LF, a CR belongs to the line's end.
        before = np.concatenate(([last], data[:-1]))
        lengths.append(np.where(before[found] == 13, 1, 0))
        last = data[-1]
        ends.append(found + offset)
        offset += len(piece)
    places, inside, returns = np.concatenate(ends), np.concatenate(are_inside), np.concatenate(lengths)
    if not len(places) or places[-1] != offset - 1:
        places, inside, returns = np.append(places, offset), np.append(inside, False), np.append(returns, 0)
    ended = np.flatnonzero(~inside)
    starts = np.concatenate(([1], ended[:-1] + 2))
    ends_before = np.concatenate(([-1], places[ended[:-1]]))
    return starts, places[ended] - ends_before - 1 - returns[ended] <= 0


def _no_data(read: Reading, head: Head, columns: int | None = None) -> str:
    """SQL: whether a row is a footer, or the header once more, going by the first columns; null is no."""
    again = " and ".join(
        f"contains(c{place}, {literal(name)}) and trim(c{place}) = {literal(name)}"
        for place, name in [(place, name) for place, name in enumerate(head.names) if name][:columns]
    )
    footer = f"regexp_full_match(c0, {literal(read.footer or '')})" if read.footer else "false"
    if read.footer and re.escape(read.footer) == read.footer:
        # A plain word, which Parquet's statistics answer for.
        footer = f"c0 = {literal(read.footer)}"
    return f"({footer}) or ({again or 'false'})"


def _write_rejects(con: duckdb.DuckDBPyConnection, read: Reading, delimiter: str, out: Path) -> None:
    # A total below the rows seldom has as many fields as they.
    is_data = (
        f"not regexp_full_match(split_part(raw_row, {literal(delimiter)}, 1), {literal(read.footer)})"
        if read.footer
        else "true"
    )
    con.execute(
        f"copy (select cast(record as bigint) as _line, error, raw_row from rejects where {is_data} order by record) "
        f"to {literal(out / REJECTS)} (format parquet)"
    )


# Other formats


def _read_json_lines(
    con: duckdb.DuckDBPyConnection, file: LandedFile, profile: Profile, head: Head, settings: Settings, out: Path
) -> _Read:
    """An object a line: its keys are the columns, lists of values are joined by |."""
    with _as_utf8(file, profile.read, head.encoding, settings) as text:
        lines = _look_through(text, "", "")
        con.execute(
            f"""
            create temp table objects as
            select row_number() over () as place, line, 
                case when json_valid(line) then json_type(line) = 'OBJECT' else false end as is_object
            from read_csv({literal(text)}, auto_detect = false, header = false, columns = {{'line': 'VARCHAR'}},
                delim = chr(31), quote = '', escape = '', max_line_size = {_MAX_LINE_BYTES})
            where trim(line) <> ''
            """
        )
        starts, is_blank = _records(text, lines.end, b"")
    known = set(head.names)
    found = con.execute("select distinct unnest(json_keys(case when is_object then line end)) from objects").fetchall()
    head.names.extend(sorted(key for (key,) in found if key not in known))
    if not lines.is_ended and _number(
        con, "select count(*) from (from objects order by place desc limit 1) where not is_object"
    ):
        raise RefusedFile("TRUNCATED", "the last line is cut short; deliver the whole file again")
    import pyarrow

    con.register("row_lines", pyarrow.table({"_line": starts[~is_blank]}))
    con.execute("create temp table placed as select * from row_lines positional join objects")
    fields = ", ".join(
        f"case json_type(line, {path}) when 'ARRAY' then array_to_string(cast(line -> {path} as varchar[]), '|') "
        f"else line ->> {path} end as c{place}"
        for place, path in enumerate(literal('$."' + name.replace('"', '\\"') + '"') for name in head.names)
    )
    kept = ", ".join(_kept(head.names, profile))
    whole = "select _line, is_object, case when is_object then line end as line from placed"
    readable = f"(select _line, line from ({whole}) where is_object)"
    con.execute(
        f"copy (select _line, {kept} from (select _line, {fields} from {readable}) order by _line) "
        f"to {literal(out / ROWS)} ({PARQUET})"
    )
    con.execute("insert into rejects select _line, 'not_an_object', line from placed where not is_object")
    _write_rejects(con, profile.read, "", out)
    return _Read("_line")


def _read_sheet(
    con: duckdb.DuckDBPyConnection, file: LandedFile, profile: Profile, head: Head, settings: Settings, out: Path
) -> _Read:
    with plain_file(file.path, profile.read.member, profile.read.sheet, settings.unpacking) as plain:
        rows = sheet(plain, profile.read.sheet)
        _refuse_rounded_numbers(rows, head, plain, profile)
    names = [f"c{place}" for place in range(len(head.names))]
    frame = rows.iloc[head.records :].set_axis(names, axis=1)
    frame.insert(0, "_line", range(head.records + 1, head.records + 1 + len(frame)))
    con.register("delivered", frame)
    trimmed = ", ".join(f"nullif({name}, '') as {name}" for name in names)
    blank = " and ".join(f"{name} is null" for name in names)
    con.execute(
        f"copy (select _line, {', '.join(_kept(head.names, profile))} from (select _line, {trimmed} from delivered) "
        f"where not ({blank}) and not coalesce({_no_data(profile.read, head)}, false) order by _line) "
        f"to {literal(out / ROWS)} ({PARQUET})"
    )
    _write_rejects(con, profile.read, "", out)
    return _Read("_line")


def _refuse_rounded_numbers(rows: pandas.DataFrame, head: Head, plain: Path, profile: Profile) -> None:
    """A workbook keeps 15 digits of a number; what a longer one was nobody can tell. Texts are as long as they are."""
    asked = profile.known_headers()
    used = [place for place, name in enumerate(head.names) if normalised(name) in asked]
    is_long = rows.iloc[head.records :, used].apply(lambda column: column.str.fullmatch("[0-9]{16,}"))
    if not is_long.to_numpy().any():
        return
    cells = sheet(plain, profile.read.sheet, dtype=object).iloc[head.records :, used]
    is_rounded = is_long & cells.map(lambda cell: isinstance(cell, int | float))
    for place in is_rounded.columns[is_rounded.any()]:
        raise RefusedFile(
            "ID_FORMAT",
            f"column {head.names[place]}: {int(is_rounded[place].sum())} numbers of more than 15 digits, of which a "
            "workbook keeps 15; format the column as text and export again",
        )


def _read_parquet(
    con: duckdb.DuckDBPyConnection, file: LandedFile, profile: Profile, head: Head, settings: Settings, out: Path
) -> _Read:
    link = _work(settings) / f"{file.sha256}.parquet"
    link.unlink(missing_ok=True)
    try:
        if is_packed(file.path):
            unpack(file.path, profile.read.member, link, settings.unpacking)
        else:
            link.symlink_to(file.path.absolute())
        columns = ", ".join(
            f"nullif(cast({identifier(name)} as varchar), '') as c{place}" for place, name in enumerate(head.names)
        )
        kept = ", ".join(_kept(head.names, profile))
        con.execute(
            f"copy (select {kept} from (select {columns} from "
            f"read_parquet({literal(link)}, hive_partitioning = false))) to {literal(out / ROWS)} ({PARQUET})"
        )
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise RefusedFile("UNREADABLE", f"not a readable Parquet file: {file_fault(error)}") from None
    finally:
        link.unlink(missing_ok=True)
    _write_rejects(con, profile.read, "", out)
    return _Read("file_row_number + 1")
