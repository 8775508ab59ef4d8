"""Conforming: from raw text to the typed rows of an entity, each judged by the rules of its suite.

One SQL statement per file, built from its profile: clean → look up → deduplicate → parse → (unpivot, put stints
together) → judge. Rows that break a critical rule stay in the result, marked, and are quarantine; nothing is lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from expectations import SUITES, Rule
from expectations.rules import Unique
from pipelines import patterns
from pipelines.database import PARQUET, identifier, literal, scratch
from pipelines.deciding import as_range, dates_of, ranges_made_days, refuse_rounded_ids
from pipelines.entities import ENTITIES, LOOKUP, SQL_TYPES, ColumnType
from pipelines.errors import RefusedFile
from pipelines.parsing import Dates, expectation, parsed, strptime_date, trimmed, without
from pipelines.profiles import ColumnSource, Profile, normalised
from pipelines.reading import RawFile
from pipelines.settings import Settings

ROWS = "rows.parquet"
QUARANTINE = "quarantine.parquet"
# The rule of rows that a profile leaves out; they are no fault of the file's.
LEFT_OUT = "left_out_by_profile"
# Columns beside the entity's own: where a row stands, and what was found wrong with it.
MARKS = ("_line", "_unparsed", "_ambiguous", "_violations")
# Characters that belong into no text.
_CONTROLS = "'[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]'"
_AS_IT_STANDS = ColumnSource(constant="")

# Puts stints together from periods: a new one begins after a gap, or after a row that ends its stint.
# A period without a day leaves no row, unless it is all there is of a person: then hire and exit fall on one day.
_STINTS = """
        lasting as (
            select * replace (
                case
                    when _until = _from - 1 and not coalesce(bool_or(_until is null or _until >= _from) over (
                        partition by employee_id
                    ), false) then _from
                    else _until
                end as _until
            )
            from typed
        ),
        dated as (
            select
                *,
                _unread_interval is null and coalesce(_from is not null and (_until is null or _until >= _from), false)
                    as _has_days
            from lasting
        ),
        followed as (
            select
                *,
                max(coalesce(_until, date '9999-12-31')) over before as _until_before,
                max(case when _ends then _until end) over before as _ended_before,
                lag(_ends) over (partition by employee_id, _has_days order by _from, _until nulls last, _line) as _ended
            from dated
            window before as (
                partition by employee_id, _has_days order by _from, _until nulls last, _line
                rows between unbounded preceding and 1 preceding
            )
        ),
        -- What overlaps a row that ends its stint goes on, as a new stint, on the day after.
        cut as (
            select * replace (
                case when _has_days and _from <= _ended_before then _ended_before + 1 else _from end as _from,
                _has_days and not coalesce(_until <= _ended_before, false) as _has_days
            )
            from followed
        ),
        numbered as (
            select *, sum(case when _until_before is null or _from > _until_before + 1 or _ended then 1 else 0 end)
                over (partition by employee_id, _has_days order by _from, _until nulls last, _line) as _stint
            from cut
        ),
        stints as (
            select
                *,
                _from as effective_on,
                min(_from) over whole as hire_date,
                case when not bool_or(_until is null) over whole then max(_until) over whole end as last_day
            from numbered
            -- What could not be read stays, to be judged.
            where _has_days or _unparsed is not null or _from is null
            window whole as (partition by employee_id, _has_days, _stint)
        )"""


@dataclass(frozen=True)
class Conformed:
    """Where a file's judged rows are, and what became of its lines (counts are lines of the file)."""

    rows_read: int
    rows_loaded: int
    rows_quarantined: int
    rows_duplicate: int
    notes: tuple[str, ...] = ()


