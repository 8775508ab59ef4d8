"""The configuration in force: the only reader of environment and configuration file.

Options win over the environment (`PERFWH_*`), the environment over `perfwh.toml`, that over the defaults here.
Everything downstream, dbt's variables included, is derived from one `Settings` object.
"""

from __future__ import annotations

import itertools
import os
import tomllib
import zoneinfo
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from pipelines.entities import ENTITIES
from pipelines.errors import UserError

PROJECT_ROOT = Path(__file__).resolve().parents[1]
DBT_PROJECT = PROJECT_ROOT / "dbt_project"
SHIPPED_PROFILES = Path(__file__).parent / "source_profiles"

DIMENSIONS = (
    "company",
    "department",
    "division",
    "location",
    "country",
    "job_level",
    "employment_type",
    "tenure_band",
    "manager",
    "gender",
    "ethnicity",
)
# Slices by manager would make millions of rows there.
_WITHOUT_MANAGER = (
    "turnover",
    "retention_cohort",
    "retention_survival",
    "morale_item",
    "rating_distribution",
    "rating_gap",
)
# Attributes whose old names can be given new ones.
_RENAMABLE = ("department", "division", "location", "country", "job_level", "employment_type")
# People behind a published figure at least, below which every summary says so.
RECOMMENDED_GROUP = 5
# What is never shown, not even where it cannot be used.
_SECRET = ("alerts", "pseudonym_key")
Automation = Literal["watch_landing_zone", "follow_inputs", "nightly", "weekly_retention"]
_PERSPECTIVES = ("self", "manager", "peer", "observer")


class Due(BaseModel):
    """A source's calendar: once in each period it delivers, at most so many days after the period has ended."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Literal["day", "week", "month", "quarter", "year"]
    grace_days: int = Field(7, ge=0)

    @property
    def longest_days(self) -> int:
        """From one delivery to the next at most."""
        return {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[self.every] + self.grace_days


class Unpacking(BaseModel):
    """What a packed file (.gz, .zip) or a workbook may unpack to; beyond that it is refused, unread."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    megabytes: int = Field(4096, ge=1, description="Size of the content at most, in MB.")
    ratio: float = Field(200, ge=1, description="Content may be so many times as large as the packed file.")
    ratio_from_megabytes: int = Field(
        64, ge=1, description="Content below this size may have any ratio: small exports can be very regular."
    )
    sheet_cells: int = Field(
        25_000_000, ge=1, description="Cells of a workbook's sheet at most, empty ones within its corners included."
    )


USUAL_UNPACKING = Unpacking()


