"""What passes is told from what does not, and the machine's faults from our own."""

from __future__ import annotations

import errno

import pytest

from pipelines.errors import MachineFault, is_passing, machine_fault, machine_words


@pytest.mark.parametrize(
    ("error", "passes", "told"),
    [
        (OSError(errno.ESTALE, "Stale file handle"), True, "Stale file handle"),
        (OSError(errno.EIO, "Input/output error"), True, "Input/output error"),
        (OSError(errno.ENOSPC, "No space left on device"), False, "no space is left"),
        (OSError(errno.EROFS, "Read-only file system"), False, "read-only"),
        # Great Expectations' own error of a connection is an OSError without a number.
        (ConnectionError("IO Error: Could not set lock on file"), True, "another program"),
        (MachineFault("Out of Memory Error"), False, "PERFWH_MEMORY_LIMIT"),
        (MemoryError(), False, "PERFWH_MEMORY_LIMIT"),
        # A file of ours that is not there is a bug of ours, and crashes loudly.
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), False, None),
        (ValueError("ada@example.com"), False, None),
        (KeyError("employees"), False, None),
    ],
)
def test_faults_are_told_apart(error, passes, told):
    assert is_passing(error) is passes
    found = machine_fault(error)
    assert found is None if told is None else told in found


def test_the_engines_texts_do_not_go_on():
    said = "IO Error: Could not write 'ada@example.com': No space left on device"
    assert machine_words(said) == "No space left on device"
    assert "ada" not in machine_fault(RuntimeError(said))
