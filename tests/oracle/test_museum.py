"""The museum of defects: one small company for each way in which a naive warehouse goes wrong.

Each states what must come out, worked out by hand, and what the naive answer would be; the oracle is asked as well.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.oracle.comparing import differences, expected, withheld_always
from tests.oracle.history import History
from tests.oracle.warehouse import Warehouse, compiled_open, open_settings

pytestmark = pytest.mark.xdist_group("museum")

ENDS = ("2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30", "2024-07-31")
WALK = "opening, hires, rehires, transfers_in, transfers_out, exits_voluntary, exits_involuntary, exits_other, exits_unknown, closing"  # fmt: skip


class Museum:
    """Builds a company, asks the oracle whether it agrees, and answers queries."""

    def __init__(self) -> None:
        self.warehouses: dict[str, Warehouse] = {}

    def __call__(
        self, company: dict[str, list[dict[str, Any]]], against_oracle: bool = True, **options: Any
    ) -> Warehouse:
        # One person is enough for a figure, so that it is seen what becomes of them.
        if repr(options) not in self.warehouses:
            self.warehouses[repr(options)] = Warehouse(compiled_open(**options))
        warehouse = self.warehouses[repr(options)]
        warehouse.give(company)
        if against_oracle:
            h = History(company, open_settings(**options))
            withheld = withheld_always(h) if h.k == 1 else lambda mart, key, column: True
            assert differences(warehouse, expected(h), withheld) == []
        return warehouse


@pytest.fixture(scope="module")
def museum():
    return Museum()


def shown(person: str, hired: str, months: tuple[str, ...] = ENDS, **columns: Any) -> list[dict[str, Any]]:
    """A person in the snapshots of some months."""
    return [
        {"employee_id": person, "hire_date": hired, "as_of": month, "department": "A", **columns} for month in months
    ]


def staff(count: int, **columns: Any) -> list[dict[str, Any]]:
    """People who stay all along and do nothing."""
    return [row for n in range(count) for row in shown(f"staff{n}", "2020-01-01", **columns)]


def left(person: str, hired: str, last_day: str, months: tuple[str, ...], **columns: Any) -> list[dict[str, Any]]:
    """Someone employed, then shown as a leaver from the snapshot on in which the last day lies."""
    rows = shown(person, hired, months, **columns)
    for row in rows:
        if row["as_of"] >= last_day[:7]:
            row["last_day"] = last_day
            row.setdefault("exit_type", "voluntary")
    return rows


def walk(warehouse: Warehouse, value: str = "all", dimension: str = "company") -> list[tuple[int, ...]]:
    return warehouse.query(
        f"select {WALK} from marts.headcount_walk where slice_dimension = '{dimension}' and slice_value = '{value}' order by month"
    )


def one(warehouse: Warehouse, sql: str) -> Any:
    rows = warehouse.query(sql)
    assert len(rows) == 1, rows
    return rows[0][0] if len(rows[0]) == 1 else rows[0]


# Employment


def test_transfer_on_the_first_of_a_month_is_neither_hire_nor_exit(museum):
    mover = [*shown("m", "2022-01-01", ENDS[:2]), *shown("m", "2022-01-01", ENDS[2:], department="B")]
    change = {
        "employee_id": "m",
        "effective_date": "2024-03-01",
        "change_type": "transfer",
        "old_value": "A",
        "new_value": "B",
    }
    w = museum({"employees": [*staff(2), *mover], "job_changes": [change]})
    assert all(row == (3, 0, 0, 0, 0, 0, 0, 0, 0, 3) for row in walk(w))
    # A naive comparison of snapshots finds the change on the last of March; the first counts wholly to B.
    assert walk(w, "A", "department")[2] == (3, 0, 0, 0, 1, 0, 0, 0, 0, 2)
    assert walk(w, "B", "department")[0] == (0, 0, 0, 1, 0, 0, 0, 0, 0, 1)
    assert (
        one(w, "select average_headcount from marts.headcount_walk where slice_value = 'B' and month = '2024-03-01'")
        == 1.0
    )


def test_two_concurrent_jobs_that_end_are_one_exit(museum):
    months = ENDS[:4]
    both = left("two", "2021-01-01", "2024-03-15", months, is_primary="true")
    both += left("two", "2023-01-01", "2024-03-15", months, is_primary="false", department="B")
    w = museum({"employees": [*staff(2), *both]})
    assert walk(w)[2] == (3, 0, 0, 0, 0, 1, 0, 0, 0, 2)
    assert walk(w)[0][0] == 3
    assert walk(w, "B", "department") == []


def test_exit_in_january_and_rehire_in_june_is_two_stints_with_nothing_between(museum):
    person = left("back", "2021-05-01", "2024-01-10", ENDS[:2]) + shown("back", "2024-06-01", ENDS[5:])
    w = museum({"employees": [*staff(2), *person]})
    assert [row[-1] for row in walk(w)] == [2, 2, 2, 2, 2, 3, 3]
    assert walk(w)[0][5] == 1 and walk(w)[5][1:3] == (0, 1)
    stints = w.query("select stint_number, hire_date::varchar, last_day::varchar from restricted.fct_stint where employee_id = 'back' order by 1")  # fmt: skip
    assert stints == [(1, "2021-05-01", "2024-01-10"), (2, "2024-06-01", None)]
    # The first stint began before the observation: its cohort is not observed. The second is a cohort of one.
    cohorts = w.query("select distinct hire_month::varchar, cohort_size from marts.retention_cohort where slice_dimension = 'company'")  # fmt: skip
    assert cohorts == [("2024-06-01", 1)]
    assert (
        one(w, "select new_hires_90d from marts.retention where slice_dimension = 'company' and month = '2024-06-01'")
        == 0
    )


def test_last_day_on_the_last_of_the_month_is_an_exit_of_that_month(museum):
    w = museum({"employees": [*staff(2), *left("l", "2021-01-01", "2024-03-31", ENDS[:4])]})
    assert walk(w)[2] == (3, 0, 0, 0, 0, 1, 0, 0, 0, 2)
    march = "from marts.headcount_walk where slice_dimension = 'company' and month = '2024-03-01'"
    assert one(w, f"select headcount_last_day, average_headcount {march}") == (3, 3.0)


def test_leap_day_counts_years_to_the_end_of_february(museum):
    months = tuple(["2024-01-31", "2024-02-29", *(f"2024-{m:02}-28" for m in range(3, 13)), "2025-01-31", "2025-02-28"])
    w = museum({"employees": [*shown("leap", "2024-02-29", months[1:]), *shown("s", "2020-02-29", months)]})
    bands = w.query("select slice_value, valid_from::varchar from history.hist_slices where employee_id = 'leap' and slice_dimension = 'tenure_band' order by 2")  # fmt: skip
    # A year after 29 February 2024 is 28 February 2025, not 1 March.
    assert bands == [("<1y", "2024-02-29"), ("1-3y", "2025-02-28")]
    leap = "from marts.retention_cohort where slice_dimension = 'company' and hire_month = '2024-02-01'"
    assert one(w, f"select max(months_since_hire) {leap}") == 12
    assert one(w, f"select retained {leap} and months_since_hire = 12") == 1


def test_team_that_ends_with_nobody_has_a_turnover(museum):
    people = [
        row for n in range(10) for row in left(f"t{n}", "2022-01-01", f"2024-02-{n + 10}", ENDS[:3], department="T")
    ]
    w = museum({"employees": [*staff(3), *people]})
    assert walk(w, "T", "department")[1] == (10, 0, 0, 0, 0, 10, 0, 0, 0, 0)
    # Exits by closing headcount would divide by zero; by the average it is 10 ÷ (10…19 days each of 29).
    days = sum(range(10, 20))
    rate = one(w, "select rate from marts.turnover where slice_value = 'T' and month = '2024-02-01' and definition = 'monthly' and exit_class = 'total'")  # fmt: skip
    assert rate == pytest.approx(10 / (days / 29))


def test_unknown_exit_types_still_sum_to_the_total(museum):
    kinds = {"v": "voluntary", "i": "involuntary", "r": "Retirement", "m": "Mutual", "b": None}
    people = [
        row for name, kind in kinds.items() for row in left(name, "2022-01-01", "2024-02-10", ENDS[:3], exit_type=kind)
    ]
    w = museum({"employees": [*staff(2), *people]})
    assert walk(w)[1] == (7, 0, 0, 0, 0, 1, 1, 0, 3, 2)
    classes = dict(w.query("select exit_class, separations from marts.turnover where slice_dimension = 'company' and month = '2024-02-01' and definition = 'monthly'"))  # fmt: skip
    assert classes == {"total": 5, "voluntary": 1, "involuntary": 1, "other": 0, "unknown": 3, "regretted": 0}


def test_department_changes_twice_in_a_month(museum):
    rows = [*shown("m", "2022-01-01", ENDS[:1]), *shown("m", "2022-01-01", ENDS[1:], department="C")]
    # As a history both changes are told; snapshots only show where the person ended.
    history = [
        {"employee_id": "m", "hire_date": "2022-01-01", "effective_on": on, "department": department}
        for on, department in (("2024-01-01", "A"), ("2024-02-05", "B"), ("2024-02-20", "C"))
    ]
    history.append({"employee_id": "s", "hire_date": "2022-01-01", "effective_on": "2024-03-31", "department": "A"})
    w = museum({"employees": history})
    assert walk(w, "A", "department")[1][4] == 1
    assert walk(w, "B", "department") == [(0, 0, 0, 1, 1, 0, 0, 0, 0, 0)]
    assert walk(w, "C", "department")[0] == (0, 0, 0, 1, 0, 0, 0, 0, 0, 1)
    w = museum({"employees": [*staff(1), *rows]})
    assert walk(w, "C", "department")[0] == (0, 0, 0, 1, 0, 0, 0, 0, 0, 1)


def test_managers_in_a_circle_and_managers_of_themselves_end(museum):
    people = [*shown("a", "2022-01-01", manager_id="b"), *shown("b", "2022-01-01", manager_id="a"), *shown("c", "2022-01-01", manager_id="c")]  # fmt: skip
    w = museum({"employees": people})
    teams = w.query("select span from marts.manager_scorecard where month = '2024-07-01' order by 1")
    assert teams == [(1,), (1,), (1,)]


def test_a_manager_who_has_left_keeps_the_months_before(museum):
    team = [row for n in range(5) for row in shown(f"r{n}", "2022-01-01", ENDS[:3], manager_id="boss")]
    team += [row for n in range(5) for row in shown(f"r{n}", "2022-01-01", ENDS[3:], manager_id="next")]
    w = museum(
        {"employees": [*left("boss", "2020-01-01", "2024-03-20", ENDS[:4]), *shown("next", "2022-01-01"), *team]}
    )
    spans = w.query("select month::varchar, span from marts.manager_scorecard where manager = (select pseudonym from validated.person_pseudonyms where person_id = 'boss') order by 1")  # fmt: skip
    # Today's roster would give boss nobody, ever.
    assert spans == [("2024-01-01", 5), ("2024-02-01", 5), ("2024-03-01", 5), ("2024-04-01", 0)]


def test_a_new_employee_id_is_no_exit_and_no_hire(museum):
    old = left("DE-1", "2019-03-01", "2024-03-31", ENDS[:4], department="A")
    new = shown("AT-9", "2024-04-01", ENDS[3:], department="A")
    move = {"employee_id": "AT-9", "effective_date": "2024-04-01", "change_type": "employee_id", "old_value": "DE-1", "new_value": "AT-9"}  # fmt: skip
    goals = [{"goal_id": "g", "owner_id": "DE-1", "period": "2024-H1", "attainment": "0.5"}]
    w = museum({"employees": [*staff(2), *old, *new], "job_changes": [move], "goals": goals}, against_oracle=False)
    assert all(row == (3, 0, 0, 0, 0, 0, 0, 0, 0, 3) for row in walk(w))
    assert one(w, "select employee_id, hire_date::varchar from restricted.fct_stint where employee_id not like 'staff%'") == ("AT-9", "2019-03-01")  # fmt: skip
    assert one(w, "select owners_with_goals from marts.goal_attainment where slice_dimension = 'company'") == 1


def test_a_hire_dated_next_month_waits_for_its_day(museum):
    w = museum({"employees": [*staff(2), *shown("soon", "2024-05-15", ENDS[3:])]})
    assert [row[1] for row in walk(w)] == [0, 0, 0, 0, 1, 0, 0]
    w = museum({"employees": [*shown("s", "2020-01-01", ENDS[:4]), *shown("soon", "2024-05-15", ENDS[3:4])]})
    assert [row[-1] for row in walk(w)] == [1, 1, 1, 1]


def test_an_overlap_of_two_systems_counts_nobody_twice(museum):
    # The new system takes the day of its own start for the hire date, and both export for three months.
    old = [*shown("p", "2018-05-01", ENDS[:4]), *shown("q", "2018-05-01", ENDS[:4])]
    new = [*shown("p", "2018-05-01", ENDS[1:]), *shown("q", "2018-05-01", ENDS[1:])]
    w = museum({"employees": [*old, *new]})
    assert all(row == (2, 0, 0, 0, 0, 0, 0, 0, 0, 2) for row in walk(w))


def test_a_renamed_department_transfers_nobody(museum):
    people = [row for n in range(4) for row in shown(f"p{n}", "2020-01-01", ENDS[:3], department="Marketing")]
    people += [row for n in range(4) for row in shown(f"p{n}", "2020-01-01", ENDS[3:], department="Growth")]
    people += shown("other", "2020-01-01", department="Brand")
    renamed = {"department": {"Marketing": "Growth", "Brand": "Growth"}}
    w = museum({"employees": people}, against_oracle=False, renamed=renamed)
    assert walk(w, "Growth", "department") == [(5, 0, 0, 0, 0, 0, 0, 0, 0, 5)] * 7
    assert walk(w, "Marketing", "department") == []
    # Without the mapping four people are transferred.
    w = museum({"employees": people})
    assert walk(w, "Growth", "department")[0][3] == 4


YEAR = tuple(f"{year}-{month:02}-28" for year in (2023, 2024) for month in range(1, 13))[:15]


@pytest.mark.parametrize(("days", "stayed_90", "stayed_365"), [(89, 0, 0), (90, 1, 0), (364, 1, 0), (365, 1, 1)])
def test_new_hires_are_retained_if_employed_on_the_very_day(museum, days, stayed_90, stayed_365):
    last_day = date(2023, 2, 1) + timedelta(days=days)
    rows = [row for row in left("new", "2023-02-01", str(last_day), YEAR) if row["as_of"] >= "2023-02"]
    w = museum({"employees": [*shown("s", "2020-01-01", YEAR), *rows]})
    figures = "new_hires_90d, retained_90d, new_hires_365d, retained_365d"
    hired = one(w, f"select {figures} from marts.retention where slice_dimension = 'company' and month = '2023-02-01'")
    assert hired == (1, stayed_90, 1, stayed_365)


def test_new_hires_whose_day_is_not_observed_yet_do_not_count(museum):
    # 30 November 2023 plus 90 days is 28 February 2024, the last day observed but one month.
    w = museum({"employees": [*shown("s", "2020-01-01", YEAR[:14]), *shown("new", "2023-11-30", YEAR[11:14])]})
    november = "from marts.retention where slice_dimension = 'company' and month = '2023-11-01'"
    assert one(w, f"select new_hires_90d, retained_90d {november}") == (1, 1)
    w = museum({"employees": [*shown("s", "2020-01-01", YEAR[:14]), *shown("new", "2023-12-01", YEAR[11:14])]})
    december = november.replace("11-01", "12-01")
    assert one(w, f"select new_hires_90d, retained_90d {december}") == (0, 0)


# Trends


def test_headline_figures_stand_beside_those_of_a_year_before(museum):
    people = [row for n in range(3) for row in shown(f"p{n}", "2020-01-01", YEAR)]
    people += shown("new", "2023-02-10", YEAR[1:])
    w = museum({"employees": people})
    rows = w.query("select month::varchar, closing, closing_previous, closing_previous_year, delta_vs_previous, delta_vs_previous_year from marts.headcount_walk where slice_dimension = 'company' order by 1")  # fmt: skip
    assert rows[0] == ("2023-01-01", 3, None, None, None, None)
    assert rows[1] == ("2023-02-01", 4, 3, None, 1, None)
    assert rows[12] == ("2024-01-01", 4, 4, 3, 0, 1)


@pytest.mark.parametrize(("before", "compares"), [("2023-01-27", True), ("2023-01-26", False), ("2023-04-27", True), ("2023-04-28", False)])  # fmt: skip
def test_surveys_and_cycles_compare_with_those_within_45_days_of_a_year_before(museum, before, compares):
    """2024-03-13 less a year, less and plus 45 days."""
    rows = []
    for cycle, day, rating in (("first", before, 2), ("between", "2023-09-01", 3), ("last", "2024-03-13", 4)):
        for person in ("p0", "p1"):
            rows.append({"cycle": cycle, "reviewee_id": person, "rater_id": "boss", "relationship": "manager", "competency": "Other", "rating": rating, "scale_min": 1, "scale_max": 5, "submitted_at": f"{day} 10:00:00"})  # fmt: skip
            rows.append({**rows[-1], "relationship": "self", "rater_id": person})
            rows.append({"cycle": cycle, "reviewee_id": person, "rater_id": "boss", "relationship": "manager", "competency": "Craft", "rating": rating, "scale_min": 1, "scale_max": 5, "submitted_at": f"{day} 10:00:00"})  # fmt: skip
            rows.append({**rows[-1], "relationship": "self", "rater_id": person, "rating": 5})
    answers = [
        {
            "survey_id": s,
            "respondent_id": f"r{p}",
            "employee_id": p,
            "item_id": "team",
            "answer": str(a),
            "responded_at": f"{d} 10:00:00",
        }
        for s, d, a in (("first", before, 2), ("between", "2023-09-01", 3), ("last", "2024-03-13", 5))
        for p in ("p0", "p1")
    ]
    people = [row for n in range(2) for row in shown(f"p{n}", "2020-01-01", YEAR, location=f"here{n}")]
    w = museum({"employees": people, "reviews": rows, "survey_items": [TEAM], "survey_responses": answers})
    share = "select share, share_previous, share_previous_year from marts.rating_distribution where slice_dimension = 'company' and cycle = 'last' and rating_band = 4"  # fmt: skip
    assert one(w, share) == (1.0, 0.0, 0.0 if compares else None)
    gap = "select self_manager_gap, self_manager_gap_previous, self_manager_gap_previous_year from marts.rating_gap where slice_dimension = 'company' and cycle = 'last' and competency = 'Craft'"  # fmt: skip
    assert one(w, gap) == (25.0, 50.0, 75.0 if compares else None)
    mood = "select mean_score_100, delta_vs_previous, delta_vs_previous_year from marts.morale where slice_dimension = 'company' and survey_id = 'last' and driver = 'Team'"  # fmt: skip
    assert one(w, mood) == (100.0, 50.0, 75.0 if compares else None)


def test_recognition_and_goals_compare_with_those_of_a_year_before_in_the_same_slice(museum):
    people = [row for n in range(2) for row in shown(f"p{n}", "2020-01-01", YEAR, location=f"here{n}")]
    thanks = [
        {"recognition_id": f"{day} {receiver}", "giver_id": "p0", "receiver_id": receiver, "given_on": day}
        for day, receivers in (("2023-03-10", ["p0"]), ("2024-02-10", ["p1"]), ("2024-03-10", ["p0", "p1"]))
        for receiver in receivers
    ]
    goals = [
        {
            "goal_id": f"{period} {owner}",
            "period": period,
            "owner_id": owner,
            "start_value": 0,
            "target_value": 1,
            "actual_value": done,
        }
        for period, done in (("2023-H1", {"p0": 0.2, "p1": 0.9}), ("2024-H1", {"p0": 0.95, "p1": 0.85}))
        for owner, done in done.items()
    ]
    w = museum({"employees": people, "recognitions": thanks, "goals": goals})
    reach = "select slice_value, reach, reach_previous, reach_previous_year from marts.recognition where month = '2024-03-01' and slice_dimension in ('company', 'location') order by 1"  # fmt: skip
    assert w.query(reach) == [("all", 1.0, 0.5, 0.5), ("here0", 1.0, 0.0, 1.0), ("here1", 1.0, 1.0, None)]
    bands = "select band, share, share_previous_year from marts.goal_attainment_distribution where period = '2024-H1' and slice_value = 'here0' and share + share_previous_year > 0 order by 1"  # fmt: skip
    assert w.query(bands) == [("80-100%", 1.0, 0.0), ("<50%", 0.0, 1.0)]


# Goals


def goals(*rows: dict[str, Any], alignments: list[tuple[str, str]] | None = None, people: int = 3) -> dict[str, Any]:
    """Goals of the second quarter."""
    return {
        "employees": staff(people),
        "goals": [{"goal_id": f"g{n}", "period": "2024-Q2", "owner_id": "staff0", **row} for n, row in enumerate(rows)],
        "goal_alignments": [{"goal_id": a, "parent_goal_id": b} for a, b in alignments or []],
    }


def attained(warehouse: Warehouse, figures: str = "attainment_raw, attainment_capped") -> Any:
    return one(warehouse, f"select {figures} from marts.goal_attainment where slice_dimension = 'company'")


def test_a_goal_that_goes_down(museum):
    w = museum(goals({"start_value": 100, "target_value": 50, "actual_value": 60}))
    assert attained(w) == pytest.approx((0.8, 0.8))  # 60 ÷ 50 would be 1.2


def test_a_goal_at_130_percent_is_capped_beside_the_raw_figure(museum):
    w = museum(goals({"start_value": 0, "target_value": 10, "actual_value": 13}))
    assert attained(w) == pytest.approx((1.3, 1.0))
    assert one(w, "select band from marts.goal_attainment_distribution where slice_dimension = 'company' and owners = 1") == "120%+"  # fmt: skip


def test_weights_of_0_50_and_200_are_normalised(museum):
    w = museum(
        goals({"attainment": 0.0, "weight": 0}, {"attainment": 1.0, "weight": 50}, {"attainment": 0.5, "weight": 200})
    )
    assert attained(w, "attainment_raw") == pytest.approx((50 * 1 + 200 * 0.5) / 250)
    flags = w.query("select normalised_weight, is_weight_normalised from restricted.fct_goal order by goal_id")
    assert flags == [(0.0, True), (0.2, True), (0.8, True)]
    w = museum(goals({"attainment": 0.5, "weight": 0}))
    assert attained(w, "attainment_raw, aligned_weight_share, owners_with_goals") == (None, None, 1)


def test_goals_aligned_in_a_circle_are_found_and_not_walked_for_ever(museum):
    w = museum(
        goals(
            {"level": "company"},
            {"attainment": 0.4},
            {"attainment": 0.6},
            {"attainment": 1.0},
            alignments=[("g1", "g2"), ("g2", "g1"), ("g3", "g0")],
        )
    )
    figures = "descendants, contributors, max_depth, rolled_up_attainment, orphans_in_period, cycles_in_period"
    assert one(w, f"select {figures} from marts.goal_alignment") == (1, 1, 1, 1.0, 2, 1)
    assert attained(w, "aligned_goal_share") == 0.5
    # The circle below a company goal: both of its goals are aligned, and it is one step.
    w = museum(goals({"level": "company"}, {}, {}, {}, alignments=[("g1", "g2"), ("g2", "g1"), ("g1", "g0"), ("g3", "g2")]))  # fmt: skip
    assert one(w, f"select {figures} from marts.goal_alignment") == (3, 1, 2, None, 0, 1)


def test_goals_of_periods_that_do_not_overlap_are_no_descendants(museum):
    company = goals({"level": "company"}, {"period": "2024-05"}, {"period": "2024-Q1"}, {"period": "2024-Q3"}, {"period": "2024"}, alignments=[(f"g{n}", "g0") for n in range(1, 5)])  # fmt: skip
    assert one(museum(company), "select descendants from marts.goal_alignment") == 2


def test_a_goal_of_nobody_known_counts_for_nobody(museum):
    w = museum(goals({"owner_id": "stranger", "attainment": 0.1}, {"attainment": 0.9}))
    assert attained(w, "attainment_raw, goals, owners_with_goals, owners_eligible") == pytest.approx((0.9, 1, 1, 3))


def test_a_cancelled_goal_is_out_of_everything(museum):
    w = museum(goals({"attainment": 0.2, "status": "cancelled", "weight": 90}, {"attainment": 1.0, "weight": 10}))
    assert attained(w, "attainment_raw, goals, completed") == (1.0, 1, 1)


def test_a_goal_of_a_leaver_is_in_the_slice_of_the_last_day(museum):
    company = goals({"owner_id": "gone", "attainment": 0.5})
    company["employees"] += left("gone", "2020-01-01", "2024-05-10", ENDS[:6], department="Z")
    w = museum(company)
    rows = w.query("select slice_value, owners_with_goals, attainment_raw from marts.goal_attainment where slice_dimension = 'department' order by 1")  # fmt: skip
    assert rows == [("A", 0, None), ("Z", 1, 0.5)]


# Reviews


def reviews(*rows: dict[str, Any], people: int = 6) -> dict[str, Any]:
    usual = {"cycle": "2024-H1", "scale_min": 1, "scale_max": 5, "submitted_at": "2024-06-20 10:00:00"}
    return {"employees": staff(people), "reviews": [{**usual, **row} for row in rows]}


def said(
    relationship: str, rating: Any, person: str = "staff0", rater: str = "staff5", **columns: Any
) -> dict[str, Any]:
    rater = person if relationship == "self" else rater
    return {"reviewee_id": person, "rater_id": rater, "relationship": relationship, "rating": rating, **columns}


def test_a_review_by_oneself_alone_has_no_gap_and_no_rating(museum):
    w = museum(reviews(said("self", 5)))
    gap = "self_mean, manager_mean, self_manager_gap"
    assert one(w, f"select {gap} from marts.rating_gap where slice_dimension = 'company' and competency = 'all'") == (100.0, None, None)  # fmt: skip
    assert w.query("select * from marts.rating_distribution") == []
    # A missing perspective is not a zero: the weights renormalise.
    assert one(w, "select score, manager_score from restricted.performance") == (100.0, None)


def test_on_a_reversed_scale_1_is_best(museum):
    w = museum(reviews(said("manager", 1, scale_reversed="true"), said("self", 2, scale_reversed="true")))
    assert (
        one(w, "select rating_band from marts.rating_distribution where slice_dimension = 'company' and reviewees = 1")
        == 5
    )
    assert one(w, "select manager_mean, self_mean, self_manager_gap from marts.rating_gap where slice_dimension = 'company' and competency = 'all'") == (100.0, 75.0, -25.0)  # fmt: skip


def test_a_calibrated_rating_overrides_and_both_are_kept(museum):
    w = museum(reviews(said("manager", 5, calibrated_rating=3)))
    assert (
        one(w, "select rating_band from marts.rating_distribution where slice_dimension = 'company' and reviewees = 1")
        == 3
    )
    assert one(w, "select rating_delivered, calibrated_rating_delivered from restricted.fct_review_rating") == (5, 3)
    assert one(w, "select mean from restricted.rater_calibration") == 100.0  # what the rater said


def test_a_new_rating_scale_compares_on_0_to_100(museum):
    before = said("manager", 3, cycle="2023-H2", submitted_at="2024-02-10 10:00:00", scale_max=3)
    w = museum(reviews(before, said("manager", 3)))
    means = w.query("select cycle, manager_mean from marts.rating_gap where slice_dimension = 'company' and competency = 'all' order by 1")  # fmt: skip
    assert means == [("2023-H2", 100.0), ("2024-H1", 50.0)]  # "no change" would be wrong
    assert one(w, "select max(rating_band) from marts.rating_distribution where cycle = '2023-H2'") == 3


def test_peers_below_three_are_not_shown(museum):
    rows = [said(kind, 3, f"staff{n}") for n in range(5) for kind in ("self", "manager")]
    rows += [said("peer", 5, f"staff{n}", f"staff{(n + m) % 2 + 6}") for n in range(5) for m in range(2)]
    managers = [said("manager", 3, f"staff{n}", f"staff{6 + n % 3}") for n in range(5)]
    w = museum(reviews(*rows, *managers, people=9), minimum_group=5, minimum_perspective=3)
    gap = "self_mean, manager_mean, peer_mean, peer_manager_gap, is_suppressed"
    assert one(w, f"select {gap} from marts.rating_gap where slice_dimension = 'company' and competency = 'all'") == (50.0, 50.0, None, None, False)  # fmt: skip


def test_one_rater_who_gives_everyone_5_is_found(museum):
    people = [f"staff{n}" for n in range(12)]
    rows = [said("manager", 5, person, "kind") for person in people[:6]]
    rows += [said("manager", 1 + n % 4, person, f"fair{n % 2}") for n, person in enumerate(people)]
    w = museum(reviews(*rows, people=12), minimum_group=5)
    found = w.query(
        "select rater_id, spread = 0, severity < 0, is_outlier from restricted.rater_calibration order by 1"
    )
    assert found == [("fair0", False, False, False), ("fair1", False, False, False), ("kind", True, True, True)]
    # Shrunken: less than the plain difference from the others.
    plain = one(w, "select max(mean) - avg(mean) from restricted.rater_calibration")
    assert 0 < -one(w, "select severity from restricted.rater_calibration where rater_id = 'kind'") < plain


def rated(person: str, rating: int, cycle: str = "2024-H1", on: str = "2024-03-10") -> dict[str, Any]:
    """A rating by the one manager there is."""
    columns = {"competency": "Craft", "scale_min": 1, "scale_max": 5, "submitted_at": f"{on} 10:00:00"}
    return {**said("manager", rating, person), **columns, "cycle": cycle}


def test_four_fifths_are_not_below_four_fifths(museum):
    """40 and 40 people; 20 of the one group are rated top, 16 or 15 of the other."""
    for favoured, below in ((16, False), (15, True)):
        people = [(f"m{n}", "m", 5 if n < 20 else 3) for n in range(40)]
        people += [(f"f{n}", "f", 5 if n < favoured else 3) for n in range(40)]
        w = museum(
            {
                "employees": [
                    row for name, gender, _ in people for row in shown(name, "2020-01-01", ENDS, gender=gender)
                ],
                "reviews": [rated(name, rating) for name, _, rating in people],
            }
        )
        impact = one(w, "select impact_ratio, below_four_fifths, reliable from marts.adverse_impact where decision = 'top_rating' and attribute = 'gender' and \"group\" = 'f'")  # fmt: skip
        assert impact == (pytest.approx(favoured / 20), below, True)


def test_fishers_test_counts_the_tables_at_both_ends(museum):
    """All of one group and none of the other: of 252 tables with these margins two are that unlikely."""
    people = [(f"{gender}{n}", gender, 5 if gender == "m" else 3) for gender in "mf" for n in range(5)]
    w = museum(
        {
            "employees": [row for name, gender, _ in people for row in shown(name, "2020-01-01", ENDS, gender=gender)],
            "reviews": [rated(name, rating) for name, _, rating in people],
        }
    )
    fisher = "select fisher_p from marts.adverse_impact where decision = 'top_rating' and attribute = 'gender' and \"group\" = 'f'"
    assert one(w, fisher) == pytest.approx(2 / 252)


@pytest.mark.parametrize(("selected", "reliable"), [(5, True), (4, False)])
def test_adverse_impact_needs_five_expected_in_each_cell(museum, selected, reliable):
    people = [(f"{g}{n}", g, 5 if n < selected else 3) for g in ("m", "f") for n in range(12)]
    w = museum(
        {
            "employees": [row for name, gender, _ in people for row in shown(name, "2020-01-01", ENDS, gender=gender)],
            "reviews": [rated(name, rating) for name, _, rating in people],
        }
    )
    assert {row[0] for row in w.query("select reliable from marts.adverse_impact where decision = 'top_rating' and attribute = 'gender'")} == {reliable}  # fmt: skip


def test_promotions_belong_to_the_cycle_that_they_follow(museum):
    days = {
        "on the last submission": "2024-03-10",
        "after": "2024-03-11",
        "on the next": "2024-06-10",
        "later": "2024-06-11",
    }
    cycles = {"first": "2024-03-10", "second": "2024-06-10"}
    company = {
        "employees": [row for name in (*days, "none") for row in shown(name, "2020-01-01", ENDS, gender="m")],
        "job_changes": [
            {
                "employee_id": name,
                "effective_date": on,
                "change_type": "promotion",
                "old_value": "L1",
                "new_value": "L2",
            }
            for name, on in days.items()
        ],
        "reviews": [rated(name, 3, cycle, on) for cycle, on in cycles.items() for name in (*days, "none")],
    }
    w = museum(company)
    found = w.query("select cycle, selected from marts.adverse_impact where decision = 'promotion' and attribute = 'gender' order by 1")  # fmt: skip
    assert found == [("first", 2), ("second", 1)]


# Surveys

TEAM = {"item_id": "team", "driver": "Team", "scale_min": 1, "scale_max": 5, "not_applicable": "N/A"}
STRAIN = {**TEAM, "item_id": "strain", "driver": "Work", "reversed": "true"}
LONG = {**TEAM, "item_id": "long", "scale_max": 7}
ENPS = {"item_id": "enps", "driver": "eNPS", "scale_min": 1, "scale_max": 10, "is_enps": "true"}


def survey(
    *answers: tuple[str, str, Any], day: str = "2024-03-10", invited: bool = True, people: int = 6
) -> dict[str, Any]:
    """Answers (person, item, answer) to a survey launched on a day, everyone invited."""
    employees = staff(people)
    who = sorted({row["employee_id"] for row in employees})
    return {
        "employees": employees,
        "survey_items": [TEAM, STRAIN, LONG, ENPS],
        "survey_invitations": [{"survey_id": "s", "employee_id": p, "launched_on": day} for p in who]
        if invited
        else [],
        "survey_responses": [
            {
                "survey_id": "s",
                "respondent_id": f"r-{p}",
                "employee_id": p,
                "item_id": item,
                "answer": str(answer),
                "responded_at": f"2024-03-{20 + n // 10} 09:00:0{n % 10}",
            }
            for n, (p, item, answer) in enumerate(answers)
        ],
    }


def mood(warehouse: Warehouse, driver: str, figures: str, value: str = "all") -> Any:
    return one(warehouse, f"select {figures} from marts.morale where driver = '{driver}' and slice_value = '{value}'")


def test_a_survey_before_a_transfer_counts_for_the_old_department(museum):
    company = survey(("mover", "team", 5))
    mover = [*shown("mover", "2022-01-01", ENDS[:2]), *shown("mover", "2022-01-01", ENDS[2:], department="B")]
    change = {"employee_id": "mover", "effective_date": "2024-03-15", "change_type": "transfer", "old_value": "A", "new_value": "B"}  # fmt: skip
    company["employees"] += mover
    company["job_changes"] = [change]
    company["survey_invitations"].append({"survey_id": "s", "employee_id": "mover", "launched_on": "2024-03-10"})
    w = museum(company)
    # Launched on the 10th, transferred on the 15th, answered on the 20th.
    assert w.query("select slice_value from marts.morale where slice_dimension = 'department' and driver = 'Team'") == [
        ("A",)
    ]


def test_a_respondent_who_answers_twice_counts_once_and_last(museum):
    w = museum(survey(("staff0", "team", 1), ("staff0", "team", 5)))
    assert mood(w, "Team", "respondents, favourable") == (1, 1.0)


def test_items_on_another_scale_are_pooled_by_favourability(museum):
    w = museum(survey(("staff0", "team", 5), ("staff1", "long", 5)))
    # 5 of 5 is favourable, 5 of 7 is not; their means are (100 + 66.7) ÷ 2.
    assert mood(w, "Team", "favourable, neutral, mean_score_100") == pytest.approx((0.5, 0.5, (100 + 4 / 6 * 100) / 2))


def test_a_reversed_item_is_turned_round(museum):
    w = museum(survey(("staff0", "strain", 1), ("staff1", "strain", 5)))
    assert mood(w, "Work", "favourable, unfavourable, mean_score_100") == (0.5, 0.5, 50.0)
    w = museum(survey(("staff0", "strain", 1)))
    assert mood(w, "Work", "favourable") == 1.0


def test_not_applicable_is_no_answer(museum):
    w = museum(
        survey(("staff0", "team", 4), ("staff1", "team", "N/A"), ("staff2", "team", 2), ("staff2", "team", "N/A"))
    )
    # The earlier answer of who says "not applicable" later still counts.
    assert mood(w, "Team", "respondents, favourable") == (2, 0.5)


def test_an_answer_after_the_exit_is_left_out_and_reported(museum):
    company = survey(("staff0", "team", 5), ("gone", "team", 1), invited=False)
    company["employees"] += left("gone", "2020-01-01", "2024-03-05", ENDS[:4])
    w = museum(company)
    assert mood(w, "Team", "respondents, favourable") == (1, 1.0)
    assert (
        one(w, "select left_out_because from restricted.fct_survey_respondent where employee_id = 'gone'")
        == "after_exit"
    )


def test_enps_on_1_to_10_keeps_its_limits(museum):
    w = museum(survey(*((f"staff{n}", "enps", answer) for n, answer in enumerate((10, 9, 8, 7, 6, 1)))))
    assert one(w, "select promoters, passives, detractors, enps from marts.enps where slice_dimension = 'company'") == (2, 2, 2, 0.0)  # fmt: skip


# People by address and name


def test_people_are_known_by_address_and_by_name_unless_two_bear_it(museum):
    people = [
        *shown("1", "2020-01-01", full_name="Ana Ruiz", email="Ana@Example.com", manager_id="Bo Lind"),
        *shown("2", "2020-01-01", full_name="Bo Lind", email="bo@example.com", manager_id="Cy Ode"),
        *shown("3", "2020-01-01", full_name="Cy Ode", email="cy@example.com"),
        *shown("4", "2020-01-01", full_name="Cy Ode", email="cy2@example.com"),
    ]
    goal = {"goal_id": "g", "period": "2024-Q2", "owner_id": "ANA@example.com"}
    w = museum(
        {
            "employees": people,
            "goals": [goal],
            "reviews": [rated("Ana Ruiz", 3) | {"rater_id": "bo@example.com"}],
        },
        against_oracle=False,
    )
    managers = w.query("select distinct employee_id, manager_id from staging.stg_employees where manager_id is not null order by 1")  # fmt: skip
    assert managers == [("1", "2"), ("2", "Cy Ode")]
    assert one(w, "select owner_id from restricted.fct_goal") == "1"
    assert one(w, "select reviewee_id, rater_id from restricted.fct_review_rating") == ("1", "2")
    assert w.query("select reference from staging.stg_person_references where people > 1") == [("Cy Ode",)]


# Without employees, and the manager's page


def test_recognition_without_employees_is_sliced_by_what_it_carries(museum):
    rows = [
        {"recognition_id": "1", "giver_id": "a", "receiver_id": "b", "given_on": "2024-03-01", "department": "X"},
        {"recognition_id": "2", "giver_id": "a", "receiver_id": "c", "given_on": "2024-03-31"},
        {"recognition_id": "2", "giver_id": "a", "receiver_id": "d", "given_on": "2024-03-31", "department": "Y"},
    ]
    w = museum({"recognitions": rows})
    found = w.query("select slice_dimension, slice_value, given, received, givers, receivers, reach from marts.recognition order by 1, 2")  # fmt: skip
    assert found == [
        ("company", "all", 3, 3, 1, 3, None),
        ("department", "X", 1, 1, 1, 1, None),
        ("department", "Y", 1, 1, 1, 1, None),
        ("department", "unknown", 1, 1, 1, 1, None),
    ]
    every = {name: "v" for name in ("department", "division", "location", "country", "job_level", "employment_type", "gender", "ethnicity")}  # fmt: skip
    w = museum({"recognitions": [{**rows[1], **every}]})
    assert w.query("select count(*) from marts.recognition where received = 1") == [(9,)]


def test_meetings_are_counted_without_employees_and_sliced_with_one(museum):
    meeting = {"meeting_id": "1", "manager_id": "b", "employee_id": "a", "scheduled_on": "2024-03-05", "held_on": "2024-03-05"}  # fmt: skip
    thanks = {"recognition_id": "1", "giver_id": "a", "receiver_id": "a", "given_on": "2024-03-05", "department": "X"}
    sliced = "select distinct slice_dimension, slice_value from marts.{} where slice_dimension in ('company', 'department') order by 1"  # fmt: skip
    w = museum({"one_on_ones": [meeting]})
    assert w.query(sliced.format("one_on_one")) == [("company", "all")]
    w = museum({"employees": shown("a", "2020-01-01"), "one_on_ones": [meeting], "recognitions": [thanks]})
    for mart in ("one_on_one", "recognition"):
        # The department is that of the employee, not what the file carries.
        assert w.query(sliced.format(mart)) == [("company", "all"), ("department", "A")]


def test_the_managers_page_reads_to_the_last_of_the_month(museum):
    team = [row for n in range(3) for row in shown(f"r{n}", "2022-01-01", manager_id="boss")]
    company = survey(("r0", "team", 5), ("r0", "enps", 9), day="2024-03-31", invited=False)
    for answer in company["survey_responses"]:
        answer["responded_at"] = "2024-03-31 10:00:00"
    company["employees"] = [*team, *shown("boss", "2020-01-01")]
    company["trainings"] = [
        {"employee_id": "r0", "course": "a", "assigned_on": "2024-03-31", "completed_on": "2024-04-01"},
        {"employee_id": "r1", "course": "b", "assigned_on": "2024-02-01", "completed_on": "2024-03-31"},
        {"employee_id": "r2", "course": "c", "assigned_on": "2024-04-01", "status": "waived"},
    ]
    w = museum(company)
    boss = "where manager = (select pseudonym from validated.person_pseudonyms where person_id = 'boss')"
    page = w.query(f"select mean_score_100, enps, open_trainings_per_person from marts.manager_scorecard {boss} order by month")  # fmt: skip
    assert page[:4] == [
        (None, None, 0),
        (None, None, pytest.approx(1 / 3)),
        (pytest.approx((100 + 8 / 9 * 100) / 2), 100.0, pytest.approx(1 / 3)),
        (pytest.approx((100 + 8 / 9 * 100) / 2), 100.0, 0),
    ]


ALIKE = [(f"staff{n}", "team", 5 if n < 6 else 2 + n % 3) for n in range(20)]


def alike(museum, unanimity):
    """Six of twenty are in department B and all content; one item, which is all there is."""
    company = survey(*ALIKE, people=20)
    for row in company["employees"]:
        row["department"] = "B" if int(row["employee_id"][5:]) < 6 else "A" if int(row["employee_id"][5:]) < 14 else "C"
    return museum(company, against_oracle=unanimity != "band", minimum_group=5, unanimity=unanimity)


def test_a_department_in_which_all_are_content_tells_it_of_nobody(museum):
    figures = "select slice_value, favourable, suppression_reason from marts.morale where slice_dimension = 'department' and driver = 'all' order by 1"  # fmt: skip
    hidden = alike(museum, "hide").query(figures)
    # With it goes the next smallest, which has some who are and some who are not.
    assert [(value, reason) for value, _, reason in hidden] == [
        ("A", None),
        ("B", "complementary"),
        ("C", "complementary"),
    ]
    banded = alike(museum, "band").query(figures)
    assert banded[1] == ("B", pytest.approx(5 / 6), None)


def test_an_anonymous_answer_is_nobodys_though_its_code_is_somebodys_id(museum):
    """Naive: codes are looked up among the employees, and the survey is anonymous no more."""
    company = survey(("staff1", "team", 5), ("staff2", "team", 1), invited=False)
    for row in company["survey_responses"]:
        row |= {"respondent_id": row["employee_id"], "employee_id": None}
    warehouse = museum(company)
    assert warehouse.query("select distinct employee_id from restricted.fct_survey_respondent") == [(None,)]
    assert warehouse.query("select distinct slice_dimension from marts.morale") == [("company",)]
