"""What may not move stays as readers have it, in every mart; and the run says of how many people that is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from tests.disclosure import histories

pytestmark = pytest.mark.xdist_group("attack")
LEAVING = date(2024, 3, 15)


def with_leavers(number: int) -> histories.World:
    """A company of which so many people leave on one day, all of them voluntarily."""
    world = next(
        world for world in map(histories.company, range(60)) if len(world.files["employees/2024-03-31.csv"]) > 55
    )
    staying = [row for row in world.files["employees/2024-05-31.csv"] if not row["last_day"]]
    leaving = {row["employee_id"] for row in staying[5 : 5 + number]}
    for path, rows in world.files.items():
        if not path.startswith("employees/"):
            continue
        month = date.fromisoformat(path[10:20])
        # Nobody else leaves.
        for row in rows:
            row["last_day"] = row["exit_type"] = row["is_regretted"] = None
        if month >= LEAVING:
            for row in rows:
                if row["employee_id"] in leaving:
                    row |= {"last_day": LEAVING, "exit_type": "voluntary", "is_regretted": "false"}
        if month > date(2024, 4, 30):
            world.files[path] = [row for row in rows if row["employee_id"] not in leaving]
    return world


def correct(world: histories.World, number: int) -> None:
    """So many people who left voluntarily were dismissed."""
    voluntary = sorted({row["employee_id"] for row in leavers(world) if row["exit_type"] == "voluntary"})[:number]
    for row in leavers(world):
        if row["employee_id"] in voluntary:
            row["exit_type"] = "involuntary"


def leavers(world: histories.World) -> list[histories.Row]:
    return [
        row for path, rows in world.files.items() if path.startswith("employees/") for row in rows if row["last_day"]
    ]


def classes(models: histories.Models) -> tuple[int | None, ...]:
    """Voluntary and involuntary exits of the company in March, and in the quarter that ends with it."""
    con = models.warehouse.con
    month = con.execute(
        "select exits_voluntary, exits_involuntary from build.marts.headcount_walk "
        "where slice_dimension = 'company' and month = '2024-03-01'"
    ).fetchone()
    quarter = con.execute(
        "select max(separations) filter (exit_class = 'voluntary'), max(separations) filter (exit_class = 'involuntary') "
        "from build.marts.turnover where slice_dimension = 'company' and month = '2024-03-01' "
        "and definition = 'annualised_3m'"
    ).fetchone()
    return (*month, *quarter)


def waiting(models: histories.Models, kind: str) -> int:
    row = models.warehouse.con.execute(
        f"select sum(waiting) from build.disclosure.disclosure_decisions where record = 'outcome' and kind = '{kind}'"
    ).fetchone()
    return int(row[0])


def test_one_corrected_reason_leaves_the_classes_of_exits_as_they_were():
    models = histories.Models()
    world = with_leavers(15)
    models.publish(world, "first")
    assert classes(models) == (15, 0, 15, 0)
    correct(world, 1)
    models.publish(world, "one corrected")
    assert classes(models) == (15, 0, 15, 0)
    assert waiting(models, "exits") == 1
    models.publish(world, "nothing new")
    assert waiting(models, "exits") == 1
    correct(world, histories.MINIMUM)
    models.publish(world, "many corrected")
    assert classes(models) == (15 - 1 - histories.MINIMUM, 1 + histories.MINIMUM) * 2


def test_one_late_answer_is_counted_as_one_person_who_waits():
    models = histories.Models()
    world = with_leavers(0)
    models.publish(world, "first")
    path = world.surveys()[0]
    rows = world.files[path]
    respondent = rows[-1]["respondent_id"]
    late = [row for row in rows if row["respondent_id"] == respondent]
    world.files[path] = [row for row in rows if row["respondent_id"] != respondent]
    models.warehouse.forget()
    models.publish(world, "without one sheet")
    world.files[path] += late
    models.publish(world, "with the late sheet")
    assert waiting(models, "answers") == 1


@pytest.mark.parametrize("with_one_more", [False, True])
def test_a_measure_that_one_person_changed_does_not_hide_behind_others(with_one_more):
    """Many complete a goal; where one other person updates a stale goal as well, the share of stale goals may not move."""
    models = histories.Models()
    world = with_leavers(0)
    path = next(path for path in sorted(world.files) if path.startswith("goals/"))
    for number, row in enumerate(world.files[path]):
        row["updated_at"] = f"{row['due_on']} 08:00:00" if number else "2023-12-01 08:00:00"

    def completed_and_stale():
        return models.warehouse.con.execute(
            "select completed, round(stale_share * goals) from build.marts.goal_attainment "
            "where slice_dimension = 'company' and period = ?",
            [world.files[path][0]["period"]],
        ).fetchone()

    models.publish(world, "first")
    before = completed_and_stale()
    assert before[1] == 1
    stale, *others = world.files[path]
    owners = sorted({row["owner_id"] for row in others} - {stale["owner_id"]})[: histories.MINIMUM + 1]
    for owner in owners:
        next(row for row in others if row["owner_id"] == owner)["status"] = "completed"
    if with_one_more:
        stale["updated_at"] = others[0]["updated_at"]
    models.publish(world, "many completed")
    assert completed_and_stale() == (before if with_one_more else (before[0] + len(owners), 1))


def test_one_corrected_gender_leaves_headcounts_as_they_were():
    models = histories.Models()
    world = with_leavers(0)
    for rows in (rows for path, rows in world.files.items() if path.startswith("employees/")):
        for row in rows:
            row["gender"] = "f" if int(row["employee_id"][1:]) % 2 else "m"

    def by_gender():
        con = models.warehouse.con
        walk = "select month, slice_value, opening, closing, average_headcount, is_suppressed, suppression_reason"
        rates = "select month, slice_value, definition, exit_class, separations, denominator, rate, is_suppressed"
        return [
            con.execute(f"{columns} from build.marts.{mart} where slice_dimension = 'gender' order by all").fetchall()
            for mart, columns in (("headcount_walk", walk), ("turnover", rates))
        ]

    models.publish(world, "first")
    before = by_gender()
    assert any(row[3] for row in before[0])
    one = world.files["employees/2024-05-31.csv"][4]["employee_id"]
    for rows in (rows for path, rows in world.files.items() if path.startswith("employees/")):
        for row in rows:
            if row["employee_id"] == one:
                row["gender"] = "m" if row["gender"] == "f" else "f"
    models.publish(world, "one corrected")
    for rows, earlier_rows in zip(by_gender(), before, strict=True):
        assert len(rows) == len(earlier_rows)
        for row, earlier in zip(rows, earlier_rows, strict=True):
            assert [now for now, then in zip(row, earlier, strict=True) if then is not None] == [
                then for then in earlier if then is not None
            ]
    assert waiting(models, "populations") == 1


def test_after_an_erasure_later_months_by_gender_are_suppressed():
    """Who is gone can be in no row any more, so a later month could be compared with an earlier one."""
    models = histories.Models()
    world = with_leavers(0)
    models.publish(world, "first")
    heads = models.warehouse.home / "ledger" / "000001" / "states.parquet"
    gone = f"select * replace (if(kind = 'populations', 1, gone) as gone) from read_parquet('{heads}')"
    duckdb.execute(f"copy (select * from ({gone})) to '{heads}.new' (format parquet)")
    Path(f"{heads}.new").replace(heads)
    later = next(path for brought in world.ahead for path in brought if path.startswith("employees/"))
    world.files[later] = [
        row | {"as_of": later[10:20]} for row in world.files["employees/2024-08-31.csv"] if not row["last_day"]
    ]
    models.publish(world, "a month later")
    shown = "select count(*), count(closing) from build.marts.headcount_walk where slice_dimension = ? and month = ?"
    month = f"{later[10:17]}-01"
    assert models.warehouse.con.execute(shown, ["company", month]).fetchone() == (1, 1)
    rows, closings = models.warehouse.con.execute(shown, ["gender", month]).fetchone()
    assert rows > 1 and closings == 0