class Settings(BaseSettings):
    """Where things are and which choices are made.

    Paths are absolute; shares are fractions of one; counts are people unless said otherwise.
    """

    model_config = SettingsConfigDict(env_prefix="PERFWH_", extra="forbid")

    landing: Path = Field(Path("landing"), description="The landing zone: the folder of export files.")
    warehouse: Path = Field(Path("warehouse"), description="Everything the runs write.")
    profiles: Path | None = Field(None, description="A folder of source profiles of your own.")
    observed_to: date | None = Field(
        None, description="Last day the exports speak of; without it, the newest as_of or effective_on."
    )
    excluded_employment_types: tuple[str, ...] = Field(
        ("contractor", "intern"), description="Employment types outside of every mart."
    )
    minimum_group: int = Field(5, ge=2, description="k: people behind a protected cell at least; 5 is recommended.")
    minimum_groups: dict[str, Annotated[int, Field(ge=2)]] = Field(
        default_factory=dict,
        description="Larger minimum groups of surveys or review cycles, by survey_id or cycle.",
    )
    unanimity: Literal["hide", "band", "show"] = Field(
        "hide", description="What becomes of a figure where all answered alike, so that it tells what everybody did."
    )
    minimum_perspective: int = Field(3, ge=2, description="Raters behind a perspective of a 360 review at least.")
    disclosure_budget: int = Field(
        400_000,
        ge=1_000,
        description="Columns that one decision on what is shown may look at; beyond that, more is suppressed.",
    )
    headcount_fall_limit: float = Field(
        0.3, gt=0, le=1, description="A snapshot smaller than the one before by more than this share blocks publishing."
    )
    quarantine_limit: float = Field(
        0.1, ge=0, le=1, description="Share of quarantined rows of a file beyond which publishing is blocked."
    )
    unpacking: Unpacking = Field(
        USUAL_UNPACKING, description="What packed files and workbooks may unpack to: megabytes, ratio, sheet_cells."
    )
    dimensions: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Slice dimensions of a mart, where they are not the default ones."
    )
    slice_pairs: tuple[tuple[str, str], ...] = Field(
        (), description="Two-way slices, such as [['department', 'location']], in every mart that has both dimensions."
    )
    department_parents: dict[str, str] = Field(
        default_factory=dict, description="Department → the one it belongs to; parents contain their children."
    )
    renamed: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="Attribute → old name → new name: a rename or a merger in all history, not a transfer.",
    )
    tenure_band_years: tuple[int, ...] = Field((1, 3, 5, 10), description="Years at which a tenure band ends.")
    attainment_bands: tuple[float, ...] = Field(
        (0.5, 0.8, 1.0, 1.2),
        # A contribution has four bits for its band (dbt_project/macros/disclosure.sql).
        max_length=14,
        description="Attainments at which a band of goal_attainment_distribution begins, 14 at most.",
    )
    review_weights: dict[str, float] = Field(
        default_factory=lambda: {"self": 0.1, "manager": 0.5, "peer": 0.25, "observer": 0.15},
        description="Weight of each perspective in a person's score; missing ones are left out, the rest renormalised.",
    )
    performance_bands: tuple[float, float] = Field(
        (50, 75), description="Scores (0-100) from which a person is solid, and top."
    )
    kept_versions: int = Field(5, ge=1, description="Published versions that are kept.")
    share_marts: bool = Field(
        False, description="Other accounts of this machine may read the aggregates; what is about people, never."
    )
    row_count_fall_limit: float = Field(
        0.5, gt=0, le=1, description="A mart with fewer rows than before, by more than this share, blocks publishing."
    )
    retries: int = Field(3, ge=0, description="How often a step is tried again after a fault that may pass.")
    retry_wait_seconds: float = Field(
        1.0, ge=0, description="Wait before the first of these tries; each later one waits twice as long."
    )
    due: dict[str, Due] = Field(
        default_factory=dict,
        description="Source profile → its calendar, such as {every = 'month', grace_days = 7}: who is late is told.",
    )
    automation: tuple[Automation, ...] = Field(
        (),
        description="What starts runs by itself where nobody has switched it on Dagster's page: "
        "['watch_landing_zone', 'follow_inputs', 'nightly', 'weekly_retention'].",
    )
    nightly_cron: str = Field("0 5 * * *", description="When the schedule `nightly` starts a run.")
    time_zone: str = Field("UTC", description="Time zone of the schedules, such as Europe/Berlin.")
    first_month: date = Field(
        date(2020, 1, 1), description="First month that Dagster shows of monthly exports; older ones are loaded too."
    )
    pages_url: str = Field(
        "http://127.0.0.1:3001", description="Where the folder `pages` of the warehouse is shown; assets link there."
    )
    code_url: str | None = Field(
        None, description="The repository on GitHub or GitLab, with its branch: https://github.com/ORG/REPO/tree/main."
    )
    alerts: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Where alerts go besides alerts.jsonl: https://… (a webhook), mailtos://…, or another Apprise URL.",
    )
    settle_seconds: float = Field(2.0, ge=0, description="A file changed less than this long ago is left for later.")
    lock_wait_seconds: float = Field(
        600, ge=0, description="How long a run waits for another one that writes the same warehouse."
    )
    stage_times: Path | None = Field(None, description="Where each step's CPU seconds and memory go, a JSON line each.")
    memory_limit: str = Field("4GB", description="What DuckDB may take.")
    threads: int = Field(2, ge=1, description="Threads of DuckDB and dbt.")
    pseudonym_key: SecretStr | None = Field(None, description="Key of the pseudonyms in the marts.")
    pseudonym_key_file: Path = Field(
        Path("~/.config/perfwh/pseudonym.key"), description="Read, or made, where no key is given."
    )
    tombstone_key_file: Path = Field(
        Path("~/.config/perfwh/tombstone.key"),
        description="Key of the tombstones of erased people; read, or made. It is never rotated.",
    )
    retention_days: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description="Entity → days after which its rows are forgotten, such as {survey_responses = 1095}.",
    )

    @field_validator("landing", "warehouse", "profiles", "pseudonym_key_file", "tombstone_key_file", "stage_times")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().absolute()

    @field_validator("time_zone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (ValueError, OSError):  # no such file, or a folder of them
            raise ValueError("expected a name such as Europe/Berlin") from None
        return value

    @field_validator("alerts", mode="before")
    @classmethod
    def _one_by_one(cls, value: Any) -> Any:
        # In the environment they are separated by blanks.
        return value.split() if isinstance(value, str) else value

    @field_validator("retention_days")
    @classmethod
    def _known_entities(cls, value: dict[str, int]) -> dict[str, int]:
        known = [entity.name for entity in ENTITIES.values() if entity.day_columns]
        unknown = sorted(set(value) - set(known))
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no entity whose rows tell their day; known: {', '.join(known)}")
        return value

    @field_validator("dimensions")
    @classmethod
    def _known_dimensions(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for mart, names in value.items():
            unknown = sorted(set(names) - set(DIMENSIONS))
            if unknown:
                raise ValueError(f"{mart}: {', '.join(unknown)} is no dimension; known: {', '.join(DIMENSIONS)}")
        return value

    @field_validator("minimum_groups")
    @classmethod
    def _larger(cls, value: dict[str, int], told: ValidationInfo) -> dict[str, int]:
        for occasion, people in value.items():
            if people < told.data.get("minimum_group", people):
                raise ValueError(f"{occasion}: {people} is smaller than minimum_group")
        return value

    @field_validator("slice_pairs")
    @classmethod
    def _known_pairs(cls, value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        for pair in value:
            if len(set(pair)) < 2 or not set(pair) <= set(DIMENSIONS) - {"company"}:
                raise ValueError(f"{' × '.join(pair)}: a pair names two of {', '.join(DIMENSIONS[1:])}")
        return value

    @field_validator("department_parents")
    @classmethod
    def _tree_of_departments(cls, value: dict[str, str]) -> dict[str, str]:
        for department in value:
            if department in _ancestors(department, value):
                raise ValueError(f"{department} would belong to itself")
        return value

    @field_validator("renamed")
    @classmethod
    def _renamable(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        unknown = sorted(set(value) - set(_RENAMABLE))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} cannot be renamed; known: {', '.join(_RENAMABLE)}")
        return value

    @field_validator("tenure_band_years", "attainment_bands", "performance_bands")
    @classmethod
    def _ascending(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or list(value) != sorted(set(value)) or value[0] <= 0:
            raise ValueError("bands are given by ascending numbers above 0")
        return value

    @field_validator("review_weights")
    @classmethod
    def _weights(cls, value: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(value) - set(_PERSPECTIVES))
        if unknown or not value or min(value.values()) < 0 or sum(value.values()) <= 0:
            raise ValueError(f"give {', '.join(_PERSPECTIVES)} weights that are not negative, one of them above 0")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())

    @cached_property
    def dagster_home(self) -> Path:
        return Path(os.environ.get("DAGSTER_HOME") or PROJECT_ROOT / ".dagster")

    @property
    def cautions(self) -> list[str]:
        """What every summary says of a choice that protects people less than is recommended."""
        if self.minimum_group >= RECOMMENDED_GROUP:
            return []
        return [
            f"The minimum group is {self.minimum_group}, below the recommended {RECOMMENDED_GROUP}: that few people "
            "can stand behind a published figure"
        ]

    def dimensions_of(self, mart: str) -> tuple[str, ...]:
        """The slice dimensions of a mart: the configured ones, else the default."""
        if mart in self.dimensions:
            return self.dimensions[mart]
        return tuple(d for d in DIMENSIONS if d != "manager" or mart not in _WITHOUT_MANAGER)

    def dbt_vars(self) -> dict[str, Any]:
        """What the dbt models are parameterised with; their only source."""
        from pipelines.marts import SLICED_MARTS

        return {
            "observed_to": self.observed_to.isoformat() if self.observed_to else None,
            "excluded_employment_types": [t.lower() for t in self.excluded_employment_types],
            "minimum_group": self.minimum_group,
            "minimum_groups": self.minimum_groups,
            "unanimity": self.unanimity,
            "minimum_perspective": self.minimum_perspective,
            "disclosure_budget": self.disclosure_budget,
            "slice_pairs": [list(pair) for pair in self.slice_pairs],
            "department_ancestors": [
                [department, ancestor]
                for department in self.department_parents
                for ancestor in _ancestors(department, self.department_parents)
            ],
            "renamed": self.renamed,
            "tenure_bands": _tenure_bands(self.tenure_band_years),
            "attainment_bands": _attainment_bands(self.attainment_bands),
            "review_weights": {name: self.review_weights.get(name, 0.0) for name in _PERSPECTIVES},
            "performance_bands": list(self.performance_bands),
            "dimensions": {mart: list(self.dimensions_of(mart)) for mart in SLICED_MARTS},
        }

    def that_shape_figures(self) -> dict[str, Any]:
        """The settings on which published figures depend (the key is not among them: see `pseudonyms`)."""
        return {
            **self.dbt_vars(),
            "quarantine_limit": self.quarantine_limit,
            "fall": self.headcount_fall_limit,
            "unpacking": self.unpacking.model_dump(),
        }


def _ancestors(department: str, parents: dict[str, str]) -> list[str]:
    """From the parent upwards; a circle ends where it closes."""
    found: list[str] = []
    while (parent := parents.get(department)) is not None and parent not in found:
        found.append(parent)
        department = parent
    return found


def _tenure_bands(years: tuple[int, ...]) -> list[list[Any]]:
    """Name, from year, to year (none: open)."""
    bands: list[list[Any]] = [[f"<{years[0]}y", 0, years[0]]]
    bands += [[f"{low}-{high}y", low, high] for low, high in itertools.pairwise(years)]
    return [*bands, [f"{years[-1]}y+", years[-1], None]]


def _attainment_bands(limits: tuple[float, ...]) -> list[list[Any]]:
    """Name, from (none: open), below (none: open)."""
    bands: list[list[Any]] = [[f"<{limits[0]:.0%}", None, limits[0]]]
    bands += [[f"{low:.0%}-{high:.0%}".replace("%-", "-"), low, high] for low, high in itertools.pairwise(limits)]
    return [*bands, [f"{limits[-1]:.0%}+", limits[-1], None]]


def config_file() -> Path:
    """`PERFWH_CONFIG`, else `perfwh.toml` of the current folder (which need not exist)."""
    return Path(os.environ.get("PERFWH_CONFIG", "perfwh.toml"))


def load_settings(**options: Any) -> Settings:
    """Reads the configuration in force.

    Args:
        options: settings given on the command line; `None` means not given.

    Raises:
        UserError: a setting is unknown or has a value that cannot be used.
    """
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        faults = [
            f"  {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            + ("" if fault["loc"][0] in _SECRET else f" (found: {fault['input']!r})")
            for fault in error.errors()
        ]
        raise UserError("the configuration cannot be used:\n" + "\n".join(faults)) from None
    except SettingsError as error:
        raise UserError(f"the configuration cannot be used: {error}; expected JSON there") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{config_file()}: not valid TOML: {error}") from None
