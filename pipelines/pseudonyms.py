"""Pseudonyms: how people are named in the marts, where they are named at all.

HMAC-SHA-256 with a key that lives outside the warehouse; without the key nobody gets back to the person, and with
another key all pseudonyms are others. The key never reaches SQL, a log or a compiled model.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path

from pipelines.errors import UserError
from pipelines.files import whole_file
from pipelines.settings import Settings

_HEX_DIGITS = 24


def key_in_force(settings: Settings) -> bytes:
    """The configured key, else that of the key file, which is made where it does not exist.

    Raises:
        UserError: the key file lies in the warehouse, is empty, or can be neither read nor made.
    """
    if settings.pseudonym_key is not None:
        return settings.pseudonym_key.get_secret_value().encode()
    return key_of_file(settings.pseudonym_key_file, "the key of the pseudonyms", settings)


def key_of_file(path: Path, name: str, settings: Settings) -> bytes:
    """The key in a file, which is made where it does not exist.

    Args:
        path: the file.
        name: what the key is called in messages.
        settings: where the warehouse is, in which no key may lie.

    Raises:
        UserError: the file lies in the warehouse, is empty, or can be neither read nor made.
    """
    if path.is_relative_to(settings.warehouse):
        raise UserError(f"{path}: {name} must not lie in the warehouse; move it elsewhere")
    try:
        if not path.exists():
            whole_file(path, secrets.token_hex(32), replace=False)
        key = path.read_bytes().strip()
    except OSError as error:
        raise UserError(f"{path}: {name} cannot be read or made ({error.strerror})") from None
    if not key:
        raise UserError(f"{path}: {name} is empty; delete the file to have one made")
    return key


def pseudonyms(person_ids: Iterable[str], key: bytes) -> list[str]:
    """The pseudonyms of people, in their order: 24 hexadecimal digits each."""
    return [hmac.new(key, person.encode(), hashlib.sha256).hexdigest()[:_HEX_DIGITS] for person in person_ids]


def fingerprint(key: bytes) -> str:
    """Changes with the key and tells nothing of it."""
    return hmac.new(key, b"fingerprint", hashlib.sha256).hexdigest()[:16]
