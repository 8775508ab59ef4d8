"""The rules, entity by entity. What every entity has in common stands first.

Rules on sets are functions of the settings, since their limits are configurable.
"""

from __future__ import annotations

from expectations.rules import Between, InSet, NoRows, NotBefore, NotNull, Null, Rule, Satisfies, Unique
from pipelines.entities import ENTITIES, Entity

# Without braces, which Great Expectations takes for placeholders.
_PERIOD = r"[0-9][0-9][0-9][0-9](-(H[12]|Q[1-4]|(0[1-9]|1[0-2])))?"

_OWN: dict[str, tuple[Rule, ...]] = {
    "employees": (
        Satisfies(
            name="row_is_dated",
            condition="as_of is not null or effective_on is not null",
            of="as_of",
            reason="Without as_of or effective_on nobody knows when the row was true.",
        ),
        NotBefore(
            name="last_day_not_before_hire",
            later="last_day",
            earlier="hire_date",
            reason="Nobody leaves before the first day.",
        ),
        Between(name="fte_in_range", of="fte", low=0, high=1.2, reason="1 is full time; 100 is a percentage."),
        Between(name="salary_not_negative", of="salary", low=0, reason="Pay is not negative."),
        Unique(
            name="one_row_per_snapshot",
            of=("employee_id", "as_of", "hire_date", "is_primary"),
            where="effective_on is null",
            reason="Two different rows for one person on one day: nobody can tell which is true.",
        ),
        Unique(
            name="one_main_job",
            of=("employee_id", "as_of"),
            where="effective_on is null and coalesce(is_primary, true) and coalesce(last_day >= as_of, true)",
            severity="warning",
            reason="Two main jobs at once: attributes are those of the later line; say is_primary in the profile.",
        ),
        InSet(
            name="exit_type_known",
            of="exit_type",
            values=("voluntary", "involuntary", "other"),
            severity="warning",
            reason="Other exit types count as unknown; map them in the profile.",
        ),
        NotBefore(
            name="born_before_hire",
            later="hire_date",
            earlier="birth_date",
            severity="warning",
            reason="A birth date after the hire date is a typing error.",
        ),
        Satisfies(
            name="leavers_have_a_last_day",
            condition=(
                "last_day is not null or lower(status) not in "
                "('terminated', 'left', 'leaver', 'resigned', 'dismissed', 'separated')"
            ),
            of="last_day",
            severity="warning",
            reason="A status that says gone, without a last day: the person counts as employed.",
        ),
        Satisfies(
            name="active_people_have_not_left",
            condition="last_day is null or as_of is null or last_day >= as_of or lower(status) <> 'active'",
            of="last_day",
            severity="warning",
            reason="A status that says active, with a last day that is over: the last day counts.",
        ),
        Satisfies(
            name="text_is_decoded",
            condition=(
                "not regexp_matches(concat_ws(' ', full_name, department, division, location), "
                "'(Ã[\u0080-\u00bf]|â€|Â[\u00a0-\u00bf])')"
            ),
            of="full_name",
            severity="warning",
            reason="Ã© instead of é: the source has taken UTF-8 for another encoding before it exported.",
        ),
        Satisfies(
            name="not_own_manager",
            condition="manager_id <> employee_id",
            of="manager_id",
            severity="warning",
            reason="Only the head of a company may be shown as their own manager.",
        ),
    ),
    "survey_invitations": (
        Satisfies(
            name="invited_is_known",
            condition="employee_id is not null or respondent_id is not null",
            of="employee_id",
            reason="An invitation without employee_id and respondent_id invites nobody.",
        ),
        NotBefore(
            name="closes_after_launch",
            later="closes_on",
            earlier="launched_on",
            reason="A survey does not close before it opens.",
        ),
    ),
    "survey_items": (
        Satisfies(
            name="scale_is_ascending",
            condition="scale_min < scale_max",
            of="scale_min",
            reason="scale_min is the lowest answer; an item where high is bad says reversed.",
        ),
    ),
    "reviews": (
        Satisfies(
            name="self_review_is_called_self",
            condition="rater_id <> reviewee_id or relationship = 'self'",
            of="relationship",
            severity="warning",
            reason="Who rates themselves gives a self review, whatever the export calls it.",
        ),
        InSet(
            name="relationship_known",
            of="relationship",
            values=("self", "manager", "peer", "report", "observer"),
            reason="Each perspective is averaged by itself; map other words in the profile.",
        ),
        Satisfies(
            name="rating_on_scale",
            condition="rating between coalesce(scale_min, rating) and coalesce(scale_max, rating)",
            of="rating",
            reason="A rating outside of its scale is a typing error or on another scale.",
        ),
        Satisfies(
            name="calibrated_rating_on_scale",
            condition=(
                "calibrated_rating between coalesce(scale_min, calibrated_rating) "
                "and coalesce(scale_max, calibrated_rating)"
            ),
            of="calibrated_rating",
            reason="A rating outside of its scale is a typing error or on another scale.",
        ),
    ),
    "goals": (
        Satisfies(
            name="period_is_written_well",
            condition=f"regexp_full_match(period, '{_PERIOD}')",
            of="period",
            reason="Periods are written 2024, 2024-H1, 2024-Q1 or 2024-03.",
        ),
        Satisfies(
            name="goal_ends_in_the_year_of_its_period",
            condition="due_on is null or strftime(due_on, '%Y') = substr(period, 1, 4)",
            of="due_on",
            severity="warning",
            reason="A goal that is due in another year than its period belongs to another one.",
        ),
        Between(name="weight_not_negative", of="weight", low=0, reason="A goal does not weigh less than nothing."),
        InSet(
            name="goal_status_known",
            of="status",
            values=("not_started", "in_progress", "completed", "cancelled"),
            reason="Cancelled goals are left out and completed ones counted; map other words in the profile.",
        ),
        Unique(name="goal_id_unique", of=("goal_id", "period"), reason="One goal, one row."),
    ),
    "one_on_ones": (Unique(name="meeting_id_unique", of=("meeting_id",), reason="One meeting, one row."),),
    "recognitions": (
        Unique(
            name="recognition_id_unique",
            of=("recognition_id", "receiver_id"),
            reason="One recognition of one receiver, one row.",
        ),
    ),
    "trainings": (
        NotBefore(
            name="completed_after_assigned",
            later="completed_on",
            earlier="assigned_on",
            severity="warning",
            reason="A course is not completed before it is assigned.",
        ),
    ),
}


