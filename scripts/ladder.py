"""A ladder of sizes: whole runs on invented companies of 60 to 1,200 people, and how much of the marts they show.

Each run is a process of its own with a fresh warehouse, a fresh home and a limit of CPU seconds, children included.
What could be shown is counted from the restricted tables, and shares no code with the decisions it measures: a cell is
eligible where at least k people stand behind its figure.
Usage: python scripts/ladder.py [--sizes 60,150,300,600,1200] [--limit 400] [--out FILE] [--keep]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pipelines import sample  # noqa: E402 - it is found only through the path above
from tests.disclosure import slices  # noqa: E402 - as above

BENCH = ROOT / ".bench"
PERFWH = Path(sys.executable).parent / "perfwh"
SIZES = (60, 150, 300, 600, 1200)
# From so many respondents on, the company row of an occasion has to be shown.
OCCASION = 30
# What the figures of a perspective need beside k reviewees.
RATERS = 3


# The company


def write_company(out: Path, people: int, months: int, seed: int, gaps: float = 0.04) -> None:
    """Writes an invented company: the sample, and in the canonical layout what the sample lacks.

    That is reviews by reports, an anonymous survey a year whose file carries attributes, goals by quarter, and gaps in
    the reviews.

    Args:
        out: folder, made where it does not exist.
        people: employed at the start.
        months: monthly snapshots.
        seed: equal seeds give equal files.
        gaps: share of competencies that a rater skips.
    """
    sample.write_company(out, people, months, seed)
    con = duckdb.connect()
    con.execute(
        f"""
        create table worker as
        select "Employee ID" as id, "Manager ID" as manager_id,
            cast(right(parse_filename(filename, true), 10) as date) as seen_on,
            "Department" as department, "Division" as division, "Location" as location, "Country" as country,
            "Job Level" as job_level, "Gender" as gender
        from read_csv(
            '{out}/hris/workers_*.csv',
            skip = 2, header = true, all_varchar = true, null_padding = true, filename = true
        )
        where "Employee ID" <> 'Total' and "Worker Status" <> 'Terminated' and "Worker Type" = 'Regular'
        """
    )

    def drawn(*parts: str) -> str:
        """A number from 0 to 999 that follows from the seed and from what is named."""
        return f"(hash({', '.join(parts)}, {seed}) % 1000)"

    def write(name: str, query: str) -> None:
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        con.execute(f"copy ({query}) to '{path}' (header)")

    # Real reviews have gaps: six of ten are reviewed, some raters send nothing, some skip a competency.
    for path in sorted(out.glob("reviews/360_*.csv")):
        reviewed, sent, rated = (
            drawn(*columns, f"'{path.stem}'")
            for columns in (
                ('"Reviewee ID"', "'reviewed'"),
                ('"Reviewee ID"', '"Reviewer ID"', '"Relationship"'),
                ('"Reviewee ID"', '"Reviewer ID"', '"Relationship"', '"Competency"'),
            )
        )
        con.execute(
            "create or replace temp table rating as "
            f"select * from read_csv('{path}', header = true, all_varchar = true) "
            f"where {reviewed} < 600 and {sent} >= 60 and {rated} >= {1000 * gaps}"
        )
        con.execute(f"copy rating to '{path}' (header)")
    days = [day for (day,) in con.execute("select distinct seen_on from worker order by 1").fetchall()]
    for day in days:
        if day.month in (6, 12):
            cycle = f"{day.year}-H{1 if day.month == 6 else 2}"
            given = drawn("m.id", "r.id", "c.competency", f"'{cycle}'")
            # Reports are those of the line, and about two of the projects that people lead.
            in_project = drawn("m.id", "r.id", "'project'")
            write(
                f"reviews/upward_{cycle}.csv",
                f"""
                select '{cycle}' as cycle, m.id as reviewee_id, r.id as rater_id, 'report' as relationship,
                    c.competency, 1 + ({given} * 8 + {drawn("m.id")} * 15) // 4700 as rating,
                    1 as scale_min, 5 as scale_max, cast(date '{day}' - 9 as varchar) as submitted_at
                from worker as r
                inner join (select seen_on, department, count(*) as people from worker group by all) as team
                    on r.seen_on = team.seen_on and r.department = team.department
                inner join worker as m
                    on r.seen_on = m.seen_on and m.manager_id <> '' and m.id <> r.id
                    and (r.manager_id = m.id or (r.department = m.department and {in_project} < 2000 // team.people))
                cross join (select unnest(['Delivery', 'Collaboration', 'Growth']) as competency) as c
                where r.seen_on = '{day}' and {drawn("m.id", "r.id", f"'{cycle}'")} < 800
                    and {drawn("m.id", "'reviewed'", f"'360_{cycle}'")} < 600
                order by all
                """,
            )
        if day.month in (3, 6, 9, 12):
            period = f"{day.year}-Q{day.month // 3}"
            reached = drawn("id", "n", f"'{period}'")
            write(
                f"goals/quarter_{period}.csv",
                f"""
                select 'Q-{period}-' || id || '-' || n as goal_id, id as owner_id, '{period}' as period,
                    'Quarterly goal ' || n as title, 'individual' as level, {drawn("id", "n")} % 4 * 10 + 20 as weight,
                    0 as start_value, 100 as target_value, {reached} * 13 // 100 as actual_value,
                    case when {reached} * 13 >= 10000 then 'completed' else 'in_progress' end as status,
                    '{day}' as due_on, cast(date '{day}' - 5 as varchar) as updated_at
                from worker cross join (select unnest([1, 2]) as n) as numbers
                where seen_on = '{day}' and {drawn("id", "'owns'", f"'{period}'")} < 850
                order by all
                """,
            )
        if day.month == 4:
            survey = f"climate-{day.year}"
            takes_part, answer = drawn("id", "'part'", f"'{survey}'"), drawn("id", "item_id", f"'{survey}'")
            write(
                f"survey_responses/{survey}.csv",
                f"""
                select '{survey}' as survey_id,
                    dense_rank() over (order by {drawn("id", "'order'")}, id) as respondent_id,
                    item_id, {answer} // 200 + 1 as answer, '{day.year}-04-20' as responded_at,
                    department, division, location, country, job_level, gender
                from worker cross join (select unnest(['c1', 'c2', 'c3', 'c4']) as item_id) as items
                where seen_on = '{day}' and {takes_part} < 650 and {drawn("id", "item_id", "'skips'")} >= 30
                order by 2, item_id
                """,
            )
    write(
        "survey_items/climate.csv",
        "select 'c' || n as item_id, 'Climate statement ' || n as text, "
        "case when n <= 2 then 'Fairness' else 'Trust' end as driver, 1"
        " as scale_min, 5 as scale_max from (select unnest([1, 2, 3, 4]) as n) as numbers",
    )


# What is shown of it


@dataclass(frozen=True)
class Share:
    """Of the eligible cells of a mart, how many are shown; `shown` of cells that are not eligible would be a fault."""

    mart: str
    eligible: int
    shown: int

    @property
    def share(self) -> float | None:
        """Shown ÷ eligible; empty where nothing is eligible."""
        return self.shown / self.eligible if self.eligible else None


@dataclass(frozen=True)
class Occasion:
    """A survey wave or a review cycle of at least 30 respondents: how many of its eligible company cells are shown."""

    kind: str
    name: str
    respondents: int
    eligible: int
    shown: int


@dataclass(frozen=True)
class Measured:
    """What a published version shows."""

    minimum: int
    shares: dict[str, Share] = field(default_factory=dict)
    occasions: list[Occasion] = field(default_factory=list)

    @property
    def total(self) -> Share:
        """All marts together."""
        counted = [(share.eligible, share.shown) for share in self.shares.values()]
        return Share("all", sum(eligible for eligible, _ in counted), sum(shown for _, shown in counted))


# Cells with at least k people behind them, mart by mart: a key made of the slice and what else names the cell, and how
# many people there are. Beside it, where the mart shows the cell. `{r}` are the restricted tables, `{m}` the marts.
_CELLS: dict[str, tuple[str, str, str]] = {
    "morale": (
        """select s.survey_id, s.dimension, s.value, g.driver, count(distinct a.respondent_id) as people
        from {r}.fct_survey_answer as a
        inner join wave_slice as s on a.survey_id = s.survey_id and a.respondent_id = s.respondent_id
        cross join lateral (select unnest([a.driver, 'all']) as driver) as g
        where a.is_counted and g.driver is not null group by all""",
        "survey_id, slice_dimension, slice_value, driver",
        "mean_score_100 is not null",
    ),
    "morale_item": (
        """select s.survey_id, s.dimension, s.value, a.item_id, count(distinct a.respondent_id) as people
        from {r}.fct_survey_answer as a
        inner join wave_slice as s on a.survey_id = s.survey_id and a.respondent_id = s.respondent_id
        where a.is_counted group by all""",
        "survey_id, slice_dimension, slice_value, item_id",
        "mean_score_100 is not null",
    ),
    "enps": (
        """select s.survey_id, s.dimension, s.value, count(distinct a.respondent_id) as people
        from {r}.fct_survey_answer as a
        inner join wave_slice as s on a.survey_id = s.survey_id and a.respondent_id = s.respondent_id
        where a.is_counted and a.is_enps group by all""",
        "survey_id, slice_dimension, slice_value",
        "enps is not null",
    ),
    "rating_distribution": (
        """select s.cycle, s.dimension, s.value, count(*) as people
        from {r}.fct_reviewee as r
        inner join cycle_slice as s on r.cycle = s.cycle and r.reviewee_id = s.reviewee_id
        where r.rating_band is not null group by all""",
        "cycle, slice_dimension, slice_value",
        "share is not null",
    ),
    "rating_gap": ("", "", ""),
    "adverse_impact": (
        """select s.cycle, d.decision, s.dimension, s.value, count(*) as people
        from {r}.fct_reviewee as r
        inner join cycle_slice as s on r.cycle = s.cycle and r.reviewee_id = s.reviewee_id
        cross join (select unnest(['top_rating', 'promotion']) as decision) as d
        where r.rating_band is not null and s.dimension in ('gender', 'ethnicity') group by all""",
        'cycle, decision, attribute as slice_dimension, "group" as slice_value',
        "selected is not null",
    ),
    "goal_attainment": (
        """select s.period, s.dimension, s.value, count(o.attainment_raw) as people
        from {r}.fct_goal_owner as o
        inner join owner_slice as s on o.period = s.period and o.employee_id = s.employee_id group by all""",
        "period, slice_dimension, slice_value",
        "attainment_capped is not null",
    ),
    "goal_attainment_distribution": (
        """select s.period, s.dimension, s.value, count(o.attainment_raw) as people
        from {r}.fct_goal_owner as o
        inner join owner_slice as s on o.period = s.period and o.employee_id = s.employee_id group by all""",
        "period, slice_dimension, slice_value",
        "share is not null",
    ),
    "one_on_one": (
        """select date_trunc('month', m.scheduled_on)::date as month, s.dimension, s.value,
            count(distinct m.employee_id) as people
        from {r}.fct_one_on_one as m
        inner join span as s on m.employee_id = s.employee_id
            and s.valid_from <= m.scheduled_on and s.valid_to > m.scheduled_on
        inner join month as h on h.month = date_trunc('month', m.scheduled_on) group by all""",
        "month, slice_dimension, slice_value",
        "held is not null",
    ),
    "recognition": (
        """select h.month, s.dimension, s.value, count(distinct s.employee_id) as people
        from month as h inner join span as s on s.valid_from <= h.ends_on and s.valid_to > h.month
        where exists (
            select 1 from {r}.fct_recognition as g
            inner join span as w on w.employee_id in (g.giver_id, g.receiver_id)
                and w.valid_from <= g.given_on and w.valid_to > g.given_on
            where date_trunc('month', g.given_on) = h.month and w.dimension = s.dimension and w.value = s.value
        ) group by all""",
        "month, slice_dimension, slice_value",
        "received is not null",
    ),
    "headcount_walk": (
        """select date_trunc('month', last_day)::date as month, dimension, value, count(*) as people
        from leaver_slice where last_day <= (select max(ends_on) from month) group by all""",
        "month, slice_dimension, slice_value",
        "exits_voluntary is not null",
    ),
    "headcount_walk of gender and ethnicity": (
        """select h.month, s.dimension, s.value, count(distinct s.employee_id) as people
        from month as h inner join span as s on s.valid_from <= h.ends_on and s.valid_to > h.ends_on + 1
        where s.dimension in ('gender', 'ethnicity') group by all""",
        "month, slice_dimension, slice_value",
        "closing is not null and slice_dimension in ('gender', 'ethnicity')",
    ),
    "turnover": (
        """select h.month, d.definition, s.dimension, s.value, count(*) as people
        from month as h
        inner join (
            values ('monthly', 0), ('jolts', 0), ('annualised_3m', 2), ('rolling_12m', 11), ('year_to_date', -1)
        ) as d(definition, back) on true
        inner join leaver_slice as s on s.last_day <= h.ends_on
            and s.last_day >= case when d.back < 0 then date_trunc('year', h.month)
                else h.month - to_months(cast(d.back as integer)) end
        where s.last_day >= (select min(month) from month) group by all""",
        "month, definition, slice_dimension, slice_value",
        "separations is not null and exit_class = 'voluntary'",
    ),
    "retention": (
        """select h.month, s.dimension, s.value, count(distinct s.employee_id) as people
        from month as h
        inner join month as b on b.month = h.month - interval 12 month
        inner join span as s on s.valid_from <= b.ends_on and s.valid_to > b.ends_on + 1 group by all""",
        "month, slice_dimension, slice_value",
        "retention_rate_12m is not null",
    ),
    "retention_cohort": (
        """select date_trunc('month', t.hire_date)::date as month, s.dimension, s.value, count(*) as people
        from {r}.fct_stint as t
        inner join span as s on t.employee_id = s.employee_id
            and s.valid_from <= t.hire_date and s.valid_to > t.hire_date
        inner join month as h on h.month = date_trunc('month', t.hire_date) group by all""",
        "hire_month, slice_dimension, slice_value",
        "retained is not null and months_since_hire = 0",
    ),
    "retention_survival": (
        """select s.dimension, s.value, count(*) as people
        from {r}.fct_stint as t
        inner join span as s on t.employee_id = s.employee_id
            and s.valid_from <= greatest(t.hire_date, (select min(month) from month))
            and s.valid_to > greatest(t.hire_date, (select min(month) from month))
        where t.last_day is not null and t.last_day >= (select min(month) from month)
            and t.last_day <= (select max(ends_on) from month) group by all""",
        "slice_dimension, slice_value",
        "survival is not null and exit_class = 'voluntary'",
    ),
    "manager_scorecard": (
        """select h.month, s.dimension, s.value, count(distinct s.employee_id) as people
        from month as h inner join span as s on s.valid_from <= h.ends_on and s.valid_to > h.ends_on + 1
        where s.dimension = 'manager' and s.value <> 'unknown' group by all""",
        "month, 'manager' as slice_dimension, manager as slice_value",
        "not is_suppressed",
    ),
}
_PERSPECTIVES = ("self", "manager", "peer", "report")


def _gap_cells() -> tuple[str, str]:
    """`rating_gap` has six figures in a row, each with a base of its own."""
    people = """
        with one as (
            select cycle, reviewee_id, relationship, competency from {r}.fct_review_rating
            where score_100 is not null and relationship in ('self', 'manager', 'peer', 'report')
            group by all
        ),
        score as (
            select * from one union all select distinct cycle, reviewee_id, relationship, 'all' from one
        ),
        rater as (
            select distinct r.cycle, r.reviewee_id, r.relationship, c.competency,
                coalesce(r.rater_id, '? ' || r.reviewee_id) as rater
            from {r}.fct_review_rating as r
            cross join lateral (select unnest([r.competency, 'all']) as competency) as c
            where r.score_100 is not null
        ),
        raters as (
            select r.cycle, s.dimension, s.value, r.competency, r.relationship, count(distinct r.rater) as raters
            from rater as r
            inner join cycle_slice as s on r.cycle = s.cycle and r.reviewee_id = s.reviewee_id group by all
        ),
        perspective as (
            select o.cycle, s.dimension, s.value, o.competency, o.relationship || '_mean' as figure, count(*) as people,
                any_value(w.raters) as raters
            from score as o
            inner join cycle_slice as s on o.cycle = s.cycle and o.reviewee_id = s.reviewee_id
            inner join raters as w on o.cycle = w.cycle and s.dimension = w.dimension and s.value = w.value
                and o.competency = w.competency and o.relationship = w.relationship
            group by all
        ),
        gap as (
            select o.cycle, s.dimension, s.value, o.competency, o.relationship || '_manager_gap' as figure,
                count(*) as people
            from score as o
            inner join score as m on o.cycle = m.cycle and o.reviewee_id = m.reviewee_id and o.competency = m.competency
                and m.relationship = 'manager'
            inner join cycle_slice as s on o.cycle = s.cycle and o.reviewee_id = s.reviewee_id
            where o.relationship in ('self', 'peer') group by all
        )
        select cycle, dimension, value, competency, figure, people from perspective where raters >= {raters}
        union all
        select g.* from gap as g
        inner join raters as a on g.cycle = a.cycle and g.dimension = a.dimension and g.value = a.value
            and g.competency = a.competency and a.relationship || '_manager_gap' = g.figure and a.raters >= {raters}
        inner join raters as b on g.cycle = b.cycle and g.dimension = b.dimension and g.value = b.value
            and g.competency = b.competency and b.relationship = 'manager' and b.raters >= {raters}
    """
    figures = ", ".join([*(f"{one}_mean" for one in _PERSPECTIVES), "self_manager_gap", "peer_manager_gap"])
    shown = (
        "select cycle, slice_dimension, slice_value, competency, figure from "
        f"(unpivot (select cycle, slice_dimension, slice_value, competency, {figures} from {{m}}.rating_gap) "
        f"on {figures} into name figure value score)"
    )
    return people, shown


def measure(warehouse: Path) -> Measured:
    """Counts what the current version of a warehouse shows of what it could show."""
    con = duckdb.connect()
    published = warehouse / "published"
    con.execute(f"attach '{published}/performance.duckdb' as performance (read_only)")
    con.execute(f"attach '{published}/people.duckdb' as people (read_only)")
    marts, restricted = "performance.marts", "people.restricted"
    slices.make(con, restricted)
    con.execute(
        "create temp table month as select distinct month, cast(month + interval 1 month as date) - 1 as ends_on "
        f"from {marts}.headcount_walk"
    )
    minimum = _minimum(con)
    found = Measured(minimum)
    names = con.execute("select table_name from duckdb_tables() where database_name = 'performance'").fetchall()
    there = {name for (name,) in names}
    for name, (people, key, shown) in _CELLS.items():
        mart = name.split()[0]
        if mart not in there:
            continue
        if mart == "rating_gap":
            people, visible = _gap_cells()
        else:
            visible = f"select distinct {key} from {{m}}.{mart} where {shown}"
        told = {"r": restricted, "m": marts, "raters": RATERS}
        column = "attribute" if mart == "adverse_impact" else "slice_dimension"
        # Eligible are cells of the dimensions that the mart has, and of no others.
        dimensions = "'manager'" if mart == "manager_scorecard" else f"select distinct {column} from {marts}.{mart}"
        con.execute(
            f"create or replace temp table eligible as select * from ({people.format(**told)}) as cells "
            f"where people >= {minimum} and dimension in ({dimensions})"
        )
        con.execute(f"create or replace temp table visible as {visible.format(**told)}")
        if mart == "headcount_walk" and name == mart:
            # Demographic slices of the walk have a line of their own.
            con.execute("delete from eligible where dimension in ('gender', 'ethnicity')")
            con.execute("delete from visible where slice_dimension in ('gender', 'ethnicity')")
        found.shares[name] = Share(name, _count(con, "eligible"), _shown(con))
        if mart in ("morale", "morale_item", "enps", "rating_distribution", "rating_gap"):
            _add_occasions(con, found, "survey_id" if "survey_id" in key else "cycle")
    return found


def _minimum(con: duckdb.DuckDBPyConnection) -> int:
    has = con.execute(
        "select 1 from duckdb_columns() where database_name = 'performance' and table_name = 'version' "
        "and column_name = 'minimum_group'"
    ).fetchone()
    row = con.execute("select minimum_group from performance.ops.version").fetchone() if has else None
    return int(row[0]) if row else 5


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"select count(*) from {table}").fetchone()
    assert row
    return int(row[0])


def _shown(con: duckdb.DuckDBPyConnection) -> int:
    """Shown cells that are eligible.

    Managers and leaders have pseudonyms in the marts, and values of demographic attributes may be merged there; their
    cells are counted, not matched: never more of a dimension than are eligible.
    """
    unnamed = "('manager', 'leader', 'gender', 'ethnicity')"
    con.execute(f"update eligible set value = '' where dimension in {unnamed}")
    con.execute(f"update visible set slice_value = '' where slice_dimension in {unnamed}")
    columns = [name for name, *_ in con.execute("describe eligible").fetchall() if name != "people"]
    visible = [name for name, *_ in con.execute("describe visible").fetchall()]
    pairs = " and ".join(
        f"cast(e.{mine} as varchar) = cast(v.{theirs} as varchar)"
        for mine, theirs in zip(columns, _in_order(columns, visible), strict=True)
    )
    row = con.execute(
        f"""
        with e as (select {", ".join(columns)}, count(*) as cells from eligible group by all),
        v as (select {", ".join(visible)}, count(*) as cells from visible group by all)
        select coalesce(sum(least(e.cells, v.cells)), 0) from e inner join v on {pairs}
        """
    ).fetchone()
    assert row
    return int(row[0])


def _in_order(columns: Sequence[str], visible: Iterable[str]) -> list[str]:
    names = {"dimension": "slice_dimension", "value": "slice_value", "month": "hire_month"}
    there = set(visible)
    return [column if column in there else names[column] for column in columns]


def _add_occasions(con: duckdb.DuckDBPyConnection, found: Measured, occasion: str) -> None:
    """Company cells of the mart at hand, added to the occasions of at least 30 respondents."""
    kind = "wave" if occasion == "survey_id" else "cycle"
    by_name = {(one.kind, one.name): one for one in found.occasions}
    rows = con.execute(
        f"""
        select e.{occasion}, max(people), count(*),
            (select count(*) from visible as v where v.{occasion} = e.{occasion} and slice_dimension = 'company')
        from eligible as e where dimension = 'company' group by e.{occasion}
        """
    ).fetchall()
    for name, people, eligible, shown in rows:
        before = by_name.get((kind, name))
        if before:
            found.occasions.remove(before)
            people = max(people, before.respondents)
            eligible, shown = eligible + before.eligible, shown + before.shown
        if people >= OCCASION:
            found.occasions.append(Occasion(kind, name, people, eligible, shown))


# The run


@dataclass(frozen=True)
class Run:
    """What a run took, with all its processes: exit code (None: ended at the limit), CPU and wall seconds, peak MB."""

    code: int | None
    cpu: float
    wall: float
    memory: float
    slowest: str
    said: str


def run(landing: Path, home: Path, limit: float) -> Run:
    """`perfwh run` as a process of its own, without this machine's settings, ended at the limit of CPU seconds."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERFWH_", "XDG_", "DAGSTER_"))}
    environment = {
        **kept,
        "HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "PERFWH_CONFIG": str(home / "none.toml"),
        "PERFWH_PSEUDONYM_KEY": "a key for the ladder",
        "PERFWH_SETTLE_SECONDS": "0",
        "PERFWH_STAGE_TIMES": str(home / "stages.jsonl"),
        "PYTHONPATH": str(ROOT),
    }
    began = time.monotonic()
    with (home / "run.log").open("w") as log:
        command = [PERFWH, "run", "--landing", landing, "--warehouse", home / "warehouse", "--force"]
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=home, start_new_session=True
        )
        cpu = memory = 0.0
        code: int | None = None
        while True:
            cpu, memory = max(cpu, _cpu(process.pid)), max(memory, _memory(process.pid))
            done, status, used = os.wait4(process.pid, os.WNOHANG)
            if done:
                code = process.returncode = os.waitstatus_to_exitcode(status)
                cpu = max(cpu, used.ru_utime + used.ru_stime)
                break
            if cpu > limit:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                break
            time.sleep(0.25)
    wall = time.monotonic() - began
    return Run(code, cpu, wall, memory, _slowest(home / "stages.jsonl"), (home / "run.log").read_text()[-1500:])


def _family(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu(pid: int) -> float:
    total = 0.0
    for one in _family(pid):
        try:
            used = one.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
        except psutil.Error:
            continue
    return total


def _memory(pid: int) -> float:
    total = 0.0
    for one in _family(pid):
        try:
            total += one.memory_info().rss / 1e6
        except psutil.Error:
            continue
    return total


def _slowest(stages: Path) -> str:
    """The model or step that took longest, with its wall seconds."""
    if not stages.exists():
        return ""
    rows = [json.loads(line) for line in stages.read_text().splitlines()]
    took = [(row["wall_s"], row.get("node") or row["step"]) for row in rows if row.get("step") != "models"]
    if not took:
        return ""
    seconds, name = max(took)
    return f"{name.rsplit('.', 1)[-1]} {seconds:.0f} s"


# The table


def table(results: dict[int, tuple[Run, Measured | None]], limit: float) -> str:
    """The results as markdown, a column for each size."""
    sizes = list(results)
    lines = ["| people | " + " | ".join(f"{size:,}" for size in sizes) + " |", "|---|" + "---|" * len(sizes)]

    def add(name: str, cells: Iterable[str]) -> None:
        lines.append(f"| {name} | " + " | ".join(cells) + " |")

    runs = [results[size][0] for size in sizes]
    found = [results[size][1] for size in sizes]
    add("exit code", [f"ended at {limit:.0f} CPU s" if run.code is None else str(run.code) for run in runs])
    add("CPU s, children included", [f"{run.cpu:.0f}" for run in runs])
    add("wall s", [f"{run.wall:.0f}" for run in runs])
    add("peak memory, MB", [f"{run.memory:,.0f}" for run in runs])
    add("slowest", [run.slowest for run in runs])
    for kind in ("wave", "cycle"):
        told = []
        for one in found:
            mine = [occasion for occasion in one.occasions if occasion.kind == kind] if one else []
            whole = sum(occasion.shown >= occasion.eligible for occasion in mine)
            some = sum(0 < occasion.shown < occasion.eligible for occasion in mine)
            told.append(
                f"{whole} whole, {some} in part, {len(mine) - whole - some} not, of {len(mine)}" if one else "–"
            )
        add(f"company rows of a {kind} with ≥ {OCCASION} respondents", told)
    names = dict.fromkeys(name for one in found if one for name in one.shares)
    for name in names:
        add(name, [_told(one.shares.get(name)) if one else "–" for one in found])
    add("**all eligible cells**", [_told(one.total) if one else "–" for one in found])
    return "\n".join(lines) + "\n"


def _told(share: Share | None) -> str:
    if share is None or share.share is None:
        return "–"
    return f"{share.share:.0%} of {share.eligible:,}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", default=",".join(map(str, SIZES)), help="people, separated by commas")
    options.add_argument("--months", type=int, default=24)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--gaps", type=float, default=0.04, help="share of competencies that a rater skips")
    options.add_argument("--limit", type=float, default=400, help="CPU seconds of a run, children included")
    options.add_argument("--out", type=Path, help="file for the table, as markdown")
    options.add_argument("--keep", action="store_true", help="keep the files below .bench/ladder")
    given = options.parse_args()
    results: dict[int, tuple[Run, Measured | None]] = {}
    for size in map(int, given.sizes.split(",")):
        folder = BENCH / "ladder" / f"{size}"
        shutil.rmtree(folder, ignore_errors=True)
        write_company(folder / "landing", size, given.months, given.seed, given.gaps)
        done = run(folder / "landing", folder / "home", given.limit)
        if done.code not in (0, None):
            print(done.said, file=sys.stderr)
        results[size] = done, measure(folder / "home" / "warehouse") if done.code == 0 else None
        print(f"{size:,} people: exit code {done.code}, {done.cpu:.0f} CPU s, {done.memory:,.0f} MB", flush=True)
        if given.out:
            given.out.write_text(table(results, given.limit))
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print("\n" + table(results, given.limit))


if __name__ == "__main__":
    main()