def conform(
    raw: RawFile, name: str, profile: Profile, lookups: dict[str, Path], settings: Settings, out: Path
) -> Conformed:
    """Writes the judged rows of one file, and its quarantine, into `out`.

    Args:
        raw: the file as it was read.
        name: its path below the landing zone.
        profile: how it becomes its entity.
        lookups: for each lookup of the profile, the Parquet glob of its conformed rows.
        out: an empty folder.

    Raises:
        RefusedFile: the name, or the columns of a wide file, do not fit the profile.
    """
    with scratch(settings, raw.rows.stat().st_size) as con:
        left_out = _left_out(raw, profile)
        con.execute(f"create temp view delivered as {raw.delivered}")
        ranges, notes = ranges_made_days(con, f"({_clean(raw, [])})", _texts_that_may_be_ranges(raw, profile))
        con.execute(f"create temp view clean as {_clean(raw, ranges)}")
        con.execute(f"create temp view source as select * from clean where not ({left_out})")
        texts = {
            column: _text(raw, name, profile, column, spec)
            for column, spec in profile.columns.items()
            if not spec.lookup
        }
        refuse_rounded_ids(con, "source", texts, profile)
        dates = dates_of(con, "source", texts, profile)
        distinct = _are_distinct(con, texts, profile)
        duplicates = None if distinct else _duplicates(con, raw, profile)
        source = "source" if not duplicates else f"(select * from source where _line not in ({duplicates}))"
        rules = [rule for rule in _rules(profile) if not (distinct and isinstance(rule, Unique))]
        judged = _judged(raw, name, profile, lookups, source, dates, rules)
        con.execute(f"copy ({judged}) to {literal(out / ROWS)} ({PARQUET})")
        con.execute(f"create temp view judged as select * from read_parquet({literal(out / ROWS)})")
        con.execute(_quarantine(raw, profile, dates, left_out, out))
        many = profile.answers or profile.intervals
        # In wide and period files a line may leave no row: no answer, no day. Elsewhere each line leaves one.
        silent = (
            "(select count(*) from (select _line from source except select _line from judged"
            f"{' except (' + duplicates + ')' if duplicates else ''}))"
        )
        counts = con.execute(
            f"""
            select
                (select {"count(distinct _line)" if many else "count(*)"} from judged where _violations is null)
                    + {silent if many else "0"},
                (select count(distinct _line) from read_parquet({literal(out / QUARANTINE)})),
                {f"(select count(*) from ({duplicates}))" if duplicates else "0"}
            """
        ).fetchone()
    loaded, quarantined, duplicate = (int(count) for count in counts or (0, 0, 0))
    return Conformed(raw.row_count + raw.reject_count, loaded, quarantined, duplicate, tuple(notes))


def _clean(raw: RawFile, ranges: list[str]) -> str:
    """The fields without blanks around them, and without what a spreadsheet did to some."""
    texts = {f"c{place}": f"c{place}" if raw.is_trimmed else trimmed(f"c{place}") for place in range(len(raw.header))}
    columns = [f"{as_range(text) if column in ranges else text} as {column}" for column, text in texts.items()]
    return f"select _line, {', '.join(columns)} from delivered"


def _texts_that_may_be_ranges(raw: RawFile, profile: Profile) -> dict[str, str]:
    """Raw column → header of texts that name groups and answers, not people."""
    columns = {column: raw.header[int(column[1:])] for column in _item_columns(raw, profile)}
    if profile.entity not in ENTITIES:
        return columns
    for name, spec in profile.columns.items():
        kind = ENTITIES[profile.entity].by_name[name]
        column = raw.column(spec.sources) if spec.sources else None
        if column and kind.type == "text" and kind.data_class not in ("direct_identifier", "free_text"):
            columns[column] = raw.header[int(column[1:])]
    return columns


def _left_out(raw: RawFile, profile: Profile) -> str:
    """SQL: whether a row is one that the profile leaves out."""
    conditions = [
        f"coalesce(lower({column}) in ({', '.join(literal(value.lower()) for value in values)}), false)"
        for header, values in profile.read.left_out.items()
        if (column := raw.column((header,)))
    ]
    return " or ".join(conditions) or "false"


