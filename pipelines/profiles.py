"""Source profiles: how one vendor's file becomes one entity, as data.

A profile is one YAML file, checked here against a schema whose errors name file, place and remedy. Recognising
which profile a file belongs to is here too; reading and conforming files is not.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from pipelines import patterns
from pipelines.entities import ENTITIES, LOOKUP, ColumnType
from pipelines.errors import UserError
from pipelines.settings import SHIPPED_PROFILES


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, coerce_numbers_to_str=True)


class Reading(_Strict):
    """How the file is written."""

    format: Literal["csv", "excel", "table", "jsonl", "parquet"] = Field(
        "csv", description="`table`: a workbook where the name ends in .xlsx or .xls, else CSV."
    )
    encoding: Literal["utf-8", "utf-16", "latin-1", "windows-1252", "unicode"] = Field(
        "utf-8", description="`unicode`: UTF-16 where a byte-order mark says so, else UTF-8."
    )
    delimiter: str = Field(
        ",", pattern="^(.|any)$", description="`any`: the one of , ; | and tab under which the header is found."
    )
    quote: str = Field('"', max_length=1)
    skip_rows: int = Field(0, ge=0, description="Lines above the header.")
    preamble: int = Field(
        0,
        ge=0,
        le=50,
        description="Up to so many rows of titles may stand above the header; it is found by its columns.",
    )
    header_rows: int = Field(1, ge=1, description="Rows of the header.")
    names_row: int = Field(1, ge=1, description="Which of them names the columns, counted from 1.")
    answers_row: int | None = Field(None, ge=1, description="Which of them tells the answers of one question apart.")
    fill_header: bool = Field(False, description="A blank name is that of the column before.")
    names_pattern: str | None = Field(None, description="Pattern in a header cell; its groups are the column's name.")
    header_noise: str | None = Field(None, description="Pattern of what is no part of a column's name.")
    sheet: str | None = Field(None, description="Sheet of a workbook; without it, the first.")
    member: str | None = Field(None, description="File in a zip archive; without it, the only one.")
    footer: str | None = Field(None, description="A row whose first field matches this pattern is no data.")
    null_tokens: tuple[str, ...] = Field((), description="Texts that mean: nothing.")
    left_out: dict[str, tuple[str, ...]] = Field(
        {}, description="Header → values of rows that do not count (previews, tests); they go to quarantine."
    )
    date_order: Literal["ymd", "dmy", "mdy"] | None = Field(
        None, description="Order of day and month, where the columns alone do not decide it."
    )
    two_digit_years: int | None = Field(
        None, ge=0, le=99, description="Years of two digits up to this one are of this century, later ones of the last."
    )
    serial_dates: Literal["1900", "1904"] | None = Field(
        None, description="Dates are numbers of days, as spreadsheets count them from this year."
    )
    no_dates: tuple[str, ...] = Field((), description="Dates that mean: none known (1900-01-01).")
    timezone: str | None = Field(None, description="Zone of times without an offset (Europe/Berlin); else UTC.")

    @field_validator("names_row", "answers_row")
    @classmethod
    def _within_header(cls, value: int | None, info: Any) -> int | None:
        if value is not None and value > info.data.get("header_rows", 1):
            raise ValueError(f"{info.field_name} lies below the header")
        return value

    @field_validator("left_out", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return {key: [item] if isinstance(item, str) else item for key, item in value.items()}

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone; write it like Europe/Berlin")
        return value

    @field_validator("names_pattern", "header_noise", "footer")
    @classmethod
    def _is_a_pattern(cls, value: str | None, info: ValidationInfo) -> str | None:
        return value and patterns.checked(value, needs_group=info.field_name == "names_pattern")


class NumberFormat(_Strict):
    """How numbers are written, where not like 1234.5."""

    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    strip: tuple[str, ...] = Field((), description="Texts around the number: a currency sign, a percent sign.")
    factor: float = Field(1.0, description="What the number is multiplied with: 0.01 for percents.")


class ColumnSource(_Strict):
    """Where one canonical column comes from and how it is read."""

    sources: tuple[str, ...] = Field((), alias="from", description="Header, or its variants.")
    join: tuple[str, ...] = Field((), description="Headers of several columns that are put together.")
    separator: str = " "
    constant: str | None = None
    lookup: str | None = Field(None, description="`lookup.column` of a lookup of this profile.")
    file_name: str | None = Field(None, description="Pattern on the file's path; its group is the value.")
    line: bool = Field(False, description="The line of the row tells it apart, where nothing else does.")
    above_header: str | None = Field(
        None, description="Pattern on the titles above the header; its group is the value."
    )
    type: ColumnType | None = Field(None, description="Only for lookups; entities know their types.")
    optional: bool = Field(False, description="The export may lack the column.")
    null_tokens: tuple[str, ...] = ()
    pattern: str | None = Field(None, description="Pattern whose group is the value.")
    values: dict[str, str | None] = Field({}, description="What a value of the export means; case does not matter.")
    other_values: Literal["keep", "null"] = Field("keep", description="What becomes of values not in `values`.")
    number: NumberFormat = NumberFormat()
    dates: tuple[str, ...] = Field((), description="Ways the dates are written, as strptime formats, or `epoch`.")
    date_order: Literal["ymd", "dmy", "mdy"] | None = Field(None, description="As under `read`, for this column alone.")
    evidence: str | None = Field(None, description="`lookup.column` that decides where two ways both fit.")
    open_end: tuple[str, ...] = Field((), description="Texts that mean: no end known.")
    width: int | None = Field(None, ge=2, le=40, description="Digits of an id; spreadsheets drop its leading zeros.")
    first_day_out: bool = Field(False, description="The date is the first day no longer employed.")
    month_is: Literal["first", "last"] = Field("first", description="Which day a date without a day means.")
    written_as: str | None = Field(
        None, description="strftime format in which a date becomes text (a period, a wave); %q is the quarter."
    )

    @field_validator("values")
    @classmethod
    def _is_unambiguous(cls, value: dict[str, str | None]) -> dict[str, str | None]:
        meanings: dict[str, str | None] = {}
        for found, meaning in value.items():
            key = found.strip().lower()
            if meanings.setdefault(key, meaning) != meaning:
                raise ValueError(f"{found!r} is given twice, since case does not matter, with different meanings")
        return value

    @field_validator("file_name", "above_header", "pattern")
    @classmethod
    def _is_a_pattern(cls, value: str | None) -> str | None:
        return value and patterns.checked(value, needs_group=True)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str | list):
            value = {"from": value}
        if isinstance(value, dict):
            value = {key: [item] if key in _LISTS and isinstance(item, str) else item for key, item in value.items()}
        return value

    @model_validator(mode="after")
    def _one_source(self) -> ColumnSource:
        given = [
            name
            for name, value in (
                ("from", self.sources),
                ("join", self.join),
                ("constant", self.constant is not None),
                ("lookup", self.lookup),
                ("file_name", self.file_name),
                ("line", self.line),
                ("above_header", self.above_header),
            )
            if value
        ]
        if len(given) != 1:
            raise ValueError(
                "give one of from, join, constant, lookup, file_name, line, above_header; "
                f"given: {', '.join(given) or 'none'}"
            )
        if {"%d/%m/%Y", "%m/%d/%Y"} <= set(self.dates) and not self.evidence:
            raise ValueError("%d/%m/%Y and %m/%d/%Y both fit most dates; name the `evidence` that decides")
        return self


_LISTS = ("from", "join", "null_tokens", "dates", "open_end")


class Lookup(_Strict):
    """Another file of the same delivery that knows more about the rows."""

    profile: str
    on: dict[str, str] = Field(description="Header here → column of the lookup's profile.", min_length=1)


class Intervals(_Strict):
    """For exports with a row for each period: stints are put together from periods without a gap."""

    valid_from: str = Field(description="Header of the period's first day.")
    valid_to: str = Field(description="Header of its end.")
    valid_to_is: Literal["inclusive", "exclusive"]
    open_end: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    ends_stint: str | None = Field(None, description="Header of a flag (1, true, yes) that ends the stint.")


class Item(_Strict):
    """One survey item, where the export itself does not describe them."""

    item_id: str
    text: str | None = None
    driver: str | None = None
    scale_min: float | None = None
    scale_max: float | None = None
    reversed: bool = False
    is_enps: bool = False
    is_comment: bool = False
    not_applicable: tuple[str, ...] = ()


class Answers(_Strict):
    """For wide files: which columns become rows, each with its name and its value. Blank fields leave no row."""

    columns: dict[str, str] = Field({}, description="Header → item_id.")
    pattern: str | None = Field(None, description="Headers that match are items, named by the pattern's group.")
    rest: bool = Field(False, description="Every header that nothing else is made of is an item.")
    but: tuple[str, ...] = Field((), description="Patterns of headers that are none of the rest.")
    into: tuple[str, str] = Field(("item_id", "answer"), description="The columns that name and value go to.")

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, value: str | None) -> str | None:
        return value and patterns.checked(value)

    @field_validator("but")
    @classmethod
    def _are_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(patterns.checked(pattern) for pattern in value)

    @model_validator(mode="after")
    def _one_way(self) -> Answers:
        if [bool(self.columns), bool(self.pattern), self.rest].count(True) != 1:
            raise ValueError("give one of columns, pattern, rest")
        return self


class Profile(_Strict):
    """One kind of export. `files` are globs on the path below the landing zone; case does not matter there."""

    profile: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    entity: str
    description: str
    files: tuple[str, ...] = Field(min_length=1)
    known_by_header: bool = Field(False, description="The header alone tells the file, whatever its name.")
    is_generic: bool = Field(False, description="Gives way to profiles that are made for one export.")
    read: Reading = Reading()
    columns: dict[str, ColumnSource] = {}
    lookups: dict[str, Lookup] = {}
    intervals: Intervals | None = None
    answers: Answers | None = None
    items: tuple[Item, ...] = ()
    allow_empty: bool = Field(False, description="A file without rows is no fault.")
    blocks_publishing: bool = Field(True, description="A refused file of this kind blocks publishing.")
    quarantine_limit: float | None = Field(None, ge=0, le=1, description="Own limit on the share of quarantined rows.")
    is_canonical: bool = Field(False, exclude=True)

    @field_validator("files", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_entity(self) -> Profile:
        if self.entity == LOOKUP:
            untyped = [name for name, column in self.columns.items() if column.type is None]
            if untyped:
                raise ValueError(f"a lookup names the type of each column; missing: {', '.join(untyped)}")
            return self
        if self.entity not in ENTITIES:
            raise ValueError(f"unknown entity {self.entity!r}; known: {', '.join([*ENTITIES, LOOKUP])}")
        entity = ENTITIES[self.entity]
        unknown = sorted(set(self.columns) - set(entity.by_name))
        if unknown:
            raise ValueError(f"{self.entity} has no column {', '.join(unknown)}; it has: {', '.join(entity.by_name)}")
        derived = set(self.answers.into) if self.answers else set()
        if not derived <= set(entity.by_name):
            raise ValueError(f"answers go into columns of {self.entity}; found {', '.join(sorted(derived))}")
        if self.intervals:
            derived |= {"hire_date", "last_day", "effective_on"}
        missing = sorted(set(entity.required) - set(self.columns) - derived)
        if missing:
            raise ValueError(f"{self.entity} needs {', '.join(missing)}; say where each comes from under `columns`")
        for name, column in self.columns.items():
            for reference in (column.lookup, column.evidence):
                if reference and reference.split(".")[0] not in self.lookups:
                    raise ValueError(f"{name}: {reference} names no lookup of this profile")
        return self

    @cached_property
    def digest(self) -> str:
        """Changes whenever the profile's meaning does."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    def type_of(self, column: str) -> ColumnType:
        if self.entity == LOOKUP:
            return self.columns[column].type or "text"
        return ENTITIES[self.entity].by_name[column].type

    def fits_name(self, relative_path: str) -> bool:
        path = relative_path.lower()
        # fnmatch's * crosses folders, so that **/x.csv has to be tried without its folder too.
        return any(
            fnmatch.fnmatchcase(path, glob) or (glob.startswith("**/") and fnmatch.fnmatchcase(path, glob[3:]))
            for glob in (g.lower() for g in self.files)
        )

    def reads_name(self, relative_path: str) -> bool:
        """Whether the path says all that the profile reads from it."""
        return all(
            patterns.first_group(column.file_name, relative_path) is not None
            for column in self.columns.values()
            if column.file_name
        )

    def needed_headers(self) -> list[tuple[str, ...]]:
        """The headers a file must have, each with its variants."""
        needed = [
            column.sources
            for name, column in self.columns.items()
            if column.sources and not column.optional and (not self.is_canonical or name in self._required)
        ]
        needed += [(header,) for column in self.columns.values() if not column.optional for header in column.join]
        needed += [(header,) for lookup in self.lookups.values() for header in lookup.on]
        if self.intervals:
            named = (self.intervals.valid_from, self.intervals.valid_to, self.intervals.ends_stint)
            needed += [(header,) for header in named if header]
        if self.answers:
            needed += [(header,) for header in self.answers.columns]
        return needed

    def known_headers(self) -> set[str]:
        """All headers that the profile makes something of, as `normalised`."""
        named = [v for column in self.columns.values() for v in (*column.sources, *column.join)]
        named += [header for variants in self.needed_headers() for header in variants]
        return {normalised(header) for header in (*named, *self.read.left_out)}

    @property
    def _required(self) -> tuple[str, ...]:
        return ENTITIES[self.entity].required if self.entity in ENTITIES else ()

    def missing_headers(self, header: list[str]) -> list[str]:
        """What a file with this header lacks for the profile; headers are compared as `normalised`."""
        present = {normalised(name) for name in header}
        return [
            variants[0] for variants in self.needed_headers() if not any(normalised(v) in present for v in variants)
        ]


