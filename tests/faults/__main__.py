"""The long form: `make test-faults`, or python -m tests.faults --kills 200 --lanes 2.

Each lane has a warehouse of its own and three readers that never stop. Prints each fault and what became of it, and
ends with the sums; exit code 1 where a reader saw anything but whole versions, or a run did not make things right.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.faults.kills import Tally, cut_power_at, kill_at_random, undisturbed
from tests.faults.world import Lane, make_states


@click.command()
@click.option("--kills", default=200, show_default=True, help="Runs killed at random moments.")
@click.option("--lanes", default=2, show_default=True, help="Warehouses side by side.")
@click.option("--seed", type=int, help="Of the random moments; another one each time, by default.")
def main(kills: int, lanes: int, seed: int | None) -> None:
    """Kills runs and cuts their power, and looks at what readers and the next run make of it."""
    seed = int(time.time()) if seed is None else seed
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{kills} kills in {lanes} lanes, seed {seed}")
    began = time.monotonic()
    told = threading.Lock()

    def one(number: int) -> tuple[Tally, Tally]:
        count = 0

        def say(what: str) -> None:
            nonlocal count
            count += 1
            with told:
                console.print(f"{(time.monotonic() - began) / 60:6.1f} min  lane {number}  {count:4}  {what}")

        chance = random.Random(f"{seed}/{number}")
        lane = Lane(folder / f"lane-{number}", states)
        try:
            calm = undisturbed(lane)
            say(f"undisturbed: a run of {calm.seconds:.1f} s, {len(calm.boundaries)} boundaries")
            cut = cut_power_at(lane, calm, calm.boundaries[number::lanes], chance, say)
            return cut, kill_at_random(lane, calm, len(range(number, kills, lanes)), chance, say)
        except BaseException as error:
            say(f"FAILED: {error!r}")
            raise
        finally:
            lane.close()

    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        states = make_states(folder)
        with ThreadPoolExecutor(lanes) as pool:
            tallies = [tally for pair in pool.map(one, range(lanes)) for tally in pair]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sums = Table(box=None, show_header=False)
    for what, count in {
        "killed at random moments": sum(tally.kills for tally in tallies),
        "power cuts at named boundaries": sum(tally.cuts for tally in tallies),
        "files lost in them": sum(tally.lost for tally in tallies),
        "whole versions read meanwhile": sum(tally.reads for tally in tallies),
        "faults that readers met": sum(len(tally.faults) for tally in tallies),
        "minutes": round((time.monotonic() - began) / 60),
    }.items():
        sums.add_row(what, f"{count:,}")
    console.print(sums)
    for fault in sorted({fault for tally in tallies for fault in tally.faults})[:20]:
        console.print(fault, markup=False)
    raise SystemExit(1 if any(tally.faults for tally in tallies) else 0)


if __name__ == "__main__":
    main()