def _used(raw: RawFile, profile: Profile) -> list[str]:
    """The raw columns that the profile makes something of."""
    headers: list[tuple[str, ...]] = [(h,) for c in profile.columns.values() for h in c.join]
    headers += [c.sources for c in profile.columns.values() if c.sources]
    headers += [(h,) for lookup in profile.lookups.values() for h in lookup.on]
    if profile.intervals:
        named = (profile.intervals.valid_from, profile.intervals.valid_to, profile.intervals.ends_stint)
        headers += [(h,) for h in named if h]
    found = {raw.column(variants) for variants in headers} | set(_item_columns(raw, profile))
    return sorted(column for column in found if column)


def _are_distinct(con: duckdb.DuckDBPyConnection, texts: dict[str, str], profile: Profile) -> bool:
    """Whether the ids alone prove that no two rows are one: cheaper than comparing rows, and mostly true."""
    if profile.intervals or profile.answers:
        return False
    keys = [
        [texts[column] for column in rule.of if _is_as_written(profile, column) and column in texts]
        for rule in _rules(profile)
        if isinstance(rule, Unique)
    ]
    if not keys or not all(keys):
        return False
    least = min(keys, key=len)
    if not all(set(least) <= set(key) for key in keys):
        return False
    distinct = con.execute(f"select count(*) = count(distinct hash({', '.join(least)})) from source as s").fetchone()
    return bool(distinct and distinct[0])


def _is_as_written(profile: Profile, column: str) -> bool:
    """Whether different texts of a column are different values."""
    spec = profile.columns.get(column)
    return spec is not None and profile.type_of(column) in ("id", "text") and not (spec.width or spec.written_as)


def _rules(profile: Profile) -> list[Rule]:
    return [r for r in SUITES.get(profile.entity, ()) if r.severity == "critical" and r.judges_rows]


def _duplicates(con: duckdb.DuckDBPyConnection, raw: RawFile, profile: Profile) -> str | None:
    """A query for the lines that repeat an earlier line in every column used; None where there are none."""
    used = _used(raw, profile)
    if not used:
        return None
    # Different hashes everywhere prove that nothing repeats, at a fifth of the cost of comparing rows.
    distinct = con.execute(f"select count(*) = count(distinct hash({', '.join(used)})) from source").fetchone()
    if distinct and distinct[0]:
        return None
    return (
        f"select _line from (select _line, row_number() over (partition by {', '.join(used)} order by _line) as copy "
        "from source) where copy > 1"
    )


def _item_columns(raw: RawFile, profile: Profile) -> dict[str, str]:
    """For wide survey files: raw column → item_id."""
    if not profile.answers:
        return {}
    if profile.answers.columns:
        named = {raw.column((header,)): item for header, item in profile.answers.columns.items()}
        return {column: item for column, item in named.items() if column}
    if profile.answers.rest:
        known = profile.known_headers()
        excluded = [patterns.full_matches(but, raw.header, ignores_case=True) for but in profile.answers.but]
        return {
            f"c{place}": header
            for place, header in enumerate(raw.header)
            if header.strip()
            and normalised(header) not in known
            and all(matches[place] is None for matches in excluded)
        }
    pattern = profile.answers.pattern or ""
    found = patterns.full_matches(pattern, [header.strip() for header in raw.header])
    items = {f"c{place}": item for place, item in enumerate(found) if item}
    if not items:
        raise RefusedFile("MISSING_COLUMN", f"{profile.profile}: no column matches the items' pattern {pattern}")
    return items


