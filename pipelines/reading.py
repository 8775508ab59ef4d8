"""Reading: one file, once, into immutable Parquet with every value as the text that stood there.

Nothing is sniffed and nothing is interpreted: types, nulls and rules come later. What cannot even be cut into
fields is kept beside the rows, with its line. Whether the file is whole is judged here.
"""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import duckdb

from pipelines.database import connect, identifier, literal
from pipelines.errors import RefusedFile
from pipelines.landing import LandedFile, codec_of, header_of, open_content
from pipelines.profiles import Profile, Reading, normalised
from pipelines.settings import Settings

if TYPE_CHECKING:
    import pandas

ROWS = "rows.parquet"
REJECTS = "rejects.parquet"
# Beyond this share, lines of the wrong width mean that the file is cut wrongly, not that lines are bad.
_REJECT_LIMIT = 0.1
_MAX_LINE_BYTES = 4 << 20


@dataclass(frozen=True)
class RawFile:
    """A read file: columns `c0 … cn` (text) in file order, and the lines that could not be cut into them.

    `line` is the SQL expression for the line a row begins in, over the rows read with `file_row_number`.
    """

    rows: Path
    rejects: Path
    header: list[str]
    line: str
    row_count: int
    reject_count: int

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
    header = header_of(file.path, profile)
    _check_header(header, profile)
    with connect(settings) as con:
        con.execute("set preserve_insertion_order = true")
        if profile.read.format == "csv":
            line = _read_csv(con, file, profile, header, settings.warehouse / "work", out)
        else:
            line = _read_table(con, file, profile, header, settings.warehouse / "work", out)
        rows = _count(con, out / ROWS)
        rejects = _count(con, out / REJECTS)
    if rows + rejects == 0 and not profile.allow_empty:
        raise RefusedFile("NO_ROWS", "the file has a header and no rows")
    if rejects > max(_REJECT_LIMIT * (rows + rejects), 1):
        raise RefusedFile(
            "ROW_WIDTH",
            f"{rejects} of {rows + rejects} lines do not have {len(header)} fields: "
            f"check delimiter ({profile.read.delimiter!r}) and quote ({profile.read.quote!r}) in {profile.profile}",
        )
    return RawFile(out / ROWS, out / REJECTS, header, line, rows, rejects)


def _check_header(header: list[str], profile: Profile) -> None:
    names = [normalised(name) for name in header if name.strip()]
    wanted = {normalised(v) for variants in profile.needed_headers() for v in variants}
    twice = sorted({name for name in names if names.count(name) > 1} & wanted)
    if twice:
        raise RefusedFile("DUPLICATE_HEADER", f"column {', '.join(twice)} stands more than once in the header")


def _count(con: duckdb.DuckDBPyConnection, parquet: Path) -> int:
    row = con.execute(f"select count(*) from read_parquet({literal(parquet)})").fetchone()
    return int(row[0]) if row else 0


def _read_csv(
    con: duckdb.DuckDBPyConnection, file: LandedFile, profile: Profile, header: list[str], work: Path, out: Path
) -> str:
    read = profile.read
    work.mkdir(parents=True, exist_ok=True)
    # Even a bound file name is a glob to the reader: it gets a name that we chose.
    text = work / f"{file.sha256}.csv"
    text.unlink(missing_ok=True)
    packed = file.path.suffix.lower() in (".gz", ".zip")
    try:
        if read.encoding != "utf-8":
            _write_as_utf8(file.path, read, text)
        elif packed:
            with open_content(file.path, read.member) as source, text.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        else:
            text.symlink_to(file.path)
        with text.open("rb") as stream:
            ends_with_newline = _ends_with_newline(stream, text.stat().st_size)
        columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(header)))
        source_sql = f"""
            read_csv({literal(text)}, auto_detect = false, header = false, skip = {read.skip_rows + read.header_rows},
                columns = {{{columns}}}, delim = {literal(read.delimiter)}, quote = {literal(read.quote)},
                escape = {literal(read.quote)}, nullstr = '', strict_mode = true,
                hive_partitioning = false, store_rejects = true, rejects_limit = 0, max_line_size = {_MAX_LINE_BYTES})
        """
        try:
            con.execute(f"copy (select * from {source_sql}) to {literal(out / 'cut.parquet')} (format parquet)")
        except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
            raise _refusal(error, read) from None
        skipped = read.skip_rows + read.header_rows
        con.execute(
            """
            create temp table rejects as
            select line as record, any_value(csv_line) as raw_row,
                   string_agg(distinct lower(replace(error_type::varchar, ' ', '_')), '|' order by 1) as error
            from reject_errors group by line order by line
            """
        )
        if not ends_with_newline:
            last = con.execute(
                f"select max(record) >= {skipped} + (select count(*) from rejects) + (select count(*) from "
                f"read_parquet({literal(out / 'cut.parquet')})) from rejects"
            ).fetchone()
            if last and last[0]:
                raise RefusedFile("TRUNCATED", "the last line is cut short; deliver the whole file again")
        return _number_lines(con, out, skipped, len(header), read.footer, read.delimiter)
    finally:
        text.unlink(missing_ok=True)


