"""Every mart beside the oracle, cell by cell, on random companies."""

from __future__ import annotations

import math
import os
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings

from tests.oracle import retention
from tests.oracle.companies import companies, seeded_company
from tests.oracle.comparing import differences, expected
from tests.oracle.history import History
from tests.oracle.warehouse import Warehouse, compiled, settings_of

pytestmark = pytest.mark.xdist_group("oracle")

# 20 companies among all tests, the same ones each time; more, and other ones, in `make test-oracle`.
COMPANIES = int(os.environ.get("ORACLE_COMPANIES", "20"))
random_companies = settings(
    max_examples=COMPANIES, derandomize=COMPANIES == 20, deadline=None, suppress_health_check=list(HealthCheck)
)
# Small groups, so that small companies show something and hide something.
PLAIN = {"minimum_group": 3, "minimum_perspective": 2}
CONFIGURED = {
    "minimum_group": 2,
    "minimum_groups": {"s1": 4, "2023-H2": 3},
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
    return Warehouse(compiled(**PLAIN))


@pytest.fixture(scope="module")
def configured():
    return Warehouse(compiled(**CONFIGURED))


def disagreement(warehouse, company, options):
    warehouse.give(company)
    found = differences(warehouse, expected(History(company, settings_of(**options)), warehouse))
    return "\n".join(found[:20])


@random_companies
@given(company=companies())
def test_every_cell_of_every_mart_agrees_with_the_oracle(plain, company):
    assert disagreement(plain, company, PLAIN) == ""


@random_companies
@given(company=companies())
def test_every_cell_agrees_under_other_settings(configured, company):
    assert disagreement(configured, company, CONFIGURED) == ""


def test_survival_agrees_with_lifelines(plain):
    """Kaplan-Meier with late entry, every class of exit, company and departments, up to ten years."""
    lifelines = pytest.importorskip("lifelines")
    compared = 0
    for seed in range(100, 108):
        company = seeded_company(seed)
        h = History(company, settings_of(**PLAIN))
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
        wanted = expected(History(company, settings_of(**PLAIN)), plain)
        if all(wanted.values()):
            break
    assert differences(plain, wanted) == []
    for mart in wanted.values():
        assert mart
        for row in mart.values():
            figure = next((name for name, value in row.items() if isinstance(value, int | float | Fraction)), None)
            if figure:
                row[figure] = 1 - row[figure] if isinstance(row[figure], bool) else row[figure] + 1e-6
                break
    assert {text.split()[0] for text in differences(plain, wanted)} == set(wanted)
