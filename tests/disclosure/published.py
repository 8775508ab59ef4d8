"""Every shown figure of published versions, as sums over the contributions of the people they are about.

Each gatherer turns the shown rows of one subject into figures (`attacker.Figure`). Rows that rest on the same sums are
one figure. It reads the published marts and the restricted tables of the same version, rebuilds the slices by itself
(`slices`), and knows nothing of how it was decided what is shown.

A version may have columns that an earlier one lacks, and the other way round; what is not there is not gathered.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tests.disclosure import slices
from tests.disclosure.attacker import Contribution, Figure
from tests.disclosure.known import leave_out_known

PERSPECTIVES = ("self", "manager", "peer", "report")
CLASSES = ("voluntary", "involuntary", "other", "unknown", "regretted")
_HEX_DIGITS = 24
# Of two waves that share more than this of their answers, the later is the earlier one under another name.
_SAME_WAVE = 0.5


def named_by(key: bytes) -> Callable[[list[str]], list[str]]:
    """How the marts name managers and leaders: the first digits of a keyed digest."""
    return lambda people: [hmac.new(key, one.encode(), hashlib.sha256).hexdigest()[:_HEX_DIGITS] for one in people]


@dataclass
class Version:
    """What was published, and the truth behind it.

    name: what messages call it.
    con: a connection of its own that sees both schemas.
    marts, restricted: the schemas.
    shown_marts: the schema with all that is shown, where `marts` holds only what no version before showed.
    key: of the pseudonyms.
    identities: (survey_id, respondent_id) → who that is, where it is known better than by content.
    tenure_years, slice_pairs, department_parents: as configured.
    """

    name: str
    con: duckdb.DuckDBPyConnection
    marts: str = "performance.marts"
    restricted: str = "people.restricted"
    key: bytes = b"a key for tests"
    identities: Mapping[tuple[str, str], str] = field(default_factory=dict)
    tenure_years: tuple[int, ...] = (1, 3, 5, 10)
    slice_pairs: tuple[tuple[str, str], ...] = ()
    department_parents: Mapping[str, str] = field(default_factory=dict)
    shown_marts: str = ""

    @classmethod
    def of_folder(cls, name: str, published: Path, **more: Any) -> Version:
        """A version on disk: the folder with performance.duckdb and people.duckdb, kept as it is now."""
        con = duckdb.connect(config={"threads": 1})
        for database in ("performance", "people"):
            con.execute(f"attach '{Path(published).resolve()}/{database}.duckdb' as {database} (read_only)")
        return cls(name, con, **more)

    @classmethod
    def of_build(cls, name: str, build: duckdb.DuckDBPyConnection, database: str = "build", **more: Any) -> Version:
        """A copy of the marts and restricted tables of a build database, which may then be built anew."""
        con = duckdb.connect(config={"threads": 1})
        tables = build.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = ? and schema_name in ('marts', 'restricted')",
            [database],
        ).fetchall()
        con.execute("create schema marts; create schema restricted")
        for schema, table in tables:
            con.register("copied", build.execute(f'select * from {database}."{schema}"."{table}"').to_arrow_table())
            con.execute(f'create table "{schema}"."{table}" as select * from copied')
            con.unregister("copied")
        return cls(name, con, "marts", "restricted", **more)

    def columns(self, table: str) -> set[str]:
        """The columns of a table `{m}.name` or `{r}.name`; none where it does not exist."""
        try:
            return {name for name, *_ in self.con.execute(f"describe {self.sql(table)}").fetchall()}
        except duckdb.CatalogException:
            return set()

    def sql(self, text: str, **more: str) -> str:
        return text.format(m=self.marts, r=self.restricted, **more)


@dataclass
class Gathered:
    """All figures; and the scores of reviews once more by perspective, with those who gave them."""

    figures: list[Figure] = field(default_factory=list)
    by_perspective: dict[str, list[Figure]] = field(default_factory=lambda: defaultdict(list))
    raters: dict[Contribution, frozenset[str]] = field(default_factory=dict)


def gather(versions: Sequence[Version], kinds: Sequence[str] = ()) -> Gathered:
    """The figures of all versions.

    Args:
        versions: in the order of publishing.
        kinds: names of gatherers, see `GATHERERS`; by default all that rest on what the reader is assumed to know.
    """
    gathered = Gathered()
    identify(versions)
    leave_out_known(versions)
    for version in versions:
        for name, gatherer in GATHERERS.items():
            if name in (kinds or GATHERERS.keys() - set(_BEYOND_THE_READER)):
                gatherer(version, gathered)
    return gathered


def figures_of(version: Version, query: str, **more: str) -> list[Figure]:
    """Figures from a query with the columns told, person, kind, part, content, weight; a row for each contribution.

    A query names the schemas as `{m}` and `{r}`. Weights of one contribution are added up, figures with equal sums are
    one figure.
    """
    rows = version.con.execute(
        f"""
        with entry as ({version.sql(query, **more)}),
        summed as (
            select told, person, kind, cast(part as varchar) as part, cast(content as varchar) as content,
                round(sum(cast(weight as double)), 12) as weight
            from entry where person is not null group by all
        ),
        figure as (
            select told, list((person, kind, coalesce(part, ''), coalesce(content, ''), weight)
                order by person, kind, part, content) as entries
            from summed where weight <> 0 group by told
        )
        select min(told), entries from figure group by entries order by 1
        """
    ).fetchall()
    return [
        Figure(f"{version.name}: {told}", {Contribution(*map(str, one[:4])): float(one[4]) for one in entries})
        for told, entries in rows
    ]


# Who is who


def identify(versions: Sequence[Version]) -> None:
    """Makes the slices of each version, and says which wave and person stands behind each survey and respondent.

    Named people are themselves. An anonymous sheet is the same person's in a later version if its content is the same:
    first the sheets that are wholly equal, then those that differ, by their ids and by how much they share.
    """
    for version in versions:
        slices.make(
            version.con,
            version.restricted,
            named_by(version.key),
            version.tenure_years,
            version.slice_pairs,
            version.department_parents,
        )
    _make_demographic_values(versions)
    waves: list[dict[tuple[str, str, str], Any]] = []
    sheets_of_wave: list[dict[str, tuple[Any, ...]]] = []
    for version in versions:
        surveys = _sheets(version)
        named: list[tuple[str, str, int, str]] = []
        for survey, sheets in surveys.items():
            content = {
                (sheet["person"] or "", str(sheet["slices"]), str(one)): 1
                for sheet in sheets.values()
                for one in sheet["answers"].items()
            }
            number = _wave(waves, content)
            if number == len(waves):
                waves.append({})
                sheets_of_wave.append({})
            waves[number] |= content
            for respondent, person in _people(version, survey, sheets, sheets_of_wave[number]).items():
                named.append((survey, respondent, number, person))
        columns = zip(*named, strict=True) if named else ([], [], [], [])
        names = ("survey_id", "respondent_id", "wave", "person")
        types = (pa.string(), pa.string(), pa.int64(), pa.string())
        arrays = [pa.array(list(column), kind) for column, kind in zip(columns, types, strict=True)]
        version.con.register("given_sheets", pa.table(dict(zip(names, arrays, strict=True))))
        version.con.execute("create or replace temp table sheet as select * from given_sheets")
        version.con.unregister("given_sheets")


def _make_demographic_values(versions: Sequence[Version]) -> None:
    """Makes `demographic_value`, the same in each version: the values that anyone ever had, one of which is left over."""
    query = "select distinct dimension, value from span where dimension in ('gender', 'ethnicity')"
    values = sorted({row for version in versions for row in version.con.execute(query).fetchall()})
    left = {dimension: value for dimension, value in reversed(values)}
    columns = {
        "dimension": pa.array([dimension for dimension, _ in values], "string"),
        "value": pa.array([value for _, value in values], "string"),
        "is_left": pa.array([left[dimension] == value for dimension, value in values], "bool"),
    }
    for version in versions:
        version.con.register("given_values", pa.table(columns))
        version.con.execute("create or replace temp table demographic_value as select * from given_values")
        version.con.unregister("given_values")


def _sheets(version: Version) -> dict[str, dict[str, dict[str, Any]]]:
    """Survey → respondent → who they are (if named), their slices, their answers."""
    found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    attributes = ", ".join(f"p.{name}" for name in slices.ATTRIBUTES)
    rows = version.con.execute(
        version.sql(
            f"""
            select a.survey_id, a.respondent_id, p.employee_id, {attributes},
                list((a.item_id, a.answer) order by a.item_id) as answers
            from {{r}}.fct_survey_answer as a
            inner join {{r}}.fct_survey_respondent as p
                on a.survey_id = p.survey_id and a.respondent_id = p.respondent_id
            where a.is_counted group by all order by all
            """
        )
    ).fetchall()
    for survey, respondent, person, *carried, answers in rows:
        known = version.identities.get((survey, respondent), person)
        found[survey][respondent] = {
            "person": known,
            "slices": () if known else tuple(carried),
            "answers": {item: float(answer) for item, answer in answers},
        }
    return found


def _wave(waves: Sequence[Mapping[Any, Any]], content: Mapping[Any, Any]) -> int:
    """The number of the wave with the same answers; that of a new one where there is none."""
    shares = [
        len(content.keys() & wave.keys()) / max(1, min(len(content), len(wave))) if wave else 0.0 for wave in waves
    ]
    best = max(range(len(waves)), key=shares.__getitem__, default=0)
    return best if waves and shares[best] > _SAME_WAVE else len(waves)


def _people(
    version: Version, survey: str, sheets: Mapping[str, Mapping[str, Any]], known: dict[str, tuple[Any, ...]]
) -> dict[str, str]:
    """Respondent → person; `known` are the anonymous people of earlier versions of the wave, and is added to."""
    found = {one: f"{sheet['person']}" for one, sheet in sheets.items() if sheet["person"]}
    left = [one for one in sheets if one not in found]
    content = {one: (sheets[one]["slices"], tuple(sorted(sheets[one]["answers"].items()))) for one in left}
    free = dict(known)
    by_content: dict[Any, list[str]] = defaultdict(list)
    for person, (_, told) in free.items():
        by_content[told].append(person)
    for one in left:
        if by_content[content[one]]:
            found[one] = by_content[content[one]].pop(0)
            del free[found[one]]
    # Whose sheet has changed: the one with the same id before the one that shares most.
    shared = sorted(
        (
            (respondent != one, -_shared(content[one], told), one, person)
            for one in left
            if one not in found
            for person, (respondent, told) in free.items()
            if _shared(content[one], told) >= 0.5
        ),
    )
    for _, _, one, person in shared:
        if one not in found and person in free:
            found[one] = person
            del free[person]
    for one in left:
        if one not in found:
            found[one] = f"{version.name}/{survey}/{one}"
        known[found[one]] = (one, content[one])
    return found


def _shared(one: tuple[Any, Any], other: tuple[Any, Any]) -> float:
    if one[0] != other[0]:
        return 0.0
    common = Counter(one[1]) & Counter(other[1])
    return sum(common.values()) / max(1, min(len(one[1]), len(other[1])))


def merged(
    version: Version, table: str, mart: str, dimension: str = "slice_dimension", value: str = "slice_value"
) -> str:
    """A table of slices in which demographic values that a mart does not name stand under `other`."""
    named = version.sql(f'select {dimension}, "{value}" from {{m}}.{mart}')
    return (
        f"(select * replace (case when dimension in ('gender', 'ethnicity') and (dimension, value) not in ({named}) "
        f"then 'other' else value end as value) from {table})"
    )


# Surveys


def surveys(version: Version, gathered: Gathered) -> None:
    """`morale`, `morale_item`, `enps`, and the figures of surveys in `manager_scorecard`.

    What is unknown of an answer is the number given, and whether it is at the upper or the lower end of its scale. An
    item whose reversal or scale was corrected asks for the same numbers with other weights.
    """
    if not version.columns("{m}.morale"):
        return
    version.con.execute(
        version.sql(
            """
            create or replace temp table item as
            with line as (
                select survey_id, item_id, regr_slope(score_100, answer) as slope,
                    regr_intercept(score_100, answer) as intercept
                from {r}.fct_survey_answer group by all
            ),
            ended as (
                select *, round(-intercept / slope, 6) as at_0, round((100 - intercept) / slope, 6) as at_100 from line
            )
            select survey_id, item_id, coalesce(slope, 1) as slope,
                least(at_0, at_100) || '-' || greatest(at_0, at_100)
                    || case when abs(at_100 - at_0) >= 9 and slope < 0 then ' turned' else '' end as scale,
                case when slope < 0 then 'low' else 'high' end as good,
                case when slope < 0 then 'high' else 'low' end as bad
            from ended
            """
        )
    )
    marts = {"morale": "driver", "morale_item": "item_id", "enps": "''"}
    for mart, part in marts.items():
        there = version.columns(f"{{m}}.{mart}")
        headline = "enps" if mart == "enps" else "mean_score_100"
        shown = (
            ["promoters", "detractors", "passives", "enps"]
            if mart == "enps"
            else ["favourable", "unfavourable", "neutral", "mean_score_100"]
        )
        selected = ", ".join(f"{name} is not null as {name}_shown" for name in shown)
        cells = (
            f"select '{mart}' as mart, survey_id, slice_dimension, slice_value, {part} as part, {selected} "
            f"from {{m}}.{mart}"
        )
        hidden = ", ".join(f"'{name}' = '{headline}'" for name in shown)
        # A delta shown beside its figure tells the figure it compares with.
        for compared, delta in (("compared_with", "delta_vs_previous"), ("year_before", "delta_vs_year_before")):
            if {compared, delta} <= there:
                cells += (
                    f" union all select '{mart}, through {delta}', {compared}, slice_dimension, slice_value, {part}, {hidden} "
                    f"from {{m}}.{mart} where {delta} is not null and {headline} is not null"
                )
        cells += _scorecard_cells(version, mart, headline, hidden)
        version.con.execute(version.sql(f"create or replace temp table cell as {cells}"))
        wanted = {
            "morale": "(c.part = 'all' or a.driver = c.part)",
            "morale_item": "a.item_id = c.part",
            "enps": "a.is_enps",
        }[mart]
        slice_table = merged(version, "wave_slice", mart)
        version.con.execute(
            version.sql(
                f"""
                create or replace temp table asked as
                select concat_ws(' ', c.mart, c.survey_id, c.slice_dimension || '=' || c.slice_value, c.part) as told,
                    h.person, 'wave ' || h.wave as wave, a.item_id, a.answer, a.favourability, i.slope, i.scale, i.good, i.bad, c.*
                from cell as c
                inner join {slice_table} as s
                    on c.survey_id = s.survey_id and c.slice_dimension = s.dimension and c.slice_value = s.value
                inner join {{r}}.fct_survey_answer as a
                    on s.survey_id = a.survey_id and s.respondent_id = a.respondent_id and a.is_counted and {wanted}
                inner join item as i on a.survey_id = i.survey_id and a.item_id = i.item_id
                inner join sheet as h on a.survey_id = h.survey_id and a.respondent_id = h.respondent_id
                """
            )
        )
        good, bad, middle = shown[:3]
        # Beside the other two, what is left of all tells nothing more.
        alone = f"{middle}_shown and not ({good}_shown and {bad}_shown)"
        # An answer may change without crossing the border; then this figure tells nothing of the change.
        end = (
            "select told || ': {figure}' as told, person, wave, item_id || ' at the ' || {side} || ' end of ' || scale as part, "
            "favourability = {favourability} as content, {weight} as weight from asked where {where}"
        )
        parts = [
            end.format(figure=good, side="good", favourability="'favourable'", weight="1", where=f"{good}_shown"),
            end.format(figure=bad, side="bad", favourability="'unfavourable'", weight="1", where=f"{bad}_shown"),
            end.format(figure=middle, side="good", favourability="'favourable'", weight="-1", where=alone),
            end.format(figure=middle, side="bad", favourability="'unfavourable'", weight="-1", where=alone),
        ]
        if mart == "enps":
            only = f"enps_shown and not ({good}_shown and {bad}_shown)"
            parts.append(end.format(figure="enps", side="good", favourability="'favourable'", weight="1", where=only))
            parts.append(end.format(figure="enps", side="bad", favourability="'unfavourable'", weight="-1", where=only))
        else:
            parts.append(
                "select told || ': mean_score_100', person, wave, item_id, answer, slope from asked where mean_score_100_shown"
            )
        query = " union all ".join(parts)
        gathered.figures += figures_of(
            version, f"select told, person, wave as kind, part, content, weight from ({query}) as entries"
        )


def _scorecard_cells(version: Version, mart: str, headline: str, hidden: str) -> str:
    """The managers' rows of a survey mart that their page shows, and the company's beside them."""
    there = version.columns("{m}.manager_scorecard")
    if mart == "morale_item" or headline not in there:
        return ""
    part = "''" if mart == "enps" else "'all'"
    named = f"{mart}_survey_id"
    survey = (
        f"p.{named}"
        if named in there
        else f"(select arg_max(s.survey_id, (s.launched_on, s.survey_id)) from {{r}}.fct_survey as s "
        f"where s.launched_on <= last_day(p.month) and s.survey_id in (select survey_id from {{m}}.{mart}))"
    )
    return "".join(
        f" union all select 'manager_scorecard', {survey}, '{dimension}', {value}, {part}, {hidden} "
        f"from {{m}}.manager_scorecard as p where p.{headline}{suffix} is not null"
        for dimension, value, suffix in (("manager", "p.manager", ""), ("company", "'all'", "_company"))
        if f"{headline}{suffix}" in there
    )


# Reviews


def reviews(version: Version, gathered: Gathered) -> None:
    """`rating_distribution`, `rating_gap`, `adverse_impact`."""
    if version.columns("{m}.rating_distribution"):
        rated = merged(version, "cycle_slice", "rating_distribution")
        gathered.figures += figures_of(
            version,
            f"""
            select concat_ws(' ', 'rating_distribution', m.cycle, m.slice_dimension || '=' || m.slice_value, 'band',
                m.rating_band) as told, r.reviewee_id as person,
                concat_ws(' ', 'cycle', m.cycle, 'band', m.rating_band) as kind, '' as part, r.rating_band = m.rating_band as content,
                1 as weight
            from {{m}}.rating_distribution as m
            inner join {rated} as s
                on m.cycle = s.cycle and m.slice_dimension = s.dimension and m.slice_value = s.value
            inner join {{r}}.fct_reviewee as r on s.cycle = r.cycle and s.reviewee_id = r.reviewee_id
            where (m.reviewees is not null or m.share is not null) and r.rating_band is not null
            """,
        )
    if version.columns("{m}.adverse_impact"):
        _adverse_impact(version, gathered)
    if version.columns("{m}.rating_gap"):
        _rating_gap(version, gathered)


def _adverse_impact(version: Version, gathered: Gathered) -> None:
    """The decided of each group; a ratio or a test tells of the group with the highest rate too."""
    grouped = merged(version, "cycle_slice", "adverse_impact", "attribute", "group")
    gathered.figures += figures_of(
        version,
        f"""
        with member as (
            select s.cycle, s.dimension, s.value, r.reviewee_id, r.rating_band,
                coalesce(floor(c.scale_max + 0.5), max(r.rating_band) over (partition by r.cycle)) as highest
            from {grouped} as s
            inner join {{r}}.fct_reviewee as r on s.cycle = r.cycle and s.reviewee_id = r.reviewee_id
            inner join {{r}}.fct_review_cycle as c on r.cycle = c.cycle
            where r.rating_band is not null
        ),
        best as (
            select cycle, dimension, arg_max(value, (rate, pool)) as value from (
                select cycle, dimension, value, avg(case when rating_band >= highest then 1 else 0 end) as rate,
                    count(*) as pool
                from member where value <> 'unknown' group by all
            ) as rates group by all
        ),
        shown as (
            select cycle, decision, attribute, "group" as value, "group" as told from {{m}}.adverse_impact
            where selected is not null or rate is not null or fisher_p is not null or impact_ratio is not null
            union all
            select m.cycle, m.decision, m.attribute, b.value, m."group" || ', compared with ' || b.value
            from {{m}}.adverse_impact as m
            inner join best as b on m.cycle = b.cycle and m.attribute = b.dimension
            where m.decision = 'top_rating' and (m.impact_ratio is not null or m.fisher_p is not null)
        )
        select concat_ws(' ', 'adverse_impact', h.cycle, h.decision, h.attribute || '=' || h.told) as told,
            m.reviewee_id as person,
            case when h.decision = 'top_rating' then concat_ws(' ', 'cycle', h.cycle, 'band', cast(m.highest as integer))
                else concat_ws(' ', 'cycle', h.cycle, 'promotion') end as kind,
            '' as part, case when h.decision = 'top_rating' then m.rating_band >= m.highest end as content, 1 as weight
        from shown as h
        inner join member as m on h.cycle = m.cycle and h.attribute = m.dimension and h.value = m.value
        """,
    )


def _rating_gap(version: Version, gathered: Gathered) -> None:
    """Means of perspectives and gaps; `all` is a person's own mean over competencies."""
    con = version.con
    con.execute(
        version.sql(
            """
            create or replace temp table score as
            with one as (
                select cycle, reviewee_id, relationship, competency, avg(score_100) as score,
                    list(distinct coalesce(rater_id, '? ' || reviewee_id)) as raters
                from {r}.fct_review_rating where score_100 is not null group by all
            )
            select *, competency as asked, 1.0 as weight from one
            union all
            select *, 'all', 1.0 / count(*) over (partition by cycle, reviewee_id, relationship) from one
            """
        )
    )
    there = version.columns("{m}.rating_gap")
    figures = [f"{one}_mean" for one in PERSPECTIVES]
    gaps = [name for name in ("self_manager_gap", "peer_manager_gap") if name in there]
    listed = ", ".join([*figures, *gaps])
    con.execute(
        version.sql(
            f"create or replace temp table shown as select cycle, slice_dimension, slice_value, competency, figure from "
            f"(unpivot (select cycle, slice_dimension, slice_value, competency, {listed} from {{m}}.rating_gap) "
            f"on {listed} into name figure value shown)"
        )
    )
    rated = merged(version, "cycle_slice", "rating_gap")
    base = f"""
        select concat_ws(' ', 'rating_gap', m.cycle, m.slice_dimension || '=' || m.slice_value, m.competency || ':', m.figure)
                as told, o.reviewee_id as person, concat_ws(' ', 'cycle', o.cycle, 'scores') as kind,
            o.relationship || ' ' || o.competency as part, round(o.score, 6) as content
        from shown as m
        inner join {rated} as s on m.cycle = s.cycle and m.slice_dimension = s.dimension and m.slice_value = s.value
        inner join score as o on s.cycle = o.cycle and s.reviewee_id = o.reviewee_id and o.asked = m.competency
    """
    with_weight = base.replace("round(o.score, 6) as content", "round(o.score, 6) as content, {weight} as weight")
    means = {
        one: figures_of(
            version,
            with_weight.replace("{weight}", "o.weight") + f"where m.figure = '{one}_mean' and o.relationship = '{one}'",
        )
        for one in PERSPECTIVES
    }
    for perspective, mine in means.items():
        gathered.figures += mine
        gathered.by_perspective[perspective] += mine
    if gaps:
        sign = "case when o.relationship = 'manager' then -o.weight else o.weight end"
        gathered.figures += figures_of(
            version,
            with_weight.replace("{weight}", sign)
            + """
            where m.figure like '%_manager_gap' and o.relationship in ('manager', split_part(m.figure, '_', 1))
                and exists (select 1 from score as x where x.cycle = o.cycle and x.reviewee_id = o.reviewee_id
                    and x.asked = o.asked and x.relationship = 'manager')
                and exists (select 1 from score as x where x.cycle = o.cycle and x.reviewee_id = o.reviewee_id
                    and x.asked = o.asked and x.relationship = split_part(m.figure, '_', 1))
            """,
        )
    for cycle, person, relationship, competency, score, raters in con.execute(
        "select cycle, reviewee_id, relationship, competency, round(score, 6)::varchar, raters from score "
        "where asked = competency"
    ).fetchall():
        told = Contribution(person, f"cycle {cycle} scores", f"{relationship} {competency}", score)
        gathered.raters[told] = gathered.raters.get(told, frozenset()) | frozenset(raters)


