"""Packed files: what unpacks without limit is refused before it costs memory or disk, and honest files pass."""

from __future__ import annotations

import gzip
import io
import re
import resource
import subprocess
import sys
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import duckdb
import pandas
import pytest

from pipelines import unpacking
from pipelines.errors import RefusedFile, UserError
from pipelines.landing import take_in
from pipelines.profiles import Profile, load_profiles
from pipelines.reading import read_file
from pipelines.recognising import recognise
from pipelines.settings import Unpacking, load_settings

HEADER = b"goal_id,parent_goal_id\n"
MB = 1 << 20


def profile(**read) -> Profile:
    columns = {"goal_id": {"from": ["goal_id"]}, "parent_goal_id": {"from": ["parent_goal_id"]}}
    entity = {"profile": "p", "entity": "goal_alignments", "description": "-", "files": ["*"]}
    return Profile.model_validate({**entity, "read": read, "columns": columns})


def rows_of(settings, name: str, content: bytes | None = None, **read) -> list[tuple]:
    """What the real reader makes of a file of the landing zone."""
    path = settings.landing / name
    if content is not None:
        path.write_bytes(content)
    out = settings.warehouse / "raw"
    out.mkdir(parents=True, exist_ok=True)
    raw = read_file(take_in(path, settings.landing), profile(**read), settings, out)
    return duckdb.sql(f"select c0, c1 from '{raw.rows}'").fetchall()


def refusal(settings, name: str, content: bytes | None = None, **read) -> RefusedFile:
    with pytest.raises(RefusedFile) as refused:
        rows_of(settings, name, content, **read)
    return refused.value


def gzip_of(path: Path, megabytes: int, piece: bytes = b"\0" * MB) -> None:
    """A gzip file of so many equal megabytes, made piece by piece."""
    with gzip.open(path, "wb", compresslevel=1) as out:
        out.write(HEADER)
        for _ in range(megabytes):
            out.write(piece)


def xlsx(**parts: bytes | str) -> bytes:
    """A workbook with some of its parts replaced by others, by the name of the part."""
    buffer, changed = io.BytesIO(), io.BytesIO()
    pandas.DataFrame({"goal_id": ["A"], "parent_goal_id": ["B"]}).to_excel(buffer, index=False)
    with zipfile.ZipFile(buffer) as before, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(name, parts.pop(name, before.read(name)))
        for name, content in parts.items():
            after.writestr(name, content)
    return changed.getvalue()


def ods(rows: str, manifest: str = "<manifest/>", content: bytes | None = None) -> bytes:
    buffer = io.BytesIO()
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    body = f"<office:body><office:spreadsheet><table:table table:name='a'>{rows}</table:table></office:spreadsheet></office:body>"
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr(
            "content.xml",
            content or f"<?xml version='1.0'?><office:document-content {spaces}>{body}</office:document-content>",
        )
        archive.writestr("META-INF/manifest.xml", manifest)
    return buffer.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
SPREADSHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def sheet_of(*cells: str) -> str:
    """A sheet with a text in each of some cells."""
    rows = "".join(
        f'<row r="{re.sub("[A-Z]", "", cell)}"><c r="{cell}" t="inlineStr"><is><t>x</t></is></c></row>'
        for cell in cells
    )
    return f"<worksheet {SPREADSHEET}><sheetData>{rows}</sheetData></worksheet>"


# Size


def test_a_gzip_bomb_costs_neither_memory_nor_disk(settings):
    """Two gigabytes of zeros are two megabytes packed. A process of its own, so that its memory can be measured."""
    gzip_of(settings.landing / "a.csv.gz", 2048)
    code = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.unit import test_unpacking as t