def normalised(header: str) -> str:
    """How headers are compared: trimmed, inner white space folded, case and a mark of a required field ignored."""
    return " ".join(header.replace("\ufeff", "").replace("\u200b", "").split()).rstrip("* ").lower()


class _StrictLoader(yaml.SafeLoader):
    """YAML silently keeps the last of two equal keys; here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            # The schema takes all keys as texts, so that 1 and "1" are the same.
            key = str(self.construct_object(key_node, deep=True))
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


# Dates stay text, since they are compared with what a file says; so do on, off, yes and no.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] not in ("timestamp", "bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def read_profile(path: Path) -> Profile:
    """Reads one profile, once for each state of its file: the steps of a run all ask for it.

    Raises:
        UserError: it is no YAML or does not fit the schema; the message names each place.
    """
    return _read_profile(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _read_profile(path: Path, _mtime_ns: int) -> Profile:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: a profile is a mapping (profile, entity, files, columns, ...)")
    try:
        return Profile.model_validate(content)
    except ValidationError as error:
        faults = [
            f"  {'.'.join(map(str, fault['loc'])) or 'profile'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise UserError(f"{path}: not a valid source profile:\n" + "\n".join(faults)) from None


@lru_cache(maxsize=1)
def canonical_profiles() -> list[Profile]:
    """The canonical layout of each entity, understood without a profile of one's own."""
    return [
        Profile(
            profile=f"canonical_{name}{suffix}",
            entity=name,
            description=f"The canonical layout of {name}.",
            files=globs,
            read=Reading(format=file_format),
            columns={
                column.name: ColumnSource(sources=(column.name,), optional=not column.required)
                for column in entity.columns
            },
            is_canonical=True,
        )
        for name, entity in ENTITIES.items()
        for suffix, file_format, globs in (
            ("", "csv", (f"{name}/*.csv", f"{name}/*.csv.gz")),
            ("_parquet", "parquet", (f"{name}/*.parquet",)),
        )
    ]