# Goals and meetings


def goals(version: Version, gathered: Gathered) -> None:
    """`goal_attainment`, `goal_attainment_distribution`, and the goal figures of `manager_scorecard`."""
    there = version.columns("{m}.goal_attainment")
    if not there:
        return
    card = version.columns("{m}.manager_scorecard")

    def cells(figure: str, on_card: str | None = None) -> str:
        mine = (
            f"select 'goal_attainment' as mart, period, slice_dimension, slice_value from {{m}}.goal_attainment "
            f"where {figure} is not null"
        )
        if not on_card or on_card not in card:
            return mine
        period = (
            "p.goal_period"
            if "goal_period" in card
            else "(select arg_max(g.period, (g.period_ends_on, -epoch(g.period_starts_on::timestamp))) from {r}.fct_goal as g "
            "where g.period_ends_on <= last_day(p.month))"
        )
        for dimension, value, suffix in (("manager", "p.manager", ""), ("company", "'all'", "_company")):
            if f"{on_card}{suffix}" in card:
                mine += (
                    f" union all select 'manager_scorecard', {period}, '{dimension}', {value} "
                    f"from {{m}}.manager_scorecard as p where p.{on_card}{suffix} is not null"
                )
        return mine

    owned = merged(version, "owner_slice", "goal_attainment")
    query = """
        select concat_ws(' ', m.mart, m.period, m.slice_dimension || '=' || m.slice_value || ':', '{figure}') as told,
            o.employee_id as person, concat_ws(' ', 'goals', m.period, '{figure}') as kind, '' as part,
            round(o.{column}, 9) as content, 1 as weight
        from ({cells}) as m
        inner join {owned} as s on m.period = s.period and m.slice_dimension = s.dimension and m.slice_value = s.value
        inner join {{r}}.fct_goal_owner as o on s.period = o.period and s.employee_id = o.employee_id
        where {base}
    """
    for figure, column, base, on_card in (
        ("attainment_capped", "attainment_capped", "o.attainment_capped is not null", "goal_attainment"),
        ("completed", "completed", "o.goals > 0", None),
        ("on_time_rate", "on_time", "o.due > 0", None),
        ("stale_share", "stale", "o.goals > 0", None),
        ("aligned_goal_share", "aligned", "o.goals > 0", "aligned_goal_share"),
        ("aligned_weight_share", "aligned_weight_share", "o.aligned_weight_share is not null", None),
    ):
        if figure in there:
            told = query.format(figure=figure, column=column, cells=cells(figure, on_card), owned=owned, base=base)
            gathered.figures += figures_of(version, told)
    # A person's attainment is a weighted mean of their goals, which other marts may tell of one by one.
    gathered.figures += figures_of(
        version,
        f"""
        select concat_ws(' ', m.mart, m.period, m.slice_dimension || '=' || m.slice_value || ':', 'attainment_raw') as told,
            g.owner_id as person, 'goals raw' as kind, g.goal_id as part, round(g.attainment_raw, 9) as content,
            g.weight / sum(g.weight) over (partition by m.mart, m.period, m.slice_dimension, m.slice_value, g.owner_id) as weight
        from ({cells("attainment_raw")}) as m
        inner join {owned} as s on m.period = s.period and m.slice_dimension = s.dimension and m.slice_value = s.value
        inner join {{r}}.fct_goal as g on s.period = g.period and s.employee_id = g.owner_id
        where not g.is_cancelled and g.attainment_raw is not null and g.weight <> 0
        """,
    )
    if version.columns("{m}.goal_attainment_distribution"):
        owned = merged(version, "owner_slice", "goal_attainment_distribution")
        gathered.figures += figures_of(
            version,
            f"""
            select concat_ws(' ', 'goal_attainment_distribution', m.period, m.slice_dimension || '=' || m.slice_value, m.band)
                    as told, o.employee_id as person, concat_ws(' ', 'goals', m.period, 'band', m.band) as kind, '' as part,
                round(o.attainment_raw, 9) as content, 1 as weight
            from {{m}}.goal_attainment_distribution as m
            inner join {owned} as s on m.period = s.period and m.slice_dimension = s.dimension and m.slice_value = s.value
            inner join {{r}}.fct_goal_owner as o on s.period = o.period and s.employee_id = o.employee_id
            where (m.owners is not null or m.share is not null) and o.attainment_raw is not null
            """,
        )


