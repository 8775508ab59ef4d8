"""Conforming: typed, judged rows; where the others go; and that none is lost."""

from __future__ import annotations

import json

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines import loads
from pipelines.errors import RefusedFile
from pipelines.landing import take_in
from pipelines.profiles import Profile
from pipelines.recognising import Recognised
from pipelines.settings import load_settings


def load(settings, text, entity="goal_alignments", columns=None, paths=None, name="a.csv", **more):
    """Loads a text through a profile; gives the load, its good rows as dicts, and its quarantine."""
    path = settings.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    header = text.split("\n", 1)[0].split(",")
    profile = Profile.model_validate(
        {
            "profile": "p",
            "entity": entity,
            "description": "-",
            "files": ["*"],
            "columns": columns or {column: column for column in header},
            "quarantine_limit": 1,
            **more,
        }
    )
    found = Recognised(take_in(path, settings.landing), profile)
    done = loads.conform(found, paths or {}, [], settings)
    folder = settings.warehouse / "validated" / done.key
    rows = duckdb.sql(f"from '{folder / 'rows.parquet'}' where _violations is null order by _line").fetchdf()
    bad = duckdb.sql(f"select _line, rule, column_name, raw_row from '{folder / 'quarantine.parquet'}'").fetchall()
    assert done.is_conserved
    return done, rows.to_dict("records"), bad


def test_bad_rows_go_to_quarantine_with_line_rule_column_and_raw_row(settings):
    text = (
        "employee_id,hire_date,as_of,last_day,fte\n"
        "1,2020-01-01,2024-01-31,,1\n"
        "2,01/02/2020,2024-01-31,,1\n"
        "3,2020-01-01,2024-01-31,2019-01-01,100\n"
        ",2020-01-01,2024-01-31,,1\n"
    )
    done, rows, bad = load(settings, text, "employees")
    assert (done.rows_read, done.rows_loaded, done.rows_quarantined) == (4, 1, 3)
    assert [row["employee_id"] for row in rows] == ["1"]
    assert [row[:3] for row in bad] == [
        (3, "hire_date_given", "hire_date"),
        (3, "values_are_readable", "hire_date"),
        (4, "fte_in_range", "fte"),
        (4, "last_day_not_before_hire", "last_day"),
        (5, "employee_id_given", "employee_id"),
    ]
    assert json.loads(bad[2][3])["fte"] == "100"
    assert done.quarantined_by_rule["fte_in_range"] == 1
    assert done.quarantined_first["fte_in_range"] == "line 4, column fte"


def test_repeated_rows_count_once(settings):
    done, rows, _ = load(settings, "goal_id,parent_goal_id\nA,B\nA , B\nA,C\nA,B\n")
    assert (done.rows_loaded, done.rows_duplicate) == (2, 2)
    assert len(rows) == 2


def test_ids_stay_text(settings):
    _, rows, _ = load(settings, "goal_id,parent_goal_id\n00123,1E5\n")
    assert (rows[0]["goal_id"], rows[0]["parent_goal_id"]) == ("00123", "1E5")


def test_ranges_that_a_spreadsheet_made_days_of_are_ranges_again_where_that_is_certain(settings):
    head = "employee_id,hire_date,as_of,department,division\n"
    people = [("1-10", "20-Nov"), (" Nov-20", "Sales"), ("5-Feb", "Sales"), ("Feb-05", "Sales"), ("21-50", "Nova-20")]
    text = head + "".join(f"{i},2020-01-01,2024-01-31,{size},{other}\n" for i, (size, other) in enumerate(people))
    done, rows, _ = load(settings, text, "employees")
    assert [row["department"] for row in rows] == ["1-10", "11-20", "2-5", "2-5", "21-50"]
    assert [row["division"] for row in rows] == ["20-Nov", "Sales", "Sales", "Sales", "Nova-20"]
    assert "department: 3 ranges" in done.message and "division: 1 values look like ranges" in done.message


def test_two_different_rows_for_one_person_on_one_day_are_both_quarantined(settings):
    text = "employee_id,hire_date,as_of,department\n1,2020-01-01,2024-01-31,A\n1,2020-01-01,2024-01-31,B\n"
    done, _, bad = load(settings, text, "employees")
    assert done.rows_quarantined == 2
    assert {row[1] for row in bad} == {"one_row_per_snapshot"}


def test_wide_files_become_a_row_for_each_answer(settings):
    text = "Who,Q1,Q2\nr1,4,\nr2,,\nr3,5,1\n"
    columns = {"survey_id": {"constant": "s"}, "respondent_id": "Who"}
    done, rows, _ = load(settings, text, "survey_responses", columns, answers={"pattern": "Q[0-9]"})
    assert (done.rows_read, done.rows_loaded) == (3, 3)
    assert [(row["respondent_id"], row["item_id"], row["answer"]) for row in rows] == [
        ("r1", "Q1", "4"),
        ("r3", "Q1", "5"),
        ("r3", "Q2", "1"),
    ]


