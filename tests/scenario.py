"""A company of a dozen invented people in the canonical layout, in which each person is there for one rule.

Four snapshots, January to April 2024. What must come out is worked out by hand in `test_scenario.py`.
"""

from __future__ import annotations

from pathlib import Path

SNAPSHOTS = ("2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30")
HEADER = "employee_id,hire_date,as_of,last_day,exit_type,is_primary,employment_type,department,gender,is_regretted"

# person → (snapshots in which they stand, row without id and as_of)
_PEOPLE = {
    # Stays all along; five of one gender, so that the dimension can be shown at all.
    "stay1": ("1234", "2019-04-15,{},,,,permanent,A,f,"),
    "stay2": ("1234", "2019-04-15,{},,,,permanent,A,f,"),
    "stay3": ("1234", "2019-04-15,{},,,,permanent,A,f,"),
    "stay4": ("1234", "2019-04-15,{},,,,permanent,B,f,"),
    "stay5": ("1234", "2019-04-15,{},,,,permanent,B,f,"),
    # Left in February, voluntarily, and regretted.
    "leaver": ("1", "2020-01-01,{},,,,permanent,A,m,"),
    # Vanishes after February without a last day.
    "vanished": ("12", "2020-01-01,{},,,,permanent,B,m,"),
    # Hired in March; hired on the last day of February.
    "newcomer": ("34", "2024-03-11,{},,,,permanent,B,m,"),
    "lastday": ("234", "2024-02-29,{},,,,permanent,B,m,"),
    # Never counts.
    "contractor": ("1234", "2020-01-01,{},,,,contractor,A,m,"),
    # Has given notice for June, and hires that lie ahead: both wait for their day.
    "notice": ("1234", "2020-01-01,{},2024-06-30,voluntary,,permanent,B,m,"),
    "future": ("4", "2024-05-15,{},,,,permanent,A,m,"),
}
_OWN_ROWS = (
    # Leavers stay until the end of the month after their last day.
    "leaver,2020-01-01,2024-02-29,2024-02-10,voluntary,,permanent,A,m,true",
    "leaver,2020-01-01,2024-03-31,2024-02-10,voluntary,,permanent,A,m,true",
    # Two jobs at once; both end in March: one exit. The second job is in another department and gives no attributes.
    *(f"twojobs,2020-01-01,{day},,,true,permanent,A,m," for day in SNAPSHOTS[:2]),
    *(f"twojobs,2022-01-01,{day},,,false,permanent,B,m," for day in SNAPSHOTS[:2]),
    "twojobs,2020-01-01,2024-03-31,2024-03-31,involuntary,true,permanent,A,m,",
    "twojobs,2022-01-01,2024-03-31,2024-03-31,involuntary,false,permanent,B,m,",
    # Left on 10 January, back on 1 April.
    "boomerang,2021-01-01,2024-01-31,2024-01-10,voluntary,,permanent,A,m,",
    "boomerang,2021-01-01,2024-02-29,2024-01-10,voluntary,,permanent,A,m,",
    "boomerang,2024-04-01,2024-04-30,,,,permanent,A,m,",
    # Moves from A to B on 12 March, which a job change dates.
    *(f"mover,2020-01-01,{day},,,,permanent,A,m," for day in SNAPSHOTS[:2]),
    *(f"mover,2020-01-01,{day},,,,permanent,B,m," for day in SNAPSHOTS[2:]),
    # An intern, taken on by April.
    *(f"intern,2023-09-01,{day},,,,intern,A,m," for day in SNAPSHOTS[:3]),
    "intern,2023-09-01,2024-04-30,,,,permanent,A,m,",
    # Gave notice, and withdrew it.
    "undecided,2020-01-01,2024-01-31,2024-03-15,voluntary,,permanent,A,m,",
    *(f"undecided,2020-01-01,{day},,,,permanent,A,m," for day in SNAPSHOTS[1:]),
)
JOB_CHANGES = """employee_id,effective_date,change_type,old_value,new_value
mover,2024-03-12,transfer,A,B
stay1,2024-02-12,transfer,A,C
"""
INVITED = ("stay1", "stay2", "stay3", "stay4", "stay5", "notice", "mover", "leaver")
# respondent, item, answer, answered at
_ANSWERS = (
    *((f"stay{n}", "team", str(answer), "2024-02-06T09:00:00") for n, answer in enumerate((5, 4, 3, 2, 5), start=1)),
    # A reversed item, an eNPS item, one who says "not applicable", a comment.
    *((f"stay{n}", "strain", str(answer), "2024-02-06T09:00:00") for n, answer in enumerate((1, 2, 3, 4, 5), start=1)),
    *((f"stay{n}", "enps", str(answer), "2024-02-06T09:00:00") for n, answer in enumerate((10, 9, 8, 6, 0), start=1)),
    ("notice", "team", "N/A", "2024-02-06T09:00:00"),
    ("stay1", "why", "A comment", "2024-02-06T09:00:00"),
    # Answers twice: the later one counts.
    ("mover", "team", "1", "2024-02-06T09:00:00"),
    ("mover", "team", "5", "2024-02-07T09:00:00"),
    # Answers without having been invited.
    ("twojobs", "team", "1", "2024-02-06T09:00:00"),
)
SURVEY_ITEMS = """item_id,text,driver,scale_min,scale_max,reversed,is_enps,is_comment,not_applicable
team,I like my team,Team,1,5,false,false,false,N/A|-
strain,I am strained,Workload,1,5,true,false,false,N/A
enps,Would you recommend us?,eNPS,0,10,false,true,false,
why,Why?,,,,false,false,true,
"""
GOALS = """goal_id,owner_id,period,title,level,weight,start_value,target_value,actual_value,status,due_on,completed_on,updated_at
c1,stay1,2024-Q1,Grow,company,,0,100,50,in_progress,2024-03-31,,2024-03-30
g1,stay2,2024-Q1,Fewer tickets,individual,50,100,50,60,in_progress,2024-03-31,,2024-01-15
g2,stay2,2024-Q1,More,individual,200,0,10,13,completed,2024-03-31,2024-03-20,2024-03-20
g3,stay2,2024-Q1,Nothing known,individual,0,0,10,,in_progress,2024-06-30,,2024-03-20
g4,stay3,2024-Q1,Dropped,individual,10,0,10,5,cancelled,2024-03-31,,2024-03-20
g5,leaver,2024-Q1,Leave well,individual,,0,1,1,completed,2024-02-01,2024-02-05,2024-02-05
g6,nobody,2024-Q1,Of a stranger,individual,,0,1,1,completed,,,
"""
ALIGNMENTS = "goal_id,parent_goal_id\ng1,c1\ng3,g1\ng2,g4\ng4,c1\ng5,g5\n"
RECOGNITIONS = """recognition_id,giver_id,receiver_id,given_on
r1,stay1,stay2,2024-02-01
r2,stay1,mover,2024-03-20
r3,stay2,mover,2024-03-01
"""


def write(landing: Path) -> None:
    """Writes the company into a landing zone, one employees file for each snapshot."""
    files: dict[str, str] = {
        "job_changes/changes.csv": JOB_CHANGES,
        "survey_items/items.csv": SURVEY_ITEMS,
        "goals/goals.csv": GOALS,
        "goal_alignments/alignments.csv": ALIGNMENTS,
        "recognitions/recognitions.csv": RECOGNITIONS,
        "survey_invitations/invitations.csv": "survey_id,employee_id,launched_on\n"
        + "".join(f"spring,{person},2024-02-05\n" for person in INVITED),
        "survey_responses/answers.csv": "survey_id,respondent_id,item_id,answer,responded_at,employee_id\n"
        + "".join(f"spring,R-{who},{item},{answer},{at},{who}\n" for who, item, answer, at in _ANSWERS),
    }
    for number, day in enumerate(SNAPSHOTS, start=1):
        rows = [f"{who},{row.format(day)}" for who, (shown, row) in _PEOPLE.items() if str(number) in shown]
        rows += [row for row in _OWN_ROWS if row.split(",")[2] == day]
        files[f"employees/{day}.csv"] = "\n".join([HEADER, *rows]) + "\n"
    for name, text in files.items():
        path = landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