def meetings(version: Version, gathered: Gathered) -> None:
    """`one_on_one`, and the meetings held on `manager_scorecard`."""
    there = version.columns("{m}.one_on_one")
    if not there:
        return
    card = version.columns("{m}.manager_scorecard")
    held = "select 'one_on_one' as mart, month, slice_dimension, slice_value from {m}.one_on_one where held is not null or held_rate is not null"  # fmt: skip
    for dimension, value, suffix in (("manager", "manager", ""), ("company", "'all'", "_company")):
        if f"held_rate{suffix}" in card:
            held += f" union all select 'manager_scorecard', month, '{dimension}', {value} from {{m}}.manager_scorecard where held_rate{suffix} is not null"  # fmt: skip
    met = "select 'one_on_one' as mart, month, slice_dimension, slice_value from {m}.one_on_one where pairs_met is not null"
    spans = merged(version, "span", "one_on_one")
    query = """
        select concat_ws(' ', m.mart, m.month, m.slice_dimension || '=' || m.slice_value || ':', '{figure}') as told,
            o.employee_id as person, 'meetings {figure}' as kind, {part} as part, o.is_held as content, 1 as weight
        from ({cells}) as m
        inner join {spans} as s on m.slice_dimension = s.dimension and m.slice_value = s.value
        inner join {meeting} as o on s.employee_id = o.employee_id and s.valid_from <= o.scheduled_on
            and s.valid_to > o.scheduled_on and date_trunc('month', o.scheduled_on) = m.month
    """
    gathered.figures += figures_of(
        version, query.format(figure="held", part="o.meeting_id", cells=held, spans=spans, meeting="{r}.fct_one_on_one")
    )
    # A pair counts once in a slice and month, however often it met.
    pairs = query.replace("o.meeting_id", "o.manager_id").format(
        figure="pairs_met", part="o.manager_id || ' ' || m.month", cells=met, spans=spans, meeting="{r}.fct_one_on_one"
    )
    gathered.figures += figures_of(
        version,
        f"select told, person, kind, part, max(content) as content, 1 as weight from ({pairs}) as met group by all",
    )


