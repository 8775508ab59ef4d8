"""Packed files: what a .gz, a .zip or a workbook may unpack to, and the refusal of what unpacks to more.

Nothing is read out of an archive but through here. What its directory says is judged first; since a directory can lie,
the bytes are counted as well while they are unpacked. A workbook is an archive too: its reader gets a copy that holds
exactly what was counted and looked through, and only after the sheet was measured in a process of its own.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import BinaryIO, cast

from pipelines.errors import RefusedFile, file_fault
from pipelines.settings import USUAL_UNPACKING, Unpacking

ZIP = b"PK\x03\x04"
# Documents of the kind that holds old and encrypted workbooks.
OLE = b"\xd0\xcf\x11\xe0"
# What begins like this has been packed once more: gzip, bzip2, xz, 7z, rar, zstandard.
_OTHER_ARCHIVES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd")
# Names that the first member of a workbook has: .xlsx, .xlsm, .xlsb, .ods.
_OF_WORKBOOKS = ("[Content_Types].xml", "mimetype", "_rels/.rels")
_PACKED = {".gz", ".zip"}
_PIECE = 1 << 20
# A directory of this size names 20,000 members or more; that of a large workbook names a few hundred.
_LARGEST_DIRECTORY = 2 << 20
_IS_ENCRYPTED = 0x1
_BROKEN = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, struct.error, EOFError, NotImplementedError)
# Sheets that were measured in this process: a workbook is opened for its header, and again for its rows.
_FITTING: set[tuple[object, ...]] = set()
_PROBE = Path(__file__).parent / "sheet_size.py"


def is_packed(path: Path) -> bool:
    """Whether a file has to be unpacked before it can be read."""
    return path.suffix.lower() in _PACKED


def is_archive(start: bytes) -> bool:
    """Whether content is an archive that is no workbook, by its first bytes."""
    if start.startswith(ZIP):
        return not any(name.encode() in start[:200] for name in (*_OF_WORKBOOKS, "xl/", "docProps/"))
    return start.startswith(_OTHER_ARCHIVES)


@contextmanager
def open_content(path: Path, member: str | None = None, limits: Unpacking = USUAL_UNPACKING) -> Iterator[BinaryIO]:
    """The content of a file, unpacked where it is packed (.gz, .zip).

    Args:
        path: the file.
        member: which file of a zip archive is meant; None: the only one.
        limits: what it may unpack to; more of it is never read.

    Raises:
        RefusedFile: an archive that cannot be read, that unpacks to more than the limits allow, or in which it is not
            clear which file is meant.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".gz":
            with path.open("rb") as packed, gzip.GzipFile(fileobj=packed) as stream:
                yield _counted(cast("BinaryIO", stream), packed.tell, limits)
        elif suffix == ".zip":
            with archive_of(path) as archive:
                entry = _member(archive, member, limits)
                with archive.open(entry) as stream:
                    yield _counted(cast("BinaryIO", stream), lambda: entry.compress_size, limits)
        else:
            with path.open("rb") as plain:
                yield plain
    except _BROKEN as error:
        raise RefusedFile("ARCHIVE", f"not a readable {suffix} archive: {file_fault(error)}") from None


def unpack(path: Path, member: str | None, target: Path, limits: Unpacking = USUAL_UNPACKING) -> None:
    """Writes the content of a file to another, unpacked; where it is refused, nothing is left of it.

    Raises:
        RefusedFile: as by `open_content`.
    """
    try:
        with open_content(path, member, limits) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, _PIECE)
    except RefusedFile:
        target.unlink(missing_ok=True)
        raise


