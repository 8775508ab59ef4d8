"""What Dagster keeps of a step that fails."""

import dagster as dg
import pytest

from pipelines.defs.steps import step
from pipelines.running import faults_of_steps


def events_of(error):
    @dg.asset
    def failing(context):
        with step(context):
            try:
                raise error
            except OSError as behind:
                raise ValueError("cannot be used") from behind

    with dg.instance_for_test() as instance:
        result = dg.materialize([failing], instance=instance, raise_on_error=False)
        kept = instance.all_logs(result.run_id)
    assert not result.success
    return result.all_events, "".join(map(str, kept))


@pytest.fixture(autouse=True)
def _own_warehouse(settings, monkeypatch):
    settings.warehouse.mkdir()
    monkeypatch.setenv("PERFWH_WAREHOUSE", str(settings.warehouse))
    monkeypatch.setenv("PERFWH_LANDING", str(settings.landing))


def test_an_error_that_names_a_file_with_an_address_is_kept_in_the_keyed_form():
    events, kept = events_of(FileNotFoundError(2, "No such file", "goals/goals_anna@x.example.csv"))
    assert "anna" not in kept
    assert "goals/goals_person-" in kept
    assert faults_of_steps(events) == ["failing: ValueError"]


def test_any_other_error_is_kept_as_it_is():
    events, kept = events_of(FileNotFoundError(2, "No such file", "goals/goals.csv"))
    assert "goals/goals.csv" in kept
    assert "person-" not in kept
    assert len(faults_of_steps(events)) == 1
