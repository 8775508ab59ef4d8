"""Rules: Great Expectations and the SQL that fills the quarantine must say the same, rule by rule."""

from __future__ import annotations

import duckdb
import pytest

from expectations import SUITES
from expectations.rules import Between, InSet, NoRows, NotBefore, NotNull, Null, Satisfies, Unique
from expectations.runner import CheckError, judge
from expectations.suites import set_rules
from pipelines.entities import ENTITIES

ROWS = """
    select * from (values
        (1, 1, 'a', 5.0, date '2024-01-01', date '2024-02-01', null),
        (1, 2, null, -1.0, date '2024-03-01', date '2024-02-01', 'x'),
        (1, 3, 'c', null, null, date '2024-02-01', null),
        (1, 4, 'a', 11.0, date '2024-01-01', null, 'y'),
        (2, 5, 'a', 10.0, date '2024-01-01', date '2024-01-01', null)
    ) as t (_load, id, kind, amount, starts_on, ends_on, _unparsed)
"""
RULES = [
    NotNull(name="not_null", of="kind", reason="-"),
    Null(name="null", of="_unparsed", reason="-"),
    Between(name="between", of="amount", low=0, high=10, reason="-"),
    Between(name="at_least", of="amount", low=0, reason="-"),
    InSet(name="in_set", of="kind", values=("a", "b"), reason="-"),
    NotBefore(name="not_before", later="ends_on", earlier="starts_on", reason="-"),
    Satisfies(name="satisfies", condition="amount < 10", reason="-"),
    Unique(name="unique", of=("kind",), reason="-"),
]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("rules") / "build.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(f"create schema delivered; create table delivered.things as {ROWS}")
    return path


@pytest.fixture(scope="module")
def judged(database):
    return {check.check_name: check for check in judge(database, "delivered", "things", RULES, "things")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_great_expectations_and_quarantine_count_the_same_rows(rule, judged, database):
    with duckdb.connect(str(database), read_only=True) as con:
        failing = con.execute(
            f"select count(*) from (select {rule.failing()} as fails from delivered.things) where fails"
        ).fetchone()[0]
    assert failing > 0
    assert judged[rule.name].failing_rows == failing
    assert not judged[rule.name].passed
    assert judged[rule.name].total_rows == 5


def test_a_rule_on_deliveries_fails_with_its_violations(database):
    rule = NoRows(name="few", reason="-", query="select kind from {batch} where kind = 'a'")
    (check,) = judge(database, "delivered", "things", [rule], "things")
    assert (check.passed, check.failing_rows) == (False, 3)


def test_an_error_in_a_rule_is_neither_a_pass_nor_a_fault_of_the_data(database):
    with pytest.raises(CheckError, match="broken"):
        judge(
            database, "delivered", "things", [Satisfies(name="broken", condition="no_such_column > 1", reason="-")], "t"
        )


def test_a_snapshot_that_collapses_is_found(tmp_path):
    path = tmp_path / "build.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create schema delivered")
        con.execute(
            "create table delivered.employees as select i::varchar as employee_id, day as as_of, null::date as effective_on, "
            "day = date '2024-03-10' as is_partial, null::varchar as _violations from range(100) t (i), (values (date '2024-01-31', 100), (date '2024-02-29', 71), "
            "(date '2024-03-10', 2), (date '2024-03-31', 40)) d (day, people) where i < people"
        )
    checks = {c.check_name: c for c in judge(path, "delivered", "employees", set_rules("employees", 0.3), "employees")}
    check = checks["headcount_does_not_collapse"]
    assert (check.passed, check.failing_rows, check.severity) == (False, 1, "critical")
    assert checks["snapshots_have_no_gap"].passed
    assert checks["snapshots_have_come"].passed


def test_a_missing_month_and_a_day_to_come_are_found(tmp_path):
    path = tmp_path / "build.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create schema delivered")
        con.execute(
            "create table delivered.employees as select 'a' as employee_id, day as as_of, null::date as effective_on, "
            "false as is_partial, null::varchar as _violations from (values (date '2024-01-31'), (date '2024-03-31'), "
            "(date '2024-04-30'), (date '2199-05-31')) d (day)"
        )
    checks = {c.check_name: c for c in judge(path, "delivered", "employees", set_rules("employees", 0.3), "employees")}
    assert (checks["snapshots_have_no_gap"].failing_rows, checks["snapshots_have_no_gap"].severity) == (2, "warning")
    assert (checks["snapshots_have_come"].failing_rows, checks["snapshots_have_come"].severity) == (1, "critical")


def test_every_entity_has_a_suite_with_reasons_and_names_of_its_own():
    assert SUITES.keys() == ENTITIES.keys()
    for entity, rules in SUITES.items():
        assert len({rule.name for rule in rules}) == len(rules), entity
        assert all(rule.reason.endswith(".") for rule in rules), entity
