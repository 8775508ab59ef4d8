"""Whatever a run writes outside of raw files and the restricted database holds no value of a person.

Every field that tells of a person is planted with a value found nowhere else, good rows and bad ones; then all that was
written or said is searched for them.
"""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import duckdb
import pytest

from pipelines.entities import ENTITIES
from tests.conftest import run_warehouse

pytestmark = pytest.mark.xdist_group("leaks")

MARK = "Zqx"
PEOPLE = 14
# Slices are published by value; what is secret is who is in them.
_SLICED_BY = {"gender", "ethnicity"}


def person(n):
    return f"{MARK}id{n:03}"


def planted(entity, column, n):
    """A value that no other row and no other column has: text begins with the mark, numbers and days are odd ones."""
    kind = ENTITIES[entity].by_name[column].type
    if kind == "number":
        return f"7{n:03}31.17"
    if kind == "date":
        return f"1931-0{1 + n % 9}-{11 + n}"
    return f"{MARK}{entity}{column}{n:03}@example.org" if column == "email" else f"{MARK}{entity}{column}{n:03}"


def company():
    """Entity → rows; each has some that are kept back, with planted values where the fault is."""
    rows = {name: [] for name in ENTITIES}
    for as_of in ("2024-01-31", "2024-02-29"):
        for n in range(PEOPLE):
            row = {
                "as_of": as_of,
                "employee_id": person(n),
                "hire_date": "2020-01-01",
                "manager_id": person(0) if n else "",
                "department": "Lab" if n % 2 else "Ops",
                "gender": "f" if n % 2 else "m",
                "ethnicity": "a",
                "currency": "EUR",
            }
            for column in ENTITIES["employees"].columns:
                if column.data_class != "none" and column.name not in row:
                    row[column.name] = planted("employees", column.name, n)
            row["exit_reason"] = ""
            rows["employees"].append(row)
        rows["employees"].append({**rows["employees"][-1], "employee_id": f"{person(90)}", "hire_date": f"{MARK}day"})
        rows["employees"].append({**rows["employees"][-1], "employee_id": f"{person(91)}", "salary": f"{MARK}pay"})
    rows["employees"][PEOPLE + 3] |= {"last_day": "2024-02-10", "exit_type": "voluntary"}
    rows["employees"][PEOPLE + 3]["exit_reason"] = planted("employees", "exit_reason", 1)
    for n in range(PEOPLE):
        who = person(n)
        change = {"employee_id": who, "effective_date": "2024-02-10", "change_type": "pay"}
        rows["job_changes"].append(
            change | {name: planted("job_changes", name, n) for name in ("old_value", "new_value")}
        )
        rows["survey_invitations"].append({"survey_id": "s", "employee_id": who, "launched_on": "2024-02-05"})
        answers = {
            "q1": str(1 + n % 5),
            "q2": "5",
            "enps": str(n % 11),
            "words": planted("survey_responses", "answer", n),
        }
        for item, answer in answers.items():
            code = {
                "survey_id": "s",
                "respondent_id": planted("survey_responses", "respondent_id", n),
                "employee_id": who,
            }
            rows["survey_responses"].append(code | {"item_id": item, "answer": answer, "responded_at": "2024-02-06"})
        review = {"cycle": "2024", "reviewee_id": who, "competency": "craft", "scale_min": "1", "scale_max": "5"}
        for relationship, rater in (("self", who), ("manager", person(0)), ("peer", person((n + 1) % PEOPLE))):
            given = {
                "relationship": relationship,
                "rater_id": rater,
                "rating": str(1 + n % 5),
                "submitted_at": "2024-02-20",
            }
            rows["reviews"].append(review | given)
        goal = {"goal_id": f"g{n}", "owner_id": who, "period": "2024-Q1", "title": planted("goals", "title", n)}
        rows["goals"].append(goal | {"attainment": "0.5", "level": "individual"})
        meeting = {"meeting_id": f"m{n}", "manager_id": person(0), "employee_id": who, "scheduled_on": "2024-02-12"}
        rows["one_on_ones"].append(meeting)
        receiver = person((n + 3) % PEOPLE)
        gift = {"recognition_id": f"r{n}", "giver_id": who, "receiver_id": receiver, "given_on": "2024-02-14"}
        rows["recognitions"].append(gift)
        course = {
            "employee_id": who,
            "course": "safety",
            "assigned_on": "2024-01-10",
            "score": planted("trainings", "score", n),
        }
        rows["trainings"].append(course)
    for item, driver, top in (("q1", "d", 5), ("q2", "e", 5), ("enps", "f", 10), ("words", "", 5)):
        scale = {
            "scale_min": "0" if item == "enps" else "1",
            "scale_max": str(top),
            "is_enps": str(item == "enps").lower(),
        }
        rows["survey_items"].append(
            {"item_id": item, "driver": driver, "is_comment": str(item == "words").lower()} | scale
        )
    # Who is unknown, and what cannot be read.
    stranger = f"{MARK}stranger"
    rows["survey_responses"].append({**rows["survey_responses"][0], "respondent_id": stranger, "employee_id": stranger})
    rows["reviews"].append({**rows["reviews"][0], "reviewee_id": stranger, "rater_id": stranger})
    rows["reviews"].append({**rows["reviews"][1], "rating": f"{MARK}rating"})
    rows["goals"].append({**rows["goals"][0], "goal_id": "g90", "owner_id": stranger})
    rows["goals"].append({**rows["goals"][0], "goal_id": "g91", "due_on": f"{MARK}due"})
    rows["one_on_ones"].append({**rows["one_on_ones"][0], "meeting_id": "m90", "employee_id": stranger})
    rows["recognitions"].append({**rows["recognitions"][0], "recognition_id": "r90", "receiver_id": stranger})
    rows["trainings"].append({**rows["trainings"][0], "employee_id": stranger, "score": f"{MARK}score"})
    return rows