# Leavers


def leavers(version: Version, gathered: Gathered) -> None:
    """Why people left: classes in `headcount_walk`, in all windows of `turnover`, in the curves of `retention_survival`."""
    from_day, to_day = _observed(version)
    parts = []
    there = version.columns("{m}.headcount_walk")
    for name in CLASSES:
        if f"exits_{name}" in there:
            parts.append(
                f"""
                select concat_ws(' ', 'headcount_walk', m.month, m.slice_dimension || '=' || m.slice_value || ':',
                    'exits_{name}') as told, s.employee_id as person, 'leavers, {name}' as kind, s.last_day as part,
                    {_is_class("s", name)} as content, 1 as weight
                from {{m}}.headcount_walk as m
                inner join {merged(version, "leaver_slice", "headcount_walk")} as s
                    on m.slice_dimension = s.dimension and m.slice_value = s.value
                    and date_trunc('month', s.last_day) = m.month
                where m.exits_{name} is not null and s.last_day <= date '{to_day}'
                """
            )
    if version.columns("{m}.turnover"):
        parts.append(
            f"""
            select concat_ws(' ', 'turnover', m.month, m.slice_dimension || '=' || m.slice_value, m.definition, m.exit_class)
                as told, s.employee_id as person, 'leavers, ' || m.exit_class as kind, s.last_day as part,
                case when m.exit_class = 'regretted' then s.is_regretted else s.exit_class = m.exit_class end as content,
                1 as weight
            from {{m}}.turnover as m
            inner join {merged(version, "leaver_slice", "turnover")} as s
                on m.slice_dimension = s.dimension and m.slice_value = s.value and {_in_window()}
            where m.exit_class <> 'total' and (m.separations is not null or m.rate is not null)
                and s.last_day between date_trunc('month', date '{from_day}') and date '{to_day}'
            """
        )
    if version.columns("{m}.retention_survival"):
        parts.append(
            f"""
            select concat_ws(' ', 'retention_survival', m.slice_dimension || '=' || m.slice_value, m.exit_class, 'month',
                m.tenure_month) as told, t.employee_id as person, 'leavers, ' || m.exit_class as kind, t.last_day as part,
                case when m.exit_class = 'regretted' then coalesce(t.is_regretted, false)
                    else t.exit_class = m.exit_class end as content, 1 as weight
            from {{m}}.retention_survival as m
            inner join {merged(version, "span", "retention_survival")} as s
                on m.slice_dimension = s.dimension and m.slice_value = s.value
            inner join {{r}}.fct_stint as t
                on s.employee_id = t.employee_id and s.valid_from <= greatest(t.hire_date, date '{from_day}')
                and s.valid_to > greatest(t.hire_date, date '{from_day}')
                and t.last_day between date '{from_day}' and date '{to_day}'
                and (
                    -- A curve without the exits of each month tells of all exits up to there.
                    m.exits is null or t.last_day - t.hire_date + 1 > {_tenure_day("m.tenure_month - 1")}
                )
                and t.last_day - t.hire_date + 1 <= {_tenure_day("m.tenure_month")}
            where m.exit_class <> 'total' and (m.exits is not null or m.survival is not null)
            """
        )
    gathered.figures += figures_of(version, " union all ".join(parts)) if parts else []


