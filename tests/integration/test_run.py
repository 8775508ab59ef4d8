"""Whole runs as users start them: what is published, what is said, and what happens when something is wrong."""

from __future__ import annotations

import html
import json
import os
import shutil
import subprocess
import sys
import threading

import duckdb
import pytest

from pipelines.marts import MARTS, RESTRICTED_TABLES
from tests.conftest import Outcome, perfwh, run_warehouse

pytestmark = pytest.mark.xdist_group("sample")

EXITS = "exits_voluntary + exits_involuntary + exits_other + exits_unknown"


def marts_of(outcome: Outcome) -> dict[str, list]:
    return {mart: outcome.query(f"from marts.{mart} order by all") for mart in MARTS}


def test_what_is_published(sample):
    folder = sample.published
    assert {path.name for path in folder.iterdir()} == {"performance.duckdb", "people.duckdb", "marts", "manifest.json"}
    assert (folder / "people.duckdb").stat().st_mode & 0o777 == 0o600
    assert {path.stem for path in (folder / "marts").iterdir()} == set(MARTS)
    manifest = sample.manifest()
    for table, rows in manifest["row_counts"].items():
        database = "people" if table.startswith("restricted.") else "performance"
        assert sample.one(f"select count(*) from {table}", database) == rows
    for mart in MARTS:
        in_parquet = duckdb.sql(f"from '{folder}/marts/{mart}.parquet' order by all").fetchall()
        assert in_parquet == sample.query(f"from marts.{mart} order by all")
        assert in_parquet, mart
    tables = {row[:2] for row in sample.query("select schema_name, table_name from duckdb_tables()", "people")}
    assert tables == {
        *(("restricted", table) for table in RESTRICTED_TABLES),
        ("ops", "quarantine_rows"),
        ("ops", "keyed_texts"),
    }


def test_what_protection_costs_is_told(sample):
    kinds = "select distinct kind from ops.protection order by 1"
    assert [kind for (kind,) in sample.query(kinds)] == [
        "answers", "exits", "goals", "meetings", "populations", "ratings", "recognitions", "trainings",
    ]  # fmt: skip
    suppressed = "select count(*) from marts.enps where suppression_reason = 'complementary'"
    told = "select sum(complementary) from ops.protection where kind = 'answers'"
    assert sample.one(told) >= sample.one(suppressed)
    company = "select sum(complementary) from ops.protection where slice_dimension = 'company' and kind in ('answers', 'goals')"
    assert sample.one(company) == 0


def test_checksums_are_those_of_the_files(sample):
    import hashlib

    for name, checksum in sample.manifest()["checksums"].items():
        assert hashlib.sha256((sample.published / name).read_bytes()).hexdigest() == checksum, name


def test_databases_open_without_a_write_ahead_log_and_say_what_columns_mean(sample):
    assert not list(sample.published.glob("*.wal"))
    without = sample.one("select count(*) from duckdb_columns() where schema_name = 'marts' and comment is null")
    assert without == 0
    assert sample.one("select count(*) from duckdb_columns() where schema_name = 'marts'") > 80


def test_columns_about_people_say_of_which_class_they_are(sample):
    told = dict(sample.query("select table_name || '.' || column_name, comment from duckdb_columns() where schema_name = 'restricted'", "people"))  # fmt: skip
    assert all(told.values())
    classes = {name: text.partition("Data class: ")[2] for name, text in told.items()}
    assert set(classes.values()) == {"", "direct identifier.", "quasi identifier.", "sensitive.", "free text."}
    for column in ("employee_id", "full_name", "email", "manager_id", "rater_id", "reviewee_id", "respondent_id"):
        of_column = {kind for name, kind in classes.items() if name.endswith(f".{column}")}
        assert of_column == {"direct identifier."}, column
    for name in ("dim_employee.salary", "dim_employee.gender", "dim_employee.ethnicity", "fct_survey_answer.answer"):
        assert classes[name] == "sensitive.", name


def test_no_row_disappears(sample):
    loads = sample.query(
        "select rows_read, rows_loaded, rows_quarantined, rows_duplicate from ops.loads where status = 'loaded'"
    )
    assert len(loads) > 25
    assert all(read == loaded + quarantined + duplicate for read, loaded, quarantined, duplicate in loads)