def write(landing, rows):
    for name, some in rows.items():
        if some:
            (landing / name).mkdir(parents=True)
            columns = list(dict.fromkeys(column for row in some for column in row))
            with (landing / name / f"{name}.csv").open("w", newline="") as stream:
                writer = csv.DictWriter(stream, columns)
                writer.writeheader()
                writer.writerows(some)


def secrets(rows):
    """All values planted in fields that tell of a person."""
    found = set()
    for name, some in rows.items():
        told = {c.name for c in ENTITIES[name].columns if c.data_class != "none"} - _SLICED_BY
        found |= {value for row in some for column, value in row.items() if column in told or MARK in value}
    return {value for value in found if MARK in value or (value.startswith(("7", "1931-")) and len(value) > 6)}


def written(*folders, but):
    """All files below folders, but for those below others."""
    for folder in folders:
        for at, _, names in os.walk(folder):
            for name in names:
                path = Path(at, name)
                if not any(path.is_relative_to(one) for one in but) and path.is_file():
                    yield path


def leaks(values, warehouse, home, said):
    """Where one of the values was found: as bytes of any file, and in each column of what is published."""
    wanted = {value.lower() for value in values}
    found = [f"said: {value}" for value in wanted if value in said.lower()]
    version = (warehouse / "published").resolve()
    but = [warehouse / "raw", warehouse / "validated", *(warehouse / "versions").glob("*/people.duckdb")]
    for path in written(warehouse, home, but=but):
        content = path.read_bytes().lower()
        found += [f"{path}: {value}" for value in wanted if value.encode() in content]
    if version.exists():
        with duckdb.connect(str(version / "performance.duckdb"), read_only=True) as con:
            con.execute("create temp table secrets as select unnest(?) as value", [sorted(wanted)])
            tables = con.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'performance'"
            ).fetchall()
            sources = [f'"{schema}"."{table}"' for schema, table in tables]
            sources += [f"read_parquet('{path}')" for path in (version / "marts").iterdir()]
            for source in sources:
                for (column,) in con.execute(f"select column_name from (describe from {source})").fetchall():
                    rows = con.execute(
                        f"select distinct value from {source} inner join secrets "
                        f'on contains(lower(cast("{column}" as varchar)), value)'
                    ).fetchall()
                    found += [f"{source}.{column}: {value}" for (value,) in rows]
    return found


def test_a_run_leaves_no_value_of_a_person_outside_the_restricted_files(planted_company):
    outcome, rows, folder = planted_company
    assert outcome.code == 0, outcome.said
    assert outcome.one("select count(*) from ops.quarantine") >= 4
    assert len(secrets(rows)) > 150
    assert leaks(secrets(rows), outcome.warehouse, folder / "dagster", outcome.said) == []


def test_neither_does_a_run_that_fails(planted_company, tmp_path):
    """A file that cannot be read, one that is not known, and too many bad rows."""
    _, rows, folder = planted_company
    shutil.copytree(folder / "landing", tmp_path / "landing")
    (tmp_path / "landing" / "reviews" / "more.csv").write_text(f"cycle,{MARK}header\n2024,{MARK}value\n")
    (tmp_path / "landing" / f"list of {MARK}somebody.csv").write_text(f"{MARK}one,{MARK}two\n1,2\n")
    outcome = run_warehouse(
        tmp_path / "landing",
        tmp_path / "warehouse",
        DAGSTER_HOME=str(tmp_path / "dagster"),
        PERFWH_QUARANTINE_LIMIT="0",
    )
    assert outcome.code == 3, outcome.said
    values = secrets(rows) | {f"{MARK}value"}
    assert leaks(values, outcome.warehouse, tmp_path / "dagster", outcome.said) == []


def test_the_search_finds_what_leaks(planted_company, tmp_path):
    """Proof that it can fail: the restricted database holds them, and so does a log that quotes a row."""
    outcome, rows, folder = planted_company
    held = duckdb.connect(str(outcome.published / "people.duckdb"), read_only=True)
    assert (
        held.execute(f"select count(*) from restricted.dim_employee where full_name like '{MARK}%'").fetchone()[0] > 0
    )
    log = outcome.warehouse / "runs" / "planted.log"
    log.write_text(f"... {planted('employees', 'full_name', 3)} ...")
    try:
        assert len(leaks(secrets(rows), outcome.warehouse, folder / "dagster", "")) == 1
    finally:
        log.unlink()
