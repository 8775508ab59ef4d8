"""Whoever sees all that is published of random companies learns nothing of fewer than k people."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle import attack
from tests.oracle.companies import companies, seeded_company
from tests.oracle.test_oracle import PLAIN, random_companies
from tests.oracle.warehouse import Warehouse, compiled

pytestmark = pytest.mark.xdist_group("oracle")

K = 3
# Mart → kind and column of its occasions, and what of it stays.
FIGURES = {
    "morale": (
        "survey",
        "survey_id",
        ["slice_value", "driver", "respondents", "favourable", "mean_score_100", "invited"],
    ),
    "morale_item": ("survey", "survey_id", ["slice_value", "item_id", "respondents", "favourable", "mean_score_100"]),
    "enps": ("survey", "survey_id", ["slice_value", "promoters", "detractors", "enps", "suppression_reason"]),
    "rating_distribution": ("review", "cycle", ["slice_value", "rating_band", "reviewees", "share"]),
    "rating_gap": ("review", "cycle", ["slice_value", "competency", "manager_mean", "self_manager_gap"]),
    "adverse_impact": ("review", "cycle", ["attribute", "group", "pool", "selected", "fisher_p"]),
}
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
        assert occasion.exposes_raters(K) == [], occasion.name
        assert occasion.certain() == [], (occasion.kind, occasion.name)
        assert occasion.pinned() == [], (occasion.kind, occasion.name)


def changed(company, random):
    """Some answer otherwise, some come or go, some were in another department; a few or many of them."""
    ids = sorted({row["employee_id"] for row in company.get("employees", ())})
    share, going, moving = random.choice([0.05, 0.3]), random.choice([0, 0.1, 0.6]), random.choice([0, 0, 0.2])
    gone = {one for one in ids if random.random() < going}
    moved = {one for one in ids if random.random() < moving}
    people, is_corrected = ("employee_id", "reviewee_id"), random.random() < 0.3

    def row_of(row):
        if row.get("scale_max") and "rating" in row and is_corrected and random.random() < share:
            return row | {"rating": row["scale_max"]}
        if "answer" in row and is_corrected and random.random() < share:
            return row | {"answer": random.choice("12345")}
        return row | {"department": "Ops"} if row.get("employee_id") in moved and "department" in row else row

    return {
        entity: [row_of(row) for row in rows if not gone & {row.get(column) for column in people}]
        for entity, rows in company.items()
    }


def occasions_of(warehouse):
    return {(one.kind, one.name): one for one in (*attack.surveys(warehouse), *attack.reviews(warehouse))}


def of_two_versions(warehouse, company, later, is_released=True):
    """What is known of each occasion to somebody who has both versions."""
    warehouse.forget()
    before = occasions_of(warehouse.give(company))
    if is_released:
        warehouse.release()
    after = occasions_of(warehouse.give(later))
    kept = warehouse.query("select kind, occasion from protection.settled_occasions where keeps_figures")
    warehouse.forget()
    return [before[key].and_later(after[key]) for key in sorted(before.keys() & after.keys() - set(kept))]


@random_companies
@given(company=companies(), seed=st.integers(0, 999))
def test_nothing_of_few_people_follows_from_two_versions(warehouse, company, seed):
    versions = [company, changed(company, Random(seed))]
    for occasion in of_two_versions(warehouse, *(versions if seed % 2 else reversed(versions))):
        assert occasion.exposes(K) == [], (occasion.kind, occasion.name)


def test_two_versions_tell_of_few_people_where_the_earlier_one_is_not_looked_at(warehouse):
    exposed = 0
    for seed in range(8):
        company = seeded_company(seed)
        found = of_two_versions(warehouse, company, changed(company, Random(seed)), is_released=False)
        exposed += sum(occasion.exposes(K) != [] for occasion in found)
    assert exposed > 2


def test_while_few_people_change_readers_have_the_same_figures(warehouse):
    kept = 0
    for seed in range(12):
        company = seeded_company(seed)
        warehouse.forget()
        warehouse.give(company).release()
        before = {name: [row for row in warehouse.rows(name)] for name in FIGURES}
        warehouse.give(changed(company, Random(seed)))
        settled = set(warehouse.query("select kind, occasion from protection.settled_occasions where keeps_figures"))
        for name, (kind, occasion, columns) in FIGURES.items():
            then, now = (
                sorted(
                    str([row[column] for column in columns])
                    for row in rows
                    if (kind, row[occasion]) in settled and row.get("decision") != "promotion"
                )
                for rows in (before[name], warehouse.rows(name))
            )
            assert then == now, name
            kept += len(then)
    warehouse.forget()
    assert kept > 100


def test_where_somebody_has_gone_it_stays_whoever_comes_and_goes_then(warehouse):
    """Who is gone is forgotten, and nobody knows any more in which slices they were."""
    company = next(c for c in map(seeded_company, range(50)) if len(c.get("survey_responses", ())) > 40)
    warehouse.forget()
    warehouse.give(company).release()
    figures = [{**row, "delta_vs_previous": None} for row in warehouse.rows("enps")]
    people = sorted({row["respondent_id"] for row in company["survey_responses"]})
    for gone in (people[:1], people[: len(people) // 2], []):
        some = [row for row in company["survey_responses"] if row["respondent_id"] not in gone]
        warehouse.give({**company, "survey_responses": some})
        for person in gone:
            assert not warehouse.query(f"select 1 from restricted.releases where person_id = '{person}'")
        kept = {survey for (survey,) in warehouse.query("select occasion from protection.settled_occasions where keeps_figures")}  # fmt: skip
        counted = {survey for survey, n in warehouse.query("select occasion, content from restricted.releases where slices = 'gone'")}  # fmt: skip
        assert counted and counted <= kept
        then, now = (
            [row for row in rows if row["survey_id"] in counted]
            for rows in (figures, [{**row, "delta_vs_previous": None} for row in warehouse.rows("enps")])
        )
        assert sorted(map(str, then)) == sorted(map(str, now))
        warehouse.release()
    warehouse.forget()


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


def test_the_attack_on_raters_works_where_one_of_them_is_enough():
    warehouse = Warehouse(compiled(**SETTINGS, minimum_perspective=1))
    exposed = 0
    for seed in range(30):
        exposed += any(occasion.exposes_raters(K) for occasion in attack.reviews(warehouse.give(seeded_company(seed))))
    assert exposed > 2


def test_it_is_not_known_how_many_of_a_small_group_answered():
    """But where a dimension is hidden as a whole; headcounts do not tell either, but where they would anyway."""
    warehouse = Warehouse(compiled(**PLAIN))
    seen = by_headcount = 0
    for seed in range(16):
        warehouse.give(seeded_company(seed))
        for hidden in attack.numbers(warehouse, PLAIN["minimum_group"]):
            if hidden.reason == "below_minimum" and not hidden.is_whole:
                seen += 1
                assert hidden.by_total[0] < hidden.by_total[1], hidden
                if hidden.anyway[0] < hidden.anyway[1]:
                    by_headcount += 1
                    assert hidden.by_headcount[0] < hidden.by_headcount[1], hidden
    assert seen
    assert by_headcount