def test_walk_reconciles_for_every_slice_and_month(sample):
    broken = sample.one(
        "select count(*) from marts.headcount_walk where opening + hires + rehires + transfers_in - transfers_out "
        f"- ({EXITS}) <> closing"
    )
    shown = sample.one("select count(distinct slice_dimension) from marts.headcount_walk where opening is not null")
    assert (broken, shown >= 9) == (0, True)


def test_walk_agrees_with_the_snapshots_themselves(sample):
    """Headcount per month, counted from the delivered files without any of our code."""
    expected = duckdb.sql(
        f"""
        select date_trunc('month', as_of)::date as month, count(*) filter (left_on is null or left_on >= as_of) as people
        from (
            select regexp_extract(filename, 'workers_(.*).csv', 1)::date as as_of, "Worker Type" as kind,
                try_strptime("Last Day of Work", '%m/%d/%Y')::date as left_on
            from read_csv('{sample.landing}/hris/*.csv', skip=2, header=true, all_varchar=true, filename=true, null_padding=true)
            where "Employee ID" <> 'Total'
        ) where kind not in ('Intern', 'Contractor') group by 1 order by 1
        """
    ).fetchall()
    walk = sample.query(
        "select month, headcount_last_day from marts.headcount_walk where slice_dimension = 'company' order by 1"
    )
    assert walk == expected


def test_nothing_new_does_nothing(sample):
    version = sample.manifest()["version"]
    again = run_warehouse(sample.landing, sample.warehouse)
    assert again.code == 0
    assert "Nothing new" in again.stdout
    assert sample.manifest()["version"] == version


def test_the_run_tells_what_it_did(sample):
    for word in ("employees", "survey_responses", "headcount_walk", "Published version", "published/performance"):
        assert word in sample.said, word


