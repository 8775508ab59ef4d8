"""Reading: whole files into text, with the line each row begins in; and what is refused."""

from __future__ import annotations

import gzip
import zipfile

import duckdb
import pandas
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.errors import RefusedFile
from pipelines.landing import settle, take_in
from pipelines.profiles import Profile, load_profiles
from pipelines.reading import read_file
from pipelines.recognising import recognise

ALIGNMENTS = {"goal_id": {"from": ["goal_id"]}, "parent_goal_id": {"from": ["parent_goal_id"]}}


def profile(**read) -> Profile:
    return Profile.model_validate(
        {
            "profile": "p",
            "entity": "goal_alignments",
            "description": "-",
            "files": ["*"],
            "read": read,
            "columns": ALIGNMENTS,
        }
    )


def rows_of(settings, name, content, **read):
    path = settings.landing / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    out = settings.warehouse / "raw"
    out.mkdir(parents=True, exist_ok=True)
    raw = read_file(take_in(path, settings.landing), profile(**read), settings, out)
    sql = f"select {raw.line} as line, c0, c1 from read_parquet('{raw.rows}', file_row_number = true) order by line"
    rejects = f"select _line, error, raw_row from read_parquet('{raw.rejects}') order by 1"
    return duckdb.sql(sql).fetchall(), duckdb.sql(rejects).fetchall()


def test_rows_know_their_line_after_rows_of_several_lines_and_rejected_ones(settings):
    text = 'goal_id,parent_goal_id\nA,B\n"two\nlines",B\nshort\nC,D\n1,2,3\nE,F\n' + "".join(
        f"G{i},P\n" for i in range(20)
    )
    rows, rejects = rows_of(settings, "a.csv", text)
    assert rows[:4] == [(2, "A", "B"), (3, "two\nlines", "B"), (6, "C", "D"), (8, "E", "F")]
    assert [row[2] for row in rejects] == ["short", "1,2,3"]


def test_rows_know_their_line_after_blank_lines_and_the_header_once_more(settings):
    text = "goal_id,parent_goal_id\nA,B\n\n\nC,D\ngoal_id,parent_goal_id\nE,F\n"
    for end in ("\n", "\r\n"):
        rows, rejects = rows_of(settings, f"{len(end)}.csv", text.replace("\n", end))
        assert (rows, rejects) == ([(2, "A", "B"), (5, "C", "D"), (7, "E", "F")], [])


def test_what_nobody_should_hold_is_not_even_kept(settings):
    path = settings.landing / "a.csv"
    path.write_text("goal_id,parent_goal_id,SSN\nA,B,078-05-1120\n")
    out = settings.warehouse / "raw"
    out.mkdir(parents=True)
    raw = read_file(take_in(path, settings.landing), profile(), settings, out)
    assert duckdb.sql(f"select c0, c2 from '{raw.rows}'").fetchall() == [("A", None)]
    assert b"078-05-1120" not in raw.rows.read_bytes()


def test_title_lines_and_totals_are_no_rows(settings):
    text = "Report of today\n\ngoal_id,parent_goal_id\nA,B\nTotal,1\n"
    rows, rejects = rows_of(settings, "a.csv", text, skip_rows=2, footer="Total")
    assert rows == [(4, "A", "B")]
    assert rejects == []


def test_a_total_with_fewer_fields_is_no_row_either(settings):
    rows, rejects = rows_of(settings, "a.csv", "goal_id,parent_goal_id\nA,B\nTotal\n", footer="Total")
    assert (rows, rejects) == ([(2, "A", "B")], [])


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ("goal_id;parent_goal_id\r\nA;B\r\n", {"delimiter": ";"}),
        ("goal_id\tparent_goal_id\nA\tB\n", {"delimiter": "\t"}),
        ("\ufeffgoal_id,parent_goal_id\nA,B\n", {}),
        ("goal_id,parent_goal_id\nA,B\n".encode("utf-16"), {"encoding": "utf-16"}),
        (gzip.compress(b"goal_id,parent_goal_id\nA,B\n"), {}),
    ],
    ids=["semicolon-crlf", "tab", "bom", "utf-16", "gzip"],
)
def test_formats(settings, content, read):
    name = "a.csv.gz" if isinstance(content, bytes) and content[:2] == b"\x1f\x8b" else "a.csv"
    rows, _ = rows_of(settings, name, content, **read)
    assert rows == [(2, "A", "B")]


