"""Whoever sees all that is published of random companies learns nothing of fewer than k people."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.oracle import attack
from tests.oracle.companies import companies, seeded_company
from tests.oracle.test_oracle import PLAIN, random_companies
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
def test_nothing_of_few_people_and_nobodys_answer_follows_from_what_is_published(warehouse, company):
    warehouse.give(company)
    for occasion in (*attack.surveys(warehouse), *attack.reviews(warehouse)):
        assert occasion.exposes(K) == [], (occasion.kind, occasion.name)
        assert occasion.certain() == [], (occasion.kind, occasion.name)


def test_the_attacks_work_where_only_small_groups_are_hidden(warehouse):
    """Proof that they can succeed: without the further slices that are hidden they do, in most surveys."""
    shown = exposed = certain = 0
    for seed in range(8):
        warehouse.give(seeded_company(seed))
        for occasion in attack.surveys(warehouse, with_complementary=True):
            shown += 1
            exposed += occasion.exposes(K) != []
            certain += occasion.certain() != []
    assert min(exposed, certain) > shown / 2 > 2


def test_it_is_not_known_how_many_of_a_small_group_answered():
    """But where a dimension is hidden as a whole."""
    warehouse = Warehouse(compiled(**PLAIN))
    seen = 0
    for seed in range(16):
        warehouse.give(seeded_company(seed))
        for hidden in attack.numbers(warehouse, PLAIN["minimum_group"]):
            if hidden.reason == "below_minimum" and not hidden.is_whole:
                seen += 1
                assert hidden.low < hidden.high, hidden
    assert seen
