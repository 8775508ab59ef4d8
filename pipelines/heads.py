"""The head of a file: its kind, its titles and the names of its columns.

Only the first bytes are looked at. What the rows hold is `reading`'s.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import patterns
from pipelines.errors import RefusedFile, file_fault
from pipelines.profiles import Profile, Reading
from pipelines.settings import USUAL_UNPACKING, Unpacking
from pipelines.unpacking import OLE, ZIP, is_archive, is_packed, open_content, plain_file

if TYPE_CHECKING:
    import pandas

_HEAD_BYTES = 1 << 20
_MAGIC = {"excel": (ZIP, OLE), "parquet": (b"PAR1",)}
WEB_PAGE = "web page"
_SHEET = re.compile(r"\.(xlsx|xlsm|xls)(\.gz|\.zip)?$")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# The second row of a survey's header says this where a question has one answer only.
_ONE_ANSWER = {"", "response", "open-ended response"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*')


@dataclass(frozen=True)
class Head:
    """The names of a file's columns, where its rows begin, and how they are written.

    `records` and `lines` count what stands above the first row (a quoted header may have several lines);
    `above` is the text of the titles. Format, encoding and delimiter are those in force.
    """

    names: list[str]
    records: int
    lines: int
    above: str = ""
    format: str = "csv"
    encoding: str = "utf-8"
    delimiter: str = ","


def kind_of(start: bytes) -> str | None:
    """What a file's first bytes show, whatever its name says: excel, parquet, web page; None for other text."""
    for kind, magics in _MAGIC.items():
        if start.startswith(magics):
            return kind
    is_page = start.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml"))
    return WEB_PAGE if is_page else None


def head_of(path: Path, profile: Profile, limits: Unpacking = USUAL_UNPACKING) -> Head:
    """The head of a file, read the way a profile says.

    Args:
        path: the file.
        profile: how it is written.
        limits: what it may unpack to.

    Raises:
        RefusedFile: the file is empty, of another format, not in the declared encoding, or has no such header.
    """
    read = profile.read
    start = _start_of(path, path.stat().st_mtime_ns, read.member, limits)
    if not start.strip():
        raise RefusedFile("EMPTY_FILE", "the file is empty; expected a header and rows")
    kind = read.format
    if kind == "table":
        kind = "excel" if _SHEET.search(path.name.lower()) else "csv"
    shown = kind_of(start)
    if kind in _MAGIC:
        if shown != kind:
            _refuse_archive(path, start)
            raise RefusedFile("MAGIC", f"the content is no {kind} file, whatever its name says")
        return _head_of_table(path, profile, kind, limits)
    if shown == WEB_PAGE:
        raise RefusedFile("MAGIC", "a web page instead of an export (a login page that was saved?)")
    _refuse_archive(path, start)
    if shown:
        raise RefusedFile("MAGIC", "a workbook or Parquet file with the name of a text file")
    encoding = read.encoding
    if encoding == "unicode":
        encoding = "utf-16" if start[:2] in _UTF16_MARKS else "utf-8"
    text = _decoded(start, encoding, whole=len(start) < _HEAD_BYTES).removeprefix("\ufeff")
    if kind == "jsonl":
        return Head(_json_keys(text), 0, 0, format=kind, encoding=encoding)
    separator = _SEPARATOR_LINE.fullmatch(text.split("\n", 1)[0])
    declared = ",;\t|" if read.delimiter == "any" else read.delimiter
    # The file says itself what separates its fields.
    delimiters = separator.group(1) if separator else declared
    heads = [_csv_head(text, delimiter, 1 if separator else 0, profile) for delimiter in delimiters]
    head = min(heads, key=lambda one: (len(profile.missing_headers(one.names)), -len(one.names)))
    return replace(head, format=kind, encoding=encoding)


def _csv_head(text: str, delimiter: str, skipped: int, profile: Profile) -> Head:
    read = profile.read
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=read.quote or None)
    first = read.skip_rows + skipped
    rows, lines = [], []
    try:
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
            if len(rows) >= first + read.preamble + read.header_rows:
                break
    except csv.Error:
        raise RefusedFile("TOO_LARGE", "a field of the header is longer than any header is") from None
    head = _found_in(rows, first, profile)
    return replace(head, lines=lines[head.records - 1], delimiter=delimiter)


@lru_cache(maxsize=8)
def _start_of(path: Path, _changed: int, member: str | None, limits: Unpacking) -> bytes:
    """Looked at once for each of the profiles that a file may belong to."""
    with open_content(path, member, limits) as stream:
        return stream.read(_HEAD_BYTES)


def _found_in(rows: list[list[str]], first: int, profile: Profile) -> Head:
    """The header among the first rows: the first place at which all needed columns stand."""
    read = profile.read
    heads = [
        Head(names_in(rows[at : at + read.header_rows], read), at + read.header_rows, 0, _text_of(rows[:at]))
        for at in range(first, min(first + read.preamble, len(rows) - read.header_rows) + 1)
    ]
    if not heads:
        raise RefusedFile("EMPTY_FILE", f"found {len(rows)} lines, expected a header of {read.header_rows}")
    return min(heads, key=lambda head: len(profile.missing_headers(head.names)))


def _text_of(rows: list[list[str]]) -> str:
    return "\n".join(" ".join(cell for cell in row if cell.strip()) for row in rows)


