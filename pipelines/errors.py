"""Errors that are the user's to mend: each says what was found, what was expected and what to do.

Our own bugs are ordinary exceptions and crash loudly; nothing here is raised for them.
"""

from __future__ import annotations

import errno

EXIT_PUBLISHED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BLOCKED = 3

# What passes by itself: another try, a little later, may find it gone.
_PASSING = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EINTR,
    errno.EIO,
    errno.ENETDOWN,
    errno.ENETRESET,
    errno.ENETUNREACH,
    errno.ECONNABORTED,
    errno.ECONNRESET,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
_FULL = "no space is left where the warehouse is; make room, and run again"
# What the engine, in this process or in dbt's, says of the machine's faults. Its texts may quote rows: none goes on.
_OF_THE_MACHINE = {
    "No space left on device": _FULL,
    "Disk quota exceeded": _FULL,
    "File too large": "a file may not grow further (ulimit -f); allow more, and run again",
    "Out of Memory Error": "out of memory; give more with PERFWH_MEMORY_LIMIT, or run with fewer PERFWH_THREADS",
    "database or disk is full": _FULL,
    "disk I/O error": "a file cannot be written: the disk is failing, or a limit (ulimit -f) is reached",
    "attempt to write a readonly database": "Dagster's history (DAGSTER_HOME) cannot be written to",
    "Read-only file system": "the warehouse cannot be written to: its file system is read-only",
    "Permission denied": "the warehouse cannot be written to: permission denied",
    "Could not set lock on file": "another program has opened the database that is being built; close it",
}
_PASSING_WORDS = "Could not set lock on file"


# What a broken file is said to be, by what its reader says of it; readers' own words may quote the file.
_OF_FILES = {
    "BadZipFile": "it is damaged or incomplete",
    "BadGzipFile": "it is damaged, or not packed as its name says",
    "EOFError": "it ends too early",
}


def file_fault(error: BaseException) -> str:
    """What is wrong with a file that cannot be read, and what to do, without a word of the file's."""
    return f"{_OF_FILES.get(type(error).__name__, 'its content is damaged')}; export or copy it again"


class UserError(Exception):
    """Something the user gave cannot be used; the CLI prints it without a traceback.

    Args:
        message: what was found, where, and what was expected.
        exit_code: what the process ends with.
    """

    def __init__(self, message: str, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class RefusedFile(Exception):  # noqa: N818 - an outcome of a file, not a failure of ours
    """A file is refused as a whole; nothing of it is loaded.

    Args:
        code: stable upper-case name of the rule, as published in `ops.loads`.
        message: what was found and expected, without any person's values.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class MachineFault(Exception):  # noqa: N818 - the machine's, not ours
    """What dbt met outside of this process, in the engine's own words."""


def machine_words(said: str) -> str | None:
    """The words in a text of the engine's that tell of a fault of the machine."""
    return next((words for words in _OF_THE_MACHINE if words in said), None)


def is_passing(error: BaseException) -> bool:
    """Whether a fault may be gone a little later: a share that hiccups, a database that someone has open."""
    return (isinstance(error, OSError) and error.errno in _PASSING) or _PASSING_WORDS in str(error)


def machine_fault(error: BaseException) -> str | None:
    """What is wrong with the machine and what to do, without a person's value; None for any other error."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError):
        return _OF_THE_MACHINE["Out of Memory Error"]
    if words := machine_words(str(error)):
        return _OF_THE_MACHINE[words]
    return error.strerror if isinstance(error, OSError) and error.errno in _PASSING else None
