"""What is published: the names of the marts and of the person-level tables.

Columns and definitions are dbt's (`dbt_project/models`); a test holds both lists equal to the models there.
"""

SLICED_MARTS = (
    "headcount_walk",
    "turnover",
    "retention",
    "goal_attainment",
    "morale",
    "morale_item",
    "enps",
    "recognition",
)
RESTRICTED_TABLES = (
    "fct_stint",
    "fct_movement",
    "fct_goal",
    "fct_goal_owner",
    "fct_survey",
    "fct_survey_respondent",
    "fct_survey_answer",
    "fct_recognition",
    "fct_review_rating",
)
