"""Whatever a run writes outside of raw files and the restricted database holds no value of a person.

Every field that tells of a person is planted with a value found nowhere else, good rows and bad ones; then all that was
written or said is searched for them. In a second company every text column of every entity, the names of files and the
headers hold addresses (canaries), as people put them where nobody expects them.
"""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import duckdb
import pytest

from pipelines.entities import ATTRIBUTES, ENTITIES
from pipelines.models import parsed_project
from tests.conftest import perfwh, run_warehouse

pytestmark = pytest.mark.xdist_group("leaks")

MARK = "Zqx"
PEOPLE = 14
# Slices are published by value; what is secret is who is in them.
_SLICED_BY = {"gender", "ethnicity"}
# Where a text of an export stands as it is: which files, which columns, why.
EXCEPTED = (
    (
        "ledger/*/*.parquet",
        {"slice_value", "group", "occasion", "wave", "survey_id", "cycle", "period", "driver", "item_id", "competency"}
        | {"parts", "figures", "weights"},
        "The ledger is compared with the build by these values. Its files are readable by their owner only; people are "
        "keyed digests there.",
    ),
)


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


def private(warehouse):
    """What may hold people: only its owner can read it."""
    return [warehouse / "raw", warehouse / "validated", *(warehouse / "versions").glob("*/people.duckdb")]


def leaks(values, warehouse, home, said):
    """Where one of the values was found: as bytes of any file, and in each column of each table.

    What is `EXCEPTED` is left out.
    """
    wanted = {value.lower() for value in values}
    found = [f"said: {value}" for value in wanted if value in said.lower()]
    tables = []
    for path in written(warehouse, home, parsed_project(), but=private(warehouse)):
        is_table = path.suffix in (".duckdb", ".parquet")
        tables += [path] * is_table
        # The bytes of a table do not tell of which column they are.
        is_by_column = is_table and any(path.match(pattern) for pattern, _, _ in EXCEPTED)
        content = b"" if is_by_column else path.read_bytes().lower()
        name = path.relative_to(path.anchor).as_posix().lower()
        found += [f"{path}: {value}" for value in wanted if value.encode() in content or value in name]
    with duckdb.connect() as con:
        con.execute("create temp table secrets as select unnest(?) as value", [sorted(wanted)])
        for path in tables:
            for source in sources(con, path):
                for (column,) in con.execute(f"select column_name from (describe from {source})").fetchall():
                    if is_excepted(path.relative_to(warehouse), column):
                        continue
                    rows = con.execute(
                        f"select distinct value from {source} inner join secrets "
                        f'on contains(lower(cast("{column}" as varchar)), value)'
                    ).fetchall()
                    found += [f"{path}: {source}.{column}: {value}" for (value,) in rows]
    return found


def sources(con, path):
    """The tables of a file."""
    if path.suffix == ".parquet":
        return [f"read_parquet('{path}')"]
    name = f"at{len(con.execute('select * from duckdb_databases()').fetchall())}"
    con.execute(f"attach '{path}' as {name} (read_only)")
    told = con.execute("select schema_name, table_name from duckdb_tables() where database_name = ?", [name]).fetchall()
    return [f'{name}."{schema}"."{table}"' for schema, table in told]


def is_excepted(path, column):
    return any(path.match(pattern) and column in columns for pattern, columns, _ in EXCEPTED)


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


# Canaries: an address in each text column of each entity, in file names and in headers.
CANARY = "Zqy"
# Columns whose words we prescribe: a canary there has its row kept back, so only one row has one.
_PRESCRIBED = {
    *("exit_type", "currency", "change_type", "relationship", "level", "period", "status", "employment_type"),
    *("answer", "not_applicable"),
}


def canary(entity, column, n=0):
    return f"{CANARY}{entity}.{column}{n:03}@canary.example"