from pipelines.settings import load_settings
settings = load_settings(landing={str(settings.landing)!r}, warehouse={str(settings.warehouse)!r})
(settings.landing / "small.csv").write_bytes(t.HEADER + b"A,B\\n")
t.rows_of(settings, "small.csv")
# More than this cannot be written into one file.
resource.setrlimit(resource.RLIMIT_FSIZE, (70 << 20, 70 << 20))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
refused = t.refusal(settings, "a.csv.gz")
print(refused.code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    code, kilobytes = done.stdout.split()
    assert code == "TOO_LARGE"
    assert int(kilobytes) < 32 << 10
    assert time.monotonic() - began < 60
    assert [path for path in (settings.warehouse / "work").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252", "utf-16"])
def test_a_bomb_is_refused_whatever_encoding_its_profile_declares(settings, encoding):
    """Texts in other encodings are unpacked and written in UTF-8 in one go."""
    text = HEADER.decode().encode(encoding)
    (settings.landing / "a.csv.gz").write_bytes(gzip.compress(text + ("0" * (70 * MB)).encode(encoding), 1))
    assert refusal(settings, "a.csv.gz", encoding=encoding).code == "TOO_LARGE"
    assert list((settings.warehouse / "work").glob("*.text")) == []


@pytest.mark.parametrize("kind", ["excel", "parquet", "jsonl"])
def test_a_bomb_is_refused_in_every_format(settings, kind):
    start = {"excel": unpacking.ZIP, "parquet": b"PAR1", "jsonl": b'{"goal_id": 1}\n'}[kind]
    content = gzip.compress(start + b"\0" * (70 * MB), 1)
    assert refusal(settings, "a.gz", content, format=kind).code == "TOO_LARGE"


def test_small_files_may_be_very_regular_and_large_ones_may_be_large(settings):
    content = gzip.compress(HEADER + b"A,B\n" * 600_000)
    assert len(rows_of(settings, "a.csv.gz", content)) == 600_000
    strict = settings.model_copy(update={"unpacking": Unpacking(ratio_from_megabytes=1)})
    refused = refusal(strict, "a.csv.gz")
    assert (refused.code, "more than 200 times" in refused.message) == ("TOO_LARGE", True)
    lenient = settings.model_copy(update={"unpacking": Unpacking(ratio_from_megabytes=1, ratio=2000)})
    assert len(rows_of(lenient, "a.csv.gz")) == 600_000


def test_the_largest_content_is_a_setting(settings, monkeypatch):
    import random

    content = gzip.compress(HEADER + random.Random(1).randbytes(2 * MB).hex().encode(), 1)
    monkeypatch.setenv("PERFWH_UNPACKING", '{"megabytes": 3}')
    limited = load_settings(landing=settings.landing, warehouse=settings.warehouse)
    refused = refusal(limited, "a.csv.gz", content)
    assert (refused.code, "more than 3 MB" in refused.message) == ("TOO_LARGE", True)
    assert "`unpacking.megabytes`" in refused.message
    monkeypatch.setenv("PERFWH_UNPACKING", '{"megabytes": 0}')
    with pytest.raises(UserError, match=r"unpacking\.megabytes"):
        load_settings()


def test_a_zip_is_judged_by_its_directory_before_anything_is_unpacked(settings):
    with zipfile.ZipFile(settings.landing / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("a.csv", "w") as out:
            for _ in range(200):
                out.write(b"0" * MB)
    tracemalloc.start()
    try:
        assert refusal(settings, "a.zip").code == "TOO_LARGE"
        assert tracemalloc.get_traced_memory()[1] < 8 * MB
    finally:
        tracemalloc.stop()


def lying(content: bytes, size: int, name: bytes) -> bytes:
    """A zip whose directory and header say another size of a member than it unpacks to."""
    changed = bytearray(content)
    central = content.index(name, content.index(b"PK\x01\x02")) - 46
    changed[central + 24 : central + 28] = size.to_bytes(4, "little")
    local = content.index(name) - 30
    changed[local + 22 : local + 26] = size.to_bytes(4, "little")
    return bytes(changed)


def test_a_directory_that_lies_is_noticed_while_unpacking(settings):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", HEADER + b"A,B\n" * (20 * MB))
    path = settings.landing / "a.zip"
    path.write_bytes(lying(buffer.getvalue(), 1000, b"a.csv"))
    with pytest.raises(RefusedFile) as refused:
        unpacking.unpack(path, None, settings.landing / "out")
    assert refused.value.code == "ARCHIVE"
    assert not (settings.landing / "out").exists() or (settings.landing / "out").stat().st_size <= 1000
    assert refusal(settings, "a.zip").code == "ARCHIVE"


def test_a_workbook_whose_directory_lies_reaches_its_reader_only_as_far_as_it_was_counted(settings):
    content = xlsx(**{SHEET: sheet_of("A1") + " " * (80 * MB)})
    assert refusal(settings, "a.xlsx", content, format="excel").code == "TOO_LARGE"
    refused = refusal(settings, "a.xlsx", lying(content, 100, SHEET.encode()), format="excel")
    assert refused.code == "UNREADABLE"


def test_an_archive_of_very_many_files_is_refused_unread(settings):
    with zipfile.ZipFile(settings.landing / "a.zip", "w") as archive:
        for number in range(60_000):
            archive.writestr(f"folder/{number}.csv", b"")
    assert refusal(settings, "a.zip").code == "TOO_LARGE"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_that_cannot_be_unpacked_piece_by_piece_are_refused(settings, method):
    with zipfile.ZipFile(settings.landing / "a.zip", "w", method) as archive:
        archive.writestr("a.csv", HEADER + b"A,B\n")
    refused = refusal(settings, "a.zip")
    assert (refused.code, "expected deflate" in refused.message) == ("ARCHIVE", True)


def test_a_damaged_stream_is_refused_and_no_crash(settings):
    packed = bytearray(gzip.compress(HEADER + bytes(range(256)) * 40_000))
    packed[len(packed) // 2] ^= 0xFF
    assert refusal(settings, "a.csv.gz", bytes(packed)).code in ("ARCHIVE", "ENCODING")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", HEADER + b"A,B\n" * 5)
    broken = bytearray(buffer.getvalue())
    broken[37:45] = b"\xff" * 8
    assert refusal(settings, "a.zip", bytes(broken)).code == "ARCHIVE"
    assert zlib.error in unpacking._BROKEN


# Sheets


@pytest.mark.parametrize("cells", [("A1", "XFD1048576"), ("A1", "ALL100000"), ("A1", "XFD1", "A1048576")])
def test_a_sheet_with_cells_far_apart_is_refused(settings, cells):
    """The reader takes memory for all cells between them, and its process dies if there is not enough."""
    refused = refusal(settings, "a.xlsx", xlsx(**{SHEET: sheet_of(*cells)}), format="excel")
    assert (refused.code, "empty rows and columns" in refused.message) == ("TOO_LARGE", True)


def test_a_sheet_that_declares_a_million_rows_is_read_if_they_are_empty(settings):
    plain = xlsx()
    with zipfile.ZipFile(io.BytesIO(plain)) as book:
        sheet = book.read(SHEET).decode()
    vast = re.sub('<dimension ref="[^"]*"', '<dimension ref="A1:XFD1048576"', sheet)
    empty = "".join(f'<row r="{row}"><c r="XFD{row}" s="0"/></row>' for row in range(1_048_000, 1_048_577))
    vast = vast.replace("</sheetData>", f"{empty}</sheetData>")
    assert vast.count("1048576") >= 2
    assert rows_of(settings, "a.xlsx", xlsx(**{SHEET: vast}), format="excel") == [("A", "B")]


def test_a_sheet_that_repeats_a_cell_without_end_is_refused(settings):
    cell = "<table:table-cell table:number-columns-repeated='16384' office:value-type='string'><text:p>x</text:p></table:table-cell>"
    rows = f"<table:table-row table:number-rows-repeated='2000'>{cell}</table:table-row>"
    assert refusal(settings, "a.ods", ods(rows), format="excel").code == "TOO_LARGE"
    rows = f"<table:table-row table:number-rows-repeated='1048576'>{cell}</table:table-row>"
    assert refusal(settings, "a.ods", ods(rows), format="excel").code in ("TOO_LARGE", "UNREADABLE")


def test_a_sheet_of_open_document_is_read(settings):
    def row(*texts: str) -> str:
        cells = "".join(
            f"<table:table-cell office:value-type='string'><text:p>{t}</text:p></table:table-cell>" for t in texts
        )
        return f"<table:table-row>{cells}</table:table-row>"

    end = "<table:table-row table:number-rows-repeated='1048000'><table:table-cell table:number-columns-repeated='1024'/></table:table-row>"
    content = ods(row("goal_id", "parent_goal_id") + row("A", "B") + end)
    assert rows_of(settings, "a.ods", content, format="excel") == [("A", "B")]


def test_a_workbook_in_an_archive_is_read(settings):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.xlsx", xlsx())
    assert rows_of(settings, "a.xlsx.zip", buffer.getvalue(), format="table") == [("A", "B")]
    assert rows_of(settings, "a.xlsx.gz", gzip.compress(xlsx()), format="table") == [("A", "B")]


# XML

DTD = '<!DOCTYPE worksheet [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso-8859-1"])
@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "_rels/.rels", "xl/other.bin", "customXml/item1.xml"])
def test_a_workbook_that_declares_entities_is_refused_in_every_encoding(settings, encoding, part):
    text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>{DTD}<worksheet>&b;&x;</worksheet>'
    refused = refusal(settings, "a.xlsx", xlsx(**{part: text.encode(encoding)}), format="excel")
    assert refused.code == "ENTITIES"


def test_a_declaration_is_found_where_pieces_meet(settings, monkeypatch):
    content = xlsx(**{SHEET: f"<!-- {'x' * 50} -->{DTD}<worksheet/>"})
    for piece in (1, 2, 7, 64):
        monkeypatch.setattr(unpacking, "_PIECE", piece)
        part = unpacking._Part(SHEET)
        with zipfile.ZipFile(io.BytesIO(content)) as book, book.open(SHEET) as stream:
            with pytest.raises(RefusedFile, match="ENTITIES"):
                while text := stream.read(piece):
                    part.look_through(text)


@pytest.mark.parametrize("encoding", ["utf-7", "cp037", "utf-16-le; x"])
def test_xml_in_an_encoding_that_hides_markup_is_refused(settings, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><worksheet/>'
    assert refusal(settings, "a.xlsx", xlsx(**{SHEET: text}), format="excel").code == "ENTITIES"
    if encoding == "cp037":
        assert refusal(settings, "a.xlsx", xlsx(**{SHEET: text.encode("cp037")}), format="excel").code == "ENTITIES"


def test_a_document_type_in_an_open_document_is_refused(settings):
    content = f"<?xml version='1.0'?>{DTD}<x/>".encode()
    assert refusal(settings, "a.ods", ods("", content=content), format="excel").code == "ENTITIES"


def test_a_drawing_may_declare_its_document_type(settings):
    drawing = '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd"><svg/>'
    assert rows_of(settings, "a.xlsx", xlsx(**{"xl/media/image1.svg": drawing}), format="excel") == [("A", "B")]


def test_text_that_speaks_of_entities_is_text(settings):
    frame = pandas.DataFrame({"goal_id": ["<!ENTITY x>"], "parent_goal_id": ["<!DOCTYPE html>"]})
    frame.to_excel(settings.landing / "a.xlsx", index=False)
    assert rows_of(settings, "a.xlsx", format="excel") == [("<!ENTITY x>", "<!DOCTYPE html>")]


# Passwords and archives within archives


def test_an_encrypted_archive_is_refused_plainly(settings):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", HEADER + b"A,B\n")
    content = bytearray(buffer.getvalue())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    refused = refusal(settings, "a.zip", bytes(content))
    assert (refused.code, "without a password" in refused.message) == ("ENCRYPTED", True)


def test_an_encrypted_workbook_is_refused_plainly(settings):
    old = unpacking.OLE + b"\0" * 600 + "EncryptionInfo".encode("utf-16-le") + b"\0" * 99
    refused = refusal(settings, "a.xlsx", old + "EncryptedPackage".encode("utf-16-le") + b"\0" * 5000, format="excel")
    assert (refused.code, "without a password" in refused.message) == ("ENCRYPTED", True)
    manifest = (
        "<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>"
    )
    assert refusal(settings, "a.ods", ods("", manifest, b"\x8f\x11" * 99), format="excel").code == "ENCRYPTED"


@pytest.mark.parametrize("inner", ["zip", "gzip", "xz"])
def test_an_archive_within_an_archive_is_refused_plainly(settings, inner):
    import lzma

    buffer, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", HEADER + b"A,B\n")
    text = HEADER + b"A,B\n"
    content = {"zip": buffer.getvalue(), "gzip": gzip.compress(text), "xz": lzma.compress(text)}[inner]
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner", content)
    for name, packed in (("a.zip", outer.getvalue()), ("a.csv.gz", gzip.compress(content))):
        for read in ({}, {"format": "excel"}):
            refused = refusal(settings, name, packed, **read)
            assert (refused.code, "within an archive" in refused.message) == ("ARCHIVE", True)


def test_an_archive_in_a_workbook_is_refused(settings):
    embedded = xlsx(**{"xl/embeddings/other.xlsx": xlsx()})
    assert refusal(settings, "a.xlsx", embedded, format="excel").code == "ARCHIVE"


# The whole way


def test_a_bomb_is_refused_on_the_way_of_a_run(settings):
    (settings.landing / "goal_alignments").mkdir()
    path = settings.landing / "goal_alignments" / "a.xlsx"
    path.write_bytes(xlsx(**{SHEET: sheet_of("A1", "XFD1048576")}))
    own = profile(format="excel").model_copy(update={"files": ("goal_alignments/*",)})
    found = recognise(take_in(path, settings.landing), {**load_profiles(None), "p": own}, settings.unpacking)
    assert found.refusal and found.refusal.code == "TOO_LARGE"


def test_measuring_a_sheet_leaves_no_core_dump_and_needs_no_packages_of_ours(settings):
    path = settings.landing / "a.xlsx"
    path.write_bytes(xlsx())
    told = [str(path), "", str(2 << 30), "60"]
    done = subprocess.run(
        [sys.executable, "-I", str(unpacking._PROBE), *told], capture_output=True, text=True, check=True
    )
    assert done.stdout == '{"rows": 2, "columns": 2}'
    assert resource.getrlimit(resource.RLIMIT_CORE) is not None
