"""Someone is erased: nothing written anywhere holds a value of theirs, everybody else's figures stay, nobody returns."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from pipelines import locking
from pipelines.defs.retention import forget_expired, weekly_retention
from pipelines.defs.sources import landing_files
from pipelines.settings import load_settings
from tests.conftest import PERFWH, Outcome, perfwh
from tests.integration.test_leaks import MARK, company, person, planted, secrets, written

pytestmark = pytest.mark.xdist_group("leaks")

WHO = 3
ENVIRONMENT = {"PERFWH_QUARANTINE_LIMIT": "0.5", "PERFWH_SETTLE_SECONDS": "0"}


def at(folder):
    return ("--landing", folder / "landing", "--warehouse", folder / "warehouse")


def values_of(n):
    """What only rows of one person hold: their id, and what was planted for them."""
    rows = company()
    mine = [value for value in secrets(rows) if value.startswith(MARK) and value.removesuffix("@example.org").endswith(f"{n:03}")]  # fmt: skip
    assert len(mine) > 8
    return mine


def texts_of(path):
    """What a file says, however it is written: its bytes, and what they hold once they are opened or unpacked."""
    content = path.read_bytes()
    yield content.decode(errors="replace")
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as con:
            tables = con.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
            yield from (str(con.execute(f"from {table}").fetchall()) for (table,) in tables)
    elif path.suffix == ".parquet":
        yield str(duckdb.execute(f"from read_parquet('{path}')").fetchall())
    elif path.suffix == ".gz":
        yield gzip.decompress(content).decode(errors="replace")
    elif content[:15] == b"SQLite format 3":
        # A copy, since opening it may write.
        with tempfile.TemporaryDirectory() as folder:
            for part in path.parent.glob(f"{path.name}*"):
                shutil.copy(part, folder)
            with closing(sqlite3.connect(Path(folder, path.name))) as con:
                for (table,) in con.execute("select name from sqlite_master where type = 'table'").fetchall():
                    yield str(con.execute(f'select * from "{table}"').fetchall())


def held(values, *folders):
    """In which files below some folders one of the values stands: in their path, or in what they say."""
    found = []
    for folder in folders:
        for path in written(folder, but=[]):
            said = [path.relative_to(folder).as_posix(), *texts_of(path)]
            found += [(path.name, value) for value in values if any(value.lower() in text.lower() for text in said)]
    return found


def snapshot(*folders):
    """Every file and folder below some folders: its size, when it was changed, and what it holds."""
    return {
        path: (stat.st_size, stat.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for folder in folders
        for path in (folder, *folder.rglob("*"))
        if path.exists()
        for stat in [path.stat()]
    }


def answered(answer, *arguments, **environment):
    """What the command does on a terminal on which someone answers."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode() + b"\n")
        return subprocess.run(
            [PERFWH, *map(str, arguments)],
            stdin=theirs,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)


def counts(said):
    """The tables of counts that the command prints."""
    return [line for line in said.splitlines() if line.strip() and line.strip()[-1].isdigit() and "  " in line.strip()]


def email(n):
    return planted("employees", "email", n)


def add_files_called_after(landing, n):
    """Files whose names name a person: by address, by id, by name, packed under a name; one is not readable."""
    who, other = person(n), person(n + 2)
    for name, rows in {
        f"goals/{email(n)}.csv": [
            ["goal_id", "owner_id", "period", "title", f"Notes on {who}"],
            ["h1", who, "2024-Q1", "mine", ""],
            ["h2", other, "2024-Q1", f"follow {who} on this, ask {email(n)}", ""],
        ],
        f"one_on_ones/one_on_ones_{who}.csv": [
            ["meeting_id", "manager_id", "employee_id", "scheduled_on"],
            ["n1", person(0), who, "2024-02-13"],
            ["n2", person(0), other, "2024-02-13"],
        ],
        f"reviews/{who}/more.csv": [["cycle", "of"], ["2024", "nothing"]],
        f"{planted('employees', 'full_name', n)}.pdf": [["no export"]],
    }.items():
        path = landing / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(",".join(row) + "\n" for row in rows))
    packed = landing / "trainings" / "packed.csv.gz"
    with packed.open("wb") as stream, gzip.GzipFile(f"{email(n)}.csv", "wb", fileobj=stream) as archive:
        archive.write(f"employee_id,course,assigned_on\n{other},ladders,2024-01-10\n".encode())