def _is_class(table: str, name: str) -> str:
    return f"{table}.is_regretted" if name == "regretted" else f"{table}.exit_class = '{name}'"


def _tenure_day(month: str) -> str:
    return f"floor(30.4375 * ({month}) + 0.5)"


def _in_window(month: str = "m.month", definition: str = "m.definition", day: str = "s.last_day") -> str:
    """Whether a day lies in the window of a month."""
    return f"""{day} <= last_day({month}) and {day} >= case {definition}
        when 'rolling_12m' then {month} - interval 11 month when 'annualised_3m' then {month} - interval 2 month
        when 'year_to_date' then date_trunc('year', {month}) else {month} end"""


def _observed(version: Version) -> tuple[Any, Any]:
    row = version.con.execute(
        version.sql("select min(date_day), max(date_day) from {r}.dim_date where is_observed")
    ).fetchone()
    assert row
    return row if row[0] else ("1900-01-01", "9999-12-31")


# Gender and ethnicity


def demographics(version: Version, gathered: Gathered) -> None:
    """Who is of which gender and ethnicity: every count of a demographic slice is a sum over a known set of people."""
    from_day, to_day = _observed(version)
    stints = "select employee_id, stint_number, hire_date, coalesce(last_day, date '9999-12-31') as last_day from {r}.fct_stint"
    last_seen = f"least(last_day(m.month), date '{to_day}')"
    close = "t.hire_date <= {day} and t.last_day > {day}"
    populations: list[tuple[str, str, str, str, str]] = []

    def add(mart: str, figure: str, among: str, day: str, weight: str = "1") -> None:
        """A population: the stints `t` of a shown row `m`, each with the value of a day."""
        if figure in version.columns(f"{{m}}.{mart}"):
            populations.append((mart, figure, among, day, weight))

    before = "(m.month - 1)"
    in_month = "between m.month and last_day(m.month)"
    add("headcount_walk", "closing", close.format(day=last_seen), last_seen)
    add("headcount_walk", "opening", close.format(day=before), before)
    add("headcount_walk", "headcount_last_day", f"t.hire_date <= {last_seen} and t.last_day >= {last_seen}", last_seen)
    add(
        "headcount_walk",
        "hires",
        f"t.hire_date {in_month} and t.hire_date <= {last_seen} and t.stint_number = 1",
        "t.hire_date",
    )
    add(
        "headcount_walk",
        "rehires",
        f"t.hire_date {in_month} and t.hire_date <= {last_seen} and t.stint_number > 1",
        "t.hire_date",
    )
    for exits in ("exits", "exits_voluntary"):
        # The classes add up to the total of the leavers.
        add("headcount_walk", exits, f"t.last_day {in_month} and t.last_day <= {last_seen}", "t.last_day")
    add(
        "headcount_walk",
        "average_headcount",
        f"t.hire_date <= {last_seen} and t.last_day >= m.month",
        f"least(t.last_day, {last_seen})",
        f"least(t.last_day, {last_seen}) - greatest(t.hire_date, m.month, date '{from_day}') + 1",
    )
    add(
        "turnover",
        "separations",
        f"m.exit_class = 'total' and {_in_window(day='t.last_day')} and t.last_day between date_trunc('month', date '{from_day}') and date '{to_day}'",
        "t.last_day",
    )
    year_before = "last_day(m.month - interval 12 month)"
    add("retention", "employed_12m_ago", close.format(day=year_before), year_before)
    add("retention", "still_employed", f"{close.format(day=year_before)} and t.last_day > {last_seen}", year_before)
    for days in (90, 365):
        hired = f"t.hire_date {in_month} and t.stint_number = 1 and t.hire_date + {days} <= date '{to_day}'"
        add("retention", f"new_hires_{days}d", hired, "t.hire_date")
        add("retention", f"retained_{days}d", f"{hired} and t.last_day >= t.hire_date + {days}", "t.hire_date")
    cohort = "date_trunc('month', t.hire_date) = m.hire_month and t.hire_date <= date '" + str(to_day) + "'"
    nth = "cast(t.hire_date + to_months(cast(m.months_since_hire as integer)) as date)"
    add("retention_cohort", "cohort_size", cohort, "t.hire_date")
    add("retention_cohort", "retained", f"{cohort} and {nth} <= date '{to_day}' and t.last_day >= {nth}", "t.hire_date")
    entered = f"greatest(t.hire_date, date '{from_day}')"
    ended = f"least(t.last_day, date '{to_day}')"
    day_of = _tenure_day("m.tenure_month")
    add(
        "retention_survival",
        "at_risk",
        f"m.exit_class = 'total' and t.last_day >= date '{from_day}' and {entered} - t.hire_date + 1 <= {day_of} "
        f"and {ended} - t.hire_date + 1 >= {day_of}",
        entered,
    )
    for mart, figure, among, day, weight in populations:
        _add_population(version, gathered, mart, figure, f"({stints})", among, day, weight)
    _add_members(version, gathered, (("goal_attainment", "owners_eligible", "m.period", "owner"),))