def test_windows_1252_is_read_as_declared(settings):
    rows, _ = rows_of(settings, "a.csv", "goal_id,parent_goal_id\nZoë,B\n".encode("cp1252"), encoding="windows-1252")
    assert rows == [(2, "Zoë", "B")]


def test_workbooks_are_read_as_text_from_the_sheet_that_is_named(settings):
    frame = pandas.DataFrame([["Export of today", None], ["goal_id", "parent_goal_id"], ["00123", "NA"], ["C", "None"]])
    with pandas.ExcelWriter(settings.landing / "a.xlsx") as workbook:
        pandas.DataFrame({"other": [1]}).to_excel(workbook, sheet_name="Cover", index=False)
        frame.to_excel(workbook, sheet_name="Data", index=False, header=False)
    rows, rejects = rows_of(
        settings, "a.xlsx", (settings.landing / "a.xlsx").read_bytes(), format="excel", sheet="Data", skip_rows=1
    )
    assert rows == [(3, "00123", "NA"), (4, "C", "None")]
    assert rejects == []
    with pytest.raises(RefusedFile, match="SHEET"):
        rows_of(settings, "a.xlsx", (settings.landing / "a.xlsx").read_bytes(), format="excel", sheet="Gone")


def test_parquet_is_read_as_text(settings):
    frame = pandas.DataFrame({"goal_id": ["00123", "NA"], "parent_goal_id": ["B", "None"]})
    frame.to_parquet(settings.landing / "a.parquet")
    out = settings.warehouse / "raw"
    out.mkdir(parents=True)
    raw = read_file(take_in(settings.landing / "a.parquet", settings.landing), profile(format="parquet"), settings, out)
    got = duckdb.sql(f"select {raw.line}, c0, c1 from read_parquet('{raw.rows}', file_row_number = true)").fetchall()
    assert got == [(1, "00123", "B"), (2, "NA", "None")]


def test_a_file_name_is_no_pattern(settings):
    (settings.landing / "a1.csv").write_text("goal_id,parent_goal_id\nother,file\n")
    rows, _ = rows_of(settings, "a[12]'.csv", "goal_id,parent_goal_id\nA,B\n")
    assert rows == [(2, "A", "B")]


def test_an_archive_with_one_file(settings):
    with zipfile.ZipFile(settings.landing / "a.zip", "w") as archive:
        archive.writestr("inner.csv", "goal_id,parent_goal_id\nA,B\n")
    rows, _ = rows_of(settings, "a.zip", (settings.landing / "a.zip").read_bytes())
    assert rows == [(2, "A", "B")]


