"""Who was in which slice on which day, rebuilt from the restricted tables alone.

The measuring instruments use these tables, and no model, macro or decision of the warehouse, so that a fault there
shows as a difference here. What they make of a people database are temporary tables of one connection:

- `span`: employee_id, dimension, value, valid_from, valid_to (exclusive; empty: open), of all stints in scope.
- `wave_slice`: survey_id, respondent_id, dimension, value.
- `cycle_slice`: cycle, reviewee_id, dimension, value.
- `owner_slice`: period, employee_id, dimension, value, of everyone who could own a goal.
- `leaver_slice`: employee_id, stint_number, last_day, exit_class, is_regretted, dimension, value, of the last day.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import duckdb
import pyarrow as pa

ATTRIBUTES = ("department", "division", "location", "country", "job_level", "employment_type", "gender", "ethnicity")
DEMOGRAPHIC = ("gender", "ethnicity")
_FOREVER = "date '9999-12-31'"
_LONGEST_CHAIN = 12


def _tenure_bands(years: tuple[int, ...]) -> list[tuple[str, int, int | None]]:
    bands: list[tuple[str, int, int | None]] = [(f"<{years[0]}y", 0, years[0])]
    bands += [(f"{low}-{high}y", low, high) for low, high in itertools.pairwise(years)]
    return [*bands, (f"{years[-1]}y+", years[-1], None)]


def make(
    con: duckdb.DuckDBPyConnection,
    restricted: str = "people.restricted",
    pseudonyms: Callable[[list[str]], list[str]] | None = None,
    tenure_years: tuple[int, ...] = (1, 3, 5, 10),
    pairs: Sequence[tuple[str, str]] = (),
    parents: Mapping[str, str] | None = None,
) -> None:
    """Makes the temporary tables of one version.

    Args:
        con: a connection that sees the restricted tables.
        restricted: their database and schema.
        pseudonyms: names managers and leaders as the marts do; without it they have their ids.
        tenure_years: the years at which a tenure band ends.
        pairs: dimensions whose two-way slices there are.
        parents: department → the one it belongs to.
    """
    people = [
        row[0]
        for row in con.execute(
            f"select employee_id from {restricted}.dim_employee union "
            f"select manager_id from {restricted}.dim_employee where manager_id is not null"
        ).fetchall()
    ]
    names = pa.table({"person": pa.array(people, "string"), "name": pa.array((pseudonyms or list)(people), "string")})
    con.register("given_names", names)
    con.execute("create or replace temp table person_name as select * from given_names")
    con.unregister("given_names")
    _make_spans(con, restricted, tenure_years)
    ancestors = _ancestors(parents or {})
    _add_ancestors(con, "span", ancestors)
    for first, second in pairs:
        con.execute(
            f"insert into span select a.employee_id, '{first} × {second}', a.value || ' × ' || b.value, "
            "greatest(a.valid_from, b.valid_from), least(a.valid_to, b.valid_to) from span as a "
            "inner join span as b on a.employee_id = b.employee_id "
            "and a.valid_from < b.valid_to and b.valid_from < a.valid_to "
            f"where a.dimension = '{first}' and b.dimension = '{second}'"
        )
    slices_of_day = "inner join span as s on s.employee_id = {who} and s.valid_from <= {day} and s.valid_to > {day}"
    for table, source, key, who, left_out in (
        ("wave_slice", "fct_survey_respondent", "survey_id, respondent_id", "r.employee_id", "left_out_because"),
        ("cycle_slice", "fct_reviewee", "cycle, reviewee_id", "r.reviewee_id", "left_out_because"),
    ):
        group = key.split(",")[0]
        by_file = " union all ".join(
            f"select {key}, '{name}' as dimension, coalesce({name}, 'unknown') as value from (select *, count({name}) "
            f"over (partition by {group}) as known from {restricted}.{source} where {left_out} is null "
            "and not is_person) as r where known > 0"
            for name in ATTRIBUTES
        )
        keys = ", ".join(f"r.{one.strip()}" for one in key.split(","))
        con.execute(
            f"create or replace temp table {table} as "
            f"select {keys}, s.dimension, s.value from {restricted}.{source} as r "
            f"{slices_of_day.format(who=who, day='r.referred_on')} where r.{left_out} is null and r.is_person "
            f"union all select {keys}, 'company', 'all' from {restricted}.{source} as r "
            f"where r.{left_out} is null and not r.is_person union all {by_file}"
        )
        # People have all slices of their span; sheets that carry attributes have those that follow from these.
        for first, second in pairs:
            con.execute(
                f"insert into {table} select {keys.replace('r.', 'a.')}, '{first} × {second}', a.value || ' × ' || b.value "
                f"from {table} as a inner join {table} as b using ({key}) "
                f"where a.dimension = '{first}' and b.dimension = '{second}'"
            )
        _add_ancestors(con, table, ancestors)
        con.execute(f"create or replace temp table {table} as select distinct * from {table}")
    con.execute(
        "create or replace temp table owner_slice as select o.period, o.employee_id, s.dimension, s.value "
        f"from {restricted}.fct_goal_owner as o "
        f"{slices_of_day.format(who='o.employee_id', day='o.last_employed_on')} where o.is_eligible"
    )
    con.execute(
        "create or replace temp table leaver_slice as select t.employee_id, t.stint_number, t.last_day, t.exit_class, "
        f"coalesce(t.is_regretted, false) as is_regretted, s.dimension, s.value from {restricted}.fct_stint as t "
        f"{slices_of_day.format(who='t.employee_id', day='t.last_day')} where t.last_day is not null"
    )


def _ancestors(parents: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each department with all that it belongs to, directly or not; a circle ends where it closes."""
    found: list[tuple[str, str]] = []
    for department in parents:
        above, seen = parents.get(department), {department}
        while above is not None and above not in seen:
            found.append((department, above))
            seen.add(above)
            above = parents.get(above)
    return found


