"""Drafting: a source profile for a file that nobody has seen before, valid as written, its doubts as comments.

What headers and values mean is learnt from the shipped profiles; what the file holds is counted, never shown, but for
words of columns that are no person's data.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import yaml

from expectations import SUITES
from expectations.rules import InSet
from pipelines import loads
from pipelines.database import literal, scratch
from pipelines.entities import ENTITIES, LOOKUP, Column
from pipelines.errors import RefusedFile, UserError
from pipelines.heads import WEB_PAGE, kind_of, sheet
from pipelines.landing import take_in
from pipelines.parsing import EPOCH, day_of, first_number, is_iso, second_number, trimmed
from pipelines.profiles import Profile, normalised
from pipelines.reading import RawFile, read_file
from pipelines.recognising import Recognised
from pipelines.settings import Settings, Unpacking
from pipelines.unpacking import is_archive, open_content, plain_file

_LOOKED_AT = 200
_NULLS = ("n/a", "na", "null", "none", "-", "--", "#n/a", "nan", "unknown")
_FOOTER = re.compile(r"(?i)(total|sum|count|page|report|summe|gesamt|generated)\b")
_DATED_NAME = r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
_STEM = r"([^/]+?)(?:\.[A-Za-z]+)+$"
_MONEY = ("$", "€", "£", "EUR", "USD", "GBP", "CHF", "%")
_ALIKE = 0.82
_MOST_WORDS = 12
# What a missing column can be made of, where nothing in the file is it.
_STAND_INS: dict[str, dict[str, object]] = {
    "survey_id": {"file_name": _STEM},
    "cycle": {"file_name": _STEM},
    "respondent_id": {"line": True},
    "goal_id": {"line": True},
    "meeting_id": {"line": True},
    "recognition_id": {"line": True},
    "relationship": {"constant": "manager"},
}


@dataclass
class Draft:
    """A profile as YAML, and what its author should look at before using it."""

    name: str
    entity: str
    read: dict[str, object] = field(default_factory=dict)
    columns: dict[str, dict[str, object]] = field(default_factory=dict)
    answers: dict[str, object] | None = None
    files: str = ""
    doubts: dict[str, list[str]] = field(default_factory=dict)
    tried: str = ""

    def doubt(self, place: str, text: str) -> None:
        self.doubts.setdefault(place, []).append(text)

    def as_dict(self) -> dict[str, object]:
        found: dict[str, object] = {
            "profile": self.name,
            "entity": self.entity,
            "description": f"Drafted; say here what export this is ({_grain(self.entity)}).",
            "files": [self.files],
            "read": self.read,
            "columns": self.columns,
        }
        return {**found, "answers": self.answers} if self.answers else found

    def as_yaml(self) -> str:
        """The profile, with a comment for each doubt above the line that it is about."""
        lines = [f"# {text}" for text in [*self.doubts.get("", []), *([self.tried] if self.tried else [])]]
        for key, value in self.as_dict().items():
            lines += [f"# {text}" for text in self.doubts.get(key, [])]
            if isinstance(value, dict) and value:
                lines.append(f"{key}:")
                for name, content in value.items():
                    lines += [f"  # {text}" for text in self.doubts.get(f"{key}.{name}", [])]
                    lines.append(f"  {name}: {_flow(content)}")
            else:
                lines.append(f"{key}: {_flow(value)}")
        return "\n".join(lines) + "\n"


def _grain(entity: str) -> str:
    return ENTITIES[entity].grain if entity in ENTITIES else "a file that only helps to read others"


def _flow(value: object) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).removesuffix("...\n").strip()
    )


def draft(path: Path, profiles: dict[str, Profile], settings: Settings, entity: str | None = None) -> Draft:
    """Drafts a profile.

    Args:
        path: the file.
        profiles: those known, whose headers and values are learnt from.
        settings: for limits of memory and threads.
        entity: what the file is about, where the user says so.

    Raises:
        UserError: the file cannot be read at all.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    with tempfile.TemporaryDirectory(prefix="perfwh-") as folder:
        aside = settings.model_copy(update={"warehouse": Path(folder), "landing": path.parent})
        try:
            read, doubts, above = _how_written(path, settings.unpacking)
            raw = _read(path, read, above, aside, Path(folder))
        except RefusedFile as refusal:
            raise UserError(f"{path}: {refusal}") from None
        with scratch(aside) as con:
            con.execute(f"create temp view source as select * from read_parquet({literal(raw.rows)})")
            found = _drafted(path, raw, read, above, profiles, con, entity)
        for text in doubts:
            found.doubt("read", text)
        found.tried = _try(path, found, aside)
    return found


