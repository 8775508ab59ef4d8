"""The landing zone without some people, or without what has become too old: file by file, each written anew.

What was made of such a file goes with it. A file that cannot be read is told, and cleaned once it can be.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines import landing, loads
from pipelines.database import literal, scratch
from pipelines.entities import ENTITIES, LOOKUP
from pipelines.erasure.identity import Identity, new_name
from pipelines.erasure.records import Records, records_of
from pipelines.erasure.rewriting import Ints, check_rewritable, mentions, rewrite
from pipelines.erasure.tombstones import tombstones
from pipelines.errors import RefusedFile, UserError
from pipelines.files import remove_drafts, remove_folder, sync
from pipelines.loads import Load
from pipelines.profiles import Profile
from pipelines.reading import RawFile
from pipelines.recognising import Recognised, recognise
from pipelines.settings import Settings

# The files that say how people are named are written last: an erasure that was cut short still finds the names there.
_NAMING = ("job_changes", "employees")

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

    @property
    def is_theirs(self) -> bool:
        """Whether most of the file's records go."""
        return 2 * len(self.records.gone) > len(self.starts)


@dataclass(frozen=True)
class Cleaned:
    """What was taken out of a file: whole records, mentions in others, texts; and whether the file itself is gone.

    file_name: the path that the file has now, or would have.

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
            found.append(recognise(landing.take_in(path, settings.landing), profiles, settings.unpacking))
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


def plan(found: Conformed, choose: Choice, settings: Settings, identity: Identity | None = None) -> list[Planned]:
    """What is to be taken out of which files; nothing is changed.

    Args:
        found: the files.
        choose: says which records go.
        settings: the configuration in force.
        identity: whose names and addresses are struck out wherever they stand; None where no person is forgotten.

    Returns:
        The files, in the order in which they are to be cleaned.

    Raises:
        UserError: a file cannot be written in its format, or its folder not at all.
    """
    planned = []
    for one, load in found.files:
        assert one.profile
        raw = loads.read(one, settings)
        records = choose(load, raw, one.profile)
        if records or (identity and mentions(one.file, one.profile, raw, identity, settings)):
            check_rewritable(one.file, one.profile, settings.unpacking)
            planned.append(Planned(one, one.profile, load, raw.header, _starts(raw, settings), records))
    return sorted(planned, key=lambda one: _NAMING.index(one.profile.entity) if one.profile.entity in _NAMING else -1)


def clean(
    planned: Iterable[Planned],
    settings: Settings,
    identity: Identity | None = None,
    renames: Mapping[str, str] | None = None,
) -> list[Cleaned]:
    """Removes what was made of files, and writes them anew; killed in between, the next run finds them as they were.

    Args:
        planned: the files, and what leaves them.
        settings: the configuration in force.
        identity: as for `plan`.
        renames: path → path, for files that are renamed afterwards; what is said of a file is said by its new name.
    """
    cleaned = []
    for one in planned:
        file = one.found.file
        # Files of one content have one folder.
        copies = [loads.raw_folder(one.found, settings)]
        copies += [loads.validated_folder(one.load.key, settings)] if one.load.key else []
        removed = sum(map(remove_folder, copies))
        struck = rewrite(file, one.profile, one.header, one.starts, one.records, identity, settings.unpacking)
        name = (renames or {}).get(file.name, file.name)
        cleaned.append(Cleaned(name, len(one.records.gone), one.mentions, struck, not file.path.exists(), removed))
    return cleaned


def renames(
    names: Iterable[str], known: Collection[str], planned: Iterable[Planned], settings: Settings
) -> dict[str, str]:
    """The paths that name someone known, each with its new path; nothing is changed.

    Args:
        names: paths below the landing zone.
        known: hashes of all that names them.
        planned: the files that hold records of the person.
        settings: the configuration in force.
    """
    theirs = {one.found.file.name for one in planned if one.is_theirs}
    found = {name: new_name(name, known, settings, name in theirs) for name in names}
    return {old: new for old, new in found.items() if old != new}


def check_renames(renamed: Mapping[str, str], profiles: Mapping[str, Profile]) -> None:
    """Raises UserError where a profile would not know a file by its new name, or could not read from it."""

    def known_by(name: str) -> list[str]:
        return [
            profile.profile for profile in profiles.values() if profile.fits_name(name) and profile.reads_name(name)
        ]

    lost = [new for old, new in sorted(renamed.items()) if known_by(old) != known_by(new)]
    if lost:
        raise UserError(
            f"{len(lost)} files are called after the person, and no profile would know them by their new names "
            f"({', '.join(lost)}): widen `files` or `file_name` of their profiles, or rename the files yourself. "
            "Nothing has been changed"
        )


def rename(renamed: Mapping[str, str], settings: Settings) -> int:
    """Gives files of the landing zone their new paths; how many.

    A file that has the new path already was delivered under the same name before, and is replaced.
    """
    count = 0
    for old, new in sorted(renamed.items()):
        before, after = settings.landing / old, settings.landing / new
        after.parent.mkdir(parents=True, exist_ok=True)
        try:
            before.replace(after)
        except FileNotFoundError:
            continue  # nothing was left of it
        count += 1
        sync(after.parent)
        for folder in before.parents:
            if folder == settings.landing or any(folder.iterdir()):
                break
            with contextlib.suppress(OSError):
                folder.rmdir()
    return count


def clean_of_erased(files: Sequence[Path], profiles: dict[str, Profile], settings: Settings) -> list[Cleaned]:
    """Takes people who have been erased out of files that were delivered since, before anything is made of them."""
    known = _erased(settings)
    if not known:
        return []
    found = conformed(files, profiles, settings)
    return clean(plan(found, of_people(known, found, settings), settings), settings)


def rename_of_erased(files: Sequence[Path], settings: Settings) -> list[Path]:
    """Renames files that were delivered since somebody was erased, and are called after them.

    Returns:
        The paths that the files have now, in their order.
    """
    names = [path.relative_to(settings.landing).as_posix() for path in files]
    renamed = renames(names, _erased(settings), [], settings)
    rename(renamed, settings)
    return [settings.landing / renamed.get(name, name) for name in names]


def name_without_erased(name: str, settings: Settings) -> str:
    """What is said of a file that cannot be renamed yet: its path without people who have been erased."""
    return new_name(name, _erased(settings), settings)


def _erased(settings: Settings) -> set[str]:
    """The hashes of all that names people who have been erased."""
    return {one for tombstone in tombstones(settings) for one in tombstone.references}


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
