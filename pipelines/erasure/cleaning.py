"""The landing zone without some people, or without what has become too old: file by file, each written anew.

What was made of such a file goes with it. A file that cannot be read is told, and cleaned once it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines import landing, loads
from pipelines.database import literal, scratch
from pipelines.entities import ENTITIES, LOOKUP
from pipelines.erasure.records import Records, records_of
from pipelines.erasure.rewriting import Ints, check_rewritable, rewrite
from pipelines.erasure.tombstones import tombstones
from pipelines.errors import RefusedFile
from pipelines.files import remove_drafts, remove_folder
from pipelines.loads import Load
from pipelines.profiles import Profile
from pipelines.reading import RawFile
from pipelines.recognising import Recognised, recognise
from pipelines.settings import Settings

# Says of a conformed file which of its records go.
Choice = Callable[[Load, RawFile, Profile], Records]


@dataclass(frozen=True)
class Conformed:
    """The files of the landing zone: those that could be read, each with its load, and the names of the others."""

    files: list[tuple[Recognised, Load]]
    unread: list[str]

    @property
    def loads(self) -> list[Load]:
        return [load for _, load in self.files]


@dataclass(frozen=True)
class Planned:
    """A file that is to be written anew: its fields, the lines in which its records begin, and which of them go."""

    found: Recognised
    profile: Profile
    load: Load
    header: list[str]
    starts: Ints
    records: Records

    @property
    def mentions(self) -> int:
        return sum(len(places) for places in self.records.emptied.values())


@dataclass(frozen=True)
class Cleaned:
    """What was taken out of a file: whole records, mentions in others, texts; and whether the file itself is gone.

    copies: folders of its raw and validated rows that were removed.
    """

    file_name: str
    records: int
    mentions: int
    texts: int
    is_removed: bool
    copies: int = 0


def conformed(files: Sequence[Path], profiles: dict[str, Profile], settings: Settings) -> Conformed:
    """Reads and conforms files, each once for each content; what an erasure that was killed left half-made goes."""
    for folder in {file.parent for file in files}:
        remove_drafts(folder)
    found, unread = [], []
    for path in files:
        try:
            found.append(recognise(landing.take_in(path, settings.landing), profiles))
        except RefusedFile:
            unread.append(path.relative_to(settings.landing).as_posix())
        except FileNotFoundError:
            continue  # taken away since they were listed
    known = [one for one in found if one.profile and not one.refusal]
    lookups = [one for one in known if loads.is_lookup(one)]
    of_lookups = loads.judge(lookups, [], settings)
    others = [one for one in known if not loads.is_lookup(one)]
    both = [
        *zip(lookups, of_lookups, strict=True),
        *zip(others, loads.judge(others, of_lookups, settings), strict=True),
    ]
    unread += [one.file.name for one in found if one.refusal or not one.profile]
    unread += [load.file_name for _, load in both if load.status != "loaded"]
    return Conformed([pair for pair in both if pair[1].status == "loaded"], sorted(unread))


def plan(found: Conformed, choose: Choice, settings: Settings, texts: Sequence[str] = ()) -> list[Planned]:
    """What is to be taken out of which files; nothing is changed.

    Args:
        found: the files.
        choose: says which records go.
        settings: the configuration in force.
        texts: what is struck out wherever it stands in a text.

    Raises:
        UserError: a file cannot be written in its format, or its folder not at all.
    """
    planned = []
    for one, load in found.files:
        assert one.profile
        raw = loads.read(one, settings)
        records = choose(load, raw, one.profile)
        if records or _holds(raw, texts, settings):
            check_rewritable(one.file, one.profile)
            planned.append(Planned(one, one.profile, load, raw.header, _starts(raw, settings), records))
    return planned


def clean(planned: Iterable[Planned], settings: Settings, texts: Sequence[str] = ()) -> list[Cleaned]:
    """Removes what was made of files, and writes them anew; killed in between, the next run finds them as they were."""
    cleaned = []
    for one in planned:
        file = one.found.file
        # Files of one content have one folder.
        copies = [loads.raw_folder(one.found, settings)]
        copies += [loads.validated_folder(one.load.key, settings)] if one.load.key else []
        removed = sum(map(remove_folder, copies))
        struck = rewrite(file, one.profile, one.header, one.starts, one.records, texts)
        cleaned.append(Cleaned(file.name, len(one.records.gone), one.mentions, struck, not file.path.exists(), removed))
    return cleaned


def clean_of_erased(files: Sequence[Path], profiles: dict[str, Profile], settings: Settings) -> list[Cleaned]:
    """Takes people who have been erased out of files that were delivered since, before anything is made of them."""
    known = {one for tombstone in tombstones(settings) for one in tombstone.references}
    if not known:
        return []
    found = conformed(files, profiles, settings)
    return clean(plan(found, of_people(known, found, settings), settings), settings)


def of_people(known: set[str], found: Conformed, settings: Settings) -> Choice:
    """Chooses the records of people who are known by hashes of all that names them."""
    in_lookups = _person_columns([one.profile for one, _ in found.files if one.profile])
    return lambda load, raw, profile: records_of(
        load, raw, profile, known, in_lookups.get(profile.profile, ()), settings
    )


def _person_columns(profiles: Iterable[Profile]) -> dict[str, set[str]]:
    """Lookup → its columns that name people: those in which a column that names people is looked up."""
    found: dict[str, set[str]] = {}
    for profile in profiles:
        if profile.entity == LOOKUP:
            continue
        naming = ENTITIES[profile.entity].naming("subject", "mentioned")
        headers = {header for name in naming if name in profile.columns for header in profile.columns[name].sources}
        for lookup in profile.lookups.values():
            found.setdefault(lookup.profile, set()).update(
                column for header, column in lookup.on.items() if header in headers
            )
    return found


def _starts(raw: RawFile, settings: Settings) -> Ints:
    """The lines in which the records of a file begin, those that could not be cut into fields among them."""
    with scratch(settings) as con:
        rejects = f"select _line from read_parquet({literal(raw.rejects)})"
        lines = con.sql(f"select _line from ({raw.delivered}) union {rejects} order by 1").fetchnumpy()["_line"]
    return np.asarray(lines, dtype=np.int64)


def _holds(raw: RawFile, texts: Sequence[str], settings: Settings) -> bool:
    """Whether one of some texts stands in a field of a file."""
    if not texts:
        return False
    fields = ", ".join(f"c{place}" for place in range(len(raw.header)))
    wanted = " or ".join(f"contains(lower(concat_ws(chr(10), {fields})), {literal(text.lower())})" for text in texts)
    with scratch(settings) as con:
        found = con.sql(f"select count(*) from ({raw.delivered}) where {wanted}").fetchone()
    return bool(found and found[0])