# How the file is written


def _how_written(path: Path, limits: Unpacking) -> tuple[dict[str, object], list[str], str]:
    """The `read` part of a profile, what is doubtful in it, and the text above the header."""
    doubts: list[str] = []
    with open_content(path, limits=limits) as stream:
        start = stream.read(1 << 20)
    inner = path.name.lower().removesuffix(".gz").removesuffix(".zip")
    if not start.strip():
        raise RefusedFile("EMPTY_FILE", "the file is empty")
    kind = kind_of(start)
    if kind == "parquet":
        return {"format": "parquet"}, doubts, ""
    if is_archive(start):
        raise RefusedFile("ARCHIVE", "an archive within an archive; unpack it, and draft from the export in it")
    if kind == WEB_PAGE:
        raise RefusedFile("MAGIC", "a web page instead of an export (a login page that was saved?)")
    if kind == "excel":
        with plain_file(path, limits=limits) as plain:
            rows = sheet(plain, None, _LOOKED_AT).to_numpy().tolist()
        doubts.append("The first sheet is read; name another one as `sheet`.")
        read: dict[str, object] = {"format": "excel" if not inner.endswith((".xlsx", ".xls")) else "table"}
        return _shape(rows, read, doubts)
    read = {}
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text, read["encoding"] = start.decode("utf-16", errors="replace"), "utf-16"
    else:
        try:
            text = start.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if error.start > len(start) - 4:
                text = start[: error.start].decode("utf-8-sig")
            else:
                text, read["encoding"] = start.decode("cp1252", errors="replace"), "windows-1252"
                doubts.append("Not UTF-8: windows-1252 is likely, but look at the accents and umlauts.")
    if text.lstrip().startswith("{"):
        return {"format": "jsonl", **read}, doubts, ""
    tables = {d: list(csv.reader(io.StringIO(text[: 1 << 18]), delimiter=d))[:_LOOKED_AT] for d in ",;\t|"}
    delimiter = max(tables, key=lambda d: _evenness(tables[d]))
    if delimiter != ",":
        read["delimiter"] = delimiter
    return _shape(tables[delimiter], read, doubts)


def _evenness(rows: list[list[str]]) -> float:
    """How many rows have the most usual number of fields, weighed by that number."""
    widths = Counter(len(row) for row in rows if row)
    width, count = widths.most_common(1)[0] if widths else (1, 0)
    return 0.0 if width == 1 else count * (1 + width / 1000)


def _shape(
    rows: list[list[str]], read: dict[str, object], doubts: list[str]
) -> tuple[dict[str, object], list[str], str]:
    """Finds the header: the first row as wide as most, with a name in most of its cells and no number."""
    rows = [[cell.strip() for cell in row] for row in rows]
    width = Counter(len(row) for row in rows if any(row)).most_common(1)[0][0]
    number = re.compile(r"[-+0-9.,/: ]+")
    place = next(
        (
            place
            for place, row in enumerate(rows)
            if len(row) == width and sum(bool(cell and not number.fullmatch(cell)) for cell in row) > width / 2
        ),
        0,
    )
    above = "\n".join(" ".join(row) for row in rows[:place])
    if place:
        read["preamble"] = max(place + 2, 5)
        doubts.append(f"{place} lines stand above the header.")
    if any('"ImportId"' in cell for row in rows[place : place + 3] for cell in row):
        read |= {"header_rows": 3, "names_row": 3, "names_pattern": '"ImportId": *"([^"]+)"'}
    if rows and _FOOTER.match(rows[-1][0] if rows[-1] else ""):
        read["footer"] = f"{_FOOTER.pattern}.*"
        doubts.append("The last line looks like a total: lines that begin so are no data.")
    return read, doubts, above


def _read(path: Path, read: dict[str, object], above: str, settings: Settings, folder: Path) -> RawFile:
    """Reads the file with every column as text. No column is needed yet, so the header's place is counted."""
    placed = {**read, "preamble": 0, "skip_rows": above.count("\n") + 1 if "preamble" in read else 0}
    anything = {"profile": "draft", "entity": LOOKUP, "description": "-", "files": ["*"], "read": placed}
    out = folder / "raw"
    out.mkdir()
    return read_file(take_in(path, path.parent), Profile.model_validate(anything), settings, out)