def _common(entity: Entity) -> tuple[Rule, ...]:
    return (
        Null(
            name="values_are_readable",
            of="_unparsed",
            reason="A value that is not written as its profile says would have to be guessed.",
        ),
        Null(
            name="dates_are_unambiguous",
            of="_ambiguous",
            reason="A date that fits two orders, and that no evidence decides, would have to be guessed.",
        ),
        *(
            NotNull(name=f"{name}_given", of=name, reason=f"Without {name} the row says nothing.")
            for name in entity.required
        ),
    )


SUITES: dict[str, tuple[Rule, ...]] = {
    name: (*_common(entity), *_OWN.get(name, ())) for name, entity in ENTITIES.items()
}


def set_rules(entity: str, headcount_fall_limit: float) -> tuple[Rule, ...]:
    """The rules on whole deliveries of an entity.

    Args:
        entity: name of the entity.
        headcount_fall_limit: share (0–1) by which a snapshot may be smaller than the one before.
    """
    if entity != "employees":
        return ()
    return (
        NoRows(
            name="snapshots_have_come",
            reason="A snapshot of a day that is more than a month ahead is a typing error in a date or a file's name.",
            query="""
                select distinct as_of from {batch}
                where _violations is null and as_of > current_date + 31
            """,
        ),
        NoRows(
            name="snapshots_have_no_gap",
            severity="warning",
            reason="A month without a snapshot between two with one: changes in it are dated later than they were.",
            query="""
                select as_of from (
                    select as_of, lag(as_of) over (order by as_of) as as_of_before
                    from (
                        select distinct as_of from {batch}
                        where effective_on is null and _violations is null and as_of is not null
                    ) as snapshots
                ) as followed
                where (extract(year from as_of) - extract(year from as_of_before)) * 12
                    + extract(month from as_of) - extract(month from as_of_before) > 1
            """,
        ),
        NoRows(
            name="headcount_does_not_collapse",
            reason=f"A snapshot smaller than the last by more than {headcount_fall_limit:.0%} is most likely cut off.",
            query=f"""
                select as_of from (
                    select as_of, people, lag(people) over (order by as_of) as people_before
                    from (
                        select as_of, count(distinct employee_id) as people
                        from {{batch}}
                        where effective_on is null and _violations is null and as_of is not null
                            and not coalesce(is_partial, false)
                        group by as_of
                    ) as snapshots
                ) as compared
                where people < (1 - {headcount_fall_limit}) * people_before
            """,
        ),
    )
