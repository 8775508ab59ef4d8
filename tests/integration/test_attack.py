"""Whoever sees what is published of third-party companies learns nothing of few people, as with random ones.

They are too large for all sets of few people to be tried, so sets are searched (`Program.exposed`).
"""

from __future__ import annotations

import os

import pytest

from pipelines.settings import load_settings
from tests.oracle import attack
from tests.oracle.warehouse import Warehouse, compiled

SETS = {
    "happyforce": ("happyforce", ("scores.zip",)),
    "hr_all_in_one": (
        "hr_all_in_one",
        ("employee_data.csv", "employee_engagement_survey_data.csv", "training_and_development_data.csv"),
    ),
    "justkaizen": ("justkaizen", ("raw_employees.csv", "raw_job_history.csv", "raw_performance.csv")),
}
K = 5
# Small cells of a survey whose counts are bounded; a survey has up to a thousand, a second each.
CELLS = int(os.environ.get("ATTACKED_CELLS", "6"))


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
        if occasion.kind == "survey":
            assert occasion.exposes_in_search(K) == [], occasion.name
            assert occasion.certain() == [], occasion.name
            assert occasion.pinned(CELLS) == [], occasion.name
        elif len(occasion.program.groups) < 5000:
            # Larger programs take minutes. Of more than 200 ratings only real numbers are promised (docs/protection.md).
            assert occasion.certain(whole_numbers=False) == [], occasion.name
    assert seen


def test_it_would_if_only_small_groups_were_hidden(published):
    surveys = [*attack.surveys(published, with_complementary=True)]
    exposed = [occasion for occasion in surveys if occasion.exposes_in_search(K)]
    assert bool(exposed) == bool(surveys)
