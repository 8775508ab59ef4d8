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

from pipelines.erasure.records import Records
from pipelines.errors import UserError
from pipelines.files import draft_of, sync
from pipelines.heads import codec_of, head_of, open_content, plain_file
from pipelines.landing import LandedFile
from pipelines.profiles import Profile, Reading

Ints = NDArray[np.int64]
ERASED = "[erased]"
_WORKBOOKS = (".xlsx", ".xlsm")


def check_rewritable(file: LandedFile, profile: Profile) -> None:
    """Raises UserError where the file cannot be written in its own format."""
    is_workbook = head_of(file.path, profile).format == "excel"
    plain = file.path.with_suffix("") if file.path.suffix.lower() in (".gz", ".zip") else file.path
    if is_workbook and plain.suffix.lower() not in _WORKBOOKS:
        raise UserError(
            f"{file.name}: a workbook of this kind can be read but not written; save it as .xlsx, or take the person "
            "out of it by hand, and erase again. Nothing has been changed"
        )
    if not os.access(file.path.parent, os.W_OK):
        raise UserError(f"{file.name}: its folder cannot be written to. Nothing has been changed")


def rewrite(
    file: LandedFile, profile: Profile, header: Sequence[str], starts: Ints, records: Records, texts: Sequence[str]
) -> int:
    """Takes records out of a file; the file is replaced as a whole, or removed where no row is left.

    Args:
        file: in the landing zone.
        profile: how it is written.
        header: the names of its fields.
        starts: (n,) the lines in which its records begin, ascending.
        records: what goes.
        texts: names and addresses that are struck out wherever they stand.

    Returns:
        How many times one of the texts was struck out.
    """
    if len(records.gone) == len(starts) and not profile.allow_empty:
        file.path.unlink()
        sync(file.path.parent)
        return 0
    head = head_of(file.path, profile)
    draft = draft_of(file.path)
    try:
        if head.format == "excel":
            struck = _rewrite_workbook(file.path, profile.read, records, texts, draft)
        elif head.format == "parquet":
            struck = _rewrite_parquet(file.path, profile.read, records, texts, draft)
        else:
            struck = _rewrite_text(file.path, profile, header, starts, records, texts, draft)
        shutil.copymode(file.path, draft)
        sync(draft)
        draft.replace(file.path)
        sync(file.path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return struck


def _strike(text: str, texts: Sequence[str]) -> tuple[str, int]:
    if not texts:
        return text, 0
    pattern = "|".join(re.escape(one) for one in sorted(texts, key=len, reverse=True))
    return re.subn(rf"(?<!\w)(?:{pattern})(?!\w)", ERASED, text, flags=re.IGNORECASE)


def _pack(path: Path, read: Reading, plain: bytes, draft: Path) -> None:
    """Writes content the way that of `path` is packed; other members of an archive stay."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        draft.write_bytes(gzip.compress(plain, mtime=0))
    elif suffix == ".zip":
        with zipfile.ZipFile(path) as before, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as after:
            entries = [entry for entry in before.infolist() if not entry.is_dir()]
            data = [entry for entry in entries if not entry.filename.startswith("__MACOSX")]
            for entry in entries:
                is_meant = entry in data and read.member in (None, entry.filename)
                after.writestr(entry, plain if is_meant else before.read(entry))
    else:
        draft.write_bytes(plain)


# Text


def _rewrite_text(
    path: Path,
    profile: Profile,
    header: Sequence[str],
    starts: Ints,
    records: Records,
    texts: Sequence[str],
    draft: Path,
) -> int:
    head = head_of(path, profile)
    with open_content(path, profile.read.member) as stream:
        content = stream.read()
    # A mark of the byte order is text here, and stays where it was.
    codec = {"utf-8-sig": "utf-8"}.get(codec_of(head.encoding), codec_of(head.encoding))
    if is_wide := codec == "utf-16":
        content, codec = content.decode(codec).encode(), "utf-8"
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
    if texts:
        text, struck = _strike(content.decode(codec), texts)
        content = text.encode(codec)
    _pack(path, profile.read, content.decode().encode("utf-16") if is_wide else content, draft)
    return struck


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


def _rewrite_workbook(path: Path, read: Reading, records: Records, texts: Sequence[str], draft: Path) -> int:
    from openpyxl import load_workbook

    with plain_file(path, read) as plain:
        # What formulas came to is what was delivered; a workbook that is written without being calculated loses it.
        book = load_workbook(io.BytesIO(plain.read_bytes()), data_only=True)
    page = book[read.sheet] if read.sheet else book.worksheets[0]
    struck = 0
    for line, places in records.emptied.items():
        for place in places:
            page.cell(line, place + 1).value = None
    for line in sorted(records.gone, reverse=True):
        page.delete_rows(line)
    for sheet in book.worksheets if texts else ():
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, str):
                    cell.value, found = _strike(cell.value, texts)
                    struck += found
    out = io.BytesIO()
    book.save(out)
    _pack(path, read, out.getvalue(), draft)
    return struck


def _rewrite_parquet(path: Path, read: Reading, records: Records, texts: Sequence[str], draft: Path) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with plain_file(path, read) as plain:
        table = pq.read_table(plain)
    line = np.arange(table.num_rows) + 1
    for place in sorted({place for places in records.emptied.values() for place in places}):
        is_empty = np.isin(line, [one for one, places in records.emptied.items() if place in places])
        column = table.column(place)
        emptied = pc.if_else(pa.array(is_empty), pa.scalar(None, column.type), column)
        table = table.set_column(place, table.field(place), emptied)
    table = table.filter(pa.array(~np.isin(line, list(records.gone))))
    struck = 0
    for place, field in enumerate(table.schema if texts else ()):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            told = [_strike(one, texts) if one else (one, 0) for one in table.column(place).to_pylist()]
            struck += sum(found for _, found in told)
            table = table.set_column(place, field, pa.array([text for text, _ in told], field.type))
    out = io.BytesIO()
    pq.write_table(table, out)
    _pack(path, read, out.getvalue(), draft)
    return struck