def test_the_run_is_in_dagster(sample):
    script = (
        "import dagster as dg\n"
        "with dg.DagsterInstance.get() as instance:\n"
        f"    run = instance.get_run_by_id('{sample.manifest()['run_id']}')\n"
        "    key = dg.AssetKey(['marts', 'turnover'])\n"
        "    event = instance.get_latest_materialization_event(key)\n"
        "    print(run.job_name, run.status.value, event.asset_materialization.metadata['dagster/row_count'].value)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.split() == ["warehouse", "SUCCESS", str(sample.manifest()["row_counts"]["marts.turnover"])]


def test_status(sample):
    done = perfwh("status", "--json", "--landing", sample.landing, "--warehouse", sample.warehouse)
    found = json.loads(done.stdout)
    assert found["published"]["version"] == sample.manifest()["version"]
    assert found["last_run"]["published"]
    assert len(found["last_run"]["loads"]) == len(sample.query("from ops.loads"))
    assert found["cautions"] == []
    where = ("--landing", sample.landing, "--warehouse", sample.warehouse)
    assert "Checks:" in perfwh("status", *where).stdout
    careless = {"PERFWH_MINIMUM_GROUP": "3"}
    assert "is 3, below the recommended 5" in perfwh("status", *where, **careless).stdout
    assert len(json.loads(perfwh("status", "--json", *where, **careless).stdout)["cautions"]) == 1


def test_the_data_quality_page_tells_every_check_with_what_it_asks(sample, tmp_path):
    page = tmp_path / "page.html"
    done = perfwh("status", "--page", page, "--landing", sample.landing, "--warehouse", sample.warehouse)
    assert done.returncode == 0, done.stderr
    text = html.unescape(page.read_text())
    assert page.read_text() == (sample.warehouse / "pages" / "data_quality.html").read_text()
    found = json.loads(perfwh("status", "--json", "--landing", sample.landing, "--warehouse", sample.warehouse).stdout)[
        "last_run"
    ]
    assert len(found["checks"]) > 200
    for check in found["checks"]:
        assert check["description"], check
        assert f'<td class="rule">{check["check_name"]}</td><td class="told">{check["description"]}</td>' in text
    assert all(f"<td>{load['file_name']}</td>" in text for load in found["loads"])
    assert "assert_raters_are_known" in text and "somebody whom the exports know" in text


def test_aggregates_hold_no_person(sample):
    """Every text of the published aggregates against every name, id, address and birth date of the exports."""
    people = {
        value
        for row in duckdb.sql(
            f"""select distinct "Employee ID", "Legal Name", "Work Email", "Date of Birth"
            from read_csv('{sample.landing}/hris/*.csv', skip=2, header=true, all_varchar=true, null_padding=true)
            where "Employee ID" <> 'Total'"""
        ).fetchall()
        for value in row
    }
    assert len(people) > 600
    texts = set()
    for table in sample.manifest()["row_counts"]:
        if table.startswith(("marts.", "ops.")):
            for (column,) in sample.query(f"select column_name from (describe {table}) where column_type = 'VARCHAR'"):
                texts |= {row[0] for row in sample.query(f'select distinct "{column}" from {table}')}
    assert len(texts) > 50
    assert texts & people == set()
    page = (sample.warehouse / "pages" / "data_quality.html").read_text()
    assert not {person for person in people if person and len(person) > 6 and person in page}
    for folder in (sample.warehouse / "runs", sample.published / "manifest.json"):
        for path in [folder] if folder.is_file() else folder.rglob("*.json"):
            text = path.read_text()
            assert not [p for p in people if "@" in p and p in text], path


class TestChanges:
    """Runs over a landing zone that changes; each begins with a copy of the sample's."""

    @pytest.fixture
    def copy(self, sample, tmp_path):
        shutil.copytree(sample.landing, tmp_path / "landing")
        shutil.copytree(sample.warehouse, tmp_path / "warehouse", symlinks=True)
        return Outcome(0, "", "", tmp_path / "landing", tmp_path / "warehouse")

    def test_the_marts_follow_from_landing_zone_and_configuration_alone(self, sample, tmp_path):
        """Purity: from nothing, files named and dated otherwise by the file system, equal marts."""
        again = run_warehouse(sample.landing, tmp_path / "elsewhere")
        assert again.code == 0
        assert marts_of(again) == marts_of(sample)

    def test_a_refused_file_blocks_and_the_last_version_stays_while_readers_read(self, copy):
        version, marts = copy.manifest()["version"], marts_of(copy)
        (copy.landing / "goals" / "goals_2026-H1.csv").write_text("Goal ID,Owner\nG-1,010001\n")
        (copy.landing / "hris" / "notes.csv").write_text("a,b\n1,2\n")
        outcome = run_warehouse(copy.landing, copy.warehouse)
        assert outcome.code == 3, outcome.said
        assert "goals/goals_2026-H1.csv: MISSING_COLUMN" in outcome.stdout
        assert "Owner ID" in outcome.stdout
        assert "hris/notes.csv: NO_PROFILE" in outcome.stdout
        assert f"Version {version} stays current" in outcome.stdout
        assert copy.manifest()["version"] == version
        assert marts_of(copy) == marts
        found = json.loads(perfwh("status", "--json", "--landing", copy.landing, "--warehouse", copy.warehouse).stdout)
        assert not found["last_run"]["published"]
        refused = {
            load["file_name"]: load["code"] for load in found["last_run"]["loads"] if load["status"] == "refused"
        }
        assert refused == {"goals/goals_2026-H1.csv": "MISSING_COLUMN", "hris/notes.csv": "NO_PROFILE"}

    def test_a_snapshot_that_collapses_blocks(self, copy):
        newest = sorted((copy.landing / "hris").iterdir())[-1]
        lines = newest.read_text().splitlines(keepends=True)
        newest.write_text("".join(lines[:80]))
        outcome = run_warehouse(copy.landing, copy.warehouse)
        assert outcome.code == 3, outcome.said
        assert "headcount_does_not_collapse" in outcome.stdout

    def test_one_answer_that_is_withdrawn_waits_and_the_summary_says_of_which_survey(self, copy):
        path = sorted((copy.landing / "survey_responses").glob("engagement-*"))[-1]
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
        survey = path.name.partition("_")[0]
        rows = f"select * from marts.morale where survey_id = '{survey}' order by all"
        before = copy.query(rows)
        outcome = run_warehouse(copy.landing, copy.warehouse)
        assert outcome.code == 0, outcome.said
        assert outcome.query(rows) == before
        assert "late answers or corrections wait" in outcome.stdout
        assert f"answers of {survey}: changes of 1 person" in outcome.stdout

    def test_a_correction_restates_and_open_readers_keep_their_version(self, copy):
        reader = duckdb.connect(str(copy.published / "performance.duckdb"), read_only=True)
        before = reader.execute("select count(*), sum(closing) from marts.headcount_walk").fetchone()
        faults: list[BaseException] = []
        reading = threading.Event()

        def keep_reading() -> None:
            try:
                while not reading.is_set():
                    with duckdb.connect(str(copy.published / "performance.duckdb"), read_only=True) as con:
                        count = con.execute("select count(*) from marts.headcount_walk").fetchone()
                    assert count[0] > 0
            except BaseException as error:
                faults.append(error)

        file = sorted((copy.landing / "hris").iterdir())[3]
        lines = file.read_text().splitlines(keepends=True)
        # The first person is there no more in the corrected file; an earlier and a later one still show them.
        file.write_text("".join(lines[:20] + lines[21:]))
        thread = threading.Thread(target=keep_reading)
        thread.start()
        outcome = run_warehouse(copy.landing, copy.warehouse)
        reading.set()
        thread.join()
        assert outcome.code == 0, outcome.said
        assert faults == []
        assert reader.execute("select count(*), sum(closing) from marts.headcount_walk").fetchone() == before
        statuses = dict(
            outcome.query(
                f"select status, count(*) from ops.loads where file_name = 'hris/{file.name}' group by status"
            )
        )
        assert statuses == {"loaded": 1, "superseded": 1}

    def test_quarantined_rows_do_not_block_until_they_are_too_many(self, copy):
        file = copy.landing / "recognitions" / "recognitions.csv"
        lines = file.read_text().splitlines(keepends=True)
        broken = [line.replace('"R0000001"', '""') for line in lines]
        file.write_text("".join(broken))
        outcome = run_warehouse(copy.landing, copy.warehouse)
        assert outcome.code == 0, outcome.said
        assert outcome.query("select file_name, rule, rows from ops.quarantine") == [
            ("recognitions/recognitions.csv", "recognition_id_given", 1)
        ]
        file.write_text("".join(line.replace('"R00', '"",,"', 1) if i % 2 else line for i, line in enumerate(lines)))
        blocked = run_warehouse(copy.landing, copy.warehouse)
        assert blocked.code == 3
        assert "recognitions.csv: ROW_WIDTH" in blocked.stdout


class TestUsage:
    def test_no_landing_zone(self, tmp_path):
        outcome = run_warehouse(tmp_path / "none", tmp_path / "warehouse")
        assert outcome.code == 2
        assert "no such folder" in outcome.stderr

    def test_an_empty_landing_zone(self, tmp_path):
        (tmp_path / "landing").mkdir()
        outcome = run_warehouse(tmp_path / "landing", tmp_path / "warehouse")
        assert outcome.code == 2
        assert "no export files" in outcome.stderr

    def test_an_invalid_profile(self, tmp_path):
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "mine.yml").write_text("profile: mine\nentity: people\n")
        (tmp_path / "landing").mkdir()
        (tmp_path / "landing" / "a.csv").write_text("x\n1\n")
        outcome = run_warehouse(tmp_path / "landing", tmp_path / "warehouse", "--profiles", str(tmp_path / "own"))
        assert outcome.code == 2
        assert "mine.yml: not a valid source profile" in outcome.stderr

    def test_an_invalid_setting(self, tmp_path):
        (tmp_path / "landing").mkdir()
        outcome = run_warehouse(tmp_path / "landing", tmp_path / "warehouse", PERFWH_MINIMUM_GROUP="few")
        assert outcome.code == 2
        assert "minimum_group" in outcome.stderr

    def test_help_is_quick_and_says_the_exit_codes(self):
        done = perfwh("run", "--help")
        assert done.returncode == 0
        assert "3 blocked by a check" in " ".join(done.stdout.split())

    def test_sample_does_not_overwrite(self, tmp_path):
        (tmp_path / "x").write_text("mine")
        done = perfwh("sample", "--out", tmp_path)
        assert done.returncode == 2
        assert "is not empty" in done.stderr

    def test_config_masks_the_key(self):
        done = perfwh("config")
        assert done.returncode == 0
        assert "minimum_group" in done.stdout
        assert "a key for tests" not in done.stdout