@contextmanager
def plain_file(
    path: Path, member: str | None = None, sheet: str | None = None, limits: Unpacking = USUAL_UNPACKING
) -> Iterator[Path]:
    """A file as it is, or unpacked for as long as it is needed; a workbook is one that its reader can be given.

    Args:
        path: the file.
        member: which file of a zip archive is meant; None: the only one.
        sheet: which sheet of a workbook is meant; None: the first.
        limits: what it may unpack to.

    Raises:
        RefusedFile: as by `open_content`, and a workbook that is encrypted, that declares entities, or whose sheet is
            larger than the limits allow.
    """
    with tempfile.TemporaryDirectory(prefix="perfwh-", ignore_cleanup_errors=True) as folder:
        content = path
        if is_packed(path):
            content = Path(folder) / "content"
            unpack(path, member, content, limits)
        with content.open("rb") as stream:
            start = stream.read(_PIECE)
        if start.startswith(ZIP):
            workbook = Path(folder) / "workbook"
            _copy_workbook(content, workbook, limits)
            content = workbook
        elif start.startswith(OLE):
            _refuse_encrypted(content)
        elif is_archive(start):
            raise _nested()
        if start.startswith((ZIP, OLE)):
            stat = path.stat()
            measured = (path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, member, sheet, limits)
            if measured not in _FITTING:
                _refuse_vast_sheet(content, sheet, limits)
                _FITTING.add(measured)
        yield content


def copy_members(
    archive: Path,
    target: Path,
    member: str | None,
    content: bytes,
    limits: Unpacking,
    named: Callable[[str], str] = str,
) -> None:
    """Copies a zip archive with other content for the member that is meant; the other members stay.

    Args:
        archive: the archive.
        target: the copy.
        member: which file of the archive is meant; None: the only one.
        content: what the member holds in the copy.
        limits: what the archive may unpack to.
        named: what a member is called in the copy.

    Raises:
        RefusedFile: as by `open_content`.
    """
    with archive_of(archive) as before, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as after:
        entries = [entry for entry in before.infolist() if not entry.is_dir()]
        _refuse_larger(sum(e.file_size for e in entries), sum(e.compress_size for e in entries), limits)
        meant = _member(before, member, limits).filename
        for entry in entries:
            written = copy(entry)
            written.filename = named(entry.filename)
            if entry.filename == meant:
                after.writestr(written, content)
                continue
            _refuse_unreadable(entry)
            with before.open(entry) as source, after.open(written, "w") as out:
                shutil.copyfileobj(source, out, _PIECE)


# Sizes


class _Counted(io.RawIOBase):
    """A stream that ends in a refusal where more comes out of it than the limits allow."""

    def __init__(self, stream: BinaryIO, packed: Callable[[], int], limits: Unpacking) -> None:
        self._stream, self._packed, self._limits, self._unpacked = stream, packed, limits, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed allows any buffer
        piece = self._stream.read(len(buffer))
        self._unpacked += len(piece)
        _refuse_larger(self._unpacked, self._packed(), self._limits)
        buffer[: len(piece)] = piece
        return len(piece)


def _counted(stream: BinaryIO, packed: Callable[[], int], limits: Unpacking) -> BinaryIO:
    return io.BufferedReader(_Counted(stream, packed, limits), _PIECE)


def _refuse_larger(unpacked: int, packed: int, limits: Unpacking) -> None:
    if unpacked > limits.megabytes << 20:
        raise RefusedFile(
            "TOO_LARGE",
            f"it unpacks to more than {limits.megabytes:,} MB; deliver it in parts, or raise `unpacking.megabytes`",
        )
    if unpacked > limits.ratio_from_megabytes << 20 and unpacked > limits.ratio * max(packed, 1):
        raise RefusedFile(
            "TOO_LARGE",
            f"it unpacks to more than {limits.ratio:g} times its size, which no export does; deliver it again, or "
            "raise `unpacking.ratio` if it is right",
        )


# Archives


