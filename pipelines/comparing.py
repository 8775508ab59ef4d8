"""Comparing: what a new version says otherwise than the one before, for whoever has to vouch for it.

Of each version a few figures are noted (`noted`), all of them published ones of the whole company; two such notes are
compared (`changes`). The version before need not be there any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from pipelines import logs
from pipelines.database import connect, literal
from pipelines.marts import MARTS
from pipelines.publishing import PEOPLE, PERFORMANCE, manifest_of
from pipelines.settings import Settings

_log = logs.get(__name__)
_COMPANY = "slice_dimension = 'company' and not is_suppressed"
# Name → mart, figure, the column of its periods, how these are ordered, and what else picks the row.
_HEADLINES = {
    "headcount": ("headcount_walk", "closing", "month", "month", ""),
    "turnover, 12 months": (
        "turnover",
        "rate",
        "month",
        "month",
        "definition = 'rolling_12m' and exit_class = 'total'",
    ),
    "voluntary turnover, 12 months": (
        "turnover",
        "rate",
        "month",
        "month",
        "definition = 'rolling_12m' and exit_class = 'voluntary'",
    ),
    "retention, 12 months": ("retention", "retention_rate_12m", "month", "month", ""),
    "goal attainment": ("goal_attainment", "attainment_capped", "period", "period", ""),
    "morale score": ("morale", "mean_score_100", "survey_id", "launched_on", "driver = 'all'"),
    "response rate": ("morale", "response_rate", "survey_id", "launched_on", "driver = 'all'"),
    "eNPS": ("enps", "enps", "survey_id", "launched_on", ""),
    "1:1s held": ("one_on_one", "held_rate", "month", "month", ""),
    "recognition reach": ("recognition", "reach", "month", "month", ""),
}
# A survey whose name names a person is called otherwise in the marts.
_SURVEYS = (
    "left join keyed_texts as k on m.survey_id = k.keyed "
    "left join people.restricted.fct_survey as s on coalesce(k.text, m.survey_id) = s.survey_id"
)
# Periods of a figure that are noted, so that the newest of the version before is found in the new one.
_PERIODS = 36


def noted(settings: Settings, version: str | None) -> dict[str, Any] | None:
    """What is noted of a version: its marts' rows, headline figures and failed checks.

    Returns:
        `row_counts` and `checksums` by mart, `headlines` (name → list of [period, figure], the newest first),
        `failed` (checks that did not pass, by name); None where there is no such version.
    """
    manifest = version and manifest_of(settings, version)
    if not version or not manifest:
        return None
    folder = settings.warehouse / "versions" / version
    return {
        "version": version,
        "row_counts": {mart: manifest["row_counts"].get(f"marts.{mart}", 0) for mart in MARTS},
        "checksums": {mart: manifest["checksums"].get(f"marts/{mart}.parquet") for mart in MARTS},
        **_figures(settings, folder),
    }


def noted_if_possible(settings: Settings, version: str | None) -> dict[str, Any] | None:
    """The same of a version that may be damaged, or of other tables: that is no reason to publish nothing new."""
    try:
        return noted(settings, version)
    except duckdb.Error as error:
        _log.warning("version %s is not compared: %s", version, type(error).__name__)
        return None


def _figures(settings: Settings, folder: Path) -> dict[str, Any]:
    with connect(settings) as con:
        con.execute(f"attach {literal(folder / PERFORMANCE)} as performance (read_only)")
        con.execute(f"attach {literal(folder / PEOPLE)} as people (read_only)")
        # Versions of before names were keyed have no such table.
        con.execute("create temp table keyed_texts (keyed varchar, text varchar)")
        if con.execute(
            "select 1 from duckdb_tables() where database_name = 'people' and table_name = 'keyed_texts'"
        ).fetchone():
            con.execute("insert into keyed_texts from people.ops.keyed_texts")
        headlines = {}
        for name, (mart, figure, period, order, also) in _HEADLINES.items():
            surveys = _SURVEYS if period == "survey_id" else ""
            headlines[name] = con.execute(
                f"select cast(m.{period} as varchar), cast(m.{figure} as double) from performance.marts.{mart} as m "
                f"{surveys} where {_COMPANY} and m.{figure} is not null {f'and {also}' if also else ''} "
                f"order by {order} desc limit {_PERIODS}"
            ).fetchall()
        failed = con.execute(
            "select asset || ' · ' || check_name from performance.ops.checks where not passed order by 1"
        ).fetchall()
    return {"headlines": headlines, "failed": [name for (name,) in failed]}


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """What two versions differ in; JSON can hold it.

    Args:
        before: what is `noted` of the version before; None for the first one.
        after: the same of the new one.

    Returns:
        `since` (the version before), `rows` (mart → [before, after]; of marts that differ), `same` (marts that do not),
        `headlines` (name → `period`, `before`, `now` of the newest period of the version before, `newest_period`,
        `newest`), `fails_now`, `passes_now` (checks).
    """
    empty: dict[str, Any] = {"version": None, "row_counts": {}, "checksums": {}, "headlines": {}, "failed": []}
    then: Mapping[str, Any] = before or empty
    differing = [mart for mart in after["checksums"] if after["checksums"][mart] != then["checksums"].get(mart)]
    headlines = {}
    for name, figures in after["headlines"].items():
        period, figure = next(iter(then["headlines"].get(name, [])), (None, None))
        newest_period, newest = next(iter(figures), (None, None))
        if period or newest_period:
            headlines[name] = {
                "period": period,
                "before": figure,
                "now": dict(figures).get(period),
                "newest_period": newest_period,
                "newest": newest,
            }
    return {
        "since": then["version"],
        "rows": {mart: [then["row_counts"].get(mart, 0), after["row_counts"][mart]] for mart in differing},
        "same": [mart for mart in after["checksums"] if mart not in differing],
        "headlines": headlines,
        "fails_now": sorted(set(after["failed"]) - set(then["failed"])) if before else [],
        "passes_now": sorted(set(then["failed"]) - set(after["failed"])),
    }


def told(figure: float | None) -> str:
    """A figure for people to read."""
    return "" if figure is None else f"{figure:,.3f}".rstrip("0").rstrip(".")