# What the columns mean


def _learnt(profiles: dict[str, Profile]) -> dict[str, dict[str, str]]:
    """For each entity: header, as it is compared, → canonical column; from all profiles and the columns' own names."""
    known: dict[str, dict[str, str]] = {
        name: {_plain(column.name): column.name for column in entity.columns} for name, entity in ENTITIES.items()
    }
    for profile in profiles.values():
        if profile.entity in known:
            for name, spec in profile.columns.items():
                if spec.written_as:
                    continue  # made of another column's date
                for header in spec.sources:
                    known[profile.entity].setdefault(_plain(header), name)
    return known


def _plain(header: str) -> str:
    return re.sub(r"[^a-z0-9äöüß]+", "", normalised(header))


def _drafted(
    path: Path,
    raw: RawFile,
    read: dict[str, object],
    above: str,
    profiles: dict[str, Profile],
    con: duckdb.DuckDBPyConnection,
    entity: str | None,
) -> Draft:
    known = _learnt(profiles)
    scores = {name: _score(name, raw.header, aliases) for name, aliases in known.items()}
    chosen = entity or max(scores, key=lambda name: scores[name])
    if not entity and scores[chosen] <= 0:
        chosen = LOOKUP
    name = re.sub(r"[^a-z0-9]+", "_", path.name.split(".")[0].lower()).strip("_") or "export"
    found = Draft(name if name[0].isalpha() else f"export_{name}", chosen, dict(read))
    found.files = "**/" + re.sub(r"[0-9]+(?:[-_.][0-9]+)*", "*", path.name)
    if not entity:
        others = sorted((n for n in scores if n != chosen), key=lambda n: -scores[n])[:2]
        found.doubt("entity", f"The likeliest by its headers; next: {', '.join(others)}. `--entity` says it.")
    if chosen == LOOKUP:
        found.doubt("entity", "Its headers are those of no entity: drafted as a file that others look something up in.")
        found.columns = {_column_name(h): {"from": [h], "type": "text"} for h in raw.header if h}
        return found
    mapped = _mapping(found, raw.header, known[chosen])
    tokens = _null_tokens(con, raw)
    if tokens:
        found.read["null_tokens"] = tokens
    for column in ENTITIES[chosen].columns:
        if column.name in mapped:
            found.columns[column.name] = _spec(found, column, mapped[column.name], raw, con, profiles)
    _stand_ins(found, path, above, raw, mapped, con)
    unused = [h for h in raw.header if h and h not in mapped.values()]
    if unused and not found.answers:
        found.doubt("columns", f"Nothing is made of {len(unused)} columns: {', '.join(unused[:20])}")
    return found


