"""The instruments' own slices are those of the models, on companies with every irregularity that tests know."""

from __future__ import annotations

import pytest

from tests.disclosure import slices
from tests.disclosure.published import named_by
from tests.oracle.companies import seeded_company
from tests.oracle.warehouse import KEY, Warehouse, compiled_open

pytestmark = pytest.mark.xdist_group("oracle")

SETTINGS = {
    "slice_pairs": [["department", "location"], ["gender", "tenure_band"]],
    "department_parents": {"Ops North": "Ops", "Ops": "Everything", "Lab": "Everything"},
    "tenure_band_years": [1, 2],
}


def test_slices_are_those_of_the_models():
    warehouse = Warehouse(compiled_open(**SETTINGS))
    compared = 0
    for seed in range(12):
        warehouse.give(seeded_company(seed))
        con = warehouse.con
        slices.make(
            con, "build.restricted", named_by(KEY), (1, 2), SETTINGS["slice_pairs"], SETTINGS["department_parents"]
        )
        for mine, theirs in (
            ("wave_slice", "hist_survey_slices"),
            ("cycle_slice", "hist_review_slices"),
        ):
            found = con.execute(f"select * from {mine} where dimension <> 'leader' order by all").fetchall()
            expected = con.execute(
                f"select * from build.history.{theirs} where slice_dimension <> 'leader' order by all"
            ).fetchall()
            assert found == expected, (seed, mine)
            compared += len(found)
        days = "(select distinct valid_from as day from build.history.hist_slices)"
        on_days = (
            "select distinct d.day, s.employee_id, s.{0}, s.{1} from {2} as s inner join {3} as d "
            "on s.valid_from <= d.day and coalesce(s.valid_to, date '9999-12-31') > d.day where s.{0} <> 'leader' order by all"
        )
        found = con.execute(on_days.format("dimension", "value", "span", days)).fetchall()
        expected = con.execute(
            on_days.format("slice_dimension", "slice_value", "build.history.hist_slices", days)
        ).fetchall()
        assert found == expected, seed
        compared += len(found)
    assert compared > 5000