def zipped(**members) -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", "", "EMPTY_FILE"),
        ("a.csv", "goal_id,parent_goal_id\n", "NO_ROWS"),
        ("a.csv", 'goal_id,parent_goal_id\nA,B\nC,"cut off', "TRUNCATED"),
        ("a.csv", "goal_id,parent_goal_id\nA,B\nC", "TRUNCATED"),
        ("a.csv", "<!DOCTYPE html><html>Sign in</html>", "MAGIC"),
        ("a.csv", b"PK\x03\x04 and so on", "MAGIC"),
        ("a.csv", "goal_id,parent_goal_id\nZoë,B\n".encode("cp1252"), "ENCODING"),
        ("a.csv", "goal_id,parent_goal_id\nA,B\n".encode("utf-16"), "ENCODING"),
        ("a.csv", "goal_id,parent_goal_id,goal_id\nA,B,C\n", "DUPLICATE_HEADER"),
        ("a.csv", "goal_id,parent_goal_id\n" + "A,B,C\n" * 30, "ROW_WIDTH"),
        ("a.zip", b"PK\x03\x04 broken", "ARCHIVE"),
        ("a.zip", zipped(**{"a.csv": "x", "b.csv": "y"}), "ARCHIVE"),
        ("a.zip", zipped(**{"../a.csv": "x"}), "ARCHIVE"),
        ("a.csv.gz", b"\x1f\x8b\x08 broken", "ARCHIVE"),
    ],
    # Ids of their own: a zip holds the time at which it was made, and workers must collect the same tests.
    ids=[
        "empty",
        "no-rows",
        "cut-off-in-quotes",
        "cut-off",
        "html",
        "zip-named-csv",
        "cp1252",
        "utf-16",
        "header-twice",
        "row-width",
        "zip-broken",
        "zip-of-two",
        "zip-slip",
        "gzip-broken",
    ],
)
def test_what_is_not_a_whole_file_is_refused_by_name(settings, name, content, code):
    with pytest.raises(RefusedFile) as refusal:
        rows_of(settings, name, content)
    assert refusal.value.code == code


def test_a_link_is_refused(settings):
    (settings.landing / "a.csv").symlink_to("/etc/hostname")
    with pytest.raises(RefusedFile, match="LINK"):
        take_in(settings.landing / "a.csv", settings.landing)


def test_the_wrong_delimiter_is_named(settings):
    path = settings.landing / "goal_alignments" / "a.csv"
    path.parent.mkdir()
    path.write_text("goal_id;parent_goal_id\nA;B\n")
    found = recognise(take_in(path, settings.landing), load_profiles(None))
    assert found.refusal.code == "MISSING_COLUMN"
    assert "found ';'" in found.refusal.message


def test_a_file_still_being_written_is_held(settings):
    (settings.landing / "a.csv.part").write_text("x")
    (settings.landing / "b.csv").write_text("x")
    whole, held = settle(sorted(settings.landing.iterdir()), 0)
    assert [path.name for path in whole] == ["b.csv"]
    assert [path.name for path in held] == ["a.csv.part"]


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    cells=st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1, max_size=8)] * 2),
        min_size=1,
        max_size=20,
    )
)
def test_every_text_arrives_as_it_stood(tmp_path_factory, cells):
    """A law: what a CSV writer writes, the reader gives back, each row with the line it begins in."""
    import csv
    import io

    from pipelines.settings import load_settings

    folder = tmp_path_factory.mktemp("law")
    (folder / "landing").mkdir()
    settings = load_settings(landing=folder / "landing", warehouse=folder / "warehouse")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["goal_id", "parent_goal_id"])
    lines = []
    for row in cells:
        lines.append(buffer.getvalue().count("\n") + 1)
        writer.writerow(row)
    rows, rejects = rows_of(settings, "a.csv", buffer.getvalue())
    assert rejects == []
    assert rows == [(line, *row) for line, row in zip(lines, cells, strict=True)]


_PADDED = st.text(st.sampled_from('ab ,"\t\u00a0\u200b\u00e9'), max_size=5)


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.tuples(_PADDED, _PADDED), min_size=1, max_size=12), quoting=st.sampled_from([0, 1]))
def test_what_is_called_trimmed_has_no_blanks_around_any_value(tmp_path_factory, monkeypatch, cells, quoting):
    """A law, whatever the pieces are that a text is looked through in."""
    import csv

    from pipelines import reading

    text = tmp_path_factory.mktemp("law") / "a.csv"
    with text.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n", quoting=quoting).writerows(cells)
    blanks = " \t\u00a0\u200b\ufeff"
    padded = any(cell != cell.strip(blanks) for row in cells for cell in row)
    found = []
    for piece in (2, 3, 7, 1 << 20):
        monkeypatch.setattr(reading, "_PIECE", piece)
        found.append(reading._look_through(text, ",", '"'))
    assert len(set(found)) == 1
    assert not (padded and found[0].is_trimmed)


