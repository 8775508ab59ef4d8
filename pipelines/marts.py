"""What is published: the names of the marts and of the person-level tables.

Columns and definitions are dbt's (`dbt_project/models`); a test holds both lists equal to the models there.
"""

# Marts with slice dimensions, which are configurable; then those of another grain.
SLICED_MARTS = (
    "headcount_walk",
    "turnover",
    "retention",
    "retention_cohort",
    "retention_survival",
    "goal_attainment",
    "goal_attainment_distribution",
    "morale",
    "morale_item",
    "enps",
    "recognition",
    "one_on_one",
    "rating_distribution",
    "rating_gap",
)
MARTS = (*SLICED_MARTS, "goal_alignment", "adverse_impact", "manager_scorecard")
RESTRICTED_TABLES = (
    "dim_date",
    "dim_employee",
    "fct_stint",
    "fct_movement",
    "fct_goal",
    "fct_goal_owner",
    "fct_survey",
    "fct_survey_respondent",
    "fct_survey_answer",
    "fct_recognition",
    "fct_one_on_one",
    "fct_training",
    "fct_review_cycle",
    "fct_review_rating",
    "fct_reviewee",
    "rater_calibration",
    "performance",
)
