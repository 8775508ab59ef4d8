"""Which cells are shown. SQL cannot eliminate: pipelines/disclosure says what is done."""


def model(dbt, session):
    """The decisions as a table; dbt gives the relations."""
    from pipelines.disclosure.decisions import decisions

    dbt.config(materialized="table")
    return decisions(
        session,
        settings=dbt.ref("disclosure_settings"),
        contributions=dbt.ref("contributions"),
        memberships=dbt.ref("memberships"),
        observation=dbt.ref("hist_observation"),
        survey_answers=dbt.ref("fct_survey_answer"),
        survey_respondents=dbt.ref("fct_survey_respondent"),
        survey_items=dbt.ref("stg_survey_items"),
        review_ratings=dbt.ref("fct_review_rating"),
        ledger_key=dbt.source("earlier", "ledger_key"),
        ledger_states=dbt.source("earlier", "ledger_states"),
        ledger_people=dbt.source("earlier", "ledger_people"),
        ledger_slices=dbt.source("earlier", "ledger_slices"),
        ledger_rows=dbt.source("earlier", "ledger_rows"),
        ledger_cells=dbt.source("earlier", "ledger_cells"),
    )
