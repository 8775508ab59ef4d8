"""A file of the landing zone without some records: the rest stays as it was delivered, packed and encoded as before."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.database import literal, scratch
from pipelines.erasure.identity import Identity
from pipelines.erasure.records import Records
from pipelines.errors import UserError
from pipelines.files import draft_of, sync
from pipelines.heads import codec_of, head_of
from pipelines.landing import LandedFile
from pipelines.profiles import Profile, Reading
from pipelines.reading import RawFile
from pipelines.settings import Settings, Unpacking
from pipelines.unpacking import archive_of, copy_members, open_content, plain_file

Ints = NDArray[np.int64]
_WORKBOOKS = (".xlsx", ".xlsm")


def check_rewritable(file: LandedFile, profile: Profile, limits: Unpacking) -> None:
    """Raises UserError where the file cannot be written in its own format."""
    is_workbook = head_of(file.path, profile, limits).format == "excel"
    plain = file.path.with_suffix("") if file.path.suffix.lower() in (".gz", ".zip") else file.path
    if is_workbook and plain.suffix.lower() not in _WORKBOOKS:
        raise UserError(
            f"{file.name}: a workbook of this kind can be read but not written; save it as .xlsx, or take the person "
            "out of it by hand, and erase again. Nothing has been changed"
        )
    if not os.access(file.path.parent, os.W_OK):
        raise UserError(f"{file.name}: its folder cannot be written to. Nothing has been changed")


def mentions(file: LandedFile, profile: Profile, raw: RawFile, identity: Identity, settings: Settings) -> bool:
    """Whether a file names a person anywhere: in a text, in its header, above it, or in how it is packed."""
    if identity.strike_header("\n".join(raw.header))[1] or _packed_under(file.path, identity):
        return True
    limits = settings.unpacking
    kind = head_of(file.path, profile, limits).format
    if kind == "excel":
        with (
            plain_file(file.path, profile.read.member, profile.read.sheet, limits) as plain,
            zipfile.ZipFile(plain) as archive,
        ):
            parts = [name for name in archive.namelist() if name.endswith((".xml", ".vml"))]
            return any(identity.is_in(archive.read(name).decode(errors="replace")) for name in parts)
    if kind == "parquet":
        fields = ", ".join(f"c{place}" for place in range(len(raw.header)))
        texts = [*identity.texts, *identity.telling_ids]
        wanted = " or ".join(f"contains(lower(line), {literal(text.lower())})" for text in texts)
        with scratch(settings) as con:
            lines = con.sql(
                f"select line from (select concat_ws(chr(10), {fields}) as line from ({raw.delivered})) "
                f"where {wanted or 'false'}"
            ).fetchall()
        return any(identity.strike_delivered(line)[1] for (line,) in lines)
    text, _, codec = _text_of(file.path, profile, limits)
    return bool(identity.strike_delivered(text.decode(codec))[1])


def _packed_under(path: Path, identity: Identity) -> bool:
    """Whether an archive, or a packed file, says the person's name where it names what it holds."""
    suffix = path.suffix.lower()
    if suffix == ".zip":
        with archive_of(path) as archive:
            return any(identity.strike_name(entry.filename) != entry.filename for entry in archive.infolist())
    if suffix == ".gz":
        with path.open("rb") as stream:
            start = stream.read(1024)
        # A name stands behind ten bytes, where the fourth of them says so (RFC 1952).
        name = start[10:].split(b"\0", 1)[0].decode("latin-1") if start[3:4] and start[3] & 8 else ""
        return identity.strike_name(name) != name
    return False