def _column_name(header: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_") or "column"


def _score(entity: str, header: list[str], aliases: dict[str, str]) -> float:
    matched = {aliases[_plain(h)] for h in header if _plain(h) in aliases}
    required = set(ENTITIES[entity].required)
    return len(matched) + 3 * len(matched & required) - 4 * len(required - matched)


def _mapping(found: Draft, header: list[str], aliases: dict[str, str]) -> dict[str, str]:
    """Canonical column → header. Names that are only alike are taken where nothing else is, and doubted."""
    mapped: dict[str, str] = {}
    for name in header:
        column = aliases.get(_plain(name))
        if column and column not in mapped:
            mapped[column] = name
    free = {_plain(name): name for name in header if name and name not in mapped.values()}
    for alias, column in aliases.items():
        alike = difflib.get_close_matches(alias, free, 1, _ALIKE) if column not in mapped else []
        if alike:
            mapped[column] = free.pop(alike[0])
            found.doubt(f"columns.{column}", f"Taken for {column} because the name is alike; is it?")
    return mapped


def _null_tokens(con: duckdb.DuckDBPyConnection, raw: RawFile) -> list[str]:
    """Texts that usually mean nothing, where they stand beside other values in a column."""
    tokens = ", ".join(literal(token) for token in _NULLS)
    places = [f"c{place}" for place in range(len(raw.header))]
    unions = " union all ".join(f"select distinct trim({p}) as text from source" for p in places)
    found = con.execute(f"select distinct text from ({unions}) where lower(text) in ({tokens}) order by 1").fetchall()
    # A surname may be Null or Na: only what cannot be a name is taken for nothing.
    return [text for (text,) in found if not text.isalpha()]


def _spec(
    found: Draft,
    column: Column,
    header: str,
    raw: RawFile,
    con: duckdb.DuckDBPyConnection,
    profiles: dict[str, Profile],
) -> dict[str, object]:
    place = raw.column((header,)) or "null"
    text = trimmed(place)
    spec: dict[str, object] = {"from": [header]}
    if not column.required:
        spec["optional"] = True
    where = f"columns.{column.name}"
    if column.type in ("date", "timestamp"):
        _date_order(found, where, text, con, spec)
    elif column.type in ("number", "integer"):
        _number_format(found, where, text, con, spec)
    elif column.type == "id":
        widths = con.execute(
            f"select max(length({text})), count_if(starts_with({text}, '0')), "
            f"count_if(not regexp_full_match({text}, '[0-9]+')) from source"
        ).fetchone() or (0, 0, 0)
        if widths[1] and not widths[2]:
            found.doubt(where, f"Digits with leading zeros; if a spreadsheet may drop them, add width: {widths[0]}.")
    words = {
        w for rule in SUITES[found.entity] if isinstance(rule, InSet) and rule.of == column.name for w in rule.values
    }
    if words:
        _values(found, where, column.name, text, words, con, profiles, spec)
    return spec


def _date_order(found: Draft, where: str, text: str, con: duckdb.DuckDBPyConnection, spec: dict[str, object]) -> None:
    day = day_of(text)
    first, second = first_number(day), second_number(day)
    counted = con.execute(
        f"""select count_if({is_iso(text)}), count_if({first} > 12), count_if({second} > 12),
            count_if({first} <= 12 and {second} <= 12 and {first} <> {second}),
            count_if(regexp_matches({day}, '[-/. ][0-9]{{2}}$') and not {is_iso(text)}),
            count_if(regexp_full_match({text}, '[0-9]{{5}}(\\.0+)?')), count({text}) from source"""
    ).fetchone()
    iso, day_first, month_first, both, short, serial, known = (int(count or 0) for count in counted or (0,) * 7)
    if known and _count(con, f"regexp_full_match({text}, '[0-9]{{10}}([0-9]{{3}})?')") == known:
        spec["dates"] = [EPOCH]
        return
    if short:
        spec_years = found.read.setdefault("two_digit_years", 40)
        found.doubt("read.two_digit_years", f"Years of two digits up to {spec_years} are of this century.")
    if serial and serial == known:
        found.read.setdefault("serial_dates", "1900")
        found.doubt(
            "read.serial_dates", "Dates are numbers, as spreadsheets count days: 1900 is Windows, 1904 old Macs."
        )
    elif iso < known and day_first and month_first:
        found.doubt(where, f"Two orders in one column: {day_first} rows day first, {month_first} month first.")
    elif day_first or month_first:
        found.doubt(
            where,
            f"The order is sure: {day_first or month_first} rows fit {'day' if day_first else 'month'} first only.",
        )
    elif both:
        spec["date_order"] = "dmy"
        found.doubt(
            where, f"{both} rows fit day first and month first. Guessed: look it up, then keep dmy or write mdy."
        )


def _number_format(
    found: Draft, where: str, text: str, con: duckdb.DuckDBPyConnection, spec: dict[str, object]
) -> None:
    signs = [s for s in _MONEY if _count(con, f"contains({text}, {literal(s)})")]
    bare = text
    for sign in signs:
        bare = f"trim(replace({bare}, {literal(sign)}, ''))"
    number: dict[str, object] = {"strip": signs} if signs else {}
    commas = _count(con, f"regexp_matches({bare}, '^[-+]?[0-9.]*,[0-9]{{1,2}}$')")
    points = _count(con, f"regexp_matches({bare}, '^[-+]?[0-9,]*\\.[0-9]{{1,2}}$')")
    if commas and not points:
        number["decimal"] = ","
    if _count(con, f"regexp_matches({bare}, '[0-9],[0-9]{{3}}(\\D|$)')") and not commas:
        number["thousands"] = ","
    if _count(con, f"regexp_matches({bare}, '[0-9]\\.[0-9]{{3}}(\\D|$)')") and not points:
        number |= {"thousands": ".", "decimal": ","}
        found.doubt(where, "1.234 is read as one thousand two hundred and thirty-four; is it?")
    if "%" in signs:
        number["factor"] = 0.01
    if number:
        spec["number"] = number


def _values(
    found: Draft,
    where: str,
    name: str,
    text: str,
    words: set[str],
    con: duckdb.DuckDBPyConnection,
    profiles: dict[str, Profile],
    spec: dict[str, object],
) -> None:
    """What the file's words mean, as far as other profiles know."""
    learnt = {
        said.lower(): meaning
        for profile in profiles.values()
        if profile.entity == found.entity and name in profile.columns
        for said, meaning in profile.columns[name].values.items()
    }
    rows = con.execute(
        f"select distinct {text} from source where {text} is not null limit {_MOST_WORDS + 1}"
    ).fetchall()
    said = sorted(value for (value,) in rows)[:_MOST_WORDS]
    odd = [value for value in said if value not in words]
    if not odd:
        return
    unknown = [value for value in odd if value.lower() not in learnt]
    if unknown:
        found.doubt(where, f"Say what these mean ({', '.join(sorted(words))}): {', '.join(unknown)}")
    spec["values"] = {value: learnt.get(value.lower()) for value in odd}


def _count(con: duckdb.DuckDBPyConnection, condition: str) -> int:
    row = con.execute(f"select count_if({condition}) from source").fetchone()
    return int(row[0] or 0) if row else 0


def _stand_ins(
    found: Draft, path: Path, above: str, raw: RawFile, mapped: dict[str, str], con: duckdb.DuckDBPyConnection
) -> None:
    """Required columns that no header gives, and the day of a snapshot."""
    entity = ENTITIES[found.entity]
    if found.entity == "survey_responses" and "item_id" not in mapped:
        found.answers = {"rest": True, "but": []}
        found.columns.pop("answer", None)
        found.doubt(
            "answers", "Each column that nothing else is made of is a question; name those that are none in `but`."
        )
    for name in entity.required:
        if name in found.columns or (found.answers and name in ("item_id", "answer")):
            continue
        if name == "period" and "due_on" in mapped:
            found.columns[name] = {**found.columns["due_on"], "written_as": "%Y-Q%q"}
            found.columns[name].pop("optional", None)
            found.doubt(f"columns.{name}", "The quarter in which the goal is due.")
            continue
        found.columns[name] = dict(_STAND_INS.get(name, {"constant": "unknown"}))
        found.doubt(f"columns.{name}", f"Not found: {entity.by_name[name].description} Say where it comes from.")
    if found.entity == "employees" and not {"as_of", "effective_on"} & set(found.columns):
        titled = re.search(r"(?i)(as of|stand|stichtag|per)[: ]+([0-9][0-9/.-]+)", above)
        if re.search(_DATED_NAME, path.name):
            found.columns["as_of"] = {"file_name": _DATED_NAME}
            found.doubt("columns.as_of", "A snapshot; the day stands in the file's name.")
        elif titled:
            found.columns["as_of"] = {"above_header": f"(?i){titled.group(1)}[: ]+([0-9][0-9/.-]+)"}
            found.doubt("columns.as_of", "A snapshot; the day stands above the header.")
        elif "hire_date" in mapped:
            found.columns["effective_on"] = dict(found.columns["hire_date"])
            found.doubt(
                "columns.effective_on",
                "No day of the snapshot found: taken for a list of everybody ever employed, each from the hire date "
                "on. If it is a snapshot, put its day into the file's name and read it: "
                f'as_of: {{file_name: "{_DATED_NAME}"}}',
            )


def _try(path: Path, found: Draft, settings: Settings) -> str:
    """Loads the file through the draft, and says what came of it."""
    profile = Profile.model_validate(found.as_dict())
    try:
        load = loads.conform(Recognised(take_in(path, path.parent), profile), {}, [], settings)
    except RefusedFile as refusal:
        return f"As written, the file is refused: {refusal}"
    rules = ", ".join(f"{rule} ({rows})" for rule, rows in load.quarantined_by_rule.items())
    return f"As written, {load.rows_loaded} of {load.rows_read} rows load, {load.rows_quarantined} go to quarantine" + (
        f": {rules}" if rules else ""
    )