def memberships(version: Version, gathered: Gathered) -> None:
    """Of whom a demographic count tells to a reader who knows as well who answered, was rated, or had a goal.

    The reader that is assumed knows who was invited and employed, and not this; so it is gathered only where asked for.
    """
    _add_members(
        version,
        gathered,
        (
            ("morale", "respondents", "m.survey_id, m.driver", "wave"),
            ("morale_item", "respondents", "m.survey_id, m.item_id", "wave"),
            ("enps", "respondents", "m.survey_id", "wave"),
            ("rating_distribution", "reviewees", "m.cycle", "cycle"),
            ("adverse_impact", "pool", "m.cycle", "cycle"),
            ("goal_attainment", "owners_with_goals", "m.period", "owner"),
        ),
    )


def _add_population(
    version: Version, gathered: Gathered, mart: str, figure: str, stints: str, among: str, day: str, weight: str
) -> None:
    """The shown counts of a mart over stints."""
    shown = f"""
        select m.*, slice_dimension as dimension, slice_value as named, row_number() over () as number,
            concat_ws(' ', '{mart}', {_key_of(mart)}, slice_dimension || '=' || slice_value || ':', '{figure}') as told
        from {{m}}.{mart} as m where slice_dimension in ('gender', 'ethnicity') and {figure} is not null
    """
    member = f"""
        select m.number, t.employee_id, v.value, {weight} as weight
        from shown as m
        inner join {stints} as t on {among}
        inner join span as v on t.employee_id = v.employee_id and v.dimension = m.dimension
            and v.valid_from <= {day} and v.valid_to > {day}
    """
    _add_demographic(version, gathered, mart, shown, member)


