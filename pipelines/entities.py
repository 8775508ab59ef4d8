"""The canonical entities: what every export is mapped to, column by column.

The one source of column names, types and data classes; the canonical layout, the typed tables, the empty
tables of missing sources and dbt's source definitions are derived from it. Rules on values are not here but
in `expectations/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

ColumnType = Literal["id", "text", "integer", "number", "boolean", "date", "timestamp"]
DataClass = Literal["none", "direct_identifier", "quasi_identifier", "sensitive", "free_text"]

SQL_TYPES: dict[ColumnType, str] = {
    "id": "varchar",
    "text": "varchar",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}


@dataclass(frozen=True)
class Column:
    """One column of an entity; `required` means that a file without it is refused.

    An end `may_be_open`: 9999-12-31 there means that none is known. A column that `tells_day` says of which day the row
    itself is, by which a source is on time or late. A column that names a person says whether the row is about them
    (its `person` is the subject) or only mentions them: where that person is erased, the row goes, or the mention.
    """

    name: str
    type: ColumnType
    description: str
    required: bool = False
    data_class: DataClass = "none"
    may_be_open: bool = False
    tells_day: bool = False
    person: Literal["", "subject", "mentioned"] = ""


@dataclass(frozen=True)
class Entity:
    """One kind of thing that exports speak of.

    `key` tells its rows apart within one file. Exports that come by period say in the column `period` which one a row
    is of: a date stands for its month.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    period: str = ""

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @property
    def is_monthly(self) -> bool:
        return bool(self.period) and self.by_name[self.period].type == "date"

    @property
    def day_columns(self) -> list[str]:
        """The columns that say of which day a row is."""
        return [column.name for column in self.columns if column.tells_day]

    def naming(self, *kinds: str) -> list[str]:
        """The columns that name people, as subjects or as mentioned ones."""
        return [column.name for column in self.columns if column.person in kinds]


def _id(name: str, description: str, required: bool = False) -> Column:
    return Column(name, "id", description, required, "direct_identifier", person="subject")


def _code(name: str, description: str, required: bool = False) -> Column:
    """The id of a person in one survey; in another one, or among employees, it may be somebody else's."""
    return Column(name, "id", description, required, "direct_identifier")


def _mention(name: str, description: str) -> Column:
    return Column(name, "id", description, data_class="direct_identifier", person="mentioned")


def _thing(name: str, description: str) -> Column:
    """The id of something that is no person."""
    return Column(name, "id", description, required=True)


# Attributes that people are sliced by; surveys, reviews and recognitions may carry them themselves.
ATTRIBUTES = (
    Column("department", "text", "Department."),
    Column("division", "text", "Division."),
    Column("location", "text", "Place of work."),
    Column("country", "text", "Country of work."),
    Column("job_level", "text", "Level of the job."),
    Column("employment_type", "text", "Kind of employment (permanent, fixed_term, contractor, intern, ...)."),
    Column("gender", "text", "Gender as recorded.", data_class="sensitive"),
    Column("ethnicity", "text", "Ethnicity as recorded.", data_class="sensitive"),
)