def canary_company():
    """The same company with canaries: in each text column, of all rows where any word will do, and of one more row."""
    rows = company()
    rows["goals"][0]["level"] = "company"
    rows["goal_alignments"] = [{"goal_id": f"g{n}", "parent_goal_id": "g0"} for n in range(1, PEOPLE)]
    shared = {"survey_id", "item_id", "cycle", "goal_id", "parent_goal_id", *(column.name for column in ATTRIBUTES)}
    for name, some in rows.items():
        entity = ENTITIES[name]
        texts = [column for column in entity.columns if column.type in ("id", "text")]
        people = {column.name for column in texts if column.person or column.data_class == "direct_identifier"}
        for column in {column.name for column in texts if column.data_class != "free_text"} - people - _PRESCRIBED:
            # What files have in common is called alike in all of them.
            of, called = ("shared", column.removeprefix("parent_")) if column in shared else (name, column)
            for row in some:
                row[column] = canary(of, called, _number(row.get(column, "")))
        some += [{**some[0], column.name: canary(name, column.name, 900)} for column in texts]
        for row in some:
            row[f"{CANARY}header.{name}@canary.example"] = canary(name, "unknown_column")
    return rows


def _number(word):
    """Small, and another one for each of the company's words."""
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(word)) % 800


def write_canaries(landing, rows):
    """Each entity in a file whose name holds an address; goals and trainings in further ones."""
    write(landing, rows)
    for name in rows:
        (landing / name / f"{name}.csv").rename(landing / name / f"{name}_{canary(name, 'file')}.csv")
    goals = landing / "goals" / f"goals_{canary('goals', 'file')}.csv"
    head, *lines = goals.read_text().splitlines(keepends=True)
    goals.write_text("".join([head, *lines[1::2]]))
    (landing / "goals" / f"goals_{person(3)}.csv").write_text("".join([head, *lines[::2]]))
    first = landing / "trainings" / f"trainings_{canary('trainings', 'file')}.csv"
    shutil.copy(first, landing / "trainings" / f"trainings_{canary('trainings', 'file', 1)}.csv")


def canaries(landing, rows):
    """What of the canaries may be found nowhere: the part before the sign."""
    values = {word for some in rows.values() for row in some for pair in row.items() for word in pair}
    values |= {path.name.removeprefix(path.parent.name + "_") for path in landing.rglob("*.csv")}
    return {word.partition("@")[0] for word in values if word.startswith(CANARY)}


@pytest.fixture(scope="module")
def canary_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("canaries")
    rows = canary_company()
    write_canaries(folder / "landing", rows)
    outcome = run_warehouse(
        folder / "landing", folder / "warehouse", DAGSTER_HOME=str(folder / "dagster"), PERFWH_QUARANTINE_LIMIT="1"
    )
    return outcome, canaries(folder / "landing", rows), folder


def test_addresses_in_any_column_or_name_are_written_in_the_keyed_form(canary_run):
    outcome, values, folder = canary_run
    assert outcome.code == 0, outcome.said
    planted_in = {tuple(value.removeprefix(CANARY).rsplit(".", 1)) for value in values}
    for name, entity in ENTITIES.items():
        told = [column.name for column in entity.columns if column.type in ("id", "text")]
        assert {(name, f"{column}900") for column in told} <= planted_in
        assert {(name, "file000"), ("header", name)} <= planted_in
    assert leaks(values, outcome.warehouse, folder / "dagster", outcome.said) == []