def note_in_dagster(home, n):
    """What automation would have noted of a person: a partition, and a cursor with names of files."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions("survey_id", [f"survey of {person(n)}", "survey of others"])
    with closing(sqlite3.connect(home / "schedules" / "schedules.db")) as con:
        cursor = json.dumps({"cursor": json.dumps({"files": {f"goals/{email(n)}.csv": [1, 2, "3"]}})})
        con.execute("insert into instigators (selector_id, instigator_body) values ('watch', ?)", [cursor])
        con.commit()


@pytest.fixture(scope="module")
def delivered(planted_company, tmp_path_factory):
    """A copy of a published warehouse, and files that are called after someone: a blocked run, then one that publishes."""
    _, _, whole = planted_company
    folder = tmp_path_factory.mktemp("erased") / "company"
    shutil.copytree(whole, folder, symlinks=True)
    where = {"DAGSTER_HOME": str(folder / "dagster"), **ENVIRONMENT}
    add_files_called_after(folder / "landing", WHO)
    blocked = perfwh("run", *at(folder), **where)
    assert blocked.returncode == 3, blocked.stderr
    shutil.rmtree(folder / "landing" / "reviews" / person(WHO))
    again = perfwh("run", *at(folder), **where)
    assert again.returncode == 0, again.stderr
    note_in_dagster(folder / "dagster", WHO)
    return folder, where


@pytest.fixture(scope="module")
def rehearsed(delivered):
    """What a dry run says, and what it and a refused erasure leave behind."""
    folder, where = delivered
    before = snapshot(folder)
    dry = perfwh("erase", "--dry-run", "--employee-id", person(WHO), *at(folder), **where)
    after_dry = snapshot(folder)
    refused = answered("n", "erase", "--employee-id", person(WHO), *at(folder), **where)
    return before, dry, after_dry, refused, snapshot(folder), held(values_of(WHO), folder)


@pytest.fixture(scope="module")
def erased(planted_company, delivered, rehearsed):
    """The warehouse from which someone was erased, after the question was answered with yes."""
    before, _, _ = planted_company
    folder, where = delivered
    done = answered("y", "erase", "--employee-id", person(WHO), *at(folder), **where)
    return folder, where, before, Outcome(done.returncode, done.stdout, done.stderr, folder / "landing", folder / "warehouse")  # fmt: skip


def test_a_dry_run_and_a_refused_erasure_write_nothing(rehearsed):
    before, dry, after_dry, refused, after_refused, _ = rehearsed
    assert dry.returncode == 0, dry.stderr
    assert after_dry == before
    assert refused.returncode == 1 and "[y/N]" in refused.stdout, refused.stderr
    assert after_refused == before


def test_the_question_shows_what_the_dry_run_shows_and_what_then_happens(rehearsed, erased):
    _, dry, _, refused, _, _ = rehearsed
    *_, done = erased
    shown = counts(dry.stdout)
    assert len(shown) > 15
    assert counts(refused.stdout)[: len(shown)] == shown
    assert counts(done.stdout)[: len(shown)] == shown
    assert counts(done.stdout)[-len(shown) :] == shown


def test_a_dry_run_in_a_fresh_place_makes_nothing(planted_company, tmp_path, monkeypatch):
    """Neither keys nor folders: a regression."""
    _, _, whole = planted_company
    shutil.copytree(whole / "landing", tmp_path / "landing")
    monkeypatch.delenv("PERFWH_PSEUDONYM_KEY")
    before = snapshot(tmp_path)
    where = {
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "PERFWH_PSEUDONYM_KEY_FILE": str(tmp_path / "keys" / "pseudonym.key"),
        "PERFWH_TOMBSTONE_KEY_FILE": str(tmp_path / "keys" / "tombstone.key"),
        "PERFWH_STAGE_TIMES": str(tmp_path / "times.jsonl"),
        **ENVIRONMENT,
    }
    done = perfwh("erase", "--dry-run", "--employee-id", person(WHO), *at(tmp_path), **where)
    assert done.returncode == 0, done.stderr
    assert "employees/employees.csv" in done.stdout
    assert snapshot(tmp_path) == before
    nobody = perfwh("erase", "--dry-run", "--employee-id", "nobody", *at(tmp_path), **where)
    assert nobody.returncode == 2 and str(tmp_path / "landing") in nobody.stderr
    assert snapshot(tmp_path) == before


def test_without_a_terminal_nothing_is_erased_unless_it_is_said_that_it_may(rehearsed, delivered):
    folder, where = delivered
    before = snapshot(folder)
    command = [PERFWH, "erase", "--employee-id", person(WHO), *map(str, at(folder))]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **where},
        check=False,
    )
    assert done.returncode == 2
    assert "--yes" in done.stderr and "no terminal" in done.stderr
    assert snapshot(folder) == before


def test_nothing_that_is_written_holds_a_value_of_theirs(erased, rehearsed):
    folder, _, _, done = erased
    assert done.code == 0, done.said
    places = {name for name, _ in rehearsed[-1]}
    assert len(places) > 15, "nothing is found"
    assert {"perfwh.jsonl", "inbox.json", "index.db", "schedules.db"} <= places
    assert held(values_of(WHO), folder) == []
    assert not [value for value in values_of(WHO) if value in done.said.replace(str(folder), "")]


def test_files_called_after_them_have_a_keyed_hash_in_their_name(erased):
    folder, *_ = erased
    names = [path.relative_to(folder / "landing").as_posix() for path in written(folder / "landing", but=[])]
    digest = "[0-9a-f]{12}"
    for pattern in (rf"goals/erased-{digest}\.csv", rf"one_on_ones/one_on_ones_erased-{digest}\.csv", rf"erased-{digest}\.pdf"):  # fmt: skip
        assert len([name for name in names if re.fullmatch(pattern, name)]) == 1, pattern
    (goals,) = (folder / "landing" / "goals").glob("erased-*")
    assert goals.read_text().splitlines() == [
        "goal_id,owner_id,period,title,Notes on [erased]",
        f"h2,{person(WHO + 2)},2024-Q1,follow [erased] on this, ask [erased],",
    ]


def test_everybody_else_is_still_there(erased):
    folder, _, before, done = erased
    closing = "select month, closing from marts.headcount_walk where slice_dimension = 'company' order by 1"
    assert done.query(closing) == [(month, count - 1) for month, count in before.query(closing)]
    others = {value for n in range(14) if n != WHO for value in values_of(n)}
    assert {value for _, value in held(others, folder / "landing")} == others


def test_what_readers_have_of_surveys_and_reviews_stays(erased):
    """Else they could take the figures away from those of before, and had the answers of the one who was erased."""
    _, _, before, done = erased
    for mart in ("morale", "enps", "rating_distribution"):
        rows = f"select * from marts.{mart} order by all"
        assert done.query(rows) == before.query(rows)
    for mart, shown in (("morale", "mean_score_100"), ("rating_distribution", "share")):
        assert before.one(f"select count({shown}) from marts.{mart}") > 0, mart
    states = done.warehouse / "ledger" / "*" / "states.parquet"
    assert duckdb.execute(f"select count(*) from read_parquet('{states}') where gone > 0").fetchone()[0] >= 2


def test_the_certificate_says_what_left_where(erased):
    folder, _, _, done = erased
    (path,) = (folder / "warehouse" / "erasures").iterdir()
    told = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert {file["file_name"] for file in told["files"]} >= {
        f"{name}/{name}.csv" for name in ("employees", "survey_responses", "reviews", "goals", "trainings")
    }
    assert all(file["records"] or file["texts"] for file in told["files"] if not file["file_name"].endswith(".gz"))
    assert told["renamed"] == 3
    # Alerts, pages and manifests name people by keyed forms only.
    may_be_clean = {"lines of alerts", "lines of pages", "lines of certificates", "lines of other notes"}
    assert {name for name, count in told["stores"].items() if not count} <= may_be_clean
    assert told["stores"]["digests of the ledger"] > 0
    assert told["stores"]["runs of Dagster"] == 1 and told["stores"]["partitions of Dagster"] == 1
    # Raw and validated rows of each; a regression: what went with its file was not counted.
    assert told["copies"] == 2 * len(told["files"])
    assert told["versions"] and told["published"] == done.manifest()["version"] and told["left"] == 0
    assert [version.name for version in (folder / "warehouse" / "versions").iterdir()] == [told["published"]]


def test_who_is_delivered_again_does_not_come_back(erased, tmp_path, monkeypatch):
    """The first step of a run cleans what has landed, before anything is made of it."""
    folder, where, before, _ = erased
    shutil.copytree(folder / "landing", tmp_path / "landing")
    shutil.copy(before.landing / "employees" / "employees.csv", tmp_path / "landing" / "employees" / "employees.csv")
    for name, value in {**where, "PERFWH_LANDING": str(tmp_path / "landing"), "PERFWH_WAREHOUSE": str(tmp_path / "warehouse")}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert held(values_of(WHO), tmp_path)
    try:
        assert dg.materialize([landing_files]).success
    finally:
        locking.release(load_settings())
    assert held(values_of(WHO), tmp_path) == []


def test_who_is_not_there_cannot_be_erased(erased):
    folder, where, *_ = erased
    done = perfwh("erase", "--yes", "--employee-id", f"{MARK}nobody", *at(folder), **where)
    assert done.returncode == 2
    assert "nobody" in done.stderr and MARK not in done.stderr.replace(str(folder), "")
    assert perfwh("erase", *at(folder), **where).returncode == 2
    assert perfwh("erase", "--yes", "--expired", *at(folder), **where).returncode == 2


def test_a_tombstone_can_be_lifted(erased, tmp_path):
    folder, where, *_ = erased
    shutil.copytree(folder / "landing", tmp_path / "landing")
    lift = ("erase", "--lift", "--employee-id", person(WHO), *at(tmp_path))
    assert perfwh(*lift, **where).returncode == 0
    assert perfwh(*lift, **where).returncode == 2
    assert json.loads((tmp_path / "landing" / ".perfwh-erased.json").read_text())["people"] == []


def test_rows_that_are_too_old_go_on_a_schedule(planted_company, tmp_path_factory, monkeypatch):
    """As Dagster does it: the schedule asks for a run where there is something to forget, and the run forgets it."""
    _, _, whole = planted_company
    folder = tmp_path_factory.mktemp("retention") / "company"
    shutil.copytree(whole, folder, symlinks=True)
    for name, value in {
        "PERFWH_LANDING": str(folder / "landing"),
        "PERFWH_WAREHOUSE": str(folder / "warehouse"),
        "DAGSTER_HOME": str(folder / "dagster"),
        **ENVIRONMENT,
    }.items():
        monkeypatch.setenv(name, value)
    with dg.build_schedule_context() as context:
        assert isinstance(weekly_retention(context), dg.SkipReason)
        monkeypatch.setenv("PERFWH_RETENTION_DAYS", json.dumps({"survey_responses": 1}))
        assert isinstance(weekly_retention(context), dg.RunRequest)
    before = json.loads((folder / "warehouse" / "published" / "manifest.json").read_text())
    with dg.DagsterInstance.ephemeral() as instance:
        assert forget_expired.execute_in_process(instance=instance, raise_on_error=False).success
    after = json.loads((folder / "warehouse" / "published" / "manifest.json").read_text())
    assert before["version"] != after["version"]
    assert [path.name for path in (folder / "warehouse" / "versions").iterdir()] == [after["version"]]
    assert before["row_counts"]["restricted.fct_survey_answer"] > 0
    assert after["row_counts"]["restricted.fct_survey_answer"] == 0
