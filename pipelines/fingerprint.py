"""What the published marts follow from, as one hash: equal hash, equal marts, nothing to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipelines import pseudonyms
from pipelines.errors import RefusedFile
from pipelines.identifiers import of_addresses
from pipelines.landing import is_unfinished, list_files, take_in
from pipelines.loads import code_digest, digest
from pipelines.models import project_digest
from pipelines.profiles import load_profiles
from pipelines.settings import Settings

# Instead of the hash of a file that could not be taken in.
UNREADABLE = "unreadable"
HELD = "held"


class Seen(NamedTuple):
    """A file as it was seen: its size in bytes, when it was last changed, and the hash of its content."""

    size: int
    changed_ns: int
    sha256: str


def fingerprint(settings: Settings, files: Iterable[tuple[str, str]]) -> str:
    """Hash of files, profiles, settings that shape figures, key and code.

    Args:
        settings: the configuration in force.
        files: name and content hash of each file of the landing zone, as the run has found it: what lands while it
            goes on is for the next one.
    """
    parts = {
        "files": sorted(files),
        "profiles": sorted(profile.digest for profile in load_profiles(settings.profiles).values()),
        "settings": settings.that_shape_figures(),
        "key": pseudonyms.fingerprint(pseudonyms.key_in_force(settings)),
        "code": code_in_force(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def fingerprint_now(settings: Settings, files: Mapping[str, Seen] | None = None) -> str:
    """The fingerprint of what lies in the landing zone now, or of what has been seen there."""
    files = files_now(settings) if files is None else files
    return fingerprint(settings, [(name, seen.sha256) for name, seen in files.items()])


def code_in_force() -> str:
    """Changes with the code that figures follow from."""
    return digest(code_digest(), project_digest())


def files_now(settings: Settings, known: Mapping[str, Seen] | None = None) -> dict[str, Seen]:
    """What lies in the landing zone, by name.

    Args:
        settings: the configuration in force.
        known: what was seen before, by the names as everybody may read them; a file that has not been touched since is
            not hashed again.
    """
    known = known or {}
    names = of_addresses(settings)
    seen: dict[str, Seen] = {}
    for path in list_files(settings.landing):
        if is_unfinished(path):
            continue
        name = path.relative_to(settings.landing).as_posix()
        try:
            stat = path.stat()
            before = known.get(names.keyed(name))
            if before and (before.size, before.changed_ns) == (stat.st_size, stat.st_ctime_ns):
                seen[name] = before
                continue
            file = take_in(path, settings.landing)
            seen[name] = Seen(file.size, file.changed_ns, file.sha256)
        except RefusedFile:
            seen[name] = Seen(0, 0, UNREADABLE)
        except FileNotFoundError:
            continue
    return seen
