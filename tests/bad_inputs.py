"""Bad inputs: what real exports look like on bad days, and what has to become of each.

Outcomes of a file: loaded (A), quarantined rows (Q, with the rule), refused (R, with the code), held (H). A case is a few
files; where it needs a profile of its own, that stands beside it. All people are invented.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import dataclass, field
from typing import Any

AS_OF = "2024-01-31"
PEOPLE = "employee_id,hire_date,as_of,last_day,full_name,fte,salary,exit_type,manager_id,birth_date,status"
GOALS = "goal_id,owner_id,period,weight,start_value,target_value,actual_value,status,due_on"
REVIEWS = "cycle,reviewee_id,rater_id,relationship,rating,scale_min,scale_max"
ANSWERS = "survey_id,respondent_id,item_id,answer,responded_at"
LINKS = "goal_id,parent_goal_id"


@dataclass(frozen=True)
class A:
    """Loaded: so many rows, so many of them repeated; `note` is part of what is said of the file."""

    rows: int
    repeated: int = 0
    note: str | None = None


@dataclass(frozen=True)
class Q:
    """Some rows are quarantined by a rule; the others load."""

    rule: str
    rows: int = 1
    column: str | None = None


@dataclass(frozen=True)
class R:
    """Refused as a whole, by a code; `says` is part of the message."""

    code: str
    says: str = ""


@dataclass(frozen=True)
class H:
    """Held, and looked at again next run."""


@dataclass(frozen=True)
class Case:
    """Files by their path below the landing zone, and what becomes of each of them."""

    name: str
    files: dict[str, bytes]
    outcomes: dict[str, A | Q | R | H]
    profile: dict[str, Any] = field(default_factory=dict)

    @property
    def is_blocked(self) -> bool:
        return any(isinstance(outcome, R) for outcome in self.outcomes.values())


CASES: list[Case] = []


def case(
    name: str, entity: str, content: str | bytes, outcome: A | Q | R | H, suffix: str = "csv", **profile: Any
) -> None:
    """A case of one file: in the canonical layout, or in a folder of its own with a profile of its own."""
    data = content.encode() if isinstance(content, str) else content
    slug = name.replace(" ", "_")
    path = f"{slug}/export.{suffix}" if profile else f"{entity}/{slug}.{suffix}"
    if profile:
        named = "p_" + "".join(c if c.isalnum() else "_" for c in slug.lower())
        profile = {"profile": named, "entity": entity, "description": name, "files": [f"{slug}/*"], **profile}
    CASES.append(Case(name, {path: data}, {path: outcome}, profile))


def rows(header: str, *lines: str, fill: int = 11, end: str = "\n") -> str:
    """A file whose good rows come first, so that a bad one is less than the tenth that would block."""
    good = {
        PEOPLE: "{tag}{n},2020-01-01,2024-01-31,,Person {n},1,50000,,,1990-05-01,Active",
        GOALS: "{tag}{n},{tag}{n},2024-Q1,50,0,100,40,in_progress,2024-03-31",
        REVIEWS: "2024-H1,{tag}{n},{tag}r,manager,3,1,5",
        ANSWERS: "s,{tag}{n},team,4,2024-01-20 10:00:00",
        LINKS: "{tag}{n},{tag}top",
    }[header]
    tag = f"x{len(CASES)}-"
    return end.join([header, *(good.format(tag=tag, n=n) for n in range(fill)), *lines]) + end


def person(**values: str) -> str:
    usual = {"employee_id": f"x{len(CASES)}-bad", "hire_date": "2020-01-01", "as_of": AS_OF, "fte": "1"}
    return ",".join({**usual, **values}.get(name, "") for name in PEOPLE.split(","))


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


def workbook(*lines: list[Any]) -> bytes:
    from openpyxl import Workbook

    book, buffer = Workbook(), io.BytesIO()
    for line in lines:
        book.active.append(line)
    book.save(buffer)
    return buffer.getvalue()


def workbook_with(**parts: str) -> bytes:
    """A workbook of two columns, some of whose parts are replaced by others."""
    content, buffer = io.BytesIO(workbook(LINKS.split(","), ["a", "b"])), io.BytesIO()
    with zipfile.ZipFile(content) as before, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(zipfile.ZipInfo(name), parts.get(name) or before.read(name), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def encrypted(content: bytes) -> bytes:
    """A zip whose only member is said to need a password."""
    central = content.index(b"PK\x01\x02")
    return content[:6] + b"\x01" + content[7 : central + 8] + b"\x01" + content[central + 9 :]


def columns(header: str, **more: Any) -> dict[str, Any]:
    return {**{name: {"from": name, "optional": True} for name in header.split(",")}, **more}


# Files and transport

case("empty", "goal_alignments", "", R("EMPTY_FILE"))
case("blank lines only", "goal_alignments", "\n\n \n", R("EMPTY_FILE"))
case("header only", "goal_alignments", LINKS + "\n", R("NO_ROWS"))
case("header only allowed", "goal_alignments", LINKS + "\n", A(0), columns=columns(LINKS), allow_empty=True)
case("still being written", "goal_alignments", rows(LINKS), H(), "csv.part")
case("half a download", "goal_alignments", rows(LINKS), H(), "csv.crdownload")
case("cut within a row", "goal_alignments", rows(LINKS, "g")[:-1], R("TRUNCATED", "cut short"))
case("cut within quotes", "goal_alignments", rows(LINKS) + 'g,"pa', R("TRUNCATED"))
case("last value cut", "goal_alignments", rows(LINKS)[:-2], A(11, note="last line has no end"))
case("gzip", "goal_alignments", gzip.compress(rows(LINKS).encode()), A(11), "csv.gz")
case("gzip damaged", "goal_alignments", gzip.compress(rows(LINKS).encode())[:-9], R("ARCHIVE"), "csv.gz")
case("gzip in name only", "goal_alignments", rows(LINKS), R("ARCHIVE"), "csv.gz")
case("zip", "goal_alignments", zipped(**{"a.csv": rows(LINKS)}), A(11), "zip", columns=columns(LINKS))
case(
    "zip of two",
    "goal_alignments",
    zipped(a=rows(LINKS), b=rows(LINKS)),
    R("ARCHIVE", "found 2 files"),
    "zip",
    columns=columns(LINKS),
)
case(
    "zip of two with one named",
    "goal_alignments",
    zipped(a=rows(LINKS), b="x"),
    A(11),
    "zip",
    columns=columns(LINKS),
    read={"member": "a"},
)
case(
    "zip that leads out",
    "goal_alignments",
    zipped(**{"../../a.csv": rows(LINKS)}),
    R("ARCHIVE", "leads out"),
    "zip",
    columns=columns(LINKS),
)
case(
    "zip bomb",
    "goal_alignments",
    gzip.compress(b"0" * (80 << 20)),
    R("TOO_LARGE"),
    "csv.gz",
    columns={"goal_id": "0", "parent_goal_id": "0"},
    read={"header_rows": 1},
)
_SHEET = "xl/worksheets/sheet1.xml"
_IN_SHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_CORNERS = "".join(
    f'<row r="{row}"><c r="{cell}" t="inlineStr"><is><t>x</t></is></c></row>'
    for row, cell in ((1, "A1"), (1048576, "XFD1048576"))
)
_ZEROS = io.BytesIO()
with zipfile.ZipFile(_ZEROS, "w", zipfile.ZIP_DEFLATED) as _archive:
    _archive.writestr(zipfile.ZipInfo("a.csv"), b"0" * (80 << 20), zipfile.ZIP_DEFLATED, 1)
case("zip of zeros", "goal_alignments", _ZEROS.getvalue(), R("TOO_LARGE", "times"), "zip", columns=columns(LINKS))
case(
    "gzip bomb in another encoding",
    "goal_alignments",
    gzip.compress(rows(LINKS).encode() + b"0" * (80 << 20), 1, mtime=0),
    R("TOO_LARGE"),
    "csv.gz",
    columns=columns(LINKS),
    read={"encoding": "windows-1252"},
)
case(
    "encrypted zip",
    "goal_alignments",
    encrypted(zipped(**{"a.csv": rows(LINKS)})),
    R("ENCRYPTED", "without a password"),
    "zip",
    columns=columns(LINKS),
)
case(
    "zip within a zip",
    "goal_alignments",
    gzip.compress(zipped(**{"a.csv": rows(LINKS)}), mtime=0),
    R("ARCHIVE", "within an archive"),
    "csv.gz",
    columns=columns(LINKS),
)
for _name, _content, _outcome in (
    (
        "workbook with cells far apart",
        workbook_with(**{_SHEET: f"<worksheet {_IN_SHEET}><sheetData>{_CORNERS}</sheetData></worksheet>"}),
        R("TOO_LARGE", "empty rows and columns"),
    ),
    (
        "workbook with an external entity",
        workbook_with(**{_SHEET: f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x {_IN_SHEET}>&e;</x>'}),
        R("ENTITIES", "entities"),
    ),
    (
        "encrypted workbook",
        b"\xd0\xcf\x11\xe0" + bytes(508) + "EncryptedPackage".encode("utf-16-le") + bytes(512),
        R("ENCRYPTED", "without a password"),
    ),
    ("zip named workbook", zipped(**{"a.csv": rows(LINKS)}), R("ARCHIVE", "another name")),
):
    case(_name, "goal_alignments", _content, _outcome, "xlsx", columns=columns(LINKS), read={"format": "excel"})
case("workbook named csv", "goal_alignments", workbook(["goal_id", "parent_goal_id"], ["a", "b"]), R("MAGIC"))
case(
    "csv named workbook",
    "goal_alignments",
    rows(LINKS),
    R("MAGIC"),
    "xlsx",
    columns=columns(LINKS),
    read={"format": "excel"},
)
case("login page", "goal_alignments", "<!DOCTYPE html><html><body>Sign in</body></html>", R("MAGIC", "web page"))
case("glob in the name [12]", "goal_alignments", rows(LINKS), A(11))
case("name of 200 letters " + "n" * 200, "goal_alignments", rows(LINKS), A(11))
case("naïve “name” with quote's", "goal_alignments", rows(LINKS), A(11))
case("sql'; drop table x; --", "goal_alignments", rows(LINKS), A(11))

# Encoding and CSV

case("utf-8 with a mark", "goal_alignments", b"\xef\xbb\xbf" + rows(LINKS).encode(), A(11))
case("utf-16 undeclared, without a mark", "goal_alignments", rows(LINKS).encode("utf-16-le"), R("ENCODING", "UTF-16"))
case("utf-16 undeclared", "goal_alignments", rows(LINKS).encode("utf-16"), R("ENCODING", "UTF-16"))
case(
    "utf-16 declared",
    "goal_alignments",
    rows(LINKS).encode("utf-16"),
    A(11),
    columns=columns(LINKS),
    read={"encoding": "utf-16"},
)
case(
    "utf-16 declared, without a mark",
    "goal_alignments",
    rows(LINKS).encode("utf-16-le"),
    R("ENCODING", "byte-order mark"),
    columns=columns(LINKS),
    read={"encoding": "utf-16"},
)
case(
    "utf-16 by its mark",
    "goal_alignments",
    rows(LINKS).encode("utf-16"),
    A(11),
    columns=columns(LINKS),
    read={"encoding": "unicode"},
)
case("cp1252 undeclared", "employees", rows(PEOPLE, person(full_name="Zoë")).encode("cp1252"), R("ENCODING"))
case(
    "cp1252 declared",
    "employees",
    rows(PEOPLE, person(full_name="Zoë")).encode("cp1252"),
    A(12),
    columns=columns(PEOPLE),
    read={"encoding": "windows-1252"},
)
case(
    "latin-1 declared",
    "employees",
    rows(PEOPLE, person(full_name="Zoë")).encode("latin-1"),
    A(12),
    columns=columns(PEOPLE),
    read={"encoding": "latin-1"},
)
case(
    "not utf-8 far down",
    "employees",
    (rows(PEOPLE, fill=20_000) + person(full_name="Zoë") + "\n").encode("cp1252"),
    R("ENCODING"),
)
case(
    "control characters",
    "employees",
    rows(PEOPLE, person(full_name="A\x07na")),
    Q("values_are_readable", column="full_name"),
)
case("blanks and hard spaces around ids", "goal_alignments", rows(LINKS, "  g ,\u00a0p\u200b"), A(12))
case("crlf", "goal_alignments", rows(LINKS, end="\r\n"), A(11))
case("cr", "goal_alignments", rows(LINKS, end="\r"), A(11))
case("line ends mixed", "goal_alignments", rows(LINKS, end="\r\n") + "y1,z\ny2,z\n", A(13))
case("blank lines between rows", "goal_alignments", rows(LINKS).replace("\n", "\n\n"), A(11))
case("semicolon undeclared", "goal_alignments", rows(LINKS).replace(",", ";"), R("MISSING_COLUMN", "found ';'"))
case("tab undeclared", "goal_alignments", rows(LINKS).replace(",", "\t"), R("MISSING_COLUMN", "found '\\t'"))
case(
    "semicolon declared",
    "goal_alignments",
    rows(LINKS).replace(",", ";"),
    A(11),
    columns=columns(LINKS),
    read={"delimiter": ";"},
)
case(
    "any delimiter",
    "goal_alignments",
    rows(LINKS).replace(",", "|"),
    A(11),
    columns={n: n for n in LINKS.split(",")},
    read={"delimiter": "any"},
)
case("sep line", "goal_alignments", "sep=;\n" + rows(LINKS).replace(",", ";"), A(11))
case("line feed in quotes", "employees", rows(PEOPLE, person(full_name='"A\nna"')), A(12))
case("line feed in quotes of a crlf file", "employees", rows(PEOPLE, person(full_name='"A\nna"'), end="\r\n"), A(12))
case("doubled quotes", "employees", rows(PEOPLE, person(full_name='"A ""B"" C"')), A(12))
case("quote within a text", "employees", rows(PEOPLE, person(full_name='5" tall')), A(12))
case("text after a quote", "goal_alignments", rows(LINKS, '"a" b,c'), Q("row_width"))
case("backslash before a quote", "goal_alignments", rows(LINKS, '"a\\"b",c'), Q("row_width"))
case("smart quotes", "employees", rows(PEOPLE, person(full_name="“Ana”")), A(12))
case(
    "a delimiter more on every row",
    "goal_alignments",
    rows(LINKS).replace("\n", ",\n").replace(LINKS + ",", LINKS),
    A(11),
)
case("a delimiter more everywhere", "goal_alignments", rows(LINKS).replace("\n", ",\n"), A(11))
case("titles above the header", "goal_alignments", "My report\n\n" + rows(LINKS), R("MISSING_COLUMN"))
case(
    "titles declared",
    "goal_alignments",
    "My report\n\n" + rows(LINKS),
    A(11),
    columns={n: n for n in LINKS.split(",")},
    read={"preamble": 5},
)
case("total below", "employees", rows(PEOPLE, "Total,11,,,,,,,,,"), Q("values_are_readable", column="hire_date"))
case(
    "total declared",
    "employees",
    rows(PEOPLE, "Total,11,,,,,,,,,"),
    A(11),
    columns=columns(PEOPLE),
    read={"footer": "Total.*"},
)
case(
    "narrow total declared",
    "employees",
    rows(PEOPLE, "Total: 11"),
    A(11),
    columns=columns(PEOPLE),
    read={"footer": "Total.*"},
)
case("header once more", "goal_alignments", rows(LINKS, LINKS, "a,b"), A(12))
case("header missing", "goal_alignments", rows(LINKS).split("\n", 1)[1], R("MISSING_COLUMN", "none of them known"))
case("header twice", "goal_alignments", "goal_id,parent_goal_id,goal_id\na,b,c\n", R("DUPLICATE_HEADER", "goal_id"))
case("header in other letters", "goal_alignments", rows(LINKS).replace(LINKS, " Goal_ID , PARENT_GOAL_ID*"), A(11))
case(
    "column more",
    "goal_alignments",
    rows(LINKS).replace("\n", ",x\n").replace(LINKS + ",x", LINKS + ",colour"),
    A(11, note="colour"),
)
case(
    "column that nobody should hold",
    "goal_alignments",
    rows(LINKS).replace("\n", ",078-05-1120\n").replace(LINKS + ",078-05-1120", LINKS + ",SSN"),
    A(11, note="not even kept: SSN"),
)
case(
    "required column gone",
    "goal_alignments",
    rows(LINKS).replace("parent_goal_id", "colour"),
    R("MISSING_COLUMN", "parent_goal_id"),
)
case(
    "required column renamed",
    "goal_alignments",
    rows(LINKS).replace("parent_goal_id", "parent_goalid"),
    R("MISSING_COLUMN", "'parent_goalid' its new name?"),
)
case("optional column gone", "employees", rows(PEOPLE).replace("salary", "colour"), A(11, note="colour"))
case("columns in another order", "goal_alignments", "parent_goal_id,goal_id\na,b\n", A(1))
case("one row too wide", "goal_alignments", rows(LINKS, "a,b,c"), Q("row_width"))
case("one row too narrow", "goal_alignments", rows(LINKS, "a", "b,c"), Q("row_width"))
case("many rows too wide", "goal_alignments", rows(LINKS, *["a,b,c"] * 5), R("ROW_WIDTH"))
case("line of five megabytes", "employees", rows(PEOPLE, person(full_name="x" * (5 << 20))), Q("row_width"))
case("formula", "employees", rows(PEOPLE, person(full_name="=cmd|' /C calc'!A0")), A(12))
case("sql in a value", "employees", rows(PEOPLE, person(full_name="'); drop table employees; --")), A(12))

# Types and values

case("ids as spreadsheets round them", "goal_alignments", rows(LINKS, "1.23E+11,p"), R("ID_FORMAT", "1.23E+11"))
case("an id that looks like a number", "goal_alignments", rows(LINKS, "1E5,p"), A(12))
case(
    "leading zeros dropped",
    "employees",
    rows(PEOPLE, person(employee_id="123")),
    A(12),
    columns=columns(PEOPLE, employee_id={"from": "employee_id", "width": 5}),
)
case(
    "names that look like nothing",
    "employees",
    rows(PEOPLE, *[person(employee_id=f"n{n}", full_name=n) for n in ("Null", "NA", "None", "True", "Nan")]),
    A(16),
)
case(
    "a date in another order",
    "employees",
    rows(PEOPLE, person(hire_date="31/12/2020")),
    Q("values_are_readable", column="hire_date"),
)
case(
    "29 February of a common year",
    "employees",
    rows(PEOPLE, person(hire_date="2023-02-29")),
    Q("values_are_readable", column="hire_date"),
)
case(
    "31 April", "employees", rows(PEOPLE, person(hire_date="2023-04-31")), Q("values_are_readable", column="hire_date")
)
case(
    "year 0024", "employees", rows(PEOPLE, person(hire_date="0024-01-01")), Q("values_are_readable", column="hire_date")
)
case(
    "year 1900",
    "employees",
    rows(PEOPLE, person(birth_date="1900-01-01")),
    Q("values_are_readable", column="birth_date"),
)
case(
    "year 1900 declared",
    "employees",
    rows(PEOPLE, person(birth_date="1900-01-01")),
    A(12),
    columns=columns(PEOPLE),
    read={"no_dates": ["1900-01-01"]},
)
case("year 9999 of an end", "employees", rows(PEOPLE, person(last_day="9999-12-31")), A(12))
case(
    "year 9999 of a beginning",
    "employees",
    rows(PEOPLE, person(hire_date="9999-12-31")),
    Q("values_are_readable", column="hire_date"),
)
case("a time after a date", "employees", rows(PEOPLE, person(hire_date="2020-01-01T00:00:00+01:00")), A(12))
case(
    "serial dates undeclared",
    "employees",
    rows(PEOPLE, person(hire_date="43831")),
    Q("values_are_readable", column="hire_date"),
)

DAYS = "employee_id,start,end,as_of\n"
DATED = {
    "employee_id": "employee_id",
    "hire_date": "start",
    "last_day": {"from": "end", "optional": True},
    "as_of": "as_of",
}
case(
    "day first by the column",
    "employees",
    DAYS + f"d1,03/04/2020,,{AS_OF}\nd2,25/04/2020,,{AS_OF}\n",
    A(2),
    columns=DATED,
)
case(
    "month first by the column",
    "employees",
    DAYS + f"d1,03/04/2020,,{AS_OF}\nd2,04/25/2020,,{AS_OF}\n",
    A(2),
    columns=DATED,
)
case(
    "both orders in one column",
    "employees",
    DAYS + f"d1,25/04/2020,,{AS_OF}\nd2,04/25/2020,,{AS_OF}\n",
    R("DATE_ORDER", "1 rows fit only day-month-year"),
    columns=DATED,
)
case(
    "order in doubt",
    "employees",
    DAYS + f"d1,03/04/2020,,{AS_OF}\nd2,05/06/2020,,{AS_OF}\n",
    R("DATE_ORDER", "2 rows fit"),
    columns=DATED,
)
case(
    "order declared",
    "employees",
    DAYS + f"d1,03/04/2020,,{AS_OF}\nd2,05/06/2020,,{AS_OF}\n",
    A(2),
    columns=DATED,
    read={"date_order": "mdy"},
)
case(
    "order by another date",
    "employees",
    DAYS + f"d1,03/05/2020,03/04/2021,{AS_OF}\nd2,04/01/2021,02/03/2021,{AS_OF}\n",
    A(2),
    columns=DATED,
)
case(
    "two digits of a year undeclared",
    "employees",
    DAYS + f"d1,25-Apr-85,,{AS_OF}\n",
    Q("values_are_readable", column="hire_date"),
    columns=DATED,
    quarantine_limit=1,
)
case(
    "two digits of a year declared",
    "employees",
    DAYS + f"d1,25-Apr-85,,{AS_OF}\n",
    A(1),
    columns=DATED,
    read={"two_digit_years": 40},
)
case(
    "serial dates declared",
    "employees",
    DAYS + f"d1,43831,,{AS_OF}\n",
    A(1),
    columns=DATED,
    read={"serial_dates": "1900"},
)
case(
    "month without a day declared",
    "employees",
    DAYS + f"d1,2020-05,2021-02,{AS_OF}\n",
    A(1),
    columns={
        **DATED,
        "hire_date": {"from": "start", "dates": "%Y-%m"},
        "last_day": {"from": "end", "dates": "%Y-%m", "month_is": "last"},
    },
)
case("not a number", "employees", rows(PEOPLE, person(fte="NaN")), Q("values_are_readable", column="fte"))
case("infinity", "employees", rows(PEOPLE, person(salary="inf")), Q("values_are_readable", column="salary"))
case("hexadecimal", "employees", rows(PEOPLE, person(salary="0x10")), Q("values_are_readable", column="salary"))
case(
    "underscore in a number",
    "employees",
    rows(PEOPLE, person(salary="1_000")),
    Q("values_are_readable", column="salary"),
)
case(
    "thousands undeclared",
    "employees",
    rows(PEOPLE, person(salary='"50,000"')),
    Q("values_are_readable", column="salary"),
)
case(
    "thousands declared",
    "employees",
    rows(PEOPLE, person(salary='"50,000.50"')),
    A(12),
    columns=columns(PEOPLE, salary={"from": "salary", "number": {"thousands": ","}}),
)
case(
    "decimal comma declared",
    "employees",
    rows(PEOPLE, person(salary='"50000,50"')),
    A(12),
    columns=columns(PEOPLE, salary={"from": "salary", "number": {"decimal": ","}}),
)
case("pay below zero", "employees", rows(PEOPLE, person(salary="-1")), Q("salary_not_negative", column="salary"))
case("full time is 100", "employees", rows(PEOPLE, person(fte="100")), Q("fte_in_range", column="fte"))
case("full time below zero", "employees", rows(PEOPLE, person(fte="-1")), Q("fte_in_range", column="fte"))

# People

case("the same row twice", "employees", rows(PEOPLE, person(), person()), A(12, repeated=1))
case(
    "two rows that contradict",
    "employees",
    rows(PEOPLE, person(fte="1"), person(fte="0.5"), fill=20),
    Q("one_row_per_snapshot", 2),
)
case("no id", "employees", rows(PEOPLE, person(employee_id="")), Q("employee_id_given", column="employee_id"))
case("no hire date", "employees", rows(PEOPLE, person(hire_date="")), Q("hire_date_given", column="hire_date"))
case("neither as_of nor effective_on", "employees", rows(PEOPLE, person(as_of="")), Q("row_is_dated", column="as_of"))
case(
    "left before hired",
    "employees",
    rows(PEOPLE, person(last_day="2019-01-01")),
    Q("last_day_not_before_hire", column="last_day"),
)
case("left on the day of hire", "employees", rows(PEOPLE, person(last_day="2020-01-01")), A(12))
case("leaves in the future", "employees", rows(PEOPLE, person(last_day="2030-01-01")), A(12))
case("gone without a day", "employees", rows(PEOPLE, person(status="Terminated")), A(12))
case("own manager", "employees", rows(PEOPLE, person(employee_id="own", manager_id="own")), A(12))
case("manager nobody knows", "employees", rows(PEOPLE, person(manager_id="nobody")), A(12))
case("exit type in other words", "employees", rows(PEOPLE, person(last_day="2024-01-10", exit_type="Mutual")), A(12))
case("born after hire", "employees", rows(PEOPLE, person(birth_date="2021-01-01")), A(12))
case("text taken for another encoding", "employees", rows(PEOPLE, person(full_name="JosÃ©")), A(12))

# Reviews, goals, surveys

case(
    "rating above its scale",
    "reviews",
    rows(REVIEWS, "2024-H1,a,b,manager,6,1,5"),
    Q("rating_on_scale", column="rating"),
)
case(
    "rating below its scale",
    "reviews",
    rows(REVIEWS, "2024-H1,a,b,manager,0,1,5"),
    Q("rating_on_scale", column="rating"),
)
case("half a point", "reviews", rows(REVIEWS, "2024-H1,a,b,manager,2.5,1,5"), A(12))
case(
    "rating in words",
    "reviews",
    rows(REVIEWS, "2024-H1,a,b,manager,good,1,5"),
    Q("values_are_readable", column="rating"),
)
case(
    "relationship nobody knows",
    "reviews",
    rows(REVIEWS, "2024-H1,a,b,skip-level,3,1,5"),
    Q("relationship_known", column="relationship"),
)
case("manager of oneself", "reviews", rows(REVIEWS, "2024-H1,a,a,manager,3,1,5"), A(12))
case(
    "goal twice",
    "goals",
    rows(GOALS, "g,o,2024-Q1,50,0,1,1,,", "g,o,2024-Q1,50,0,1,0,,", fill=20),
    Q("goal_id_unique", 2),
)
case("goal of nobody", "goals", rows(GOALS, "g,,2024-Q1,50,0,1,1,,"), Q("owner_id_given", column="owner_id"))
case("goal that goes down", "goals", rows(GOALS, "g,o,2024-Q1,50,100,50,60,,"), A(12))
case(
    "progress in words",
    "goals",
    rows(GOALS, "g,o,2024-Q1,50,0,1,done,,"),
    Q("values_are_readable", column="actual_value"),
)
case("progress of 250 percent", "goals", rows(GOALS, "g,o,2024-Q1,50,0,100,250,,"), A(12))
case("weight below zero", "goals", rows(GOALS, "g,o,2024-Q1,-5,0,1,1,,"), Q("weight_not_negative", column="weight"))
case(
    "period in words",
    "goals",
    rows(GOALS, "g,o,first quarter,50,0,1,1,,"),
    Q("period_is_written_well", column="period"),
)
case(
    "status nobody knows", "goals", rows(GOALS, "g,o,2024-Q1,50,0,1,1,maybe,"), Q("goal_status_known", column="status")
)
case("due in another year", "goals", rows(GOALS, "g,o,2024-Q1,50,0,1,1,,2031-01-01"), A(12))
case(
    "answer without an item",
    "survey_responses",
    rows(ANSWERS, "s,r,,4,2024-01-20"),
    Q("item_id_given", column="item_id"),
)
case(
    "answered twice alike",
    "survey_responses",
    rows(ANSWERS, "s,r,team,4,2024-01-20", "s,r,team,4,2024-01-20"),
    A(12, repeated=1),
)
case(
    "answered twice otherwise",
    "survey_responses",
    rows(ANSWERS, "s,r,team,4,2024-01-20", "s,r,team,5,2024-01-21"),
    A(13),
)
case(
    "answered at no time",
    "survey_responses",
    rows(ANSWERS, "s,r,team,4,yesterday"),
    Q("values_are_readable", column="responded_at"),
)
case("answer at an offset", "survey_responses", rows(ANSWERS, "s,r,team,4,2024-01-20T23:30:00-05:00"), A(12))
case(
    "survey that closes before it opens",
    "survey_invitations",
    "survey_id,employee_id,launched_on,closes_on\n"
    + "".join(f"s,i{n},2024-01-10,2024-01-20\n" for n in range(11))
    + "s,i,2024-01-10,2024-01-09\n",
    Q("closes_after_launch", column="closes_on"),
)
case(
    "scale upside down",
    "survey_items",
    "item_id,scale_min,scale_max\n" + "".join(f"i{n},1,5\n" for n in range(11)) + "i,5,1\n",
    Q("scale_is_ascending", column="scale_min"),
)

# Deliveries

twice = rows(LINKS).encode()
CASES.append(
    Case(
        "one content under two names",
        {"goal_alignments/twice_a.csv": twice, "goal_alignments/twice_b.csv": twice},
        {
            "goal_alignments/twice_a.csv": A(11),
            "goal_alignments/twice_b.csv": A(0, repeated=11, note="the same content as goal_alignments/twice_a.csv"),
        },
    )
)

# Other formats, and files that nobody knows

case(
    "workbook",
    "goal_alignments",
    workbook(["goal_id", "parent_goal_id"], ["a", "b"], ["007", "c"]),
    A(2),
    "xlsx",
    columns=columns(LINKS),
    read={"format": "table"},
)
case(
    "workbook without the sheet",
    "goal_alignments",
    workbook(["goal_id", "parent_goal_id"], ["a", "b"]),
    R("SHEET", "Data"),
    "xlsx",
    columns=columns(LINKS),
    read={"format": "excel", "sheet": "Data"},
)
case(
    "json lines",
    "goal_alignments",
    '{"goal_id": "a", "parent_goal_id": "b"}\n{"goal_id": "c", "parent_goal_id": "d"}\n',
    A(2),
    "jsonl",
    columns=columns(LINKS),
    read={"format": "jsonl"},
)
case(
    "a line that is no json",
    "goal_alignments",
    '{"goal_id": "a", "parent_goal_id": "b"}\n' * 1
    + "".join(f'{{"goal_id": "{n}", "parent_goal_id": "b"}}\n' for n in range(11))
    + "oops\n",
    Q("row_width"),
    "jsonl",
    columns=columns(LINKS),
    read={"format": "jsonl"},
)
case("no profile", "strange", "colour,shape\nred,round\n", R("NO_PROFILE", "perfwh profile FILE"))
case(
    "no day in the name",
    "employees",
    "employee_id,hire_date\nd1,2020-01-01\n",
    R("NAME", "the name does not fit"),
    columns={
        "employee_id": "employee_id",
        "hire_date": "hire_date",
        "as_of": {"file_name": "(20[0-9]{2}-[0-9]{2}-[0-9]{2})"},
    },
)
case(
    "no day above the header",
    "employees",
    "Report\nemployee_id,hire_date\nd1,2020-01-01\n",
    R("TITLE", "no title above the header"),
    columns={"employee_id": "employee_id", "hire_date": "hire_date", "as_of": {"above_header": "as of ([0-9-]+)"}},
    read={"preamble": 3},
)
