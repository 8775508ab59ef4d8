"""The figures that were computed from third-party files by others, out of the published marts."""

from __future__ import annotations

import csv

import pytest

COMPANY = "from marts.headcount_walk where slice_dimension = 'company'"


def numbers(text):
    return [int(word) for word in text.split()]


def december_headcounts(outcome):
    rows = outcome.query(f"select headcount_last_day {COMPANY} and month(month) = 12 order by month")
    return [row[0] for row in rows]


def exits_by_year(outcome):
    return [
        row[0] for row in outcome.query(f"select sum(exits)::int {COMPANY} group by year(month) order by year(month)")
    ]


def assert_reconciles(outcome):
    broken = outcome.one(
        "select count(*) from marts.headcount_walk where not is_suppressed and opening + hires + rehires + transfers_in - transfers_out "
        "- exits <> closing"
    )
    assert broken == 0
    unequal = outcome.query(
        "select month, slice_dimension, slice_value, definition from marts.turnover where exit_class <> 'regretted' "
        "and not is_suppressed group by all having sum(separations) filter (where exit_class = 'total') "
        "<> sum(separations) filter (where exit_class <> 'total')"
    )
    assert unequal == []
    unequal = outcome.query(
        "select month from marts.headcount_walk where exits_voluntary is not null "
        "and exits <> exits_voluntary + exits_involuntary + exits_other + exits_unknown"
    )
    assert unequal == []
    dimensions = outcome.one("select count(distinct slice_dimension) from marts.headcount_walk where not is_suppressed")
    assert dimensions >= 9


NUSANTARA = ("departments.csv", "employees.csv", "salaries.csv", "performance_reviews.csv", "goals.csv")


@pytest.mark.xdist_group("nusantara")
class TestNusantaraClean:
    @pytest.fixture(scope="class")
    def outcome(self, reference):
        return reference("nusantara_hr/clean", NUSANTARA)

    def test_people(self, outcome):
        assert outcome.one("select count(distinct employee_id) from restricted.fct_stint", "people") == 2697
        assert outcome.one(f"select headcount_last_day {COMPANY} and month = '2024-12-01'") == 2281
        assert outcome.one(f"select sum(exits) {COMPANY} and year(month) = 2024") == 181
        assert outcome.one(f"select sum(hires) {COMPANY} and year(month) = 2024") == 253
        assert_reconciles(outcome)

    def test_reviews(self, outcome):
        count, mean = outcome.one("select count(*), avg(rating) from restricted.fct_review_rating", "people")
        assert (count, round(mean, 4)) == (8893, 3.4777)

    def test_goals(self, outcome):
        assert outcome.one("select count(*) from restricted.fct_goal where period = '2024'", "people") == 8089
        people, raw, capped = outcome.one(
            "select count(*), avg(attainment_raw), avg(attainment_capped) from restricted.fct_goal_owner where goals > 0",
            "people",
        )
        assert (people, round(raw * 100, 3), round(capped * 100, 3)) == (2697, 88.664, 86.566)


@pytest.mark.xdist_group("nusantara")
class TestNusantaraRaw:
    """The same from the raw files, but for what they do not say: 250 goals have no weight there."""

    @pytest.fixture(scope="class")
    def outcome(self, reference):
        return reference("nusantara_hr/raw", NUSANTARA)

    def test_every_ambiguous_hire_date_is_decided_by_the_first_salary(self, outcome):
        read, loaded, quarantined, duplicate = outcome.one(
            "select rows_read, rows_loaded, rows_quarantined, rows_duplicate from ops.loads where entity = 'employees'"
        )
        assert (read, loaded, quarantined, duplicate) == (2740, 2697, 0, 43)

    def test_people(self, outcome):
        TestNusantaraClean.test_people(self, outcome)

    def test_reviews(self, outcome):
        TestNusantaraClean.test_reviews(self, outcome)

    def test_goals_differ_only_where_the_weight_is_missing(self, outcome, reference):
        clean = reference("nusantara_hr/clean", NUSANTARA)
        sql = (
            "select employee_id, attainment_raw, attainment_capped from restricted.fct_goal_owner where goals > 0 "
            "order by employee_id"
        )
        raw_figures, clean_figures = (
            {employee: values for employee, *values in one.query(sql, "people")} for one in (outcome, clean)
        )
        assert raw_figures.keys() == clean_figures.keys()
        different = {e for e, values in raw_figures.items() if values != pytest.approx(clean_figures[e], abs=1e-12)}
        with (outcome.landing / "goals.csv").open(newline="") as stream:
            goals = list(csv.DictReader(stream))
        without_weight = {goal["employee_id"] for goal in goals if not goal["weight_pct"]}
        assert sum(not goal["weight_pct"] for goal in goals) == 250
        assert different
        assert different <= without_weight


