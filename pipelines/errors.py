"""Errors that are the user's to mend: each says what was found, what was expected and what to do.

Our own bugs are ordinary exceptions and crash loudly; nothing here is raised for them.
"""

from __future__ import annotations

EXIT_PUBLISHED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BLOCKED = 3


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
