"""The landing zone: which files lie there, and whether they are whole. What a file holds is read elsewhere."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import RefusedFile, UserError

# Never exports: notes beside them, and files that a transfer has not finished.
_NOTES = {".md", ".txt", ".pdf", ".yml", ".yaml", ".json", ".toml"}
# A transfer that has written nothing for so long is not waited for.
_GIVEN_UP_SECONDS = 600
_UNFINISHED = {".part", ".tmp", ".crdownload", ".filepart"}


@dataclass(frozen=True)
class LandedFile:
    """A file as it was found: its path below the landing zone, content hash, size, and when it was last changed."""

    path: Path
    name: str
    sha256: str
    size: int
    changed_ns: int

    def refuse_if_changed(self) -> None:
        """Raises RefusedFile where the content may no longer be what was hashed."""
        if not self.path.exists() or self.path.stat().st_ctime_ns != self.changed_ns:
            raise RefusedFile("CHANGED", "the file was changed while it was read; run again once it is whole")


def list_files(landing: Path) -> list[Path]:
    """The export files below the landing zone, sorted by path.

    Raises:
        UserError: the landing zone is no folder.
    """
    if not landing.is_dir():
        raise UserError(
            f"{landing}: no such folder. Put export files there, or name another with --landing or PERFWH_LANDING."
        )
    return sorted(
        path
        for path in landing.rglob("*")
        if not any(part.startswith((".", "~$")) for part in path.relative_to(landing).parts)
        and (path.is_symlink() or path.is_file())
        and path.suffix.lower() not in _NOTES
    )


def names_of_all(landing: Path) -> list[str]:
    """The paths of all files below the landing zone that are not hidden, notes and unfinished ones among them."""
    paths = (path.relative_to(landing) for path in landing.rglob("*") if path.is_symlink() or path.is_file())
    return sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))


def is_unfinished(path: Path) -> bool:
    """Whether the name says that a transfer has not finished the file."""
    return path.suffix.lower() in _UNFINISHED


def arriving(paths: list[Path], settle_seconds: float) -> list[Path]:
    """The files that may still be written: they have just been changed, or are unfinished and not given up yet."""

    def may_change(path: Path) -> bool:
        rests_for = max(settle_seconds, _GIVEN_UP_SECONDS) if is_unfinished(path) else settle_seconds
        try:
            return time.time() - path.stat().st_mtime < rests_for
        except FileNotFoundError:
            return True

    return [path for path in paths if may_change(path)]


def settle(paths: list[Path], settle_seconds: float) -> tuple[list[Path], list[Path]]:
    """Splits into files at rest and files that may still be written.

    A fresh file is looked at again after the settle time and counts as whole if size and time did not move.
    """

    def state(path: Path) -> tuple[int, int] | None:
        try:
            stat = path.stat()
        except FileNotFoundError:
            return None
        return stat.st_size, stat.st_mtime_ns

    before = {path: state(path) for path in paths}
    now = time.time()
    fresh = [p for p, s in before.items() if s and now - s[1] / 1e9 < settle_seconds]
    if fresh:
        time.sleep(settle_seconds)
    held = {
        path
        for path in paths
        if is_unfinished(path) or (path in fresh and state(path) != before[path]) or before[path] is None
    }
    return [p for p in paths if p not in held], sorted(held)


def take_in(path: Path, landing: Path) -> LandedFile:
    """Hashes a file's content.

    Raises:
        RefusedFile: it is a link.
    """
    if path.is_symlink():
        raise RefusedFile("LINK", "a link instead of a file; put the file itself into the landing zone")
    stat = path.stat()
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return LandedFile(path, path.relative_to(landing).as_posix(), digest, stat.st_size, stat.st_ctime_ns)