def _judged(
    raw: RawFile,
    name: str,
    profile: Profile,
    lookups: dict[str, Path],
    source: str,
    dates: dict[str, Dates],
    rules: list[Rule],
) -> str:
    columns = _columns(profile)
    texts = {column: _text(raw, name, profile, column, spec) for column, spec in profile.columns.items()}
    base = ", ".join(f"{text} as {identifier('t_' + column)}" for column, text in texts.items())
    evidence = "".join(
        f", {_lookup_column(spec.evidence)} as {identifier('e_' + column)}"
        for column, spec in profile.columns.items()
        if spec.evidence
    )
    interval = _interval_texts(raw, profile)
    items = _item_columns(raw, profile)
    pivoted = "".join(f", {without(column, profile.read.null_tokens)} as {column}" for column in items)
    joins = "".join(_join(raw, alias, profile, path) for alias, path in lookups.items())
    steps = [
        f"located as (select s._line{', ' + base if base else ''}{evidence}{interval}{pivoted} "
        f"from {source} as s{joins})"
    ]
    into = profile.answers.into if profile.answers else ()
    if items and into:
        names = " ".join(f"when {literal(column)} then {literal(item)}" for column, item in items.items())
        steps.append(
            f"answered as (select * exclude (_item), case _item {names} end as {identifier('t_' + into[0])} "
            f"from (unpivot located on {', '.join(items)} into name _item value {identifier('t_' + into[1])}))"
        )
        texts |= dict.fromkeys(into, "")
    located = "answered" if items else "located"
    specs = {**profile.columns, **dict.fromkeys(into, _AS_IT_STANDS)}
    dates = {column: dates.get(column, Dates.of(profile.read, "iso")) for column in texts}
    values = {column: _value(column, profile, specs[column], dates[column]) for column in texts}
    typed = ", ".join(
        f"{values.get(column, 'null')}::{SQL_TYPES[kind]} as {identifier(column)}"
        for column, kind in columns.items()
        if not (profile.intervals and column in ("hire_date", "last_day", "effective_on"))
    )
    flags = _flags(profile, specs, dates, raw.has_controls)
    between = ", _from, _until, _ends, _unread_interval" if profile.intervals else ""
    steps.append(f"typed as (select _line, {typed}, {flags}{between} from {located})")
    last = "typed"
    if profile.intervals:
        steps.append(_STINTS)
        last = "stints"
    ordered = ", ".join(identifier(column) for column in columns)
    violations = "null::varchar"
    if rules:
        broken = ", ".join(f"case when {rule.failing()} then {literal(rule.name)} end" for rule in rules)
        violations = f"nullif(concat_ws('|', {broken}), '')"
    return (
        f"with {', '.join(steps)} select {ordered}, _line, _unparsed, _ambiguous, {violations} as _violations "
        f"from (select *, 1 as _load from {last})"
    )


def _columns(profile: Profile) -> dict[str, ColumnType]:
    if profile.entity == LOOKUP:
        return {name: profile.type_of(name) for name in profile.columns}
    return {column.name: column.type for column in ENTITIES[profile.entity].columns}


def _text(raw: RawFile, name: str, profile: Profile, column: str, spec: ColumnSource) -> str:
    """The text of a canonical column, before it is parsed."""
    tokens = (*profile.read.null_tokens, *spec.null_tokens)
    if profile.type_of(column) in ("date", "timestamp"):
        tokens += profile.read.no_dates
    if spec.constant is not None:
        return literal(spec.constant)
    if spec.file_name:
        value = patterns.first_group(spec.file_name, name)
        if value is None:
            raise RefusedFile(
                "NAME", f"the name does not fit {spec.file_name!r}, which {profile.profile} reads from it"
            )
        return literal(value or None)
    if spec.line:
        return "cast(s._line as varchar)"
    if spec.above_header:
        value = patterns.first_group(spec.above_header, raw.above)
        if value is None:
            raise RefusedFile("TITLE", f"no title above the header fits {spec.above_header!r} ({profile.profile})")
        return literal(value or None)
    if spec.lookup:
        text = f"cast({_lookup_column(spec.lookup)} as varchar)"
    elif spec.join:
        parts = [without(f"s.{raw.column((header,))}", tokens) for header in spec.join]
        text = f"nullif(concat_ws({literal(spec.separator)}, {', '.join(parts)}), '')"
    else:
        found = raw.column(spec.sources)
        if found is None:
            return "null"
        text = without(f"s.{found}", tokens)
    if spec.pattern:
        text = f"nullif(regexp_extract({text}, {literal(spec.pattern)}, 1), '')"
    if profile.entity in ENTITIES and ENTITIES[profile.entity].by_name[column].may_be_open:
        text = f"case when not coalesce(regexp_matches({text}, '(^9999[-/.]|[-/.]9999( |$))'), false) then {text} end"
    if spec.open_end:
        text = f"case when {text} not in ({', '.join(map(literal, spec.open_end))}) then {text} end"
    if spec.values:
        known = " ".join(
            f"when {literal(found.strip().lower())} then {literal(meaning)}" for found, meaning in spec.values.items()
        )
        text = f"case lower({text}) {known} else {text if spec.other_values == 'keep' else 'null'} end"
    return text


