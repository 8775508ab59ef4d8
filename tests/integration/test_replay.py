"""The sample company month by month: what is published of a past month stays, whatever arrives later."""

from __future__ import annotations

import re
import shutil
from datetime import date

import pytest

from pipelines import building
from pipelines.entities import ENTITIES
from pipelines.profiles import load_profiles
from pipelines.runs import Run, last_run
from pipelines.settings import load_settings
from tests.integration.test_reference_figures import assert_reconciles
from tests.oracle.history import add_months, last_of
from tests.oracle.test_morning import QUESTIONS
from tests.oracle.warehouse import Warehouse, compiled_open

pytestmark = pytest.mark.xdist_group("sample")

MONTHS = [last_of(add_months(date(2024, 11, 1), n)) for n in range(14)]
# Exports that are one growing file: the day on which a row of them is known.
KNOWN_ON = {
    "job_changes": "effective_date",
    "one_on_ones": "scheduled_on",
    "recognitions": "given_on",
    "trainings": "assigned_on",
}


def known(file_name: str, until: date) -> bool:
    """Whether a file had been delivered: its name says of which day, month or half-year it is."""
    if found := re.search(r"(\d{4})-H([12])", file_name):
        return date(int(found[1]), 6 * int(found[2]), 28) <= until
    if found := re.search(r"(\d{4})-(\d{2})", file_name):
        return date(int(found[1]), int(found[2]), 1) <= until
    return True


@pytest.fixture(scope="module")
def replay(sample, tmp_path_factory):
    # A copy, since what other tests read there is its last run.
    warehouse = tmp_path_factory.mktemp("replay") / "warehouse"
    shutil.copytree(sample.warehouse, warehouse, symlinks=True)
    settings = load_settings(landing=sample.landing, warehouse=warehouse)
    published = last_run(settings)
    assert published
    run = Run(settings, "replay")
    run.begin()
    run.write("inbox", published.read("inbox"))
    profiles = load_profiles(settings.profiles)
    built = Warehouse(compiled_open())

    def until(day: date):
        loads = [load for load in published.loads() if known(load.file_name, day)]
        for entity in ENTITIES.values():
            building.add_entity(run, entity, [load for load in loads if load.entity == entity.name], profiles)
        building.add_pseudonyms(run)
        built.con.execute(f"attach '{run.database}' as made (read_only)")
        for name in (*ENTITIES, "person_pseudonyms"):
            where = f"where {KNOWN_ON[name]} <= date '{day}'" if name in KNOWN_ON else ""
            built.con.execute(
                f"create or replace table build.validated.{name} as select * from made.validated.{name} {where}"
            )
        # Completed later, and not known yet.
        built.con.execute(
            f"update build.validated.trainings set completed_on = null, status = 'assigned' where completed_on > date '{day}'"
        )
        built.con.execute("detach made")
        built.build()
        return built

    return until


# Mart → which rows are settled by the end of a month, and the columns that go on to grow.
SETTLED = {
    "headcount_walk": ("month <= '{day}'", []),
    "turnover": ("month <= '{day}'", []),
    "retention": ("month <= '{day}'", ["new_hire", "retained_", "is_suppressed", "suppression_reason"]),
    "retention_cohort": ("hire_month + to_months(months_since_hire + 1) <= date '{day}'", []),
    "goal_attainment": ("period <= '{half}'", []),
    "goal_attainment_distribution": ("period <= '{half}'", []),
    "goal_alignment": ("period <= '{half}'", []),
    "morale": ("regexp_extract(survey_id, '\\d{{4}}-\\d{{2}}') <= '{month}'", []),
    "morale_item": ("regexp_extract(survey_id, '\\d{{4}}-\\d{{2}}') <= '{month}'", []),
    "enps": ("regexp_extract(survey_id, '\\d{{4}}-\\d{{2}}') <= '{month}'", []),
    "recognition": ("month <= '{day}'", []),
    "one_on_one": ("month <= '{day}'", []),
    "rating_distribution": ("cycle <= '{half}'", []),
    "rating_gap": ("cycle <= '{half}'", []),
    "adverse_impact": ("cycle <= '{half}' and decision = 'top_rating'", []),
    "manager_scorecard": ("month <= '{day}'", []),
    "performance": ("cycle <= '{half}'", []),
    "rater_calibration": ("cycle <= '{half}'", []),
}


def test_every_prefix_agrees_with_the_full_run(replay):
    full = replay(MONTHS[-1])
    for name in SETTLED:
        full.con.execute(f"create or replace table build.main.{name} as select * from {full.models[name].table}")
    compared = dict.fromkeys(SETTLED, 0)
    for day in MONTHS[:-1]:
        half = f"{day.year}-H2" if day.month == 12 else f"{day.year}-H1" if day.month >= 6 else f"{day.year - 1}-H2"
        prefix = replay(day)
        for name, (settled, growing) in SETTLED.items():
            where = settled.format(day=day, half=half, month=f"{day:%Y-%m}")
            columns = [
                f'"{column}"'
                for (column,) in prefix.query(f"select column_name from (describe {prefix.models[name].table})")
                if not column.startswith(tuple(growing) or ("-",))
            ]
            what = ", ".join(columns)
            then = f"select {what} from {prefix.models[name].table} where {where}"
            now = f"select {what} from build.main.{name} where {where}"
            differing = prefix.query(f"(({then}) except ({now})) union all (({now}) except ({then})) limit 4")
            assert differing == [], f"{name} as known on {day}"
            compared[name] += prefix.query(f"select count(*) from ({then})")[0][0]
    assert all(compared.values()), compared


def test_where_morale_falls(sample):
    rows = sample.query(QUESTIONS["Where is morale falling?"])
    assert rows
    for *_, delta, delta_of_the_year in rows:
        assert (delta if delta is not None else delta_of_the_year) < 0


def test_the_sample_reconciles_for_every_slice(sample):
    assert_reconciles(sample)
