"""From every column of every mart the way leads to columns of exports or to constants."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from pipelines import lineage
from pipelines.entities import ENTITIES
from pipelines.marts import MARTS
from pipelines.profiles import load_profiles
from pipelines.settings import load_settings
from tests.conftest import perfwh

pytestmark = pytest.mark.xdist_group("dbt")


@pytest.fixture(scope="module")
def known():
    return lineage.prepared(load_settings())


@pytest.mark.parametrize("mart", MARTS)
def test_every_column_of_a_mart_ends_in_exports_or_constants(known, mart):
    profiles = load_profiles(None)
    for column in known[f"marts.{mart}"]:
        ends = lineage.way(known, f"marts.{mart}.{column}", profiles.values()).ends
        assert ends, column
        assert [end for end in ends if not end.startswith("'")] == [], column


@pytest.mark.parametrize(
    ("column", "header"),
    [
        ("marts.enps.enps", "sample_engagement: **/*_qualtrics.csv: "),
        ("marts.headcount_walk.exits_voluntary", "sample_workers: "),
        ("marts.goal_attainment.attainment_raw", "sample_goals: **/goals_*.csv: Current"),
        ("marts.one_on_one.held_rate", "canonical layout: one_on_ones/*.csv: held_on"),
        ("marts.morale.is_suppressed", "sample_pulse: "),
    ],
)
def test_the_way_leads_to_the_columns_that_a_figure_is_made_of(known, column, header):
    ends = lineage.way(known, column, load_profiles(None).values()).ends
    assert [end for end in ends if header in end], sorted(ends)


def test_only_columns_that_exist_are_named(known):
    """A regression is likely here: a way that leads to a column nobody has would end, and look complete."""
    validated = {f"validated.{entity.name}": {*entity.by_name, "delivery_number", "line_number"} for entity in ENTITIES.values()}  # fmt: skip
    for table, columns in known.items():
        for column, origins in columns.items():
            for origin in origins:
                if origin.startswith(("'", "earlier.")):
                    continue
                parent, _, name = origin.rpartition(".")
                assert name in validated.get(parent, known.get(parent, {})), (table, column, origin)


def test_the_way_is_printed_with_the_exports_in_use(sample):
    where = ("--landing", sample.landing, "--warehouse", sample.warehouse)
    done = perfwh("lineage", "enps.enps", *where)
    assert done.returncode == 0, done.stderr
    assert "validated.survey_responses.answer" in done.stdout
    assert "Q_eNPS" in done.stdout
    assert "happyforce" not in done.stdout
    assert "happyforce" in perfwh("lineage", "enps.enps", "--all-profiles", *where).stdout
    told = json.loads(perfwh("lineage", "marts.enps.enps", "--json", *where).stdout)
    assert told["column"] == "marts.enps.enps"
    assert told["made_of"]


@pytest.mark.parametrize("asked", ["enps.nothing", "nothing.enps", "enps"])
def test_an_unknown_column_is_told_with_those_there_are(asked):
    done = perfwh("lineage", asked)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "promoters" in done.stderr or "goal_attainment" in done.stderr


def test_dagster_is_told_of_the_columns(sample):
    """On the assets of dbt, and on those that are read from exports."""
    from dagster._core.definitions.metadata.table import TableColumnLineage

    folder = sample.manifest()["run_id"]
    with dg.DagsterInstance.get() as instance:
        found = {
            event.dagster_event.asset_key.to_user_string(): event.dagster_event.step_materialization_data.materialization.metadata
            for event in instance.all_logs(folder, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        }
    for name, column, parent in (
        ("marts/enps", "enps", "history/hist_survey_slices"),
        ("validated/survey_responses", "answer", "raw/survey_responses"),
    ):
        told = found[name]["dagster/column_lineage"].value
        assert isinstance(told, TableColumnLineage)
        assert parent in {dep.asset_key.to_user_string() for dep in told.deps_by_column[column]}
