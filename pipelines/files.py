"""Files that are whole or not there, also after a power cut, and that only their owner can read."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_DRAFT = re.compile(r"\..+\.[0-9a-f]{32}")


def keep_private() -> None:
    """Makes every file that this process and its children write readable by their owner only."""
    os.umask(0o077)


def whole_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Makes a folder that is either there with all its content or not there at all.

    Args:
        target: the folder; nothing happens where it exists.
        fill: writes the content into the empty folder it is given.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    draft = draft_of(target)
    draft.mkdir(mode=PRIVATE_FOLDER)
    try:
        fill(draft)
        held = (*draft.rglob("*"), draft)
        for path in held:
            path.chmod(PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE)
        for path in held:
            sync(path)
        draft.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def whole_file(target: Path, text: str, replace: bool = True) -> None:
    """Writes a file that is either there with all its text or as it was before.

    Args:
        target: the file; its folder is made where it is missing.
        text: the content.
        replace: whether a file that is there gives way; else it stays as it is.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    draft = draft_of(target)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            draft.replace(target)
        elif not target.exists():
            # Of two that make it at once, one wins and the other finds it there.
            with contextlib.suppress(FileExistsError):
                os.link(draft, target)
        sync(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def remove_folder(target: Path) -> bool:
    """Removes a folder so that it is there with all its content or not at all; whether there was one."""
    draft = draft_of(target)
    try:
        target.rename(draft)
    except FileNotFoundError:
        return False
    shutil.rmtree(draft)
    return True


def draft_of(target: Path) -> Path:
    """The name that something has beside its place until it is whole."""
    return target.parent / f".{target.name}.{uuid.uuid4().hex}"


def remove_drafts(folder: Path) -> None:
    """Removes what a process that was killed left half-made; nobody else may be writing there."""
    for path in folder.glob(".*"):
        if not _DRAFT.fullmatch(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def sync(path: Path) -> None:
    """Makes a file or folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
