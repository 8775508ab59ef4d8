"""Versions that were published before there was a ledger: what they showed of surveys and reviews is read into it.

Those versions keep, in `people.duckdb`, who had contributed to which survey or cycle and in which slices it counted
(`restricted.releases`). Other marts were shown without a record of whom they rest on; of these nothing can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from pipelines.database import connect, identifier, literal
from pipelines.disclosure import contributions as loading
from pipelines.disclosure import ledger
from pipelines.disclosure.contributions import Loaded, Rules
from pipelines.disclosure.decisions import Outcome, settings_digest
from pipelines.disclosure.occasion import COMPLEMENTARY, NEW, Figure
from pipelines.disclosure.states import MASKED, State, digests
from pipelines.files import whole_folder
from pipelines.settings import Settings


def _natural(number: str) -> str:
    """SQL: as the macro `natural_number` writes contents, so that they have the same digests."""
    return f"case when {number} >= 0 then 2 * {number} else -2 * {number} - 1 end"


_CONTRIBUTIONS = f"""
    select 'answers' as kind, survey_id as occasion, respondent_id as person_id, item_id as part,
        ({_natural("cast(round(answer * 1000) as bigint)")}) * 4
            + case favourability when 'favourable' then 1 when 'unfavourable' then 2 else 0 end as content,
        null::integer as category
    from people.restricted.fct_survey_answer where is_counted
    union all
    select 'ratings', cycle, reviewee_id, 'rating', {_natural("cast(round(rating * 1000) as bigint)")}, rating_band
    from people.restricted.fct_reviewee where rating_band is not null and left_out_because is null
    union all
    select 'ratings', cycle, reviewee_id, relationship || ':' || competency,
        cast(round(avg(cast(score_100 as decimal(38, 12))) * 1000) as bigint), null::integer
    from people.restricted.fct_review_rating
    where score_100 is not null and relationship in ('self', 'manager', 'peer', 'report') group by all
"""
_MEMBERSHIPS = """
    select kind, occasion, person_id, split_part(slice, '=', 1) as slice_dimension,
        substr(slice, strpos(slice, '=') + 1) as slice_value, 1.0 as weight
    from (
        select case kind when 'survey' then 'answers' else 'ratings' end as kind, occasion, person_id,
            unnest(string_split(slices, chr(31))) as slice
        from people.restricted.releases where person_id <> ''
    )
