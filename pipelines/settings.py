"""The configuration in force: the only reader of environment and configuration file.

Options win over the environment (`PERFWH_*`), the environment over `perfwh.toml`, that over the defaults here.
Everything downstream, dbt's variables included, is derived from one `Settings` object.
"""

from __future__ import annotations

import os
import tomllib
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

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
_WITHOUT_MANAGER = ("turnover", "retention_cohort", "retention_survival", "morale_item")


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
    minimum_group: int = Field(5, ge=1, description="k: people behind a protected cell at least.")
    headcount_fall_limit: float = Field(
        0.3, gt=0, le=1, description="A snapshot smaller than the one before by more than this share blocks publishing."
    )
    quarantine_limit: float = Field(
        0.1, ge=0, le=1, description="Share of quarantined rows of a file beyond which publishing is blocked."
    )
    dimensions: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Slice dimensions of a mart, where they are not the default ones."
    )
    kept_versions: int = Field(5, ge=1, description="Published versions that are kept.")
    settle_seconds: float = Field(2.0, ge=0, description="A file changed less than this long ago is left for later.")
    stage_times: Path | None = Field(None, description="Where each step's CPU seconds and memory go, a JSON line each.")
    memory_limit: str = Field("4GB", description="What DuckDB may take.")
    threads: int = Field(2, ge=1, description="Threads of DuckDB and dbt.")
    pseudonym_key: SecretStr | None = Field(None, description="Key of the pseudonyms in the marts.")
    pseudonym_key_file: Path = Field(
        Path("~/.config/perfwh/pseudonym.key"), description="Read, or made, where no key is given."
    )

    @field_validator("landing", "warehouse", "profiles", "pseudonym_key_file", "stage_times")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().absolute()

    @field_validator("dimensions")
    @classmethod
    def _known_dimensions(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for mart, names in value.items():
            unknown = sorted(set(names) - set(DIMENSIONS))
            if unknown:
                raise ValueError(f"{mart}: {', '.join(unknown)} is no dimension; known: {', '.join(DIMENSIONS)}")
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
            "dimensions": {mart: list(self.dimensions_of(mart)) for mart in SLICED_MARTS},
        }

    def that_shape_figures(self) -> dict[str, Any]:
        """The settings on which published figures depend (the key is not among them: see `pseudonyms`)."""
        return {**self.dbt_vars(), "quarantine_limit": self.quarantine_limit, "fall": self.headcount_fall_limit}


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
            f"  {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']} (found: {fault['input']!r})"
            for fault in error.errors()
        ]
        raise UserError("the configuration cannot be used:\n" + "\n".join(faults)) from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{config_file()}: not valid TOML: {error}") from None