INTERVALS = {
    "valid_from": "from",
    "valid_to": "to",
    "valid_to_is": "inclusive",
    "open_end": ["9999-01-01"],
    "ends_stint": "end",
}


@pytest.mark.parametrize(
    ("periods", "stints"),
    [
        ("1,2020-01-01,2020-06-30,0\n1,2020-07-01,9999-01-01,0", [("2020-01-01", None)]),
        ("1,2020-01-01,2020-06-30,0\n1,2020-07-02,9999-01-01,0", [("2020-01-01", "2020-06-30"), ("2020-07-02", None)]),
        ("1,2020-01-01,2020-06-30,1\n1,2020-07-01,9999-01-01,0", [("2020-01-01", "2020-06-30"), ("2020-07-01", None)]),
        (
            "1,2020-01-01,2020-06-30,1\n1,2020-01-01,2020-12-31,1",
            [("2020-01-01", "2020-06-30"), ("2020-07-01", "2020-12-31")],
        ),
        ("1,2020-01-01,2020-12-31,0\n1,2020-03-01,2020-05-01,0", [("2020-01-01", "2020-12-31")]),
        ("1,2020-01-01,2019-12-31,0", [("2020-01-01", "2020-01-01")]),
        ("1,2020-01-01,2019-12-31,0\n1,2020-02-01,2020-03-01,0", [("2020-02-01", "2020-03-01")]),
    ],
    ids=["no gap", "gap", "ended", "ended while another goes on", "within", "no day at all", "no day beside others"],
)
def test_stints_are_put_together_from_periods(settings, periods, stints):
    text = "id,from,to,end\n" + periods + "\n"
    _, rows, _ = load(settings, text, "employees", {"employee_id": "id"}, intervals=INTERVALS)
    found = sorted(
        {(str(r["hire_date"])[:10], None if str(r["last_day"]) == "NaT" else str(r["last_day"])[:10]) for r in rows}
    )
    assert found == stints


def test_an_ambiguous_date_is_decided_by_evidence_or_quarantined(settings):
    facts = settings.landing / "facts.parquet"
    duckdb.sql(
        f"copy (select * from (values ('1', date '2020-02-01', null), ('2', date '2020-01-02', null), "
        f"('3', date '2019-05-05', null)) as t (id, day, _violations)) to '{facts}'"
    )
    columns = {
        "employee_id": "id",
        "as_of": {"constant": "2024-01-31"},
        "hire_date": {"from": "start", "dates": ["%d/%m/%Y", "%m/%d/%Y"], "evidence": "facts.day"},
    }
    text = "id,start\n1,01/02/2020\n2,01/02/2020\n3,01/02/2020\n4,13/02/2020\n5,02/02/2020\n"
    profile_lookups = {"facts": {"profile": "facts", "on": {"id": "id"}}}
    done, rows, bad = load(settings, text, "employees", columns, paths={"facts": facts}, lookups=profile_lookups)
    assert [str(row["hire_date"])[:10] for row in rows] == ["2020-02-01", "2020-01-02", "2020-02-13", "2020-02-02"]
    assert {(row[0], row[1]) for row in bad} == {(4, "dates_are_unambiguous"), (4, "hire_date_given")}
    assert done.rows_quarantined == 1


def test_a_name_that_does_not_say_the_day_is_refused(settings):
    columns = {"as_of": {"file_name": "people_([0-9-]+)"}, "employee_id": "id", "hire_date": "start"}
    with pytest.raises(RefusedFile, match="NAME"):
        load(settings, "id,start\n1,2020-01-01\n", "employees", columns, name="staff.csv")


@hypothesis_settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["1", "2", "3", "", "x,y"]),
            st.sampled_from(["2020-01-01", "2020-13-01", "", "soon"]),
            st.sampled_from(["", "2021-01-01", "2019-01-01", "gone"]),
        ),
        min_size=1,
        max_size=25,
    )
)
def test_no_row_disappears(tmp_path_factory, rows):
    """A law: read = loaded + quarantined + duplicate, whatever stands in the file."""
    folder = tmp_path_factory.mktemp("law")
    (folder / "landing").mkdir()
    settings = load_settings(landing=folder / "landing", warehouse=folder / "warehouse")
    text = "employee_id,hire_date,last_day,as_of\n" + "".join(f"{a},{b},{c},2024-01-31\n" for a, b, c in rows)
    try:
        done, good, _ = load(settings, text, "employees")
    except RefusedFile as refusal:
        assert refusal.code == "ROW_WIDTH"
        return
    assert done.rows_read == len(rows)
    assert done.rows_loaded == len(good)