@hypothesis_settings(max_examples=400, deadline=None)
@given(
    lines=st.lists(
        st.sampled_from(
            [
                'a"b,c',
                "x, y",
                '"a",b',
                'a,"b, c"',
                'a",b',
                'a,b"',
                'a,"b',
                "a,b",
                '5" x,"b, c"',
                '"a""b",c',
                'a"""a',
                'a""",b',
            ]
        )
        | st.text(st.sampled_from('a ,"'), min_size=1, max_size=9),
        min_size=1,
        max_size=6,
    )
)
def test_what_is_called_trimmed_is_trimmed_as_duckdb_cuts_it(tmp_path_factory, lines):
    """A law: whatever quotes stand where they should not."""
    from pipelines import reading

    text = tmp_path_factory.mktemp("law") / "a.csv"
    text.write_text("\n".join(lines) + "\n")
    if not reading._look_through(text, ",", '"').is_trimmed:
        return
    values = duckdb.sql(
        f"""from read_csv('{text}', auto_detect = false, header = false, columns = {{'a': 'varchar', 'b': 'varchar'}},
        delim = ',', quote = '"', escape = '"', strict_mode = true, ignore_errors = true)"""
    ).fetchall()
    assert all(value is None or value == value.strip(" ") for row in values for value in row), (lines, values)


def test_commas_within_quotes_and_blanks_within_values_are_no_padding(tmp_path):
    from pipelines import reading

    text = tmp_path / "a.csv"
    text.write_text('name,title\n"Moss, Ada",chief of staff\n"Reed ,Bo","two\n lines"\n')
    assert reading._look_through(text, ",", '"').is_trimmed
    for padded in ("a , b\n", '"a ",b\n', "a, b\n", " a,b\n", "a,b \n", "a,b\u00a0\n", "a,b "):
        text.write_text(padded, encoding="utf-8")
        assert not reading._look_through(text, ",", '"').is_trimmed


def test_long_numbers_in_workbooks_come_out_whole_or_refuse_the_file(settings):
    """A workbook keeps 15 digits of a number; ids longer than that have lost some, and look as if nothing was missing."""
    frame = pandas.DataFrame(
        {"goal_id": [123456789012345, 12345678901], "parent_goal_id": ["12345678901234567890", "B"]}
    )
    frame.to_excel(settings.landing / "a.xlsx", index=False)
    rows, _ = rows_of(settings, "a.xlsx", (settings.landing / "a.xlsx").read_bytes(), format="excel")
    assert rows == [(2, "123456789012345", "12345678901234567890"), (3, "12345678901", "B")]
    frame = pandas.DataFrame({"goal_id": [1.2345678901234567e17, 1], "parent_goal_id": ["A", "B"]})
    frame.to_excel(settings.landing / "b.xlsx", index=False)
    with pytest.raises(RefusedFile, match=r"ID_FORMAT.*goal_id: 1 numbers"):
        rows_of(settings, "b.xlsx", (settings.landing / "b.xlsx").read_bytes(), format="excel")


def test_a_file_that_changes_while_it_is_read_is_refused(settings):
    """It would be kept for good under the hash of what it held before."""
    from pipelines import loads
    from pipelines.recognising import Recognised

    path = settings.landing / "a.csv"
    path.write_text("goal_id,parent_goal_id\nA,B\n")
    found = Recognised(take_in(path, settings.landing), profile())
    path.write_text("goal_id,parent_goal_id\nA,C\n")
    with pytest.raises(RefusedFile, match="CHANGED"):
        loads.read(found, settings)
    assert list((settings.warehouse / "raw").iterdir()) == []
    loads.read(Recognised(take_in(path, settings.landing), profile()), settings)
    assert len(list((settings.warehouse / "raw").iterdir())) == 1
