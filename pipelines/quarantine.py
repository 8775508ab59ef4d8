"""Quarantine: what was kept back, row by row, and grouped by cause for people who mend it.

A row is there because of the file in force; a mended file that is delivered again clears it by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.conforming import QUARANTINE
from pipelines.database import literal, scratch
from pipelines.entities import ENTITIES
from pipelines.identifiers import of_loads
from pipelines.loads import Load
from pipelines.settings import Settings

_MOST_EXAMPLES = 3
COLUMNS = {
    "file_name": "Path of the file below the landing zone.",
    "entity": "What the file is about.",
    "line": "Line of the file in which the row begins.",
    "rule": "The rule that the row broke.",
    "column_name": "The column concerned, where it is one.",
    "found": "What stood there.",
    "expected": "What the rule asks for.",
    "raw_row": "The row as it was delivered.",
}


def rows_sql(loads: Sequence[Load], settings: Settings) -> str:
    """The quarantined rows of some loads, as SQL: one row per line × rule × column, with the columns of `COLUMNS`."""
    parts = [
        f"select {literal(load.file_name)} as file_name, {literal(load.entity)} as entity, _line as line, rule, "
        "column_name, found, expected, raw_row from read_parquet("
        f"{literal(settings.warehouse / 'validated' / load.key / QUARANTINE)})"
        for load in loads
        if load.status == "loaded" and load.key and load.rows_quarantined
    ]
    empty = ", ".join(f"cast(null as {'bigint' if name == 'line' else 'varchar'}) as {name}" for name in COLUMNS)
    return " union all ".join(parts) if parts else f"select {empty} where false"


def masked(text: str) -> str:
    """SQL of a text of which only the shape is left: letters of all alphabets and their marks become x, digits 9.

    Args:
        text: SQL of the text.
    """
    # Numbers that are no digits (½, Ⅷ) are as telling as digits.
    return f"regexp_replace(regexp_replace({text}, '\\p{{N}}', '9', 'g'), '[\\p{{L}}\\p{{M}}]', 'x', 'g')"


def causes(loads: Sequence[Load], settings: Settings) -> list[dict[str, Any]]:
    """Quarantine grouped by cause, the most frequent first: counts, where it begins, and examples.

    Examples of columns that tell of people are masked (`masked`); in the others, texts that name a person stand in
    their keyed form.
    """
    names = of_loads(loads, settings)
    shown = [
        f"(entity = {literal(entity.name)} and column_name = {literal(column.name)})"
        for entity in ENTITIES.values()
        for column in entity.columns
        if column.data_class == "none"
    ]
    with scratch(settings) as con:
        found = con.execute(
            f"""
            with told as (
                select *, case when {" or ".join(shown)} then found else {masked("found")} end as example
                from ({rows_sql(loads, settings)})
            ),
            counted as (
                select file_name, entity, rule, column_name, any_value(expected) as expected,
                    count(distinct line) as rows, min(line) as first_line
                from told group by all
            ),
            seen as (
                select file_name, rule, column_name, example, count(*) as n
                from told where example is not null group by all
            ),
            examples as (
                from seen
                qualify row_number() over (partition by file_name, rule, column_name order by n desc, example)
                    <= {_MOST_EXAMPLES}
            )
            select c.*, list(e.example order by e.n desc, e.example) filter (e.example is not null) as examples
            from counted as c
            left join examples as e
                on c.file_name = e.file_name and c.rule = e.rule and c.column_name is not distinct from e.column_name
            group by all
            order by c.rows desc, c.file_name, c.rule, c.column_name
            """
        )
        columns = [column[0] for column in found.description or ()]
        told = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    return [{**cause, "examples": cause["examples"] and list(map(names.keyed, cause["examples"]))} for cause in told]
