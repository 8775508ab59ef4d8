"""Surveys and review cycles that stay as readers have them; pipelines/protection/released.py says which."""


def model(dbt, session):
    """The occasions as a table; dbt gives the relations."""
    from pipelines.protection.released import settled_occasions_of

    dbt.config(materialized="table")
    return settled_occasions_of(
        session,
        settings=dbt.ref("protected_dimensions"),
        larger_minimum_groups=dbt.ref("larger_minimum_groups"),
        releases=dbt.source("earlier", "releases"),
        contents=dbt.ref("release_contents"),
        survey_invited=dbt.ref("hist_survey_invited"),
    )
