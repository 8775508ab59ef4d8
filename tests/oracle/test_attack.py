"""Whoever sees all that is published of random companies learns nothing of fewer than k people."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.oracle import attack
from tests.oracle.companies import companies, seeded_company
from tests.oracle.test_oracle import random_companies
from tests.oracle.warehouse import Warehouse, compiled

pytestmark = pytest.mark.xdist_group("oracle")

K = 3
SETTINGS = {
    "minimum_group": K,
    "slice_pairs": [["department", "location"], ["gender", "tenure_band"]],
    "department_parents": {"Ops North": "Ops", "Ops": "Everything", "Lab": "Everything"},
    "tenure_band_years": [1, 2],
}


@pytest.fixture(scope="module")
def warehouse():
    return Warehouse(compiled(**SETTINGS))


@random_companies
@given(company=companies())
def test_no_combination_of_what_is_published_stands_on_few_people(warehouse, company):
    warehouse.give(company)
    for occasion in (*attack.surveys(warehouse), *attack.reviews(warehouse)):
        assert occasion.exposes(K) == [], (occasion.kind, occasion.name)


def test_the_attack_works_where_only_small_groups_are_hidden(warehouse):
    """Proof that the attack can succeed: without the further slices that are hidden it does, in most surveys."""
    shown = broken = 0
    for seed in range(8):
        warehouse.give(seeded_company(seed))
        for occasion in attack.surveys(warehouse, with_complementary=True):
            shown += 1
            broken += occasion.exposes(K) != []
    assert broken > shown / 2 > 2
