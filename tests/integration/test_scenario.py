"""The scenario's figures, worked out by hand."""

from __future__ import annotations

import pytest

from tests import scenario
from tests.conftest import run_warehouse

pytestmark = pytest.mark.xdist_group("scenario")

WALK = (
    "opening, hires, rehires, transfers_in, transfers_out, exits_voluntary, exits_involuntary, exits_other, exits_unknown, "
    "closing"
)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenario")
    scenario.write(folder / "landing")
    outcome = run_warehouse(folder / "landing", folder / "warehouse")
    assert outcome.code == 0, outcome.said
    return outcome


def walk(outcome, dimension, value):
    rows = outcome.query(
        f"select {WALK} from marts.headcount_walk where slice_dimension = '{dimension}' and slice_value = '{value}' order by month"
    )
    return [tuple(row) for row in rows]


def test_company_walk(outcome):
    # At the close of December: five who stay, leaver, vanished, notice, twojobs, boomerang, mover, undecided.
    assert walk(outcome, "company", "all") == [
        (12, 0, 0, 0, 0, None, None, None, None, 11),  # boomerang leaves; why one person left is not shown
        (11, 1, 0, 0, 0, None, None, None, None, 10),  # lastday comes; leaver and vanished go
        (10, 1, 0, 0, 0, None, None, None, None, 10),  # newcomer comes; twojobs goes, once
        (10, 1, 1, 0, 0, 0, 0, 0, 0, 12),  # the intern is hired, boomerang comes back
    ]


def test_department_walk_dates_the_transfer_by_its_job_change(outcome):
    assert walk(outcome, "department", "A") == [
        (8, 0, 0, 0, 0, None, None, None, None, 7),
        (7, 0, 0, 0, 0, None, None, None, None, 6),
        (6, 0, 0, 0, 1, None, None, None, None, 4),
        (4, 1, 1, 0, 0, 0, 0, 0, 0, 6),
    ]
    moved = outcome.query(
        "select moved_on::varchar from restricted.fct_movement where employee_id = 'mover' and slice_dimension = 'department' "
        "and movement = 'transfer_in'",
        "people",
    )
    assert moved == [("2024-03-12",)]


def test_change_that_no_snapshot_shows_is_not_taken(outcome):
    assert outcome.one("select count(*) from marts.headcount_walk where slice_value = 'C'") == 0


def test_average_headcount_is_person_days(outcome):
    # January: eleven all month, boomerang ten days.
    january = outcome.one(
        "select average_headcount from marts.headcount_walk where slice_dimension = 'company' and month = '2024-01-01'"
    )
    assert january == pytest.approx(11 + 10 / 31, abs=1e-9)


def test_the_first_month_is_incomplete_since_it_is_seen_from_its_last_day_only(outcome):
    rows = outcome.query(
        "select is_complete from marts.headcount_walk where slice_dimension = 'company' order by month"
    )
    assert [row[0] for row in rows] == [False, True, True, True]


def test_headcount_of_the_last_day_counts_who_leaves_on_it(outcome):
    assert outcome.one(
        "select headcount_last_day, closing from marts.headcount_walk where slice_dimension = 'company' and month = '2024-03-01'"
    ) == (11, 10)


def test_turnover_definitions(outcome):
    def rate(definition, exit_class, month):
        return outcome.one(
            f"select separations, rate from marts.turnover where slice_dimension = 'company' and definition = '{definition}' "
            f"and exit_class = '{exit_class}' and month = '{month}'"
        )

    averages = [
        row[0]
        for row in outcome.query(
            "select average_headcount from marts.headcount_walk where slice_dimension = 'company' order by month"
        )
    ]
    assert rate("monthly", "total", "2024-02-01") == (2, pytest.approx(2 / averages[1]))
    # Fewer than five left, so that their classes are not shown.
    assert rate("monthly", "regretted", "2024-02-01") == (None, None)
    assert rate("annualised_3m", "total", "2024-02-01")[1] is None
    assert rate("annualised_3m", "total", "2024-03-01") == (4, pytest.approx(4 / (sum(averages[:3]) / 3) * 4))
    assert rate("rolling_12m", "voluntary", "2024-04-01") == (None, None)
    assert rate("year_to_date", "unknown", "2024-04-01") == (None, None)
    # Employed on 12 February: eleven at the opening, without leaver, who was there until the 10th.
    assert rate("jolts", "total", "2024-02-01") == (2, pytest.approx(2 / 10))