def names_in(header: list[list[str]], read: Reading) -> list[str]:
    """The names of the columns, from the rows of a header."""
    # A tab is no blank here: it may be what really separates the fields.
    names = [re.sub(r"[^\S\t]+", " ", name).strip() for name in header[read.names_row - 1]]
    if names:
        names[0] = names[0].removeprefix("\ufeff")
    if read.header_noise:
        names = [" ".join(name.split()) for name in patterns.without(read.header_noise, names)]
    if read.names_pattern:
        names = ["_".join(groups) for groups in patterns.all_groups(read.names_pattern, names)]
    if read.fill_header:
        names = [next((n for n in reversed(names[: place + 1]) if n), "") for place in range(len(names))]
    if read.answers_row:
        answers = [answer.strip() for answer in header[read.answers_row - 1]]
        answers += [""] * (len(names) - len(answers))
        names = [n if a.lower() in _ONE_ANSWER else f"{n} | {a}" for n, a in zip(names, answers, strict=False)]
    return names


def codec_of(encoding: str) -> str:
    """Python's name for an encoding of a profile; a byte-order mark is no text."""
    return {"utf-8": "utf-8-sig", "windows-1252": "cp1252"}.get(encoding, encoding)


def _decoded(start: bytes, encoding: str, whole: bool) -> str:
    if start[:2] in _UTF16_MARKS and encoding != "utf-16":
        raise RefusedFile("ENCODING", f"the file is UTF-16, the profile says {encoding}; declare it under `read`")
    if start and encoding == "utf-16" and start[:2] not in _UTF16_MARKS:
        raise RefusedFile(
            "ENCODING",
            "the profile says UTF-16, and the file does not begin with its byte-order mark; save it with the mark, or "
            "declare its encoding under `read`",
        )
    zeros = sorted((start[::2].count(0), start[1::2].count(0)))
    if encoding != "utf-16" and zeros[1] * 3 > len(start) and zeros[0] * 10 < len(start):
        raise RefusedFile(
            "ENCODING",
            f"every second byte is zero, so the file is probably UTF-16 without its mark, and no {encoding}; save it "
            "as UTF-8, or as UTF-16 with its mark",
        )
    codec = codec_of(encoding)
    try:
        return start.decode(codec)
    except UnicodeDecodeError as error:
        # The cut at the end of the first bytes may lie within a character.
        if not whole and error.start > len(start) - 4:
            return start[: error.start].decode(codec)
        line = start[: error.start].count(b"\n") + 1
        raise RefusedFile(
            "ENCODING", f"line {line} is not {encoding}; declare the file's encoding under `read`"
        ) from None


def _json_keys(text: str) -> list[str]:
    """Keys in the order in which the first lines name them."""
    keys: dict[str, None] = {}
    for line in text.splitlines()[:1000]:
        try:
            row = json.loads(line) if line.strip() else {}
        except ValueError:
            continue
        if isinstance(row, dict):
            keys.update(dict.fromkeys(row))
    if not keys:
        raise RefusedFile("MAGIC", "not JSON lines: expected an object on each line")
    return list(keys)


def _refuse_archive(path: Path, start: bytes) -> None:
    if is_archive(start) and (is_packed(path) or not start.startswith(ZIP)):
        raise RefusedFile(
            "ARCHIVE", "an archive within an archive, or with another name; expected an export, so unpack it"
        )


def _head_of_table(path: Path, profile: Profile, kind: str, limits: Unpacking) -> Head:
    read = profile.read
    if kind == "parquet":
        with plain_file(path, read.member, limits=limits) as plain:
            return _parquet_head(plain)
    most = read.skip_rows + read.preamble + read.header_rows
    rows = _first_rows(path, path.stat().st_mtime_ns, read.member, read.sheet, most, limits)
    head = _found_in(rows, read.skip_rows, profile)
    return replace(head, lines=head.records, format=kind)


@lru_cache(maxsize=8)
def _first_rows(
    path: Path, _changed: int, member: str | None, name: str | None, most: int, limits: Unpacking
) -> list[list[str]]:
    """Looked at once for each of the profiles that a workbook may belong to."""
    with plain_file(path, member, name, limits) as plain:
        rows: list[list[str]] = sheet(plain, name, most).to_numpy().tolist()
        return rows


def sheet(path: Path, name: str | None, most: int | None = None, dtype: type = str) -> pandas.DataFrame:
    """The rows of a workbook's sheet, or the first of them, every cell as text; columns are counted from 0.

    With `object` as `dtype` numbers stay numbers.

    Raises:
        RefusedFile: the workbook cannot be read, or lacks the sheet.
    """
    import pandas

    try:
        return pandas.read_excel(
            path,
            sheet_name=name or 0,
            engine="calamine",
            header=None,
            nrows=most,
            dtype=dtype,
            keep_default_na=False,
        )
    except ValueError:
        raise RefusedFile("SHEET", f"the workbook has no sheet {name!r}") from None
    except Exception as error:  # the reader's own errors share no base class
        raise RefusedFile("UNREADABLE", f"not a readable workbook: {file_fault(error)}") from None


def _parquet_head(path: Path) -> Head:
    import pyarrow
    import pyarrow.parquet

    try:
        return Head(list(pyarrow.parquet.read_schema(path).names), 0, 0, format="parquet")
    except pyarrow.ArrowException:
        raise RefusedFile("MAGIC", "not a readable Parquet file") from None