def _key_of(mart: str) -> str:
    return {
        "retention_cohort": "m.hire_month, m.months_since_hire",
        "retention_survival": "m.exit_class, m.tenure_month",
        "turnover": "m.month, m.definition",
    }.get(mart, "m.month")


def _add_members(version: Version, gathered: Gathered, counts: Sequence[tuple[str, str, str, str]]) -> None:
    """Counts of people who are known otherwise than by their employment: mart, figure, its key, and which people."""
    for mart, figure, key, people in counts:
        if figure not in version.columns(f"{{m}}.{mart}"):
            continue
        dimension, value = _named_columns(mart)
        asked = {
            "morale": "(m.driver = 'all' or a.driver = m.driver)",
            "morale_item": "a.item_id = m.item_id",
            "enps": "a.is_enps",
        }
        member = {
            "wave": f"""select distinct m.number, h.person as employee_id, s.value, 1 as weight from shown as m
                inner join wave_slice as s on m.survey_id = s.survey_id and s.dimension = m.dimension
                inner join {{r}}.fct_survey_answer as a on s.survey_id = a.survey_id and s.respondent_id = a.respondent_id
                    and a.is_counted and {asked.get(mart, "true")}
                inner join {{r}}.fct_survey_respondent as p on s.survey_id = p.survey_id
                    and s.respondent_id = p.respondent_id and p.is_person
                inner join sheet as h on s.survey_id = h.survey_id and s.respondent_id = h.respondent_id""",
            "cycle": """select m.number, s.reviewee_id as employee_id, s.value, 1 as weight from shown as m
                inner join cycle_slice as s on m.cycle = s.cycle and s.dimension = m.dimension
                inner join {r}.fct_reviewee as r on s.cycle = r.cycle and s.reviewee_id = r.reviewee_id
                    and r.is_person and r.rating_band is not null""",
            "owner": f"""select m.number, s.employee_id, s.value, 1 as weight from shown as m
                inner join owner_slice as s on m.period = s.period and s.dimension = m.dimension
                inner join {{r}}.fct_goal_owner as o on s.period = o.period and s.employee_id = o.employee_id
                    and ('{figure}' = 'owners_eligible' or o.goals > 0)""",
        }[people]
        rows = f"{{m}}.{mart}"
        if mart == "rating_distribution":
            # Its bands add up to the reviewees of the slice, where all of them are shown.
            rows = (
                f"(select cycle, slice_dimension, slice_value, sum(reviewees) as reviewees from {rows} "
                "group by all having count(reviewees) = count(*))"
            )
        shown = f"""
            select m.*, {dimension} as dimension, "{value}" as named, row_number() over () as number,
                concat_ws(' ', '{mart}', {key}, {dimension} || '=' || "{value}" || ':', '{figure}') as told
            from {rows} as m where {dimension} in ('gender', 'ethnicity') and {figure} is not null
        """
        _add_demographic(version, gathered, mart, shown, member)


