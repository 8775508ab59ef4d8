"""Runs that are killed, at random moments and at every named boundary, and what the next run makes of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.world import Lane, Power, Readers


@dataclass
class Undisturbed:
    """What runs come to that nobody disturbs: the contents of each state, the boundaries passed, the time taken."""

    expected: dict[str, dict[str, list[Any]]]
    boundaries: list[str]
    seconds: float


@dataclass
class Tally:
    """What was done to the runs, and what the readers saw."""

    kills: int = 0
    cuts: int = 0
    lost: int = 0
    reads: int = 0
    faults: list[str] = field(default_factory=list)


def undisturbed(lane: Lane) -> Undisturbed:
    """Publishes both states once; `before` is current at the end."""
    from tests.faults.world import contents

    written = lane.folder / "boundaries.txt"
    lane.deliver("after")
    lane.run()
    after = contents(lane.current)
    lane.deliver("before")
    began = time.monotonic()
    lane.run(boundaries=str(written))
    seconds = time.monotonic() - began
    return Undisturbed({"before": contents(lane.current), "after": after}, written.read_text().splitlines(), seconds)


def kill_at_random(
    lane: Lane, calm: Undisturbed, times: int, chance: random.Random, say: Callable[[str], None]
) -> Tally:
    """Kills so many runs, each at some moment of its life; half of them with their children, half without."""
    tally = Tally()
    with Readers(lane, list(calm.expected.values())) as readers:
        while tally.kills < times:
            target = lane.deliver_the_other()
            lane.forget_some_files(chance)
            going = lane.start()
            moment = chance.uniform(0, calm.seconds)
            time.sleep(moment)
            going.kill(group=chance.random() < 0.5)
            code = going.wait()
            tally.kills += code != 0
            lane.assert_nothing_is_half_made()
            lane.run()
            lane.assert_all_is_right(calm.expected[target])
            say(f"killed after {moment:.1f} s (code {code}); the next run made it right")
    tally.reads, tally.faults = readers.seen()
    return tally


def cut_power_at(
    lane: Lane, calm: Undisturbed, boundaries: Iterable[str], chance: random.Random, say: Callable[[str], None]
) -> Tally:
    """At each boundary the run and its children are killed and what was not synced is lost."""
    tally = Tally()
    with Readers(lane, list(calm.expected.values())) as readers:
        for boundary in boundaries:
            target = lane.deliver_the_other()
            lane.forget_some_files(chance)
            power = Power(lane, chance)
            going = lane.start(kill_at=boundary, synced=str(power.log))
            assert going.wait() == -9, (boundary, going.said[-3000:])
            lost = power.cut()
            tally.cuts, tally.lost = tally.cuts + 1, tally.lost + len(lost)
            lane.assert_nothing_is_half_made()
            lane.run()
            lane.assert_all_is_right(calm.expected[target])
            say(f"power cut where {boundary}: {len(lost)} files lost; the next run made it right")
    tally.reads, tally.faults = readers.seen()
    return tally