"""
# Mart → the column of its occasions, SQL for the names of its figures, a column that is null where they are suppressed.
_SHOWN = (
    ("answers", "morale", "survey_id", "'driver:' || driver", "respondents"),
    ("answers", "morale_item", "survey_id", "'item:' || item_id", "respondents"),
    ("answers", "enps", "survey_id", "'enps:'", "respondents"),
    ("ratings", "rating_distribution", "cycle", "'rating:'", "reviewees"),
    *(
        ("ratings", "rating_gap", "cycle", f"'{name}:' || competency", f"{name}{'' if 'gap' in name else '_mean'}")
        for name in ("self", "manager", "peer", "report", "self_manager_gap", "peer_manager_gap")
    ),
)


def read_versions(settings: Settings, key: str, marts: Mapping[str, Mapping[str, str]]) -> int:
    """Reads the kept versions into the ledger, the oldest first, where there is no ledger yet.

    Args:
        settings: the configuration in force.
        key: of the digests, in hexadecimal digits.
        marts: mart → column → type, as they are now.

    Returns:
        How many versions were read.
    """
    warehouse = settings.warehouse
    if ledger.folders(warehouse):
        return 0
    read = 0
    for folder in sorted((warehouse / "versions").glob("[!.]*")):
        try:
            manifest = json.loads((folder / "manifest.json").read_text())
        except (OSError, ValueError):
            continue
        if "restricted.releases" in manifest.get("row_counts", {}):
            number = ledger.next_number(warehouse)
            with connect(settings) as con:
                # The loaders read relations by the names of Python variables, as in dbt's connection.
                con.execute("set python_enable_replacements = true")
                for name, file in (("people", "people.duckdb"), ("performance", "performance.duckdb")):
                    con.execute(f"attach {literal(folder / file)} as {name} (read_only)")
                con.execute(f"create schema disclosure; create schema marts; create schema {ledger.SCHEMA}")
                con.execute(f"create table {ledger.SCHEMA}.ledger_key as select {literal(key)} as key")
                _fill(con, manifest["settings"], bytes.fromhex(key), marts)
                database = str(con.execute("select current_database()").fetchall()[0][0])
                _write(con, database, warehouse, number)
            read += 1
    return read


def _write(con: duckdb.DuckDBPyConnection, database: str, warehouse: Path, number: int) -> None:
    def fill(draft: Path) -> None:
        ledger.write(con, database, draft, number * ledger.STATES_PER_FOLDER)

    whole_folder(warehouse / ledger.FOLDER / f"{number:06d}", fill)


def _fill(
    con: duckdb.DuckDBPyConnection, settings: Mapping[str, Any], key: bytes, marts: Mapping[str, Mapping[str, str]]
) -> None:
    """Makes the tables of a build that the ledger is written from."""
    con.execute(f"create temp table contributed as {_CONTRIBUTIONS}")
    con.execute(f"create temp table counted_in as {_MEMBERSHIPS}")
    contributions, memberships = con.sql("select * from contributed"), con.sql("select * from counted_in")
    rules = Rules(
        settings["minimum_group"],
        settings["minimum_groups"],
        settings["minimum_perspective"],
        True,
        settings["dimensions"],
        1,
    )
    outcomes = []
    for kind in ("answers", "ratings"):
        for name, rows in loading.by_occasion(con, kind, contributions).items():
            employees = None
            if kind == "answers":
                employees = dict(
                    con.execute(
                        "select respondent_id, employee_id from people.restricted.fct_survey_respondent "
                        "where survey_id = ? and is_person and left_out_because is null",
                        [name],
                    ).fetchall()
                )
            loaded = loading.load(con, kind, name, rows, memberships, rules.order, employees)
            outcomes.append(_outcome(con, loaded, rules, key))
    con.register("decided", ledger.table_of([one for one in outcomes if one]))
    con.execute("create table disclosure.disclosure_decisions as select * from decided")
    for mart in ledger.MARTS:
        typed = ", ".join(f"{identifier(name)} {kind}" for name, kind in marts[mart].items())
        con.execute(f"create table marts.{identifier(mart)} ({typed})")
        there = {row[0] for row in con.execute(f"describe performance.marts.{identifier(mart)}").fetchall()}
        both = ", ".join(identifier(name) for name in marts[mart] if name in there)
        con.execute(
            f"insert into marts.{identifier(mart)} ({both}) select {both} from performance.marts.{identifier(mart)}"
        )


def _figures(con: duckdb.DuckDBPyConnection, loaded: Loaded, rules: Rules) -> list[Figure]:
    if loaded.kind != "answers":
        return loading.FIGURES[loaded.kind](loaded, rules)
    items = con.execute("select distinct item_id, driver, is_enps from people.restricted.fct_survey_answer").fetchall()
    drivers = {item: driver for item, driver, _ in items}
    return loading.figures_of_answers(loaded, rules, drivers, [item for item, _, is_enps in items if is_enps])


def _outcome(con: duckdb.DuckDBPyConnection, loaded: Loaded, rules: Rules, key: bytes) -> Outcome | None:
    if not loaded.slices:
        return None
    figures = _figures(con, loaded, rules)
    shown = set()
    for kind, mart, occasion, names, column in _SHOWN:
        if kind == loaded.kind:
            shown |= set(
                con.execute(
                    f"select distinct {names}, slice_dimension, slice_value from performance.marts.{mart} "
                    f"where {occasion} = ? and {column} is not null",
                    [loaded.name],
                ).fetchall()
            )
    k = rules.k_of(loaded.name)
    sizes = {
        part: np.asarray((loaded.members != 0).astype(np.int64) @ (loaded.content[:, number] >= 0).astype(np.int64))
        for number, part in enumerate(loaded.parts)
    }
    cells, rows = [], set()
    for figure in figures:
        for number, (dimension, value) in enumerate(loaded.slices):
            if dimension not in figure.dimensions:
                continue
            is_shown = (figure.name, dimension, value) in shown
            cells.append((figure.name, dimension, value, NEW if is_shown else COMPLEMENTARY))
            for part, name in figure.uses if is_shown else ():
                is_masked = len(figure.uses) > 1 and 0 < sizes[part][number] < k
                rows.add((loaded.parts.index(part), MASKED if is_masked else name, number))
    now = digests(loaded, key)
    further = np.zeros_like(loaded.content) if loaded.times is None else loaded.times - 1
    presence = np.where(loaded.content >= 0, further, -1)
    wave = f"{loaded.kind}:{loaded.name}"
    state = State(
        loaded.kind, loaded.name, wave, settings_digest(figures, k, rules.raters), now.whole, 0, 0, now.people,
        loaded.parts, now.content, presence, now.measures, now.measured, loaded.slices, loaded.members, sorted(rows),
        cells,
    )  # fmt: skip
    return Outcome(loaded.kind, loaded.name, wave, cells, state=state)
