"""The ladder's company is the same for the same seed, and has what the sample lacks."""

from __future__ import annotations

import duckdb

from scripts import ladder


def test_equal_seeds_give_equal_files_with_all_perspectives_and_both_kinds_of_surveys(tmp_path):
    for name in ("one", "other"):
        ladder.write_company(tmp_path / name, 60, 13, 3)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.csv"))
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes() for file in files)
    folders = {file.parts[0] for file in files}
    assert folders >= {"hris", "reviews", "goals", "survey_responses", "survey_invitations", "one_on_ones"}
    con = duckdb.connect()
    upward = con.execute(
        f"select count(*), count(distinct competency), min(rating), max(rating) from '{tmp_path}/one/reviews/upward_*.csv'"
    ).fetchone()
    assert upward and upward[0] > 50 and upward[1] == 3 and 1 <= upward[2] < upward[3] <= 5
    goals = con.execute(f"select count(distinct period) from '{tmp_path}/one/goals/quarter_*.csv'").fetchone()
    assert goals == (5,)
    anonymous = con.execute(
        f"describe select * from '{tmp_path}/one/survey_responses/climate-*.csv' where department is not null"
    ).fetchall()
    assert "employee_id" not in [name for name, *_ in anonymous]


def test_the_table_tells_of_runs_that_ended_and_of_those_that_did_not():
    done = ladder.Run(0, 41.2, 50.0, 812.0, "hidden_slices 6 s", "")
    shares = {"morale": ladder.Share("morale", 100, 61), "turnover": ladder.Share("turnover", 0, 0)}
    occasions = [ladder.Occasion("wave", "w1", 40, 3, 3), ladder.Occasion("cycle", "c1", 40, 3, 1)]
    results = {
        60: (done, ladder.Measured(5, shares, occasions)),
        150: (ladder.Run(None, 400.4, 500, 900, "", ""), None),
    }
    told = ladder.table(results, 400)
    assert "| people | 60 | 150 |" in told
    assert "| exit code | 0 | ended at 400 CPU s |" in told
    assert "| morale | 61% of 100 | – |" in told
    assert "1 whole, 0 in part, 0 not, of 1" in told
    assert "0 whole, 1 in part, 0 not, of 1" in told