def _add_ancestors(con: duckdb.DuckDBPyConnection, table: str, ancestors: Sequence[tuple[str, str]]) -> None:
    for department, above in ancestors:
        con.execute(
            f"insert into {table} select * replace (? as value) from {table} where dimension = 'department' and value = ?",
            [above, department],
        )
    if ancestors:
        con.execute(f"create or replace temp table {table} as select distinct * from {table}")


def _make_spans(con: duckdb.DuckDBPyConnection, restricted: str, tenure_years: tuple[int, ...]) -> None:
    parts = [
        f"select employee_id, 'company' as dimension, 'all' as value, hire_date as valid_from, "
        f"coalesce(last_day + 1, {_FOREVER}) as valid_to from {restricted}.fct_stint"
    ]
    in_scope = f"from {restricted}.dim_employee where stint_number is not null"
    ends = f"coalesce(valid_to, {_FOREVER})"
    parts += [
        f"select employee_id, '{name}', coalesce({name}, 'unknown'), valid_from, {ends} {in_scope}"
        for name in ATTRIBUTES
    ]
    parts.append(
        f"select d.employee_id, 'manager', coalesce(n.name, 'unknown'), valid_from, {ends} "
        f"from {restricted}.dim_employee as d left join person_name as n on d.manager_id = n.person "
        "where stint_number is not null"
    )
    for name, low, high in _tenure_bands(tenure_years):
        until = f"coalesce(last_day + 1, {_FOREVER})"
        to = until if high is None else f"least(cast(hire_date + interval {high} year as date), {until})"
        starts = f"cast(hire_date + interval {low} year as date)"
        parts.append(
            f"select employee_id, 'tenure_band', '{name}', {starts}, {to} from {restricted}.fct_stint "
            f"where {starts} < {until}"
        )
    # The chain of the day: a leader is somebody's manager, or the manager of one of their leaders.
    leaders = "from leaders inner join person_name on leader = person"
    parts.append(f"select employee_id, 'leader', name, valid_from, valid_to {leaders}")
    con.execute(
        f"""
        create or replace temp table span as
        with recursive manager_of as (
            select employee_id, manager_id, valid_from, {ends} as valid_to, stint_number
            from {restricted}.dim_employee where manager_id is not null and manager_id <> employee_id
        ),
        leaders as (
            select employee_id, manager_id as leader, valid_from, valid_to, 1 as depth
            from manager_of where stint_number is not null
            union
            select l.employee_id, m.manager_id, greatest(l.valid_from, m.valid_from), least(l.valid_to, m.valid_to),
                l.depth + 1
            from leaders as l inner join manager_of as m
                on l.leader = m.employee_id and l.valid_from < m.valid_to and m.valid_from < l.valid_to
            where l.depth < {_LONGEST_CHAIN} and m.manager_id <> l.employee_id
        ),
        every_span as ({" union all ".join(parts)})
        select distinct * from every_span
        """
    )