def rewrite(
    file: LandedFile,
    profile: Profile,
    header: Sequence[str],
    starts: Ints,
    records: Records,
    identity: Identity | None,
    limits: Unpacking,
) -> int:
    """Takes records out of a file; the file is replaced as a whole, or removed where no row is left.

    Args:
        file: in the landing zone.
        profile: how it is written.
        header: the names of its fields.
        starts: (n,) the lines in which its records begin, ascending.
        records: what goes.
        identity: whose names and addresses are struck out wherever they stand.
        limits: what the file may unpack to.

    Returns:
        How many times one of the texts was struck out.
    """
    if len(records.gone) == len(starts) and not profile.allow_empty:
        file.path.unlink()
        sync(file.path.parent)
        return 0
    head = head_of(file.path, profile, limits)
    draft = draft_of(file.path)
    try:
        if head.format == "excel":
            struck = _rewrite_workbook(file.path, profile.read, starts, records, identity, draft, limits)
        elif head.format == "parquet":
            struck = _rewrite_parquet(file.path, profile.read, records, identity, draft, limits)
        else:
            struck = _rewrite_text(file.path, profile, header, starts, records, identity, draft, limits)
        shutil.copymode(file.path, draft)
        sync(draft)
        draft.replace(file.path)
        sync(file.path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return struck


def _pack(
    path: Path, read: Reading, plain: bytes, draft: Path, limits: Unpacking, identity: Identity | None = None
) -> None:
    """Writes content the way that of `path` is packed; other members of an archive stay, but for names of people."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        draft.write_bytes(gzip.compress(plain, mtime=0))
    elif suffix == ".zip":
        # A profile that names the member has to find it again.
        named = identity.strike_name if identity else str
        copy_members(path, draft, read.member, plain, limits, lambda name: name if name == read.member else named(name))
    else:
        draft.write_bytes(plain)


# Text


def _rewrite_text(
    path: Path,
    profile: Profile,
    header: Sequence[str],
    starts: Ints,
    records: Records,
    identity: Identity | None,
    draft: Path,
    limits: Unpacking,
) -> int:
    head = head_of(path, profile, limits)
    content, is_wide, codec = _text_of(path, profile, limits)
    quote = profile.read.quote if head.format == "csv" else ""
    spans = _Spans(content, starts, quote.encode())
    kept, at = [], 0
    for line in sorted({*records.gone, *records.emptied}):
        begin, end = spans.of(line)
        kept.append(content[at:begin])
        if places := records.emptied.get(line):
            record = content[begin:end].decode(codec)
            if head.format == "jsonl":
                kept.append(_without_keys(record, [header[place] for place in places]).encode(codec))
            else:
                kept.append(_without_fields(record, places, head.delimiter, quote).encode(codec))
        at = end
    kept.append(content[at:])
    content, struck = b"".join(kept), 0
    if identity:
        # What stands before the first record is the header; the keys of JSON lines stand in each record.
        body = int(spans.lines[starts[0] - 1]) if len(starts) and head.format != "jsonl" else 0
        above, in_header = identity.strike_header(content[:body].decode(codec))
        text, in_text = identity.strike_delivered(content[body:].decode(codec))
        if head.format == "jsonl":
            text, in_header = _strike_keys(text, identity)
        content, struck = (above + text).encode(codec), in_header + in_text
    _pack(path, profile.read, content.decode().encode("utf-16") if is_wide else content, draft, limits, identity)
    return struck


def _text_of(path: Path, profile: Profile, limits: Unpacking) -> tuple[bytes, bool, str]:
    """The content of a text file, whether it was UTF-16 (it is UTF-8 here), and its codec."""
    with open_content(path, profile.read.member, limits) as stream:
        content = stream.read()
    # A mark of the byte order is text here, and stays where it was.
    encoding = codec_of(head_of(path, profile, limits).encoding)
    codec = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    if codec == "utf-16":
        return content.decode(codec).encode(), True, "utf-8"
    return content, False, codec


def _strike_keys(text: str, identity: Identity) -> tuple[str, int]:
    """Strikes a person out of the keys of JSON lines."""
    count = 0

    def struck(found: re.Match[str]) -> str:
        nonlocal count
        key, times = identity.strike_header(found[0])
        count += times
        return key

    return re.sub(r'"(?:[^"\\]|\\.)*"(?=\s*:)', struck, text), count


class _Spans:
    """Where in a text the records begin and end, as places of bytes."""

    def __init__(self, content: bytes, starts: Ints, quote: bytes) -> None:
        data = np.frombuffer(content, dtype=np.uint8)
        ends = np.flatnonzero(data == (10 if b"\n" in content else 13)) + 1
        self.lines = np.unique(np.concatenate(([0], ends, [len(data)])))
        self.starts, self.content, self.quote = starts, content, quote

    def of(self, line: int) -> tuple[int, int]:
        """A record ends with its first line that leaves no quote open, and before the next record at the latest."""
        begin = int(self.lines[line - 1])
        after = self.starts[self.starts.searchsorted(line, side="right") :]
        last = int(after[0]) - 1 if len(after) else len(self.lines) - 1
        for ended in range(line, last):
            end = int(self.lines[ended])
            if not self.quote or self.content.count(self.quote, begin, end) % 2 == 0:
                return begin, end
        return begin, int(self.lines[last])


def _without_fields(record: str, places: Sequence[int], delimiter: str, quote: str) -> str:
    body, out = record.rstrip("\r\n"), io.StringIO(newline="")
    quoting: Any = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    fields = next(csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, **quoting))
    for place in places:
        fields[place] = ""
    # Fields that hold a line's end are quoted because of the writer's own.
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n", **quoting).writerow(fields)
    return out.getvalue().removesuffix("\r\n") + record[len(body) :]


def _without_keys(record: str, keys: Sequence[str]) -> str:
    body = record.rstrip("\r\n")
    told = json.loads(body)
    return json.dumps(told | {key: None for key in keys if key in told}, ensure_ascii=False) + record[len(body) :]


# Workbooks and Parquet


def _rewrite_workbook(
    path: Path,
    read: Reading,
    starts: Ints,
    records: Records,
    identity: Identity | None,
    draft: Path,
    limits: Unpacking,
) -> int:
    from openpyxl import load_workbook

    with plain_file(path, read.member, read.sheet, limits) as plain:
        # What formulas came to is what was delivered; a workbook that is written without being calculated loses it.
        book = load_workbook(io.BytesIO(plain.read_bytes()), data_only=True)
    page = book[read.sheet] if read.sheet else book.worksheets[0]
    struck = 0
    for line, places in records.emptied.items():
        for place in places:
            page.cell(line, place + 1).value = None
    for line in sorted(records.gone, reverse=True):
        page.delete_rows(line)
    first = int(starts[0]) if len(starts) else 1
    for sheet in book.worksheets if identity else ():
        for row in sheet.iter_rows():
            for cell in row:
                if identity and isinstance(cell.value, str):
                    is_above = sheet is page and cell.row < first
                    strike = identity.strike_header if is_above else identity.strike_delivered
                    cell.value, times = strike(cell.value)
                    struck += times
                if identity and cell.comment:
                    cell.comment.text, times = identity.strike_header(cell.comment.text)
                    cell.comment.author = identity.strike(cell.comment.author or "")
                    struck += times
        if identity and sheet.title != read.sheet:
            sheet.title = identity.strike_name(sheet.title)
    for name, value in vars(book.properties).items() if identity else ():
        if identity and isinstance(value, str) and identity.is_in(value):
            setattr(book.properties, name, identity.strike(value))
            struck += 1
    out = io.BytesIO()
    book.save(out)
    _pack(path, read, out.getvalue(), draft, limits, identity)
    return struck


def _rewrite_parquet(
    path: Path, read: Reading, records: Records, identity: Identity | None, draft: Path, limits: Unpacking
) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with plain_file(path, read.member, read.sheet, limits) as plain:
        table = pq.read_table(plain)
    line = np.arange(table.num_rows) + 1
    for place in sorted({place for places in records.emptied.values() for place in places}):
        is_empty = np.isin(line, [one for one, places in records.emptied.items() if place in places])
        column = table.column(place)
        emptied = pc.if_else(pa.array(is_empty), pa.scalar(None, column.type), column)
        table = table.set_column(place, table.field(place), emptied)
    table = table.filter(pa.array(~np.isin(line, list(records.gone))))
    struck = 0
    for place, field in enumerate(table.schema if identity else ()):
        if identity and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            told = [identity.strike_delivered(one) if one else (one, 0) for one in table.column(place).to_pylist()]
            struck += sum(times for _, times in told)
            table = table.set_column(place, field, pa.array([text for text, _ in told], field.type))
    if identity:
        headers = [identity.strike_header(name) for name in table.column_names]
        struck += sum(times for _, times in headers)
        table = table.rename_columns([name for name, _ in headers])
        # What pandas or others have noted beside the columns names them as well.
        noted = dict(table.schema.metadata or {})
        for key, value in noted.items():
            if identity.is_in(text := value.decode(errors="replace")):
                noted[key] = identity.strike(text).encode()
        table = table.replace_schema_metadata(noted)
    out = io.BytesIO()
    pq.write_table(table, out)
    _pack(path, read, out.getvalue(), draft, limits, identity)
    return struck
