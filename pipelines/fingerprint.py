"""What the published marts follow from, as one hash: equal hash, equal marts, nothing to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from pipelines import pseudonyms
from pipelines.errors import RefusedFile
from pipelines.landing import is_unfinished, list_files, take_in
from pipelines.loads import code_digest, digest
from pipelines.models import project_digest
from pipelines.profiles import load_profiles
from pipelines.settings import Settings

# Instead of the hash of a file that could not be taken in.
UNREADABLE = "unreadable"
HELD = "held"


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


def code_in_force() -> str:
    """Changes with the code that figures follow from."""
    return digest(code_digest(), project_digest())


def files_now(settings: Settings) -> list[tuple[str, str]]:
    """Name and content hash of each file that lies in the landing zone."""
    files = []
    for path in list_files(settings.landing):
        if is_unfinished(path):
            continue
        try:
            files.append((path.relative_to(settings.landing).as_posix(), take_in(path, settings.landing).sha256))
        except RefusedFile:
            files.append((path.relative_to(settings.landing).as_posix(), UNREADABLE))
        except FileNotFoundError:
            continue
    return files
