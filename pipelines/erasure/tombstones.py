"""Tombstones: who has been erased, as keyed hashes of the ways in which exports name them.

They lie hidden in the landing zone, beside the files that they clean; without the key nobody gets back to a person.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines import pseudonyms
from pipelines.errors import UserError
from pipelines.files import whole_file
from pipelines.settings import Settings

_NAME = ".perfwh-erased.json"
# Between a survey and the code of a respondent, which is nobody's in another survey.
OF_SURVEY = "\x1f"


@dataclass(frozen=True)
class Tombstone:
    """One erased person: the hash of the employee id, when they were erased, and hashes of all that names them."""

    person: str
    erased_at: str
    references: tuple[str, ...]


def path(settings: Settings) -> Path:
    """Where the tombstones are."""
    return settings.landing / _NAME


def tombstones(settings: Settings) -> list[Tombstone]:
    """All tombstones.

    Raises:
        UserError: they were made with another key, or their file is damaged.
    """
    try:
        told = json.loads(path(settings).read_text())
    except FileNotFoundError:
        return []
    except ValueError:
        raise UserError(f"{path(settings)}: damaged; bring it back from a backup") from None
    if told["key"] != _fingerprint(settings):
        raise UserError(
            f"{path(settings)}: the tombstones were made with another key than that in {settings.tombstone_key_file}; "
            "bring that key back (PERFWH_TOMBSTONE_KEY_FILE), or erased people would return"
        )
    return [Tombstone(one["person"], one["erased_at"], tuple(one["references"])) for one in told["people"]]


def write(settings: Settings, people: Iterable[Tombstone]) -> None:
    """Writes all tombstones anew."""
    told = {"key": _fingerprint(settings), "people": [asdict(one) for one in people]}
    whole_file(path(settings), json.dumps(told, indent=1))


def hashes(references: Iterable[str], settings: Settings) -> list[str]:
    """Keyed hashes of references, in their order; upper and lower case are the same."""
    key = _key(settings)
    return [hmac.new(key, one.lower().encode(), hashlib.sha256).hexdigest() for one in references]


def _key(settings: Settings) -> bytes:
    return pseudonyms.key_of_file(settings.tombstone_key_file, "the key of the tombstones", settings)


def _fingerprint(settings: Settings) -> str:
    return pseudonyms.fingerprint(_key(settings))