def _value(column: str, profile: Profile, spec: ColumnSource, dates: Dates | None) -> str:
    text = identifier("t_" + column)
    if spec.written_as:
        day = parsed(text, "date", spec, dates)
        parts = re.split("(%q)", spec.written_as)
        return " || ".join(
            f"cast(quarter({day}) as varchar)" if part == "%q" else f"strftime({day}, {literal(part)})"
            for part in parts
            if part
        )
    kind = profile.type_of(column)
    if spec.evidence:
        ways = [strptime_date(text, way) for way in spec.dates]
        witness = f"cast({identifier('e_' + column)} as date)"
        return (
            f"case when {_agree(ways)} then coalesce({', '.join(ways)}) "
            f"when {witness} in ({', '.join(ways)}) then {witness} end"
        )
    value = parsed(text, kind, spec, dates)
    return f"cast({value} - 1 as date)" if spec.first_day_out else value


def _agree(ways: list[str]) -> str:
    """True where all ways that fit give the same day."""
    return f"len(list_distinct(list_filter([{', '.join(ways)}], lambda day: day is not null))) <= 1"


def _flags(profile: Profile, specs: dict[str, ColumnSource], dates: dict[str, Dates], has_controls: bool) -> str:
    """`_unparsed` and `_ambiguous`: the names of the columns concerned, or null."""
    unparsed, ambiguous = [], []
    for column, spec in specs.items():
        text = identifier("t_" + column)
        if not spec.written_as and profile.type_of(column) in ("id", "text"):
            if has_controls:
                unparsed.append(f"case when regexp_matches({text}, {_CONTROLS}) then {literal(column)} end")
            continue
        lost = f"({text} is not null and {_value(column, profile, spec, dates.get(column))} is null)"
        if spec.evidence:
            fits = f"coalesce({', '.join(strptime_date(text, way) for way in spec.dates)}) is not null"
            ambiguous.append(f"case when {lost} and {fits} then {literal(column)} end")
            lost = f"({lost} and not {fits})"
        unparsed.append(f"case when {lost} then {literal(column)} end")
    if profile.intervals:
        unparsed.append("_unread_interval")

    def joined(names: list[str]) -> str:
        return f"nullif(concat_ws(',', {', '.join(names)}), '')" if names else "null::varchar"

    return f"{joined(unparsed)} as _unparsed, {joined(ambiguous)} as _ambiguous"


def _lookup_column(reference: str | None) -> str:
    alias, column = (reference or "").split(".")
    return f"{identifier(alias)}.{identifier(column)}"


def _join(raw: RawFile, alias: str, profile: Profile, path: Path) -> str:
    """Joins a lookup, one row per key; several rows of a key give the least of each column."""
    lookup = profile.lookups[alias]
    wanted = sorted(
        {
            reference.split(".")[1]
            for spec in profile.columns.values()
            for reference in (spec.lookup, spec.evidence)
            if reference and reference.split(".")[0] == alias
        }
    )
    keys = ", ".join(identifier(column) for column in lookup.on.values())
    least = "".join(
        f", min({identifier(column)}) as {identifier(column)}" for column in wanted if column not in lookup.on.values()
    )
    matches = " and ".join(
        f"{identifier(alias)}.{identifier(column)} = s.{raw.column((header,))}" for header, column in lookup.on.items()
    )
    return (
        f" left join (select {keys}{least} from read_parquet({literal(path)}) where _violations is null "
        f"group by {keys}) as {identifier(alias)} on {matches}"
    )