@contextmanager
def archive_of(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive, whose directory is small enough to be read whole."""
    if _directory_bytes(path) > _LARGEST_DIRECTORY:
        raise RefusedFile("TOO_LARGE", "the archive holds more files than an export does; expected one")
    try:
        archive = zipfile.ZipFile(path)
    except UnicodeDecodeError:
        raise RefusedFile("ARCHIVE", "a name in the archive is no text; pack the file again") from None
    with archive:
        yield archive


def _directory_bytes(path: Path) -> int:
    """How large the directory of a zip archive is by its own account; 0 where there is none."""
    with path.open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(0, size - (1 << 16) - 22 - 20))
        tail = stream.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or at + 22 > len(tail):
            return 0
        sizes = [int(struct.unpack("<L", tail[at + 12 : at + 16])[0])]
        if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
            # The record of a 64-bit archive stands before its locator, which says where.
            stream.seek(min(int(struct.unpack("<Q", tail[at - 12 : at - 4])[0]), size))
            record = stream.read(56)
            if len(record) == 56 and record.startswith(b"PK\x06\x06"):
                sizes = [int(struct.unpack("<Q", record[40:48])[0])]
        return max(sizes)


def _member(archive: zipfile.ZipFile, wanted: str | None, limits: Unpacking) -> zipfile.ZipInfo:
    entries = [e for e in archive.infolist() if not e.is_dir() and not e.filename.startswith("__MACOSX")]
    if any(".." in Path(e.filename).parts or Path(e.filename).is_absolute() for e in entries):
        raise RefusedFile("ARCHIVE", "the archive holds a path that leads out of it")
    found = [entry for entry in entries if wanted in (None, entry.filename)]
    if len(found) != 1:
        raise RefusedFile(
            "ARCHIVE", f"found {len(entries)} files, expected one; name it as `read: member:` in the profile"
        )
    _refuse_unreadable(found[0])
    _refuse_larger(found[0].file_size, found[0].compress_size, limits)
    return found[0]


def _refuse_unreadable(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & _IS_ENCRYPTED:
        raise _encrypted("archive")
    # Other ways of packing cannot be unpacked piece by piece within a bounded memory.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedFile(
            "ARCHIVE", "the archive is packed in an unusual way; expected deflate, so pack it again as .zip"
        )


def _encrypted(what: str) -> RefusedFile:
    return RefusedFile("ENCRYPTED", f"the {what} is encrypted; expected one without a password, so export it without")


def _nested() -> RefusedFile:
    return RefusedFile(
        "ARCHIVE", "an archive within an archive, or with another name; expected an export, so unpack it"
    )


# Workbooks


def _copy_workbook(source: Path, target: Path, limits: Unpacking) -> None:
    """Copies a workbook member by member, unpacked, counted and looked through."""
    try:
        with archive_of(source) as archive, zipfile.ZipFile(target, "w") as workbook:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            names = [entry.filename for entry in entries]
            if not set(names) & set(_OF_WORKBOOKS):
                raise _nested()
            if len(set(names)) < len(names):
                raise RefusedFile("ARCHIVE", "the workbook holds two parts of one name; save it again")
            for entry in entries:
                _refuse_unreadable(entry)
            packed = source.stat().st_size
            _refuse_larger(sum(entry.file_size for entry in entries), packed, limits)
            unpacked = 0
            # In an encrypted .ods nothing but its manifest can be read.
            for entry in sorted(entries, key=lambda one: one.filename != _MANIFEST):
                part = _Part(entry.filename)
                plain = zipfile.ZipInfo(entry.filename)
                plain.file_size = entry.file_size
                with archive.open(entry) as stream, workbook.open(plain, "w") as out:
                    while piece := stream.read(_PIECE):
                        unpacked += len(piece)
                        _refuse_larger(unpacked, packed, limits)
                        part.look_through(piece)
                        # No reader takes anything from a drawing; it may well declare a document type.
                        if not part.is_drawing:
                            out.write(piece)
    except _BROKEN as error:
        raise RefusedFile("UNREADABLE", f"not a readable workbook: {file_fault(error)}") from None


_MANIFEST = "META-INF/manifest.xml"
_XML_NAMES = (".xml", ".rels", ".vml")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_DECLARED = (b"<!DOCTYPE", b"<!ENTITY")
_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s{0,20}=\s{0,20}[\"']([^\"']{0,40})")
# In these a markup character is the byte that it is in ASCII, or that byte and zeros.
_PLAIN_ENCODING = re.compile(rb"(?i)utf-?8|utf-?16(le|be)?|us-ascii|ascii|iso-8859-[0-9]+|windows-125[0-8]")


class _Part:
    """One part of a workbook, which is looked through piece by piece.

    XML can be written in UTF-8, UTF-16 or UTF-32, in either order of bytes. Without the bytes that are 0, markup is the
    same in all of them.
    """

    def __init__(self, name: str) -> None:
        self.is_drawing = name.lower().endswith(".svg")
        self._is_manifest = name == _MANIFEST
        self._is_xml = name.lower().endswith(_XML_NAMES)
        self._end: bytes | None = None

    def look_through(self, piece: bytes) -> None:
        """Raises RefusedFile where the part is XML and declares a document type or an entity."""
        if self.is_drawing:
            return
        text = piece.replace(b"\0", b"")
        if self._end is None:
            if piece.startswith(ZIP):
                raise RefusedFile("ARCHIVE", "the workbook holds another archive (an embedded file); save it without")
            self._begin(text)
        if not self._is_xml:
            return
        text = (self._end or b"") + text
        if any(mark in text for mark in _DECLARED):
            raise RefusedFile(
                "ENTITIES",
                "the workbook declares entities (a DTD), which no spreadsheet program does; save it again as .xlsx",
            )
        if self._is_manifest and b"encryption-data" in text:
            raise _encrypted("workbook")
        self._end = text[-20:]

    def _begin(self, text: bytes) -> None:
        for mark in _MARKS:
            text = text.removeprefix(mark)
        begins = text.lstrip()[:1]
        self._end = b""
        if self._is_xml and begins not in (b"", b"<"):
            raise RefusedFile("ENTITIES", "a part of the workbook is no XML in UTF-8 or UTF-16; save it again as .xlsx")
        self._is_xml = self._is_xml or begins == b"<"
        encoding = _ENCODING.search(text[:1000]) if self._is_xml else None
        if encoding and not _PLAIN_ENCODING.fullmatch(encoding.group(1)):
            raise RefusedFile(
                "ENTITIES", "a part of the workbook is XML in an unusual encoding; save it again as .xlsx"
            )


def _refuse_encrypted(path: Path) -> None:
    """A newer workbook with a password is a stream of this name in an old document."""
    name, end = "EncryptedPackage".encode("utf-16-le"), b""
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            if name in end + piece:
                raise _encrypted("workbook")
            end = piece[-len(name) :]


def _refuse_vast_sheet(path: Path, sheet: str | None, limits: Unpacking) -> None:
    """Two cells in the far corners of a sheet make it as large as a sheet can be, and its reader takes all of it.

    So it is measured first in a process that can neither take more memory than the largest sheet needs, nor go on for
    ever. What the process cannot open for another reason is for the reader to say.
    """
    size = path.stat().st_size
    memory = (1 << 28) + 4 * size + 40 * limits.sheet_cells
    seconds = 60 + size // (1 << 20)
    told = [str(path), sheet or "", str(memory), str(seconds)]
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_PROBE), *told], capture_output=True, timeout=2 * seconds, check=False
        )
        measured = json.loads(done.stdout) if done.returncode == 0 else {}
    except subprocess.TimeoutExpired:
        measured = {}
    if measured.get("error") == "PasswordError":
        raise _encrypted("workbook")
    if "error" in measured:
        return
    if "rows" not in measured:
        raise RefusedFile(
            "TOO_LARGE",
            f"the sheet is too large or damaged: it cannot be opened within {memory >> 20:,} MB and {seconds} s. "
            "Delete the empty rows and columns around its table, or raise `unpacking.sheet_cells`",
        )
    rows, columns = measured["rows"], measured["columns"]
    if rows * columns > limits.sheet_cells:
        raise RefusedFile(
            "TOO_LARGE",
            f"the sheet has {rows:,} rows and {columns:,} columns, expected {limits.sheet_cells:,} cells at most. "
            "Delete the empty rows and columns around its table, or raise `unpacking.sheet_cells`",
        )
