"""The questions of `docs/morning.md`: their queries, on a team in which each person is there for one answer."""

from __future__ import annotations

import re

import pytest

from pipelines.settings import PROJECT_ROOT
from tests.oracle.test_museum import ENDS, shown
from tests.oracle.warehouse import Warehouse, compiled_open

pytestmark = pytest.mark.xdist_group("museum")

QUESTIONS = dict(re.findall(r"## (.+?)\n.*?```sql\n(.*?)```", (PROJECT_ROOT / "docs" / "morning.md").read_text(), re.S))
# The observation ends on 31 July 2024.
TEAM = ("met", "unmet", "stale", "behind", "unaligned", "split", "star", "thanked", "paid", "learner")


def review(person, relationship, rating, competency="Craft"):
    return {
        "cycle": "2024-H1",
        "reviewee_id": person,
        "rater_id": person if relationship == "self" else "boss",
        "relationship": relationship,
        "competency": competency,
        "rating": rating,
        "scale_min": 1,
        "scale_max": 5,
        "submitted_at": "2024-06-20 10:00:00",
    }


def goal(person, **columns):
    usual = {"period": "2024", "attainment": 0.9, "status": "in_progress", "updated_at": "2024-07-30 10:00:00"}
    return {"goal_id": f"g-{person}", "owner_id": person, **usual, **columns}


@pytest.fixture(scope="module")
def team():
    employees = [row for person in TEAM for row in shown(person, "2022-01-01", manager_id="boss", salary="100")]
    employees += shown("boss", "2020-01-01") + shown("elsewhere", "2020-01-01", manager_id="other")
    for row in employees:
        if row["employee_id"] == "paid" and row["as_of"] > ENDS[3]:
            row["salary"] = "120"
    people = [*TEAM, "elsewhere"]
    warehouse = Warehouse(compiled_open())
    return warehouse.give(
        {
            "employees": employees,
            "one_on_ones": [
                {
                    "meeting_id": f"m-{person}",
                    "manager_id": "boss",
                    "employee_id": person,
                    "scheduled_on": "2024-06-30" if person == "unmet" else "2024-07-01",
                    "held_on": "2024-06-30" if person == "unmet" else "2024-07-01",
                }
                for person in people
            ],
            "goals": [
                {"goal_id": "top", "owner_id": "boss", "period": "2024", "level": "company"},
                *(goal(person) for person in people if person not in ("stale", "behind")),
                goal("stale", updated_at="2024-07-01 10:00:00"),
                goal("behind", attainment=0.5),
            ],
            "goal_alignments": [
                {"goal_id": f"g-{person}", "parent_goal_id": "top"} for person in people if person != "unaligned"
            ],
            "reviews": [
                *(review(person, "manager", 5) for person in ("star", "thanked", "paid", "elsewhere")),
                *(review("split", kind, rating) for kind, rating in (("self", 4), ("manager", 3))),
                review("learner", "manager", 2, "Planning"),
            ],
            "recognitions": [
                {"recognition_id": "r", "giver_id": "boss", "receiver_id": "thanked", "given_on": "2024-01-20"}
            ],
            "trainings": [{"employee_id": "learner", "course": "SQL", "assigned_on": "2024-07-01"}],
        }
    )


def answer(warehouse, question):
    warehouse.con.execute("set variable me = 'boss'")
    return warehouse.query(QUESTIONS[question])


def test_every_question_has_its_query():
    assert len(QUESTIONS) == 7


def test_whom_i_have_not_met(team):
    assert [row[0] for row in answer(team, "Whom have I not met in a 1:1 for 30 days?")] == ["unmet"]


def test_whose_goals_need_a_word(team):
    rows = answer(team, "Whose goals are stale, unaligned or behind?")
    assert {row[0]: row[5:] for row in rows} == {
        "stale": (True, False, False),
        "behind": (False, False, True),
        "unaligned": (False, True, False),
    }


def test_whose_review_is_out_of_line(team):
    assert [row[0] for row in answer(team, "Whose review is out of line across raters?")] == ["split"]


def test_top_performer_without_movement(team):
    assert [row[0] for row in answer(team, "Who is a top performer without recognition, pay or promotion movement?")] == ["star"]  # fmt: skip


def test_who_needs_which_training(team):
    rows = answer(team, "Who needs which training?")
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("learner", "Planning", "rated low in 2024-H1"),
        ("learner", "SQL", "open for 30 days"),
    ]


def test_team_beside_the_company(team):
    rows = answer(team, "How is a team doing beside the company?")
    assert [row[1] for row in rows] == [10, 1]