def _interval_texts(raw: RawFile, profile: Profile) -> str:
    spec = profile.intervals
    if not spec:
        return ""
    way = ColumnSource.model_validate({"constant": "", "dates": spec.dates})
    start = f"s.{raw.column((spec.valid_from,))}"
    end = without(f"s.{raw.column((spec.valid_to,))}", spec.open_end)
    until = parsed(end, "date", way)
    ends = "false"
    if spec.ends_stint:
        flag = f"s.{raw.column((spec.ends_stint,))}"
        ends = f"coalesce(lower({flag}) in ('1', 'true', 'yes', 'y'), false)"
    last = until if spec.valid_to_is == "inclusive" else f"cast({until} - 1 as date)"
    return (
        f", {parsed(start, 'date', way)} as _from, {last} as _until, {ends} as _ends, nullif(concat_ws(',', "
        f"case when {start} is not null and {parsed(start, 'date', way)} is null then {literal(spec.valid_from)} end, "
        f"case when {end} is not null and {until} is null then {literal(spec.valid_to)} end), '') as _unread_interval"
    )


def _quarantine(raw: RawFile, profile: Profile, dates: dict[str, Dates], left_out: str, out: Path) -> str:
    """Row by row: line, column, rule, what was found and expected, and the fields as they were delivered.

    Lines without fields come first. A row with several unreadable values has a row for each of them.
    """
    rules: dict[str, Rule] = {rule.name: rule for rule in SUITES.get(profile.entity, ())}
    column_of = _chosen("rule", {name: literal(rule.column) for name, rule in rules.items() if rule.column})
    found = {column: raw.column(spec.sources) for column, spec in profile.columns.items() if spec.sources}
    found_in = _chosen("column_name", {column: f"s.{place}" for column, place in found.items() if place})
    expected = _chosen("rule", {name: literal(rule.reason) for name, rule in rules.items()})
    written = _chosen(
        "column_name",
        {
            column: literal(expectation(profile.type_of(column), spec, dates.get(column)))
            for column, spec in profile.columns.items()
        },
    )
    fields = ", ".join(f"{identifier(h or f'column {i + 1}')} := c{i}" for i, h in enumerate(_distinct(raw.header)))
    raw_row = f"cast(to_json(struct_pack({fields})) as varchar)"
    width = literal(f"{len(raw.header)} fields")
    return f"""
        copy (
            with broken as (
                select distinct _line, _unparsed, _ambiguous, unnest(string_split(_violations, '|')) as rule
                from judged where _violations is not null
            ),
            placed as (
                select _line, rule, unnest(string_split(case rule
                    when 'values_are_readable' then _unparsed
                    when 'dates_are_unambiguous' then _ambiguous
                    else coalesce({column_of}, '')
                end, ',')) as column_name
                from broken
            )
            select b._line, b.rule, nullif(b.column_name, '') as column_name, {found_in} as found,
                case when b.rule = 'values_are_readable' then {written} else {expected} end as expected,
                {raw_row} as raw_row
            from placed as b join delivered as s using (_line)
            union all
            select _line, {literal(LEFT_OUT)}, null, null, 'The profile leaves such rows out.', {raw_row}
            from delivered where _line in (select _line from clean where {left_out})
            union all
            select _line, 'row_width', null, null, {width}, raw_row from read_parquet({literal(raw.rejects)})
            order by 1, 2, 3
        ) to {literal(out / QUARANTINE)} (format parquet)
    """


def _chosen(by: str, values: dict[str, str]) -> str:
    """A value for each of some names, as SQL; null for others."""
    cases = " ".join(f"when {literal(name)} then {value}" for name, value in values.items())
    return f"case {by} {cases} end" if cases else "null::varchar"


def _distinct(header: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for name in header:
        key = name.strip().lower()
        seen[key] = seen.get(key, 0) + 1
        names.append(name.strip() if seen[key] == 1 else f"{name.strip()} ({seen[key]})")
    return names
