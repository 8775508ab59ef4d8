"""Runs on disks that are full or cannot be written to, and with too little memory."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.kills import Tally, Undisturbed
from tests.faults.world import Lane, Readers

_LARGE = 1 << 30


@contextmanager
def disk_of_its_own(folder: Path) -> Iterator[Path | None]:
    """A small disk in memory, mounted at a folder; None where this account may not mount."""
    folder.mkdir(parents=True, exist_ok=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_LARGE}", "tmpfs", folder], capture_output=True
    ).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


def fill_disk(
    lane: Lane,
    calm: Undisturbed,
    disk: Path,
    room: Iterable[int],
    chance: random.Random,
    say: Callable[[str], None],
) -> Tally:
    """Runs with only so many bytes left on the disk, each followed by one with room enough."""
    tally = Tally()
    with Readers(lane, list(calm.expected.values())) as readers:
        for left in room:
            target = lane.deliver_the_other()
            lane.forget_some_files(chance)
            remount(disk, f"size={shutil.disk_usage(disk).used + left}")
            going = lane.start()
            code = going.wait()
            assert code == 1, (left, code, going.said[-3000:])
            assert "no space is left" in going.said, going.said[-3000:]
            lane.assert_nothing_is_half_made()
            remount(disk, f"size={_LARGE}")
            lane.run()
            lane.assert_all_is_right(calm.expected[target])
            tally.kills += 1
            say(f"full disk, {left:,} bytes left: exit 1, and said so; the next run made it right")
        target = lane.deliver_the_other()
        remount(disk, "ro")
        going = lane.start()
        code = going.wait()
        assert code in (1, 2) and "cannot be written" in going.said, going.said[-3000:]
        remount(disk, "rw")
        lane.run()
        lane.assert_all_is_right(calm.expected[target])
        tally.kills += 1
        say(f"read-only disk: exit {code}, and said so; the next run made it right")
    tally.reads, tally.faults = readers.seen()
    return tally


def limit_files(
    lane: Lane, calm: Undisturbed, sizes: Iterable[int], chance: random.Random, say: Callable[[str], None]
) -> None:
    """Runs in which no file may grow beyond a size (`ulimit -f`): the full disk of those who may not mount one."""
    for size in sizes:
        target = lane.deliver_the_other()
        lane.forget_some_files(chance)
        going = lane.start(largest_file=size)
        code = going.wait()
        assert code == 1, (size, code, going.said[-3000:])
        lane.assert_nothing_is_half_made()
        lane.run()
        lane.assert_all_is_right(calm.expected[target])
        say(f"files of at most {size:,} bytes: exit 1; the next run made it right")


def starve(lane: Lane, calm: Undisturbed, limits: Iterable[str], say: Callable[[str], None]) -> None:
    """Runs whose engine may take too little memory."""
    for limit in limits:
        target = lane.deliver_the_other()
        going = lane.start(environment={"PERFWH_MEMORY_LIMIT": limit})
        code = going.wait()
        assert code == 1 and "PERFWH_MEMORY_LIMIT" in going.said, (limit, code, going.said[-3000:])
        lane.assert_nothing_is_half_made()
        lane.run()
        lane.assert_all_is_right(calm.expected[target])
        say(f"memory of {limit}: exit 1, and said so; the next run made it right")
