"""Every mart beside the oracle, cell by cell, on random companies."""

from __future__ import annotations

import math
import os
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.oracle import retention
from tests.oracle.companies import companies, seeded_company
from tests.oracle.comparing import differences, expected, withheld_always
from tests.oracle.history import History
from tests.oracle.warehouse import Warehouse, compiled, compiled_open, open_settings, settings_of

pytestmark = pytest.mark.xdist_group("oracle")

# 20 companies among all tests, the same ones each time; more, and other ones, in `make test-oracle`.
COMPANIES = int(os.environ.get("ORACLE_COMPANIES", "20"))
random_companies = settings(
    max_examples=COMPANIES,
    derandomize=COMPANIES == 20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # A company takes a second: making a failing one smaller would take many minutes.
    phases=(Phase.explicit, Phase.generate),
)
_COMPARES_GROUPS = ("impact_ratio", "below_four_fifths", "fisher_p", "reliable")
# Small groups, so that small companies show something and suppress something.
PLAIN = {"minimum_group": 3, "minimum_perspective": 2}
CONFIGURED = {
    "slice_pairs": [["department", "location"], ["gender", "tenure_band"]],
    "department_parents": {"Ops North": "Ops", "Ops": "Everything", "Lab": "Everything"},
    "tenure_band_years": [1, 2],
    "attainment_bands": [0.6, 1.0],
    "excluded_employment_types": ["contractor"],
    "review_weights": {"self": 0, "manager": 2, "peer": 1},
    "performance_bands": [40, 60],
    "dimensions": {"turnover": ["company", "manager", "department"], "headcount_walk": ["company", "gender", "tenure_band"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def plain():
    return Warehouse(compiled_open())


@pytest.fixture(scope="module")
def protected():
    return Warehouse(compiled(**PLAIN))


@pytest.fixture(scope="module")
def configured():
    return Warehouse(compiled_open(**CONFIGURED))


def disagreement(warehouse, company, options):
    warehouse.give(company)
    h = History(company, open_settings(**options))
    return "\n".join(differences(warehouse, expected(h), withheld_always(h))[:20])


@random_companies
@given(company=companies())
def test_every_cell_of_every_mart_agrees_with_the_oracle(plain, company):
    assert disagreement(plain, company, {}) == ""


@random_companies
@given(company=companies())
def test_every_cell_agrees_under_other_settings(configured, company):
    assert disagreement(configured, company, CONFIGURED) == ""


@random_companies
@given(company=companies())
def test_what_is_shown_of_small_companies_agrees_with_the_oracle(protected, company):
    """With cells suppressed, what is left is right, and nothing is suppressed without a reason."""
    protected.give(company)
    wanted = expected(History(company, settings_of(**PLAIN)))
    merged = {value for value in ("other",)}
    found = [
        one
        for one in differences(protected, wanted, lambda mart, key, column: True)
        if not (one.endswith(("missing", "there is no such row")) and ("gender" in one or "ethnicity" in one))
        and not any(f"'{value}'" in one for value in merged)
        # Groups are compared with the best of those that are shown, which is another one than the best of all.
        and not (one.startswith("adverse_impact") and any(column in one for column in _COMPARES_GROUPS))
    ]
    assert "\n".join(found[:20]) == ""
    for mart in ("morale", "enps", "rating_distribution", "goal_attainment", "one_on_one", "recognition"):
        odd = f"select 1 from marts.{mart} where is_suppressed <> (suppression_reason is not null)"
        assert protected.query(odd) == []


def test_survival_agrees_with_lifelines(plain):
    """Kaplan-Meier with late entry, every class of exit, company and departments, up to ten years."""
    lifelines = pytest.importorskip("lifelines")
    compared = 0
    for seed in range(100, 108):
        company = seeded_company(seed)
        h = History(company, open_settings())
        plain.give(company)
        rows = {
            (row["slice_value"], row["exit_class"], row["tenure_month"]): row
            for row in plain.rows("retention_survival")
            if row["slice_dimension"] in ("company", "department")
        }
        for dimension in ("company", "department"):
            for value, people in retention.spells(h, dimension).items():
                for exit_class in retention.EXIT_CLASSES:
                    # Under observation from its first day on, which is half a day before the end of that day.
                    try:
                        curve = lifelines.KaplanMeierFitter().fit(
                            [last for _, last, _ in people],
                            [retention.is_exit_of(stint, exit_class) for *_, stint in people],
                            entry=[first - 0.5 for first, _, _ in people],
                        )
                    except lifelines.exceptions.StatError:
                        # It refuses where nobody is under observation for a while, early on.
                        continue
                    bounds = curve.confidence_interval_
                    for month in range(1, 121):
                        row, until = rows[value, exit_class, month], math.floor(30.4375 * month + 0.5)
                        if exit_class != "total" and (dimension != "company" or month % 12):
                            assert row["survival"] is None  # why few people left is not shown
                            continue
                        wanted = curve.survival_function_at_times(until).iloc[0]
                        if math.isnan(wanted):
                            continue  # where nobody is under observation it divides 0 by 0
                        assert row["survival"] == pytest.approx(wanted, abs=1e-9)
                        if 0 < wanted < 1:
                            low, high = bounds.loc[:until].iloc[-1]
                            assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), abs=1e-9)
                            compared += 1
    assert compared > 500


def test_the_oracle_notices_a_wrong_cell(plain):
    """Proof that the comparison can fail: in every mart, some cell is set wrong."""
    for seed in range(100):
        company = seeded_company(seed)
        plain.give(company)
        h = History(company, open_settings())
        wanted = expected(h)
        if all(wanted.values()):
            break
    assert differences(plain, wanted, withheld_always(h)) == []
    for mart in wanted.values():
        assert mart
        for row in mart.values():
            figure = next((name for name, value in row.items() if isinstance(value, int | float | Fraction)), None)
            if figure:
                row[figure] = 1 - row[figure] if isinstance(row[figure], bool) else row[figure] + 1e-6
                break
    assert {text.split()[0] for text in differences(plain, wanted, withheld_always(h))} == set(wanted)