def _write_as_utf8(path: Path, read: Reading, target: Path) -> None:
    """The reader knows UTF-8 only."""
    with (
        open_content(path, read.member) as source,
        io.TextIOWrapper(source, encoding=codec_of(read.encoding), newline="") as decoded,  # type: ignore[type-var]
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        try:
            shutil.copyfileobj(decoded, out, 1 << 20)
        except UnicodeDecodeError:
            raise RefusedFile(
                "ENCODING", f"a line is not {read.encoding}; declare the file's encoding under `read`"
            ) from None


def _ends_with_newline(stream: BinaryIO, size: int) -> bool:
    stream.seek(max(size - 2, 0))
    return bool(stream.read(2).rstrip(b"\x00")[-1:] in (b"\n", b"\r"))


def _number_lines(
    con: duckdb.DuckDBPyConnection, out: Path, skipped: int, width: int, footer: str | None, delimiter: str
) -> str:
    """How the line of a row follows from its place; kept in a column only where it is not plain counting.

    Rows of several lines push the ones after them down, and so do lines that were not cut into fields.
    """
    cut = f"read_parquet({literal(out / 'cut.parquet')}, file_row_number = true)"
    fields = [f"c{place}" for place in range(width)]
    # A total below the rows seldom has as many fields as they.
    is_data = (
        f"not regexp_full_match(split_part(raw_row, {literal(delimiter)}, 1), {literal(footer)})" if footer else "true"
    )
    con.execute(
        f"copy (select cast(record as bigint) as _line, error, raw_row from rejects where {is_data} order by record) "
        f"to {literal(out / REJECTS)} (format parquet)"
    )
    broken = " or ".join(f"contains({field}, chr(10))" for field in fields)
    irregular = con.execute(
        f"select (select count(*) from rejects) > 0 or coalesce((select bool_or({broken}) from {cut}), false)"
    ).fetchone()
    if not footer and irregular and not irregular[0]:
        (out / "cut.parquet").rename(out / ROWS)
        return f"file_row_number + {skipped + 1}"
    inner = " + ".join(f"coalesce(length({f}) - length(replace({f}, chr(10), '')), 0)" for f in fields)
    is_footer = f"regexp_full_match(coalesce(c0, ''), {literal(footer)})" if footer else "false"
    con.execute(
        f"""
        copy (
            with placed as (
                select file_row_number + 1 as place, {", ".join(fields)},
                    coalesce(sum({inner}) over (
                        order by file_row_number rows between unbounded preceding and 1 preceding
                    ), 0) as line_feeds
                from {cut}
            ),
            rejected as (
                select record - {skipped} - n as place, n
                from (select record, row_number() over (order by record) as n from rejects)
            )
            select cast(p.place + {skipped} + p.line_feeds + coalesce(r.n, 0) as bigint) as _line, {", ".join(fields)}
            from placed as p
            asof left join rejected as r on r.place < p.place
            where not {is_footer}
            order by p.place
        ) to {literal(out / ROWS)} (format parquet)
        """
    )
    (out / "cut.parquet").unlink()
    return "_line"


def _refusal(error: duckdb.Error, read: Reading) -> RefusedFile:
    """DuckDB quotes whole rows in its errors; only the kind of the error goes on."""
    text = str(error)
    if "not utf-8 encoded" in text or "encoding" in text.lower() or "unicode" in text.lower():
        return RefusedFile("ENCODING", f"a line is not {read.encoding}; declare the file's encoding under `read`")
    if "Maximum line size" in text:
        return RefusedFile("TOO_LARGE", f"a line is longer than {_MAX_LINE_BYTES} bytes")
    return RefusedFile("UNREADABLE", f"not readable as CSV with delimiter {read.delimiter!r}, quote {read.quote!r}")


def read_sheet(path: Path, read: Reading, header_only: bool = False) -> pandas.DataFrame:
    """One sheet of a workbook, every cell as text.

    Raises:
        RefusedFile: the workbook cannot be read, or lacks the sheet.
    """
    import pandas

    try:
        return pandas.read_excel(
            path,
            sheet_name=read.sheet or 0,
            engine="calamine",
            header=read.skip_rows + read.names_row - 1,
            skiprows=None,
            nrows=1 if header_only else None,
            dtype=str,
            keep_default_na=False,
        )
    except ValueError:
        raise RefusedFile("SHEET", f"the workbook has no sheet {read.sheet!r}") from None
    except Exception as error:  # the reader's own errors share no base class
        raise RefusedFile("UNREADABLE", f"not a readable workbook ({type(error).__name__})") from None


def _read_table(
    con: duckdb.DuckDBPyConnection, file: LandedFile, profile: Profile, header: list[str], work: Path, out: Path
) -> str:
    read = profile.read
    first_line = read.skip_rows + read.header_rows + 1
    work.mkdir(parents=True, exist_ok=True)
    link = work / f"{file.sha256}.parquet"
    link.unlink(missing_ok=True)
    try:
        if read.format == "excel":
            frame = read_sheet(file.path, read).iloc[read.header_rows - read.names_row :]
            names = [f"c{place}" for place in range(len(header))]
            con.register("delivered", frame.set_axis(names, axis=1))
            source = "delivered"
        else:
            link.symlink_to(file.path)
            names = [identifier(name) for name in header]
            source = f"read_parquet({literal(link)}, hive_partitioning = false)"
            first_line = 1
        columns = ", ".join(f"nullif(cast({name} as varchar), '') as c{place}" for place, name in enumerate(names))
        con.execute(f"copy (select {columns} from {source}) to {literal(out / ROWS)} (format parquet)")
    finally:
        link.unlink(missing_ok=True)
    con.execute(
        "copy (select 0::bigint as _line, '' as error, '' as raw_row where false) "
        f"to {literal(out / REJECTS)} (format parquet)"
    )
    return f"file_row_number + {first_line}"