@pytest.mark.xdist_group("hrsample")
class TestHrsample:
    @pytest.fixture(scope="class")
    def outcome(self, reference):
        return reference(
            "hrsample",
            ("deskhistory_table.csv", "deskjob_table.csv", "employeeinfo_table.csv", "rollup_view.csv",
             "performancereview_table.csv"),
        )  # fmt: skip

    def test_headcount_on_31_december(self, outcome):
        assert december_headcounts(outcome) == numbers(
            "1232 1226 1225 1229 1226 1225 1223 1230 1226 1229 1227 1228 1229 1228 1231 1231 1225 1230 1229 1204"
        )

    def test_exits_by_year(self, outcome):
        assert exits_by_year(outcome) == numbers(
            "10 96 145 167 163 177 178 162 166 156 157 156 143 145 144 153 174 164 169 168"
        )

    def test_people_who_left_more_than_once(self, outcome):
        assert (
            outcome.one(
                "select count(*) from (select employee_id from restricted.fct_stint where last_day is not null "
                "group by employee_id having count(*) > 1)",
                "people",
            )
            == 37
        )

    def test_walk_reconciles(self, outcome):
        assert_reconciles(outcome)


@pytest.mark.xdist_group("employees_testdb")
class TestEmployeesTestdb:
    @pytest.fixture(scope="class")
    def outcome(self, reference):
        return reference(
            "employees_testdb", ("dept_emp.csv", "department.csv", "employee.csv"), PERFWH_OBSERVED_TO="2002-12-31"
        )

    def test_people_with_a_department_on_31_december(self, outcome):
        assert december_headcounts(outcome) == numbers(
            "554 1221 1878 2531 3109 3754 4372 4996 5541 6129 6647 7246 7750 8181 8615 8423 8207 8064"
        )

    def test_exits_by_year(self, outcome):
        """Also a regression: a period without a day that is all there is of a person is a hire and an exit."""
        assert exits_by_year(outcome) == numbers("2 12 24 29 40 60 63 72 97 91 133 126 163 198 217 252 217 140")

    def test_walk_reconciles(self, outcome):
        assert_reconciles(outcome)


@pytest.mark.xdist_group("hr_all_in_one")
class TestHrAllInOne:
    @pytest.fixture(scope="class")
    def outcome(self, reference):
        return reference(
            "hr_all_in_one",
            ("employee_data.csv", "employee_engagement_survey_data.csv", "training_and_development_data.csv"),
        )

    def test_people(self, outcome):
        assert outcome.one("select sum(hires), sum(exits) "
                           "from marts.headcount_walk where slice_dimension = 'company'") == (3000, 1533)  # fmt: skip
        first, last, first_exit, last_exit = outcome.one(
            "select min(hire_date), max(hire_date), min(last_day), max(last_day) from restricted.fct_stint", "people"
        )
        assert [str(day) for day in (first, last, first_exit, last_exit)] == [
            "2018-08-07", "2023-08-06", "2018-11-19", "2023-08-06",
        ]  # fmt: skip
        assert_reconciles(outcome)

    def test_answers_outside_of_employment_are_reported_and_not_counted(self, outcome):
        reported = dict(
            outcome.query(
                "select check_name, failing_rows from ops.checks where check_name like 'assert_no_survey_answer%'"
            )
        )
        assert reported["assert_no_survey_answer_after_exit"] == 1051
        assert reported["assert_no_survey_answer_before_hire"] == 287
        counted = outcome.one(
            "select sum(respondents) from marts.morale where slice_dimension = 'company' and driver = 'all'"
        )
        assert counted == 3000 - 1051 - 287

    def test_survey_days(self, outcome):
        first, last = outcome.one(
            "select min(responded_at)::date::varchar, max(responded_at)::date::varchar from restricted.fct_survey_answer",
            "people",
        )
        assert (first, last) == ("2022-08-05", "2023-08-05")


