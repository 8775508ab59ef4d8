"""All slices that are hidden, as the model `hidden_slices` holds them."""

from __future__ import annotations

from collections import defaultdict

import duckdb
import pyarrow as pa

from pipelines.protection.occasions import Rules
from pipelines.protection.released import released
from pipelines.protection.reviews import hidden_in_reviews
from pipelines.protection.surveys import hidden_in_surveys


def hidden_slices_of(
    con: duckdb.DuckDBPyConnection,
    settings: duckdb.DuckDBPyRelation,
    larger_minimum_groups: duckdb.DuckDBPyRelation,
    survey_slices: duckdb.DuckDBPyRelation,
    survey_answers: duckdb.DuckDBPyRelation,
    survey_items: duckdb.DuckDBPyRelation,
    surveys: duckdb.DuckDBPyRelation,
    survey_invited: duckdb.DuckDBPyRelation,
    review_slices: duckdb.DuckDBPyRelation,
    review_scores: duckdb.DuckDBPyRelation,
    reviewees: duckdb.DuckDBPyRelation,
    review_ratings: duckdb.DuckDBPyRelation,
    settled_occasions: duckdb.DuckDBPyRelation,
    earlier_hidden: duckdb.DuckDBPyRelation,
    earlier_releases: duckdb.DuckDBPyRelation,
    contents: duckdb.DuckDBPyRelation,
) -> pa.Table:
    """All decisions, a row for each slice that is hidden.

    Args:
        con: the connection that the relations belong to.
        settings: mart, slice_dimension, its place, minimum_group, unanimity, minimum_perspective.
        larger_minimum_groups: occasion, minimum_group.
        survey_slices, ...: `hist_survey_slices`, `fct_survey_answer`, `stg_survey_items`, `fct_survey`,
            `hist_survey_invited`, `hist_review_slices`, `agg_review_competency`, `fct_reviewee`,
            `fct_review_rating`.
        settled_occasions, contents: `settled_occasions`, `release_contents`.
        earlier_hidden, earlier_releases: `hidden_slices` and `releases` of the version that readers have.

    Returns:
        Texts: kind (survey, review), occasion (survey_id, cycle), slice_dimension, slice_value, grain and part of what
        is hidden there: both empty for everything.
    """
    dimensions: dict[str, list[str]] = defaultdict(list)
    told = settings.order("mart, place").fetchall()
    for mart, dimension, *_ in told:
        dimensions[mart].append(dimension)
    *_, minimum, unanimity, minimum_perspective = told[0]
    larger = dict(larger_minimum_groups.fetchall())
    rules = Rules(dimensions, minimum, larger, unanimity == "hide", minimum_perspective)
    of_surveys, of_reviews = (
        released(con, kind, settled_occasions, earlier_hidden, earlier_releases, contents)
        for kind in ("survey", "review")
    )
    hidden = [
        *hidden_in_surveys(
            con, rules, survey_slices, survey_answers, survey_items, surveys, survey_invited, of_surveys
        ),
        *hidden_in_reviews(con, rules, review_slices, review_scores, reviewees, review_ratings, of_reviews),
    ]
    names = ("kind", "occasion", "slice_dimension", "slice_value", "grain", "part")
    columns = zip(*hidden, strict=True) if hidden else ((),) * len(names)
    return pa.table({name: pa.array(column, "string") for name, column in zip(names, columns, strict=True)})