def _named_columns(mart: str) -> tuple[str, str]:
    return ("attribute", "group") if mart == "adverse_impact" else ("slice_dimension", "slice_value")


def _add_demographic(version: Version, gathered: Gathered, mart: str, shown: str, member: str) -> None:
    """Figures of demographic slices: of the members of a row, how many have its value.

    Everyone has one of the values, so that one of them (`is_left`) is what the others leave. `other` is what the values
    leave that have rows of their own in the mart.

    Args:
        version: the version.
        gathered: to which the figures are added.
        mart: whose rows they are.
        shown: the shown rows with number, dimension, named and told.
        member: number, employee_id, value and weight of the people of each row, whatever their value.
    """
    dimension, value = _named_columns(mart)
    gathered.figures += figures_of(
        version,
        f"""
        with shown as ({shown}),
        member as ({member}),
        known as (
            select v.*, n.value is not null as is_named
            from demographic_value as v
            left join (select distinct {dimension} as dimension, "{value}" as value from {{m}}.{mart}) as n
                on v.dimension = n.dimension and v.value = n.value
        ),
        left_over as (select dimension, bool_or(is_left and is_named) as is_named from known group by all),
        asked as (
            select m.number, u.value, case when v.is_left then -1 else 1 end as sign
            from shown as m
            inner join known as v on m.dimension = v.dimension and m.named = v.value
            inner join known as u on m.dimension = u.dimension and not u.is_left and (v.is_left or u.value = v.value)
            union all
            select m.number, u.value, case when l.is_named then 1 else -1 end
            from shown as m
            inner join left_over as l on m.dimension = l.dimension
            inner join known as u on m.dimension = u.dimension and not u.is_left and u.is_named <> l.is_named
            where m.named = 'other' and not exists (
                select 1 from known as v where v.dimension = m.dimension and v.value = 'other')
        )
        select m.told, p.employee_id as person, m.dimension || ' is ' || a.value as kind, '' as part, p.value as content,
            a.sign * p.weight as weight
        from shown as m
        inner join asked as a on m.number = a.number
        inner join member as p on m.number = p.number
        """,
    )


GATHERERS: dict[str, Callable[[Version, Gathered], None]] = {
    "surveys": surveys,
    "reviews": reviews,
    "goals": goals,
    "meetings": meetings,
    "leavers": leavers,
    "demographics": demographics,
    "memberships": memberships,
}
# What the reader is not assumed to know.
_BEYOND_THE_READER = ("memberships",)


def kinds_of(figures: Iterable[Figure]) -> Counter[str]:
    """How many figures there are by the first word of what they tell, for messages of tests."""
    return Counter(figure.told.split(": ", 1)[1].split()[0] for figure in figures)