@pytest.mark.xdist_group("justkaizen")
class TestJustkaizen:
    @pytest.fixture(scope="class")
    def outcome(self, reference):
        return reference("justkaizen", ("raw_employees.csv", "raw_job_history.csv", "raw_performance.csv"))

    def test_people(self, outcome):
        assert outcome.one(f"select headcount_last_day {COMPANY} and month = '2025-12-01'") == 1221
        assert outcome.one(
            f"select sum(exits), sum(exits_voluntary) {COMPANY} and year(month) = 2025"
        ) == (207, 199)  # fmt: skip

    def test_reviews_per_cycle(self, outcome):
        rows = outcome.query(
            "select count(*) from restricted.fct_review_rating group by cycle order by cycle", "people"
        )
        assert [row[0] for row in rows] == numbers("190 318 539 772 1012 1265 1227 1142 1240 1319")

    def test_walk_reconciles(self, outcome):
        assert_reconciles(outcome)

    def test_one_is_best(self, outcome):
        best = outcome.one(
            "select distinct rating from restricted.fct_review_rating where rating_delivered = 1 "
            "and calibrated_rating_delivered is null",
            "people",
        )
        assert best == 5


@pytest.mark.xdist_group("happyforce")
class TestHappyforce:
    @pytest.fixture(scope="class")
    def outcome(self, reference):
        return reference("happyforce", ("scores.zip",))

    def test_exact_duplicates_are_counted(self, outcome):
        read, loaded, duplicate = outcome.one("select rows_read, rows_loaded, rows_duplicate from ops.loads")
        assert (read, loaded, duplicate) == (285512, 103330, 285512 - 103330)

    def test_enps_by_month(self, outcome):
        rows = outcome.query(
            "select survey_id[7:], round(enps, 2), respondents from marts.enps where slice_dimension = 'company' order by 1"
        )
        assert [value for row in rows for value in row[1:]] == [
            float(word)
            for word in [
                "35.38",
                "65",
                "71.79",
                "39",
                "82.14",
                "364",
                "21.06",
                "1135",
                "26.34",
                "224",
                "81.01",
                "437",
                "20.59",
                "1180",
                "18.38",
                "359",
                "58.74",
                "589",
                "18.05",
                "1119",
                "17.76",
                "428",
                "10.32",
                "310",
                "22.44",
                "909",
                "24.25",
                "400",
                "24.53",
                "477",
                "18.82",
                "1270",
                "60.71",
                "397",
                "32.63",
                "518",
                "26.71",
                "569",
            ]
        ]

    @pytest.mark.parametrize(
        ("votes", "expected"),
        [
            ("select * from restricted.fct_survey_answer where is_enps", (10794, 29.52)),
            (
                "select * from restricted.fct_survey_answer where is_enps "
                "qualify row_number() over (partition by respondent_id order by responded_at desc, place_from_end) = 1",
                (5285, 29.88),
            ),
        ],
    )
    def test_enps_over_all_votes(self, outcome, votes, expected):
        count, score = outcome.one(
            "select count(*), round(100.0 * (count(*) filter (enps_group = 'promoter') "
            f"- count(*) filter (enps_group = 'detractor')) / count(*), 2) from ({votes})",
            "people",
        )
        assert (count, score) == expected


@pytest.mark.xdist_group("vibe_kudos")
def test_vibe_kudos_by_month(reference):
    outcome = reference("vibe_kudos", ("kudos.csv", "employees.csv"))
    rows = outcome.query(
        "select given, givers, receivers from marts.recognition where slice_dimension = 'company' order by month"
    )
    assert [value for row in rows for value in row] == numbers(
        "586 230 346 586 229 355 620 242 361 689 263 371 611 239 348 666 249 370 707 269 385 622 252 349 678 257 375 "
        "686 261 373 659 260 366 681 262 375 31 27 31"
    )
