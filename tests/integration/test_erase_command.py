"""Someone is erased: nothing written anywhere holds a value of theirs, everybody else's figures stay, nobody returns."""

from __future__ import annotations

import json
import shutil

import dagster as dg
import duckdb
import pytest

from pipelines import locking
from pipelines.defs.retention import forget_expired, weekly_retention
from pipelines.defs.sources import landing_files
from pipelines.settings import load_settings
from tests.conftest import Outcome, perfwh
from tests.integration.test_leaks import MARK, company, person, secrets, written

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


def held(values, *folders):
    """In which files below some folders one of the values stands; databases and Parquet files are opened."""
    found = []
    for path in written(*folders, but=[]):
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as con:
                tables = con.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
                texts = [str(con.execute(f"from {table}").fetchall()) for (table,) in tables]
        elif path.suffix == ".parquet":
            texts = [str(duckdb.execute(f"from read_parquet('{path}')").fetchall())]
        else:
            texts = [path.read_bytes().decode(errors="replace")]
        found += [(path.name, value) for value in values if any(value in text for text in texts)]
    return found


@pytest.fixture(scope="module")
def erased(planted_company, tmp_path_factory):
    """A copy of a published warehouse, from which someone was erased."""
    before, _, whole = planted_company
    folder = tmp_path_factory.mktemp("erased") / "company"
    shutil.copytree(whole, folder, symlinks=True)
    where = {"DAGSTER_HOME": str(folder / "dagster"), **ENVIRONMENT}
    done = perfwh("erase", "--employee-id", person(WHO), *at(folder), **where)
    return folder, where, before, Outcome(done.returncode, done.stdout, done.stderr, folder / "landing", folder / "warehouse")  # fmt: skip


def test_nothing_that_is_written_holds_a_value_of_theirs(erased):
    folder, _, before, done = erased
    assert done.code == 0, done.said
    assert len({name for name, _ in held(values_of(WHO), before.landing, before.warehouse)}) > 10, "nothing is found"
    assert held(values_of(WHO), folder) == []
    assert not [value for value in values_of(WHO) if value in done.said.replace(str(folder), "")]


def test_everybody_else_is_still_there(erased):
    folder, _, before, done = erased
    closing = "select month, closing from marts.headcount_walk where slice_dimension = 'company' order by 1"
    assert done.query(closing) == [(month, count - 1) for month, count in before.query(closing)]
    others = {value for n in range(14) if n != WHO for value in values_of(n)}
    assert {value for _, value in held(others, folder / "landing")} == others


def test_what_readers_have_of_surveys_and_reviews_stays(erased):
    """Else they could take the figures away from those of before, and had the answers of the one who was erased."""
    _, _, before, done = erased
    for mart, shown in (("morale", "mean_score_100"), ("enps", "enps"), ("rating_distribution", "share")):
        rows = f"select * from marts.{mart} order by all"
        assert done.query(rows) == before.query(rows)
        assert before.one(f"select count({shown}) from marts.{mart}") > 0, mart
    assert done.one("select count(*) from restricted.releases where slices = 'gone'", "people") >= 2


def test_the_certificate_says_what_left_where(erased):
    folder, _, _, done = erased
    (path,) = (folder / "warehouse" / "erasures").iterdir()
    told = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert {file["file_name"] for file in told["files"]} >= {
        f"{name}/{name}.csv" for name in ("employees", "survey_responses", "reviews", "goals", "trainings")
    }
    assert all(file["records"] for file in told["files"] if file["file_name"] != "survey_items/survey_items.csv")
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
    done = perfwh("erase", "--employee-id", f"{MARK}nobody", *at(folder), **where)
    assert done.returncode == 2
    assert "nobody" in done.stderr and MARK not in done.stderr.replace(str(folder), "")
    assert perfwh("erase", *at(folder), **where).returncode == 2
    assert perfwh("erase", "--expired", *at(folder), **where).returncode == 2


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
