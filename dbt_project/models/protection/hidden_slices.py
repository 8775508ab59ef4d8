"""Slices that are hidden, of surveys and reviews. SQL cannot eliminate: pipelines/protection says what is done."""


def model(dbt, session):
    """The decisions as a table; dbt gives the relations."""
    from pipelines.protection.hidden import hidden_slices_of

    dbt.config(materialized="table")
    return hidden_slices_of(
        session,
        settings=dbt.ref("protected_dimensions"),
        larger_minimum_groups=dbt.ref("larger_minimum_groups"),
        survey_slices=dbt.ref("hist_survey_slices"),
        survey_answers=dbt.ref("fct_survey_answer"),
        survey_items=dbt.ref("stg_survey_items"),
        surveys=dbt.ref("fct_survey"),
        survey_invited=dbt.ref("hist_survey_invited"),
        review_slices=dbt.ref("hist_review_slices"),
        review_scores=dbt.ref("agg_review_competency"),
        reviewees=dbt.ref("fct_reviewee"),
        review_ratings=dbt.ref("fct_review_rating"),
        settled_occasions=dbt.ref("settled_occasions"),
        earlier_hidden=dbt.source("earlier", "hidden_slices"),
        earlier_releases=dbt.source("earlier", "releases"),
        contents=dbt.ref("release_contents"),
    )