def test_what_is_keyed_is_published_still(canary_run):
    """The figures are there, under names that tell nobody; who may read of people may see what stands for what."""
    outcome, _, _ = canary_run
    for mart, column in (
        ("morale", "survey_id"),
        ("morale", "driver"),
        ("morale_item", "item_id"),
        ("rating_gap", "competency"),
        ("rating_gap", "cycle"),
        ("goal_alignment", "goal_id"),
    ):
        found = outcome.query(f"select distinct {column} from marts.{mart}")
        assert any(word.startswith("person-") for (word,) in found if word), (mart, column, found)
    departments = outcome.query(
        "select distinct slice_value from marts.headcount_walk where slice_dimension = 'department'"
    )
    assert len([word for (word,) in departments if word.startswith("person-")]) >= 2
    loads = dict(outcome.query("select file_name, message from ops.loads"))
    assert all("@" not in name + (message or "") for name, message in loads.items())
    assert len(loads) == len(ENTITIES) + 2
    back = dict(outcome.query("select keyed, text from ops.keyed_texts", "people"))
    for name in loads:
        assert (outcome.landing / back[name]).is_file()
    assert {back[word] for (word,) in departments if word.startswith("person-")} <= set(back.values())


def test_a_known_id_in_the_name_of_a_file_is_not_published(canary_run):
    outcome, _, _ = canary_run
    secret = person(3).lower()
    shown = [*outcome.published.glob("*.json"), *(outcome.warehouse / "pages").rglob("*")]
    assert [path for path in shown if path.is_file() and secret in path.read_text().lower()] == []
    assert secret not in outcome.said.lower()
    assert (
        outcome.one(
            f"select count(*) from ops.loads where contains(lower(file_name || coalesce(message, '')), '{secret}')"
        )
        == 0
    )


def test_what_may_hold_people_is_private(canary_run):
    outcome, _, _ = canary_run
    inside = [path for root in private(outcome.warehouse) for path in (root, *root.rglob("*"))]
    inside += [path for path in (outcome.warehouse / "ledger").rglob("*")]
    assert any(path.is_file() for path in inside)
    assert {oct(path.stat().st_mode & 0o777) for path in inside if path.is_dir()} == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in inside if path.is_file()} == {"0o600"}


def test_neither_does_a_blocked_run_tell_of_addresses(canary_run):
    """Files that nobody knows, that are still written or gone, an alert, and what `perfwh status` says of them."""
    outcome, values, folder = canary_run
    landing = folder / "landing"
    (landing / f"list_{canary('stranger', 'file')}.csv").write_text(f"{canary('stranger', 'header')},b\n1,2\n")
    (landing / "reviews" / f"more_{canary('reviews', 'file', 1)}.csv").write_text("cycle,x\n2024,1\n")
    (landing / "goals" / f"goals_{canary('arriving', 'file')}.csv.part").write_text("goal_id\n")
    (landing / "trainings" / f"trainings_{canary('trainings', 'file')}.csv").unlink()
    home = {"DAGSTER_HOME": str(folder / "dagster")}
    blocked = run_warehouse(landing, outcome.warehouse, **home, PERFWH_QUARANTINE_LIMIT="0")
    assert blocked.code == 3, blocked.said
    values = values | {f"{CANARY}{name}" for name in ("stranger.", "arriving.", "reviews.file001")}
    said = blocked.said
    for options in ((), ("--json",), ("--quarantine",), ("--quarantine", "--json")):
        told = perfwh("status", "--landing", landing, "--warehouse", outcome.warehouse, *options, **home)
        assert told.returncode == 0, told.stderr
        said += told.stdout + told.stderr
    assert "person-" in said
    assert leaks(values, outcome.warehouse, folder / "dagster", said) == []


def test_the_search_sees_tables_and_names_of_files(canary_run, tmp_path):
    """Proof that it can fail: a table, a Parquet file and a name outside of what is excepted."""
    _, values, _ = canary_run
    value = min(values)
    with duckdb.connect(str(tmp_path / "some.duckdb")) as con:
        con.execute(f"create table t as select '{value}@canary.example' as slice_value")
        con.execute(f"copy t to '{tmp_path / 'some.parquet'}'")
    (tmp_path / f"{value}.json").write_text("{}")
    found = leaks({value}, tmp_path, tmp_path / "none", "")
    assert {Path(one.split(":")[0]).name for one in found} == {"some.duckdb", "some.parquet", f"{value}.json"}
