"""Loads: what became of each file. The ledger is the sum of the folders below, each whole or not there.

    raw/<key>/        rows.parquet, rejects.parquet, read.json       text, as delivered
    validated/<key>/  rows.parquet, quarantine.parquet, load.json    typed and judged

A key is a hash of all that the content depends on, so a folder that exists need not be made again, and what is
published follows from the landing zone and the configuration alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipelines import conforming, logs, reading
from pipelines.entities import ENTITIES, LOOKUP
from pipelines.errors import RefusedFile
from pipelines.files import whole_folder
from pipelines.identifiers import Identifiers, of_addresses
from pipelines.landing import LandedFile
from pipelines.profiles import Profile
from pipelines.recognising import Recognised
from pipelines.settings import Settings

Status = Literal["loaded", "refused", "superseded", "held"]
_CODE = (
    "entities.py",
    "patterns.py",
    "unpacking.py",
    "sheet_size.py",
    "heads.py",
    "deciding.py",
    "parsing.py",
    "conforming.py",
    "reading.py",
    "../expectations/rules.py",
    "../expectations/suites.py",
)
_log = logs.get(__name__)


@dataclass(frozen=True)
class Load:
    """One line of `ops.loads`; counts are lines of the file."""

    file_name: str
    sha256: str
    entity: str
    profile: str
    status: Status
    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0
    code: str | None = None
    message: str | None = None
    loaded_at: str | None = None
    key: str | None = None
    blocks_publishing: bool = True
    quarantine_limit: float | None = None
    newest_on: str | None = None
    periods: list[str] = field(default_factory=list)
    quarantined_by_rule: dict[str, int] = field(default_factory=dict)
    quarantined_first: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def written(self, names: Identifiers) -> Load:
        """The same line as everybody may read it: texts that name a person in their keyed form."""
        message = self.message and names.keyed_sentence(self.message, [self.file_name])
        periods = [names.keyed(period) for period in self.periods]
        return replace(self, file_name=names.keyed(self.file_name), message=message, periods=periods)

    @property
    def rows_missing(self) -> int:
        return self.rows_read - self.rows_loaded - self.rows_quarantined - self.rows_duplicate

    @property
    def is_conserved(self) -> bool:
        return self.rows_missing == 0

    def size_of_rows(self, settings: Settings) -> int:
        """Bytes of the judged rows."""
        return (validated_folder(self.key, settings) / conforming.ROWS).stat().st_size if self.key else 0

    def exceeds_quarantine(self, settings: Settings) -> bool:
        limit = settings.quarantine_limit if self.quarantine_limit is None else self.quarantine_limit
        at_fault = self.rows_quarantined - self.quarantined_by_rule.get(conforming.LEFT_OUT, 0)
        return at_fault > limit * max(self.rows_read, 1)


def refused(file: LandedFile, profile: Profile | None, refusal: RefusedFile) -> Load:
    """The ledger's line for a file of which nothing is loaded."""
    return Load(
        file.name,
        file.sha256,
        profile.entity if profile else "unknown",
        profile.profile if profile else "",
        "refused",
        code=refusal.code,
        message=refusal.message,
        blocks_publishing=profile.blocks_publishing if profile else True,
    )


def held(name: str) -> Load:
    """The ledger's line for a file that is still being written."""
    return Load(
        name, "", "unknown", "", "held", code="NOT_AT_REST", message="still being written; looked at again next run"
    )


