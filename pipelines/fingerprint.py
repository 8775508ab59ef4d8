"""What the published marts follow from, as one hash: equal hash, equal marts, nothing to do."""

from __future__ import annotations

import hashlib
import json

from pipelines import pseudonyms
from pipelines.errors import RefusedFile
from pipelines.landing import list_files, take_in
from pipelines.loads import code_digest
from pipelines.models import project_digest
from pipelines.profiles import load_profiles
from pipelines.settings import Settings


def fingerprint(settings: Settings) -> str:
    """Hash of the landing zone's files, the profiles, the settings that shape figures, the key and the code."""
    files = []
    for path in list_files(settings.landing):
        try:
            landed = take_in(path, settings.landing)
            files.append((landed.name, landed.sha256))
        except (RefusedFile, FileNotFoundError) as error:
            files.append((path.relative_to(settings.landing).as_posix(), type(error).__name__))
    parts = {
        "files": files,
        "profiles": sorted(profile.digest for profile in load_profiles(settings.profiles).values()),
        "settings": settings.that_shape_figures(),
        "key": pseudonyms.fingerprint(pseudonyms.key_in_force(settings)),
        "code": [code_digest(), project_digest()],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
