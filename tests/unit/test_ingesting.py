"""Files by period: which ones a load is of, what is known of each, and that a period is read anew by itself."""

from __future__ import annotations

import logging

from pipelines import ingesting, logs
from pipelines.entities import ENTITIES, LOOKUP
from pipelines.runs import Run

HEADER = "as_of,employee_id,hire_date\n"


def employees(settings, name, *days):
    folder = settings.landing / "employees"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(HEADER + "".join(f"{day},e{n},2020-01-01\n" for n, day in enumerate(days)))


def read(settings, entity="employees", periods=None):
    return {load.file_name.split("/")[-1]: load for load in ingesting.read_again(settings, entity, periods)}


def test_a_file_is_of_every_month_that_its_rows_are_of(settings):
    employees(settings, "a.csv", "2024-01-31")
    employees(settings, "b.csv", "2024-02-29", "2024-03-31")
    found = read(settings)
    assert found["a.csv"].periods == ["2024-01"]
    assert found["b.csv"].periods == ["2024-02", "2024-03"]


def test_a_history_is_of_the_month_of_its_newest_day(settings):
    folder = settings.landing / "employees"
    folder.mkdir()
    (folder / "h.csv").write_text(
        "effective_on,employee_id,hire_date\n2023-05-01,e1,2023-05-01\n2024-02-10,e2,2024-02-10\n"
    )
    assert read(settings)["h.csv"].periods == ["2024-02"]


def test_surveys_cycles_and_goal_periods_are_periods_and_others_have_none(settings):
    for entity, header, row in (
        ("survey_responses", "survey_id,respondent_id,item_id,answer", "autumn,r1,q1,5"),
        ("reviews", "cycle,reviewee_id,relationship,rating", "2024-H1,e1,manager,3"),
        ("goals", "goal_id,owner_id,period", "g1,e1,2024-Q1"),
        ("trainings", "employee_id,course", "e1,First aid"),
    ):
        (settings.landing / entity).mkdir()
        (settings.landing / entity / "x.csv").write_text(f"{header}\n{row}\n")
    periods = {
        entity: read(settings, entity)["x.csv"].periods
        for entity in ("survey_responses", "reviews", "goals", "trainings")
    }
    assert periods == {"survey_responses": ["autumn"], "reviews": ["2024-H1"], "goals": ["2024-Q1"], "trainings": []}


def test_names_of_periods_are_such_that_dagster_takes_them(settings):
    """A survey of another name would fail the run that tells of it."""
    import dagster as dg

    (settings.landing / "survey_responses").mkdir()
    rows = "".join(f'"{name}",r1,q1,5\n' for name in ("Autumn...", "two\tparts"))
    (settings.landing / "survey_responses" / "x.csv").write_text(f"survey_id,respondent_id,item_id,answer\n{rows}")
    periods = read(settings, "survey_responses")["x.csv"].periods
    assert periods == ["Autumn…", "two parts"]
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("survey_id", periods)


def test_a_repeated_file_counts_once_read_anew_as_in_a_run(settings):
    employees(settings, "a.csv", "2024-01-31")
    employees(settings, "b.csv", "2024-01-31")
    again = ingesting.contents(read(settings).values())
    run = Run(settings, "r")
    assert ingesting.contents(ingesting.judge_entity(run, ENTITIES["employees"]).loads) == again
    assert again["2024-01"].rows == 1


def test_only_the_files_of_the_asked_periods_are_read_anew(settings):
    for month in ("2024-01-31", "2024-02-29", "2024-03-31"):
        employees(settings, f"{month}.csv", month)
    read(settings)

    def stamps():
        return {
            path.name: path.stat().st_mtime_ns
            for room in ("raw", "validated")
            for path in (settings.warehouse / room).iterdir()
        }

    before = stamps()
    assert set(read(settings, periods=["2024-02"])) == {"2024-02-29.csv"}
    after = stamps()
    assert after.keys() == before.keys()
    assert sum(after[name] != before[name] for name in before) == 2


def test_a_digest_changes_with_the_files_of_its_period_alone(settings):
    employees(settings, "a.csv", "2024-01-31")
    employees(settings, "b.csv", "2024-02-29", "2024-02-29")
    before = ingesting.contents(read(settings).values())
    employees(settings, "a.csv", "2024-01-31", "2024-01-31")
    after = ingesting.contents(read(settings).values())
    assert before["2024-02"] == after["2024-02"] == ingesting.Content(1, 2, before["2024-02"].digest)
    assert before["2024-01"].digest != after["2024-01"].digest


def test_what_a_run_has_no_step_for_is_made_up_for(settings):
    employees(settings, "a.csv", "2024-01-31")
    run = Run(settings, "some-run")
    ingesting.judge_entity(run, ENTITIES["employees"])
    judged = run.folder / "loads" / "employees.json"
    stamp = judged.stat().st_mtime_ns
    assert ingesting.complete(run) == []
    assert judged.stat().st_mtime_ns == stamp, "what is there is not made again"
    for entity in (*ENTITIES, LOOKUP):
        assert run.has(f"loads/{entity}")
    assert run.read("people") == 1
    assert run.has("earlier")


def test_a_blocking_check_keeps_the_models_from_being_built(settings):
    employees(settings, "a.csv", "2024-01-31")
    (settings.landing / "goals").mkdir()
    (settings.landing / "goals" / "broken.csv").write_text("goal_id,owner_id\ng1,e1\n")
    blocking = [(check.asset, check.check_name) for check in ingesting.complete(Run(settings, "r"))]
    assert blocking == [("validated/goals", "every_file_is_loaded")]


def test_a_log_line_says_run_step_source_and_file(settings):
    import json

    employees(settings, "a.csv", "2024-01-31")
    with logs.kept(settings, run="r1", step="s1"):
        read(settings)
    logging.getLogger("perfwh.loads").info("said outside")
    lines = [json.loads(line) for line in (settings.warehouse / "logs" / "perfwh.jsonl").read_text().splitlines()]
    assert {"run", "step", "timestamp", "level"} <= lines[0].keys()
    assert ("employees/a.csv", "canonical_employees", 1) in {
        (x.get("file"), x.get("source"), x.get("rows_loaded")) for x in lines
    }
    assert "said outside" not in {line["event"] for line in lines}


def test_a_long_step_says_how_far_it_is(monkeypatch, caplog):
    monkeypatch.setattr(logs, "_SECONDS_BETWEEN", -1)
    with caplog.at_level(logging.INFO, "perfwh"):
        assert list(logs.progress(["a", "b", "c"], "goals")) == ["a", "b", "c"]
    assert [record.getMessage() for record in caplog.records] == [f"files: goals {n} of 3" for n in range(3)]