_EMPLOYEES = Entity(
    "employees",
    "person × as-of date (snapshot), or person × effective date (history)",
    (
        Column("as_of", "date", "Day of the snapshot that the row belongs to.", tells_day=True),
        Column("effective_on", "date", "Day from which the row of a history holds.", tells_day=True),
        _id("employee_id", "The person, across jobs and stints.", required=True),
        Column("hire_date", "date", "First day of the stint.", required=True),
        Column("last_day", "date", "Last day employed; empty while employed.", may_be_open=True),
        Column("status", "text", "Status as the export words it."),
        Column("exit_type", "text", "voluntary, involuntary, other, or empty."),
        Column("exit_reason", "text", "Reason as the export words it.", data_class="sensitive"),
        Column("is_regretted", "boolean", "Whether the company regrets the exit."),
        Column("is_primary", "boolean", "False for a job beside the main one."),
        Column(
            "is_partial", "boolean", "True in a snapshot of some people only; who is absent from it stays as before."
        ),
        Column("original_hire_date", "date", "First hire ever, where the export knows it."),
        Column("full_name", "text", "Name.", data_class="direct_identifier"),
        Column("email", "text", "E-mail address.", data_class="direct_identifier"),
        *ATTRIBUTES,
        Column("job_title", "text", "Title of the job.", data_class="quasi_identifier"),
        Column("fte", "number", "Full-time equivalent, 1 = full time."),
        _mention("manager_id", "The manager: id, e-mail address or name."),
        Column("salary", "number", "Pay per year in `currency`.", data_class="sensitive"),
        Column("currency", "text", "Currency of the pay."),
        Column("pay_range_mid", "number", "Middle of the pay range.", data_class="sensitive"),
        Column("birth_date", "date", "Day of birth.", data_class="quasi_identifier"),
    ),
    key=("employee_id", "as_of", "effective_on", "hire_date", "is_primary"),
    period="as_of",
)

ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for entity in (
        _EMPLOYEES,
        Entity(
            "job_changes",
            "person × date × change_type",
            (
                _id("employee_id", "The person.", required=True),
                Column("effective_date", "date", "Day of the change.", required=True, tells_day=True),
                Column("change_type", "text", "promotion, transfer, pay, manager, ..."),
                Column("old_value", "text", "Value before.", data_class="sensitive", person="mentioned"),
                Column("new_value", "text", "Value after.", data_class="sensitive", person="mentioned"),
            ),
        ),
        Entity(
            "survey_invitations",
            "person × survey",
            (
                _thing("survey_id", "The survey."),
                _id("employee_id", "The invited person."),
                _code("respondent_id", "The invited person's code in the survey tool."),
                Column("launched_on", "date", "Day of the launch.", tells_day=True),
                Column("closes_on", "date", "Last day for answers.", may_be_open=True),
            ),
            period="survey_id",
        ),
        Entity(
            "survey_responses",
            "respondent × item",
            (
                _thing("survey_id", "The survey."),
                _code("respondent_id", "Who answered, as the survey tool tells people apart.", required=True),
                _thing("item_id", "The item."),
                Column("answer", "text", "The answer.", required=True, data_class="free_text"),
                Column("responded_at", "timestamp", "When (UTC).", tells_day=True),
                _id("employee_id", "The person, where the survey is confidential rather than anonymous."),
                *ATTRIBUTES,
            ),
            period="survey_id",
        ),
        Entity(
            "survey_items",
            "item",
            (
                _thing("item_id", "The item."),
                Column("text", "text", "Its wording."),
                Column("driver", "text", "What it measures."),
                Column("scale_min", "number", "Lowest answer."),
                Column("scale_max", "number", "Highest answer."),
                Column("reversed", "boolean", "True where a high answer is a bad one."),
                Column("is_enps", "boolean", "True for the recommendation item."),
                Column("is_comment", "boolean", "True for free text."),
                Column("not_applicable", "text", "Answers that are none, separated by |."),
            ),
            key=("item_id",),
        ),
        Entity(
            "reviews",
            "reviewee × cycle × rater × competency",
            (
                Column("cycle", "text", "The review cycle.", required=True),
                _id("reviewee_id", "Who is rated.", required=True),
                _mention("rater_id", "Who rates."),
                Column("relationship", "text", "self, manager, peer, report or observer.", required=True),
                Column("competency", "text", "What is rated."),
                Column("rating", "number", "The rating.", required=True, data_class="sensitive"),
                Column("scale_min", "number", "Lowest rating."),
                Column("scale_max", "number", "Highest rating."),
                Column("scale_reversed", "boolean", "True where the lowest is the best."),
                Column("calibrated_rating", "number", "Rating after calibration.", data_class="sensitive"),
                Column("submitted_at", "timestamp", "When (UTC).", tells_day=True),
                *ATTRIBUTES,
            ),
            period="cycle",
        ),
        Entity(
            "goals",
            "goal",
            (
                _thing("goal_id", "The goal."),
                _id("owner_id", "The person who owns it.", required=True),
                Column("period", "text", "2024, 2024-H1, 2024-Q1 or 2024-03.", required=True),
                Column("title", "text", "Wording.", data_class="free_text"),
                Column("level", "text", "company, team or individual."),
                Column("weight", "number", "Weight among the owner's goals."),
                Column("start_value", "number", "Value at the start."),
                Column("target_value", "number", "Value aimed at."),
                Column("actual_value", "number", "Value reached."),
                Column("attainment", "number", "Attainment as a fraction, where the export gives it."),
                Column("status", "text", "not_started, in_progress, completed or cancelled."),
                Column("due_on", "date", "Day it is due."),
                Column("completed_on", "date", "Day it was completed.", tells_day=True),
                Column("updated_at", "timestamp", "Last update (UTC).", tells_day=True),
            ),
            key=("goal_id", "period"),
            period="period",
        ),
        Entity(
            "goal_alignments",
            "goal × parent goal",
            (
                _thing("goal_id", "The goal."),
                _thing("parent_goal_id", "The goal it serves."),
            ),
        ),
        Entity(
            "one_on_ones",
            "meeting",
            (
                _thing("meeting_id", "The meeting."),
                _id("manager_id", "The manager.", required=True),
                _id("employee_id", "The report.", required=True),
                Column("scheduled_on", "date", "Planned day.", required=True),
                Column("held_on", "date", "Day it took place.", tells_day=True),
                Column("status", "text", "Status as the export words it."),
            ),
            key=("meeting_id",),
        ),
        Entity(
            "recognitions",
            "giver → receiver",
            (
                _thing("recognition_id", "The recognition."),
                _id("giver_id", "Who gives.", required=True),
                _id("receiver_id", "Who receives.", required=True),
                Column("given_on", "date", "When.", required=True, tells_day=True),
                Column("category", "text", "What for."),
                Column("points", "number", "Points."),
                *ATTRIBUTES,
            ),
            key=("recognition_id", "receiver_id"),
        ),
        Entity(
            "trainings",
            "person × course",
            (
                _id("employee_id", "The person.", required=True),
                Column("course", "text", "The course.", required=True),
                Column("assigned_on", "date", "When assigned.", tells_day=True),
                Column("completed_on", "date", "When completed.", tells_day=True),
                Column("status", "text", "Status as the export words it."),
                Column("score", "number", "Result.", data_class="sensitive"),
            ),
        ),
    )
}

# Files that only help to read others (a list of departments, say); their profiles name their columns themselves.
LOOKUP = "lookup"
