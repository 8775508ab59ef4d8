"""Regular expressions of source profiles: checked and applied by RE2, the engine that DuckDB has.

RE2 needs time that grows with the length of the text, whatever the pattern is. Python's `re` can need for ever, so no
pattern of a profile is given to it. The patterns that the code itself holds are no business of this module.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import duckdb

from pipelines.database import literal


def checked(pattern: str, needs_group: bool = False) -> str:
    """A pattern that RE2 takes.

    Args:
        pattern: as a profile writes it.
        needs_group: its first group is the value, so that it has to have one.

    Raises:
        ValueError: it is no regular expression of RE2's, or lacks a group.
    """
    if "\0" in pattern:
        raise ValueError(f"{pattern!r} holds the character 0, which no text has")
    try:
        _connection().cursor().execute("select regexp_matches('', ?)", [pattern])
    except (duckdb.Error, RuntimeError) as error:
        reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        raise ValueError(
            f"{pattern!r} is no regular expression that RE2 takes: {reason}. Patterns have no backreferences and do "
            "not look ahead or behind"
        ) from None
    if needs_group and not group_count(pattern):
        raise ValueError(f"{pattern!r} has no group; put what is the value into round brackets")
    return pattern


@lru_cache(maxsize=256)
def group_count(pattern: str) -> int:
    """How many groups a pattern has."""
    count = 0
    while True:
        names = ", ".join(f"'g{number}'" for number in range(count + 1))
        try:
            _connection().cursor().execute(f"select regexp_extract('', ?, [{names}])", [pattern])
        except duckdb.BinderException:
            return count
        count += 1


def first_group(pattern: str, text: str) -> str | None:
    """What the first group holds where a pattern is found in a text; None if it is not found."""
    found: str | None = _each("case when regexp_matches(t, {p}) then regexp_extract(t, {p}, 1) end", pattern, [text])[0]
    return found


def full_matches(pattern: str, texts: list[str], ignores_case: bool = False) -> list[str | None]:
    """For each text its first group, or all of it where there is no group; None where it does not match as a whole."""
    whole = rf"{'(?i)' if ignores_case else ''}\A(?:{pattern})\z"
    group = min(group_count(pattern), 1)
    return _each(f"case when regexp_matches(t, {{p}}) then regexp_extract(t, {{p}}, {group}) end", whole, texts)


def all_groups(pattern: str, texts: list[str]) -> list[list[str]]:
    """For each text what the groups hold, without those that hold nothing; an empty list where it is not found."""
    groups = ", ".join(f"regexp_extract(t, {{p}}, {number + 1})" for number in range(group_count(pattern)))
    return _each(f"list_filter([{groups}], lambda one: one <> '')", pattern, texts)


def without(pattern: str, texts: list[str]) -> list[str]:
    """The texts without all that a pattern finds in them."""
    return _each("regexp_replace(t, {p}, '', 'g')", pattern, texts)


def _each(expression: str, pattern: str, texts: list[str]) -> list[Any]:
    """The value of an SQL expression for each text `t`; `{p}` stands for the pattern."""
    # A file's name may hold bytes that are no text.
    readable = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    # As a constant the pattern is compiled once.
    value = expression.replace("{p}", literal(pattern))
    source = "(select unnest($texts::varchar[]) as t, generate_subscripts($texts::varchar[], 1) as place)"
    found = _connection().cursor().execute(f"select {value} from {source} order by place", {"texts": readable})
    return [one for (one,) in found.fetchall()]


@lru_cache(maxsize=1)
def _connection() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(":memory:", config={"threads": 1, "autoload_known_extensions": False})
    con.execute("set enable_external_access = false; set lock_configuration = true")
    return con
