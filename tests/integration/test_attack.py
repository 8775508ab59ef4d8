"""Whoever sees what is published of third-party companies learns nothing of few people, as with random ones.

They are too large for all sets of few people to be tried, so sets are searched (`Program.exposed`).
"""

from __future__ import annotations

import pytest

from pipelines.settings import load_settings
from tests.integration import test_reference_figures as figures
from tests.oracle import attack
from tests.oracle.warehouse import Warehouse, compiled

SETS = {
    "happyforce": ("happyforce", ("scores.zip",)),
    "hr_all_in_one": (
        "hr_all_in_one",
        ("employee_data.csv", "employee_engagement_survey_data.csv", "training_and_development_data.csv"),
    ),
    "justkaizen": ("justkaizen", ("raw_employees.csv", "raw_job_history.csv", "raw_performance.csv")),
    "nusantara": ("nusantara_hr/clean", figures.NUSANTARA),
}
K = 5


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in SETS])
def published(request, reference):
    """The warehouse of a published set, built again from what its run had validated."""
    outcome = reference(*SETS[request.param])
    warehouse = Warehouse(compiled())
    warehouse.load_run(load_settings(landing=outcome.landing, warehouse=outcome.warehouse))
    warehouse.build()
    # What is attacked is what was published.
    for mart in ("morale", "morale_item", "enps", "rating_distribution", "rating_gap"):
        columns = ", ".join(name for name, *_ in outcome.query(f"describe marts.{mart}"))
        rows = warehouse.query(f"select {columns} from marts.{mart}")
        assert sorted(map(str, rows)) == sorted(map(str, outcome.query(f"select {columns} from marts.{mart}")))
    return warehouse


def test_nothing_of_few_people_follows_from_what_is_published_of_them(published):
    seen = 0
    for occasion in (*attack.surveys(published), *attack.reviews(published)):
        seen += 1
        assert occasion.exposes_in_search(K) == [], (occasion.kind, occasion.name)
        assert occasion.certain() == [], (occasion.kind, occasion.name)
        assert occasion.pinned() == [], (occasion.kind, occasion.name)
    assert seen


def test_it_would_if_only_small_groups_were_hidden(published):
    surveys = [*attack.surveys(published, with_complementary=True)]
    exposed = [occasion for occasion in surveys if occasion.exposes_in_search(K)]
    assert bool(exposed) == bool(surveys)
