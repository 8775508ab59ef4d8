"""Files without the people who are erased: their records, mentions of them, and nothing else."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import zipfile
from datetime import date
from pathlib import Path

import pandas
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines import landing
from pipelines.erasure import cleaning, erasing, tombstones
from pipelines.erasure.identity import Identity
from pipelines.erasure.records import expired_records, references_of
from pipelines.errors import UserError
from pipelines.profiles import load_profiles
from pipelines.settings import load_settings

ROSTER = [
    ["employee_id", "hire_date", "as_of", "full_name", "email", "manager_id", "department"],
    ["E1", "2020-01-01", "2024-01-31", "Ada Quill", "ada@example.org", "", "Ops"],
    ["E2", "2020-01-01", "2024-01-31", "Ben Ashe", "ben@example.org", "E1", "Ops, Lab"],
    ["E3", "2020-01-01", "2024-01-31", "Cleo Marsh", "cleo@example.org", "E2", "Lab\nEast"],
    ["E4", "2020-01-01", "2024-01-31", "Dan Ferro", "dan@example.org", "ben@example.org", 'the "Lab"'],
    ["E5", "2020-01-01", "2024-01-31", "Eve Stone", "eve@example.org", "Ben Ashe", "Lab"],
]
# Without the second person, and who were theirs have no manager.
WITHOUT_E2 = [
    ROSTER[0],
    ROSTER[1],
    *([*row[:5], "", *row[6:]] for row in ROSTER[3:]),
]


@pytest.fixture
def settings(tmp_path):
    """With a profile for files `delivered/…` of any format and packing, beside the canonical layout."""
    for folder in ("landing", "profiles"):
        (tmp_path / folder).mkdir()
    columns = "".join(f"  {name}: {{from: [{name}]}}\n" for name in ROSTER[0])
    for kind, glob in (("csv", "*.csv*"), ("jsonl", "*.jsonl"), ("excel", "*.xlsx"), ("utf-16", "*.wide")):
        read = "{encoding: utf-16}" if kind == "utf-16" else f"{{format: {kind}}}"
        (tmp_path / "profiles" / f"{kind}.yml").write_text(
            f"profile: delivered_{kind.replace('-', '')}\nentity: employees\ndescription: People.\n"
            f"files: delivered/{glob}\nread: {read}\ncolumns:\n{columns}"
        )
    return load_settings(
        landing=tmp_path / "landing",
        warehouse=tmp_path / "warehouse",
        profiles=tmp_path / "profiles",
        retention_days={"trainings": 365, "employees": 365},
    )


def text_of(rows, delimiter=",", end="\n"):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    return out.getvalue()


def put(settings, name, content):
    path = settings.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def erase(settings, employee_id="E2"):
    """Cleans the landing zone, and says what was cleaned."""
    found = cleaning.conformed(landing.list_files(settings.landing), load_profiles(settings.profiles), settings)
    names = references_of(employee_id, found.loads, settings)
    known = set(tombstones.hashes(names.all, settings))
    identity = Identity(names.ids, names.texts)
    planned = cleaning.plan(found, cleaning.of_people(known, found, settings), settings, identity)
    return cleaning.clean(planned, settings, identity)


def zipped(content, name="roster.csv"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


def unzipped(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(archive.namelist()[0])


@pytest.mark.parametrize(
    ("name", "pack", "unpack"),
    [
        ("employees/roster.csv", str.encode, bytes.decode),
        ("employees/roster.csv", lambda text: ("\ufeff" + text).encode(), lambda data: data.decode().removeprefix("\ufeff")),
        ("delivered/roster.wide", lambda text: text.encode("utf-16"), lambda data: data.decode("utf-16")),
        ("employees/roster.csv.gz", lambda text: gzip.compress(text.encode()), lambda data: gzip.decompress(data).decode()),
        ("delivered/roster.csv.zip", lambda text: zipped(text.encode()), lambda data: unzipped(data).decode()),
    ],
    ids=["plain", "byte-order mark", "utf-16", "gz", "zip"],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_person_and_all_mentions_of_them_leave_a_text_and_the_rest_stays(settings, name, pack, unpack, end):
    path = put(settings, name, pack(text_of(ROSTER, end=end)))
    (cleaned,) = erase(settings)
    assert (cleaned.records, cleaned.mentions, cleaned.is_removed) == (1, 3, False)
    assert unpack(path.read_bytes()) == text_of(WITHOUT_E2, end=end)


def test_they_leave_json_lines(settings):
    rows = [dict(zip(ROSTER[0], row, strict=True)) for row in ROSTER[1:]]
    path = put(settings, "delivered/roster.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    erase(settings)
    left = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["employee_id"] for row in left] == ["E1", "E3", "E4", "E5"]
    assert [row["manager_id"] for row in left] == ["", None, None, None]


@pytest.mark.parametrize("kind", ["parquet", "xlsx"])
def test_they_leave_tables(settings, kind):
    frame = pandas.DataFrame(ROSTER[1:], columns=ROSTER[0])
    path = settings.landing / f"{'employees' if kind == 'parquet' else 'delivered'}/roster.{kind}"
    path.parent.mkdir()
    frame.to_parquet(path) if kind == "parquet" else frame.to_excel(path, index=False)
    erase(settings)
    left = pandas.read_parquet(path) if kind == "parquet" else pandas.read_excel(path, dtype=str)
    assert list(left["employee_id"]) == ["E1", "E3", "E4", "E5"]
    assert [one or None for one in left["manager_id"].fillna("")] == [None] * 4
    assert list(left["department"]) == ["Ops", "Lab\nEast", 'the "Lab"', "Lab"]


def test_repeated_lines_and_lines_that_cannot_be_cut_go_too(settings):
    rows = [*ROSTER, ROSTER[2], [*ROSTER[1][:6], "Ops"]]
    path = put(settings, "employees/roster.csv", text_of(rows) + "E2,2020-01-01\n" + text_of([ROSTER[3]] * 20))
    erase(settings)
    assert "E2" not in path.read_text()
    assert "Ben" not in path.read_text()


def test_names_and_addresses_in_texts_are_struck_out(settings):
    put(settings, "employees/roster.csv", text_of(ROSTER))
    goals = [
        ["goal_id", "owner_id", "period", "title"],
        ["g1", "E1", "2024", "Take over from BEN ASHE, write to ben@example.org"],
        ["g2", "E2", "2024", "Leave"],
        ["g3", "E1", "2024", "Big Ben Ashecroft"],
    ]
    path = put(settings, "goals/goals.csv", text_of(goals))
    erase(settings)
    assert path.read_text() == text_of(
        [goals[0], ["g1", "E1", "2024", "Take over from [erased], write to [erased]"], goals[3]]
    )


def test_codes_of_a_survey_lead_to_its_answers_and_to_no_other_surveys(settings):
    put(settings, "employees/roster.csv", text_of(ROSTER))
    put(
        settings,
        "survey_invitations/all.csv",
        "survey_id,employee_id,respondent_id\ns1,E1,r1\ns1,E2,r2\ns2,E1,r2\n",
    )
    answers = "survey_id,respondent_id,item_id,answer\ns1,r1,q1,4\ns1,r2,q1,2\ns2,r2,q1,5\n"
    path = put(settings, "survey_responses/all.csv", answers)
    erase(settings)
    assert path.read_text() == answers.replace("s1,r2,q1,2\n", "")


def test_who_did_not_answer_goes_and_who_has_their_id_for_a_code_stays(settings):
    put(settings, "employees/roster.csv", text_of(ROSTER))
    put(settings, "survey_invitations/all.csv", "survey_id,employee_id,respondent_id\ns1,E1,E2\ns1,E2,r2\n")
    answers = "survey_id,respondent_id,item_id,answer\ns1,E2,q1,4\ns1,r2,q1,2\ns1,r2,q1,2\ns1,r2,q2,\n"
    path = put(settings, "survey_responses/all.csv", answers)
    erase(settings)
    assert path.read_text() == "survey_id,respondent_id,item_id,answer\ns1,E2,q1,4\n"


def test_an_id_of_former_times_is_theirs_and_a_name_that_two_have_is_nobodys(settings):
    roster = [*ROSTER, ["E6", "2020-01-01", "2024-01-31", "Ben Ashe", "ben6@example.org", "E2", "Lab"]]
    path = put(settings, "employees/roster.csv", text_of(roster))
    put(
        settings,
        "job_changes/all.csv",
        "employee_id,effective_date,change_type,old_value,new_value\nE2,2023-05-01,employee_id,X9,E2\nE3,2023-05-02,manager,E1,E2\n",
    )
    goals = put(settings, "goals/goals.csv", "goal_id,owner_id,period\ng1,X9,2022\ng2,E6,2022\n")
    erase(settings)
    assert goals.read_text() == "goal_id,owner_id,period\ng2,E6,2022\n"
    assert path.read_text().count("Ben Ashe") == 2  # E6, and E5's manager, who may be either
    changes = (settings.landing / "job_changes/all.csv").read_text()
    assert changes.splitlines()[1:] == ["E3,2023-05-02,manager,E1,"]


def test_a_file_of_nobody_else_is_removed(settings):
    put(settings, "employees/roster.csv", text_of(ROSTER))
    path = put(settings, "goals/goals.csv", "goal_id,owner_id,period\ng1,E2,2022\n")
    assert {one.file_name: one.is_removed for one in erase(settings)} == {
        "goals/goals.csv": True,
        "employees/roster.csv": False,
    }
    assert not path.exists()


def test_nothing_is_changed_where_a_file_cannot_be_written(settings, monkeypatch):
    path = put(settings, "employees/roster.csv", text_of(ROSTER))
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UserError, match="Nothing has been changed"):
        erase(settings)
    assert path.read_text() == text_of(ROSTER)


def test_later_deliveries_are_cleaned_and_nobody_gets_from_a_tombstone_to_a_person(settings):
    put(settings, "employees/roster.csv", text_of(ROSTER))
    found = cleaning.conformed(landing.list_files(settings.landing), load_profiles(None), settings)
    known = tombstones.hashes(references_of("E2", found.loads, settings).all, settings)
    tombstones.write(settings, [tombstones.Tombstone(known[0], "2024-02-01", tuple(known))])
    said = tombstones.path(settings).read_text()
    assert not [one for one in ("E2", "Ben", "Ashe", "ben@") if one in said]
    again = put(settings, "employees/again.csv", text_of(ROSTER))
    assert len(cleaning.clean_of_erased(landing.list_files(settings.landing), load_profiles(None), settings)) == 2
    assert again.read_text() == text_of(WITHOUT_E2)
    assert cleaning.clean_of_erased(landing.list_files(settings.landing), load_profiles(None), settings) == []


def test_tombstones_of_another_key_are_no_tombstones(settings, tmp_path):
    tombstones.write(settings, [])
    other = load_settings(
        landing=settings.landing, warehouse=settings.warehouse, tombstone_key_file=tmp_path / "other.key"
    )
    with pytest.raises(UserError, match="another key"):
        tombstones.tombstones(other)


def test_what_is_older_than_its_retention_goes(settings):
    put(
        settings,
        "trainings/all.csv",
        "employee_id,course,assigned_on,completed_on\nE1,a,2022-01-01,\nE1,b,2022-01-01,2023-12-01\nE1,c,,\n",
    )
    put(
        settings,
        "employees/all.csv",
        "employee_id,hire_date,last_day\nE1,2020-01-01,2021-12-31\nE2,2020-01-01,2021-12-31\nE2,2022-03-01,\n",
    )
    found = cleaning.conformed(landing.list_files(settings.landing), load_profiles(None), settings)
    day = date(2024, 6, 1)
    gone = {load.entity: sorted(expired_records(load, one.profile, day, settings).gone) for one, load in found.files}
    assert gone == {"trainings": [2], "employees": [2]}


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def contents_of(landing):
    return {path.relative_to(landing).as_posix(): path.read_bytes() for path in landing.rglob("*") if path.is_file()}


def test_cut_short_anywhere_the_same_command_finishes_it(settings, monkeypatch):
    """Each replacement of a file is a place to be killed at; no file is ever half-written, and the end is the same."""
    deliveries = {
        "employees/2024-01.csv": text_of(ROSTER),
        "employees/2024-02.csv": text_of([ROSTER[0], *([*row[:3], row[3].replace("Ashe", "Holm"), *row[4:]] for row in ROSTER[1:])]),
        "goals/E2-ben@example.org.csv": "goal_id,owner_id,period,title\ng1,E2,2024,mine\ng2,E3,2024,ask Ben Ashe or Ben Holm\n",
        "job_changes/all.csv": "employee_id,effective_date,change_type,old_value,new_value\nE2,2023-05-01,employee_id,X9,E2\nE3,2023-05-02,manager,E1,E2\n",
        "trainings/X9.csv": "employee_id,course,assigned_on\nX9,a,2022-01-01\nE3,b,2022-01-01\n",
    }  # fmt: skip

    def fresh():
        shutil.rmtree(settings.landing)
        shutil.rmtree(settings.warehouse, ignore_errors=True)
        for name, content in deliveries.items():
            put(settings, name, content)
        logs = settings.warehouse / "logs"
        logs.mkdir(parents=True)
        (logs / "perfwh.jsonl").write_text('{"event": "refused Ben Ashe"}\n{"event": "ben@example.org"}\n')

    def forget():
        whole = landing.list_files(settings.landing)
        found = cleaning.conformed(whole, load_profiles(settings.profiles), settings)
        return erasing._forget(settings, "E2", found, erasing._Before.of(settings))[0]

    def everything():
        # When it was made is part of a tombstone.
        left = contents_of(settings.landing) | contents_of(settings.warehouse / "logs")
        return {name: content for name, content in left.items() if not name.startswith(".")}

    fresh()
    originals = set(deliveries.values())
    certificate = forget()
    wanted = everything()
    assert certificate.renamed == 1 and certificate.stores["lines of logs"] == 2
    assert not [one for one in (b"Ashe", b"Holm", b"ben@", b"X9,") for text in wanted.values() if one in text]
    whole = {*(text.encode() for text in originals), *wanted.values()}
    replace, ends = Path.replace, 0
    while True:
        fresh()
        left = ends

        def killing(self, target):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", killing)
        try:
            forget()
        except Killed:
            monkeypatch.setattr(Path, "replace", replace)
            half = {
                name
                for name, content in contents_of(settings.landing).items()
                if not name.startswith(".") and content not in whole
            }
            assert not half, ends
            forget()
            assert everything() == wanted, ends
            ends += 1
        else:
            break
        finally:
            monkeypatch.setattr(Path, "replace", replace)
    assert ends > 6


cells = st.text(st.sampled_from("aE2 ,;\"'\n\u00e9x"), max_size=6)


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["E1", "E2", "E3"]), cells), min_size=2, max_size=8), st.booleans())
def test_whatever_stands_in_the_fields_the_other_records_stay_byte_by_byte(settings, rows, is_quoted):
    quoting = csv.QUOTE_ALL if is_quoted else csv.QUOTE_MINIMAL

    def written(rows):
        out = io.StringIO(newline="")
        csv.writer(out, quoting=quoting, lineterminator="\n").writerows(rows)
        return out.getvalue()

    header = ["goal_id", "owner_id", "period", "title"]
    goals = [[f"g{n}", owner, "2024", title] for n, (owner, title) in enumerate(rows)]
    path = put(settings, "goals/goals.csv", written([header, *goals]))
    erase(settings)
    others = [row for row in goals if row[1] != "E2"]
    if others:
        assert path.read_bytes().decode() == written([header, *others])
    else:
        assert not path.exists()
