"""The sample company: equal seeds, equal files; and its exports hang together."""

from __future__ import annotations

import hashlib

import duckdb
import pytest

from pipelines.sample import write_company


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    out = tmp_path_factory.mktemp("company") / "out"
    write_company(out, 300, 30, seed=3)
    return out


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.csv"))
    }


def test_equal_seeds_give_equal_files(company, tmp_path):
    write_company(tmp_path / "again", 300, 30, seed=3)
    write_company(tmp_path / "other", 300, 30, seed=4)
    assert contents(company) == contents(tmp_path / "again")
    assert contents(company) != contents(tmp_path / "other")


@pytest.fixture(scope="module")
def workers(company):
    con = duckdb.connect()
    con.execute(
        f"""create table workers as select *, regexp_extract(filename, 'workers_(.*).csv', 1)::date as as_of,
            strptime("Hire Date", '%m/%d/%Y')::date as hired, try_strptime("Last Day of Work", '%m/%d/%Y')::date as left_on
        from read_csv('{company}/hris/*.csv', skip=2, header=true, all_varchar=true, filename=true, null_padding=true)
        where "Employee ID" <> 'Total'"""
    )
    return con


def test_everything_that_happens_in_companies_happens(workers, company):
    def count(sql):
        return workers.execute(sql).fetchone()[0]

    assert count("select count(distinct as_of) from workers") == 30
    assert count("select count(*) from workers where left_on is not null") > 20
    assert (
        count('select count(*) from (select "Employee ID" from workers group by 1 having count(distinct hired) > 1)')
        > 0
    )
    assert count("select count(*) from workers where \"Worker Status\" = 'On Leave'") > 0
    events = dict(workers.execute(f"select Event, count(*) from '{company}/job_changes/*.csv' group by 1").fetchall())
    assert set(events) == {"Transfer", "Promotion", "Manager"}


def test_leavers_stay_until_the_end_of_the_month_after_and_nobody_comes_before_the_hire(workers):
    late = workers.execute(
        "select count(*) from workers where as_of > last_day(left_on + interval 1 month)"
    ).fetchone()[0]
    early = workers.execute("select count(*) from workers where hired > as_of or left_on > as_of").fetchone()[0]
    assert (late, early) == (0, 0)


def test_managers_are_people_of_the_company(workers):
    strangers = workers.execute(
        'select count(*) from workers where "Manager ID" is not null and "Manager ID" not in (select "Employee ID" from workers)'
    ).fetchone()[0]
    assert strangers == 0


def test_each_dated_change_is_shown_by_the_next_snapshot(workers, company):
    """A transfer between two snapshots: the earlier shows the old department, the later the new one."""
    shown = workers.execute(
        f"""
        select count(*), count(*) filter (w.Department = c."New Value")
        from read_csv('{company}/job_changes/*.csv', all_varchar=true) as c
        join workers as w on w."Employee ID" = c."Employee ID" and w.as_of = last_day(c."Effective Date"::date)
        where c.Event = 'Transfer' and c."New Value" in (select distinct Department from workers)
        """
    ).fetchone()
    assert shown[0] > 10
    assert shown[0] == shown[1]