def load_profiles(own: Path | None) -> dict[str, Profile]:
    """All profiles by name: the canonical layouts, the shipped ones and the user's own, which win.

    Raises:
        UserError: a profile is not valid, or a lookup names one that does not exist.
    """
    if own and not own.is_dir():
        raise UserError(f"{own}: no folder of profiles")
    profiles = {profile.profile: profile for profile in canonical_profiles()}
    for folder in (SHIPPED_PROFILES, own):
        named: dict[str, Path] = {}
        for path in sorted(folder.glob("*.y*ml")) if folder else []:
            profile = read_profile(path)
            if other := named.get(profile.profile):
                raise UserError(f"{path}: {other.name} is named {profile.profile}, too; give one of them another name")
            named[profile.profile] = path
            profiles[profile.profile] = profile
    for profile in profiles.values():
        for name, lookup in profile.lookups.items():
            target = profiles.get(lookup.profile)
            if target is None or target.entity != LOOKUP:
                raise UserError(f"profile {profile.profile}: lookup {name}: {lookup.profile} is no lookup profile")
            unknown = sorted(set(lookup.on.values()) - set(target.columns))
            if unknown:
                raise UserError(f"profile {profile.profile}: lookup {name}: {lookup.profile} has no {unknown[0]}")
    return profiles