def test_a_small_demographic_group_hides_its_whole_dimension(outcome):
    # Three people came or went, so what they are would follow from the month before. Departments are no secret.
    rows = outcome.query(
        "select slice_value, is_suppressed, suppression_reason from marts.headcount_walk where slice_dimension = 'gender' "
        "and month = '2024-02-01' order by 1"
    )
    assert rows == [("f", True, "complementary"), ("m", True, "complementary")]
    assert (
        outcome.one("select count(*) from marts.headcount_walk where slice_dimension = 'department' and is_suppressed")
        == 0
    )


def test_survey(outcome):
    def row(driver):
        return outcome.one(
            "select invited, respondents, response_rate, favourable, neutral, unfavourable, mean_score_100 from marts.morale "
            f"where slice_dimension = 'company' and driver = '{driver}'"
        )

    # Eight were invited; mover's second answer counts, "N/A" and the uninvited do not.
    assert row("Team") == (
        8,
        6,
        6 / 8,
        pytest.approx(4 / 6),
        pytest.approx(1 / 6),
        pytest.approx(1 / 6),
        pytest.approx(75),
    )
    # 1 2 3 4 5, turned round.
    assert row("Workload") == (
        8,
        5,
        5 / 8,
        pytest.approx(2 / 5),
        pytest.approx(1 / 5),
        pytest.approx(2 / 5),
        pytest.approx(50),
    )
    assert row("all")[1] == 6
    assert outcome.one(
        "select promoters, passives, detractors, respondents, enps from marts.enps where slice_dimension = 'company'"
    ) == (2, 1, 2, 5, 0.0)


def test_a_group_below_the_minimum_shows_nothing(outcome):
    rows = outcome.query(
        "select slice_value, is_suppressed, suppression_reason, respondents, favourable, invited from marts.morale "
        "where slice_dimension = 'department' and driver = 'Team' order by 1"
    )
    assert rows == [("A", True, "below_minimum", None, None, None), ("B", True, "below_minimum", None, None, None)]


def test_goals(outcome):
    # Employed on a day of the quarter: the twelve of December, newcomer and lastday; boomerang until 10 January.
    figures = outcome.one(
        "select owners_eligible, owners_with_goals, goals, completed, attainment_raw, attainment_capped, on_time_rate, "
        "stale_share, aligned_goal_share, aligned_weight_share from marts.goal_attainment where slice_dimension = 'company'"
    )
    # Three people have goals: how they do is not shown, whatever it is (the oracle compares these figures).
    assert figures == (14, 3, *[None] * 8)


def test_recognition(outcome):
    rows = outcome.query(
        "select slice_value, given, received, givers, receivers from marts.recognition where slice_dimension = 'department' "
        "and month = '2024-03-01' order by 1"
    )
    # Both givers are in A; mover is in A on the 1st and in B on the 20th.
    assert rows == [("A", 2, 1, 2, 1), ("B", 0, 1, 0, 1)]
    reach = outcome.one(
        "select reach from marts.recognition where slice_dimension = 'company' and month = '2024-02-01'"
    )
    assert reach == pytest.approx(1 / 12)


def test_warnings_are_reported_and_do_not_block(outcome):
    warned = dict(outcome.query("select check_name, failing_rows from ops.checks where not passed"))
    assert warned == {
        "assert_nobody_vanishes": 1,
        "assert_goal_owners_are_employed": 1,
        "assert_no_survey_answer_uninvited": 1,
    }


def test_managers_and_people_are_not_named(outcome):
    for table in outcome.manifest()["row_counts"]:
        if not table.startswith("marts."):
            continue
        for (column,) in outcome.query(
            f"select column_name from (describe {table}) where column_type = 'VARCHAR' and column_name <> 'slice_dimension'"
        ):
            named = f"\"{column}\" in ('stay1', 'mover', 'leaver')"
            assert outcome.one(f"select count(*) from {table} where {named}") == 0


def test_a_whole_run_with_departments_within_departments_and_pairs(tmp_path):
    """The checks of a run blocked it: someone may move in two departments at once where one contains the other."""
    scenario.write(tmp_path / "landing")
    outcome = run_warehouse(
        tmp_path / "landing",
        tmp_path / "warehouse",
        PERFWH_DEPARTMENT_PARENTS='{"B": "A", "A": "Everything"}',
        PERFWH_SLICE_PAIRS='[["department", "gender"]]',
        PERFWH_RENAMED='{"employment_type": {"permanent": "regular"}}',
    )
    assert outcome.code == 0, outcome.said
    assert walk(outcome, "department", "Everything") == walk(outcome, "company", "all")
    # Who moves between A and B stays in A, which contains B.
    assert sum(row[3] + row[4] for row in walk(outcome, "department", "A")) == 0
    assert sum(row[3] for row in walk(outcome, "department", "B")) == 1
    assert {row[0] for row in outcome.query("select distinct slice_value from marts.headcount_walk where slice_dimension = 'employment_type'")} == {"regular"}  # fmt: skip
