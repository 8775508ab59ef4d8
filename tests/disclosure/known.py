"""What a version shows again: figures that stay as readers have them are no new sums.

A figure may be held: it is shown as an earlier version showed it, whatever has come since. Its row is then that of the
earlier version. Held figures are recognised by their values, not by what the product says of them: all columns of a
group of figures equal those of the same cell in an earlier version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import yaml

from pipelines.settings import DBT_PROJECT

if TYPE_CHECKING:
    from tests.disclosure.published import Version


def leave_out_known(versions: Sequence[Version]) -> None:
    """Makes each version show only what none before it showed: other figures are null in a copy of its marts."""
    declared = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]["disclosure"]
    for number, version in enumerate(versions):
        shown = version.shown_marts or version.marts
        version.con.execute("create schema if not exists fresh")
        tables = version.con.execute(
            "select table_name from duckdb_columns() where schema_name = ? and database_name = ? group by all",
            _parts(version, shown),
        ).fetchall()
        for (table,) in tables:
            version.con.execute(f'create or replace table fresh."{table}" as select * from {shown}."{table}"')
        for mart, declaration in declared.items():
            if "figures" in declaration and version.columns("{m}." + mart):
                _forget_known(version, shown, mart, declaration, versions[:number])
        _forget_copies(version, shown)
        version.shown_marts = shown
        version.marts = "fresh"


def _parts(version: Version, shown: str) -> list[str]:
    names = [name.strip('"') for name in shown.split(".")]
    if len(names) == 1:
        database = version.con.execute("select current_database()").fetchone()
        return [names[0], str(database[0])]
    return [names[-1], names[0]]


def _forget_known(version: Version, shown: str, mart: str, declaration: dict, earlier: Sequence[Version]) -> None:
    keys = [key.strip('"') for key in declaration["keys"]]
    occasion = declaration["occasion"]
    for before in earlier:
        told = before.con.execute(f'select * from {before.shown_marts}."{mart}"').to_arrow_table()
        version.con.register("told", told)
        names = _names(version, before) if occasion == "survey_id" else None
        for columns in declaration["figures"].values():
            there = [
                column for column in columns if column in told.column_names and column in version.columns("{m}." + mart)
            ]
            if not there:
                continue
            same_cell = " and ".join(
                f'm."{key}" is not distinct from t."{key}"' for key in keys if key != occasion or names is None
            )
            same_figures = " and ".join(f'm."{column}" is not distinct from t."{column}"' for column in there)
            source = "told as t"
            if names is not None:
                version.con.register("renamed", names)
                source = "(select n.now, t.* from told as t join renamed as n on t.survey_id = n.before) as t"
                same_cell += " and m.survey_id = t.now"
            gone = ", ".join(f'"{column}" = null' for column in there)
            version.con.execute(
                f'update fresh."{mart}" as m set {gone} from {source} where {same_cell} and {same_figures}'
            )
        version.con.unregister("told")


def _names(version: Version, before: Version):
    """What a survey is called now and was called before, by the people's answers."""
    import pyarrow as pa

    query = "select distinct survey_id, wave from sheet"
    now = dict(version.con.execute(query).fetchall())
    then = {wave: survey for survey, wave in before.con.execute(query).fetchall()}
    pairs = [(name, then[wave]) for name, wave in now.items() if wave in then]
    return pa.table(
        {
            "now": pa.array([name for name, _ in pairs], "string"),
            "before": pa.array([name for _, name in pairs], "string"),
        }
    )


def _forget_copies(version: Version, shown: str) -> None:
    """Leaves out of the managers' page what is a copy of another mart's row, or would be the company's beside it."""
    there = version.columns("{m}.manager_scorecard")
    for column, mart, figure, where in (
        ("mean_score_100", "morale", "mean_score_100", "driver = 'all'"),
        ("enps", "enps", "enps", "true"),
        ("goal_attainment", "goal_attainment", "attainment_capped", "true"),
        ("aligned_goal_share", "goal_attainment", "aligned_goal_share", "true"),
        ("held_rate", "one_on_one", "held_rate", "true"),
        ("recognition_reach", "recognition", "reach", "true"),
    ):
        for suffix, slices in (
            ("", "t.slice_dimension = 'manager' and t.slice_value = m.manager"),
            ("_company", "t.slice_dimension = 'company'"),
        ):
            if f"{column}{suffix}" in there:
                version.con.execute(
                    f'update fresh.manager_scorecard as m set "{column}{suffix}" = null where exists (select 1 from '
                    f'{shown}.{mart} as t where {where} and {slices} and t.{figure} = m."{column}{suffix}")'
                )