def digest(*parts: Any) -> str:
    """One hash of some values that JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def code_digest() -> str:
    """Changes whenever the code that makes raw and validated rows does."""
    here = Path(__file__).parent
    return digest([hashlib.sha256((here / name).read_bytes()).hexdigest() for name in _CODE])


def read(found: Recognised, settings: Settings) -> reading.RawFile:
    """Reads a file into the raw store, once for each content and way of reading.

    Raises:
        RefusedFile: the file cannot be read whole.
    """
    profile = _profile_of(found)
    folder = raw_folder(found, settings)

    def fill(draft: Path) -> None:
        raw = reading.read_file(found.file, profile, settings, draft)
        found.file.refuse_if_changed()
        facts = {name: value for name, value in vars(raw).items() if name not in ("rows", "rejects")}
        (draft / "read.json").write_text(json.dumps(facts))

    whole_folder(folder, fill)
    facts = json.loads((folder / "read.json").read_text())
    facts["notes"] = tuple(facts["notes"])
    return reading.RawFile(folder / reading.ROWS, folder / reading.REJECTS, **facts)


def raw_folder(found: Recognised, settings: Settings) -> Path:
    """Where the raw rows of a file are, or will be."""
    profile = _profile_of(found)
    headers = [profile.needed_headers(), sorted(profile.known_headers())]
    how = [profile.read.model_dump(), profile.allow_empty, settings.unpacking.model_dump()]
    key = digest(found.file.sha256, *how, headers, code_digest())[:40]
    return settings.warehouse / "raw" / key


def validated_folder(key: str, settings: Settings) -> Path:
    """Where the judged rows of a load are, or will be."""
    return settings.warehouse / "validated" / key


def judge(inbox: Iterable[Recognised], lookups: list[Load], settings: Settings) -> list[Load]:
    """Conforms files one by one; a file that does not fit its profile is refused.

    Args:
        inbox: the files.
        lookups: the loads of the files that they may look something up in.
        settings: the configuration in force.
    """
    judged = []
    files = list(inbox)
    for found in logs.progress(files, _entity_of(files)):
        about = {"file": found.file.name, "source": found.profile.profile if found.profile else None}
        try:
            if found.refusal:
                raise found.refusal
            paths, keys = lookups_for(found, lookups, settings)
            load = conform(found, paths, keys, settings)
            counts = {name: getattr(load, name) for name in ("rows_read", "rows_loaded", "rows_quarantined")}
            _log.debug("judged", extra={**about, **counts})
        except RefusedFile as refusal:
            load = refused(found.file, found.profile, refusal)
            _log.warning("refused %s: %s", found.file.name, refusal.code, extra={**about, "code": refusal.code})
        judged.append(load)
    return judged


def _entity_of(files: list[Recognised]) -> str:
    return next((one.profile.entity for one in files if one.profile), "unknown")


def conform(found: Recognised, lookups: dict[str, Path], lookup_keys: list[str], settings: Settings) -> Load:
    """Turns a raw file into judged rows of its entity.

    Args:
        found: the file and its profile.
        lookups: for each lookup of the profile, the Parquet glob with its rows.
        lookup_keys: what the content of the lookups depends on.
        settings: the configuration in force.

    Raises:
        RefusedFile: the file does not fit its profile.
    """
    profile = _profile_of(found)
    raw = read(found, settings)
    key = digest(found.file.sha256, found.file.name, profile.digest, lookup_keys, code_digest())[:40]
    folder = validated_folder(key, settings)

    def fill(draft: Path) -> None:
        counts = conforming.conform(raw, found.file.name, profile, lookups, settings, draft)
        quarantined = _quarantined(draft / conforming.QUARANTINE, settings)
        newest_on = _newest_day(draft / conforming.ROWS, profile.entity, settings)
        load = Load(
            found.file.name,
            found.file.sha256,
            profile.entity,
            profile.profile,
            "loaded",
            counts.rows_read,
            counts.rows_loaded,
            counts.rows_quarantined,
            counts.rows_duplicate,
            loaded_at=datetime.now(UTC).isoformat(timespec="seconds"),
            key=key,
            blocks_publishing=profile.blocks_publishing,
            quarantine_limit=profile.quarantine_limit,
            newest_on=newest_on,
            periods=_periods(draft / conforming.ROWS, profile.entity, newest_on, settings),
            quarantined_by_rule={rule: count for rule, count, _ in quarantined},
            quarantined_first={rule: first for rule, _, first in quarantined},
            message="; ".join((*raw.notes, *counts.notes)) or None,
        )
        (draft / "load.json").write_text(json.dumps(load.as_dict()))

    whole_folder(folder, fill)
    return Load(**json.loads((folder / "load.json").read_text()))


def once_each(judged: list[Load], profiles: dict[str, Profile]) -> list[Load]:
    """Of files with one content the first counts; the rows of the others are duplicates.

    Where the profile reads something from the name, equal files are different deliveries.
    """
    first: dict[tuple[str, str], str] = {}
    counted = []
    for load in sorted(judged, key=lambda load: load.file_name):
        named = load.profile in profiles and any(spec.file_name for spec in profiles[load.profile].columns.values())
        content = (load.sha256, load.profile)
        is_apart = load.status != "loaded" or load.entity == LOOKUP or named
        if is_apart or first.setdefault(content, load.file_name) == load.file_name:
            counted.append(load)
            continue
        counted.append(
            replace(
                load,
                rows_loaded=0,
                rows_quarantined=0,
                rows_duplicate=load.rows_read,
                quarantined_by_rule={},
                quarantined_first={},
                code="REPEATED",
                message=f"the same content as {first[content]}",
                key=None,
            )
        )
    return counted


def _quarantined(quarantine: Path, settings: Settings) -> list[tuple[str, int, str]]:
    """How many lines broke each rule, and where the first of them is: line and column, never what stands there."""
    from pipelines.database import literal, scratch

    where = "'line ' || min(_line) || coalesce(', column ' || min_by(column_name, _line), '')"
    with scratch(settings) as con:
        return con.execute(
            f"select rule, count(distinct _line), {where} from read_parquet({literal(quarantine)}) "
            "group by rule order by rule"
        ).fetchall()


def _newest_day(rows: Path, entity: str, settings: Settings) -> str | None:
    """The newest day that the rows of a file are of; None where they do not say."""
    from pipelines.database import literal, scratch

    told = ENTITIES[entity].day_columns if entity in ENTITIES else []
    if not told:
        return None
    newest = ", ".join(f"cast(max({name}) as date)" for name in told)
    with scratch(settings) as con:
        days = con.execute(f"select {newest} from read_parquet({literal(rows)}) where _violations is null").fetchone()
    return max((day.isoformat() for day in days or () if day), default=None)


def _periods(rows: Path, entity: str, newest_on: str | None, settings: Settings) -> list[str]:
    """The periods that the rows of a file are of, in order; none where its entity does not come by period.

    A month where the entity comes by month; a file that does not say which (a history) is of that of its newest day.
    """
    from pipelines.database import identifier, literal, scratch

    if entity not in ENTITIES or not ENTITIES[entity].period:
        return []
    column = identifier(ENTITIES[entity].period)
    period = f"strftime({column}, '%Y-%m')" if ENTITIES[entity].is_monthly else f"trim({column})"
    with scratch(settings) as con:
        found = con.execute(
            f"select distinct {period} as period from read_parquet({literal(rows)}) "
            f"where _violations is null and {column} is not null order by 1"
        ).fetchall()
    if not found and ENTITIES[entity].is_monthly and newest_on:
        return [newest_on[:7]]
    # Dagster takes neither control characters nor three dots in the name of a partition.
    names = (" ".join(name.split()).replace("...", "…") for (name,) in found)
    return list(dict.fromkeys(filter(None, names)))


def _profile_of(found: Recognised) -> Profile:
    if found.profile is None:
        raise found.refusal or RefusedFile("NO_PROFILE", "no profile")
    return found.profile


def lookups_for(found: Recognised, loaded: list[Load], settings: Settings) -> tuple[dict[str, Path], list[str]]:
    """The lookup files that belong to a file: those of its folder, else all of that kind.

    Args:
        found: the file that looks up.
        loaded: the loads of all lookup files.
        settings: the configuration in force.

    Returns:
        For each lookup of the profile a Parquet glob, and the keys of the loads behind them.

    Raises:
        RefusedFile: a lookup has no file, or several.
    """
    profile = _profile_of(found)
    # Lines of the ledger may have been written already, in the keyed form.
    names = of_addresses(settings)
    folder = Path(names.keyed(found.file.name)).parent
    paths: dict[str, Path] = {}
    keys: list[str] = []
    for alias, lookup in profile.lookups.items():
        of_kind = [load for load in loaded if load.profile == lookup.profile and load.status == "loaded"]
        beside = [load for load in of_kind if Path(names.keyed(load.file_name)).parent == folder] or of_kind
        if len(beside) != 1:
            raise RefusedFile(
                "LOOKUP",
                f"{profile.profile} looks up {alias} in one file of {lookup.profile}; found {len(beside)} beside it",
            )
        key = beside[0].key or ""
        paths[alias] = settings.warehouse / "validated" / key / conforming.ROWS
        keys.append(key)
    return paths, keys


def superseded(current: list[Load], settings: Settings) -> list[Load]:
    """Earlier loads of files that now lie there with another content, or no longer, as everybody may read them.

    Args:
        current: the run's loads, as they are in its record.
        settings: the configuration in force.
    """
    names = of_addresses(settings)
    content = {(load.file_name, load.sha256) for load in current}
    earlier: dict[tuple[str, str], Load] = {}
    for path in sorted((settings.warehouse / "validated").glob("*/load.json")):
        load = Load(**json.loads(path.read_text())).written(names)
        if (load.file_name, load.sha256) not in content:
            earlier[load.file_name, load.sha256] = replace(load, status="superseded")
    return sorted(earlier.values(), key=lambda load: (load.file_name, load.loaded_at or ""))


def is_lookup(found: Recognised) -> bool:
    """Whether a file only helps to read others."""
    return found.profile is not None and found.profile.entity == LOOKUP
