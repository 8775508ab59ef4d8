"""A small company whose warehouse goes back and forth between two states, readers that watch it, and what must hold."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from pipelines.conforming import QUARANTINE, ROWS
from pipelines.publishing import faults_of, published_manifest
from pipelines.settings import PROJECT_ROOT, Settings, load_settings

LISTENING = Path(__file__).parent / "listening"
# What of `ops` depends on more than landing zone and configuration is left out: times, and what there was before.
_COMPARED_OPS = {
    "ops.loads": "select * exclude (loaded_at) from ops.loads where status <> 'superseded'",
    "ops.quarantine": "from ops.quarantine",
    "ops.checks": "select asset, check_name, severity, passed from ops.checks",
}


def contents(version: Path) -> dict[str, list[Any]]:
    """For each table of a version, its number of rows and a hash of them all, in whatever order."""
    found: dict[str, list[Any]] = {}
    for name, schemas in (("performance", ("marts", "ops")), ("people", ("restricted", "ops"))):
        with duckdb.connect(str(version / f"{name}.duckdb"), read_only=True) as con:
            tables = con.execute(
                f"select schema_name || '.' || table_name from duckdb_tables() where schema_name in {schemas} order by 1"
            ).fetchall()
            for (table,) in tables:
                # How many changes wait depends on what was shown before, and not on the files alone.
                if table == "ops.protection":
                    continue
                rows = _COMPARED_OPS.get(table, f"from {table}")
                row = con.execute(f"select count(*), sum(hash(t)::hugeint)::varchar from ({rows}) as t").fetchone()
                found[f"{name}:{table}"] = list(row or ())
    return found


@dataclass
class Going:
    """A run that goes on."""

    lane: Lane
    pid: int
    out: Path

    def kill(self, group: bool) -> None:
        with contextlib.suppress(ProcessLookupError):  # it was quicker
            os.killpg(self.pid, signal.SIGKILL) if group else os.kill(self.pid, signal.SIGKILL)

    @property
    def is_alive(self) -> bool:
        return Path(f"/proc/{self.pid}").exists()

    @property
    def has_left_somebody(self) -> bool:
        """Whether a process of the run's goes on."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def wait(self) -> int:
        code = int(self.lane.answer())
        said = self.out.read_text()
        assert "Traceback" not in said and code != 99, said[-6000:]
        return code

    @property
    def said(self) -> str:
        return self.out.read_text()


@dataclass
class Lane:
    """A warehouse of its own, a landing zone whose files change, and a process that starts its runs."""

    folder: Path
    states: dict[str, Path]
    warehouse: Path = field(default=Path())

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.landing = self.folder / "landing"
        self.state = ""
        self.connections = self.folder / "connections.txt"
        self.connections.write_text("")
        self.warehouse = self.warehouse if self.warehouse.is_absolute() else self.folder / "warehouse"
        mine = {
            "PERFWH_LANDING": str(self.landing),
            "PERFWH_WAREHOUSE": str(self.warehouse),
            "PERFWH_SETTLE_SECONDS": "0",
            "PERFWH_PSEUDONYM_KEY": "a key for tests",
            "PERFWH_CONFIG": str(self.folder / "none.toml"),
            "DAGSTER_HOME": str(self.folder / "dagster"),
            "PERFWH_RETRY_WAIT_SECONDS": "0.1",
            # Every Python of the lane writes down whom it connects to.
            "PYTHONPATH": str(LISTENING),
            "CONNECTIONS": str(self.connections),
        }
        self.zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT_ROOT,
            env={**os.environ, **mine},
        )

    @property
    def settings(self) -> Settings:
        return load_settings(landing=self.landing, warehouse=self.warehouse, settle_seconds=0)

    @property
    def current(self) -> Path:
        return (self.warehouse / "published").resolve()

    def close(self) -> None:
        assert self.zygote.stdin
        self.zygote.stdin.close()
        self.zygote.wait(timeout=60)

    def answer(self) -> str:
        assert self.zygote.stdout
        line = self.zygote.stdout.readline()
        assert line, "the process that starts the runs has ended"
        return line

    def deliver(self, state: str) -> None:
        """Puts the files of a state into the landing zone, and takes the others away."""
        shutil.rmtree(self.landing, ignore_errors=True)
        shutil.copytree(self.states[state], self.landing)
        self.state = state

    def deliver_the_other(self) -> str:
        """Puts the files of the state that does not lie there into the landing zone, and says which one it is."""
        self.deliver("before" if self.state == "after" else "after")
        return self.state

    def start(self, *options: str, **asked: Any) -> Going:
        assert self.zygote.stdin
        out = self.folder / "run.txt"
        out.write_text("")
        request = {
            "out": str(out),
            "environment": {},
            "options": options,
            "largest_file": None,
            "boundaries": None,
            "kill_at": None,
            "synced": None,
        } | asked
        self.zygote.stdin.write(json.dumps(request) + "\n")
        self.zygote.stdin.flush()
        return Going(self, int(self.answer()), out)

    def run(self, *options: str, **asked: Any) -> Going:
        """A run from its start to its end, which must be a good one."""
        going = self.start(*options, **asked)
        code = going.wait()
        assert code == 0, (code, going.said[-6000:])
        return going

    def forget_some_files(self, chance: random.Random) -> None:
        """Has the next run read and judge some of the files anew; what is read already is only kept to save time."""
        for room in ("raw", "validated"):
            for folder in sorted((self.warehouse / room).glob("*")):
                if chance.random() < 0.3:
                    shutil.rmtree(folder)

    def assert_nothing_is_half_made(self) -> None:
        """After a crash: whatever has its name is whole, and the ledger agrees with the files."""
        for folder in (self.warehouse / "raw").glob("[!.]*"):
            facts = json.loads((folder / "read.json").read_text())
            assert _rows(folder / ROWS) == facts["row_count"], folder
        for folder in (self.warehouse / "validated").glob("[!.]*"):
            load = json.loads((folder / "load.json").read_text())
            assert load["rows_read"] == load["rows_loaded"] + load["rows_quarantined"] + load["rows_duplicate"]
            assert _rows(folder / ROWS) >= 0 and _rows(folder / QUARANTINE) >= 0, folder
        current = published_manifest(self.settings)
        assert current, "the version that readers had is gone"
        assert faults_of(self.settings, current["version"]) == []

    def assert_all_is_right(self, expected: dict[str, list[Any]]) -> None:
        """After the next run: the marts are those of an undisturbed run, and nothing lies about."""
        found = contents(self.current)
        assert found == expected, [name for name in expected if found.get(name) != expected[name]]
        self.assert_nothing_is_half_made()
        rooms = (self.warehouse, *(self.warehouse / room for room in ("raw", "validated", "versions")))
        left = [path for room in rooms for path in room.glob(".*")]
        left += [path for name in ("build", "work", "writer.json") if (path := self.warehouse / name).exists()]
        assert left == []


def _rows(parquet: Path) -> int:
    with duckdb.connect() as con:  # the module's own connection is for one thread
        row = con.execute("select count(*) from read_parquet(?)", [str(parquet)]).fetchone()
    return int(row[0]) if row else -1


def make_states(folder: Path) -> dict[str, Path]:
    """Two states of a company's exports: `before`, and `after` with a month more and a file corrected."""
    perfwh = Path(sys.executable).parent / "perfwh"
    after = folder / "after"
    subprocess.run(
        [perfwh, "sample", "--employees", "20", "--months", "4", "--seed", "3", "--out", after],
        check=True,
        capture_output=True,
    )
    before = folder / "before"
    shutil.copytree(after, before)
    sorted((before / "hris").iterdir())[-1].unlink()
    goals = next((before / "goals").iterdir())
    lines = goals.read_text().splitlines(keepends=True)
    goals.write_text("".join(lines[:-1]))
    return {"before": before, "after": after}


# Power


class Power:
    """What is on the disk and what only in memory, going by what was synced; and the cut that loses the latter."""

    def __init__(self, lane: Lane, chance: random.Random, goes: tuple[str, ...] = ("name", "content")) -> None:
        self.lane, self.chance, self.goes = lane, chance, goes
        self.log = lane.folder / "synced.txt"
        self.log.write_text("")
        self.began = time.time_ns()
        self.named = {path: path.lstat().st_ino for path in lane.warehouse.rglob("*")}
        published = lane.warehouse / "published"
        self.link = published.readlink() if published.is_symlink() else None

    def cut(self) -> list[str]:
        """Loses what was not synced: content of files, and names in folders, each of them or not, as chance has it.

        Returns:
            What was lost.
        """
        synced: dict[int, int] = {}
        for line in self.log.read_text().splitlines():
            inode, at = map(int, line.split())
            synced[inode] = at
        lost = []
        # All at once: losing a file changes its folder.
        found = [(path, path.lstat()) for path in sorted(self.lane.warehouse.rglob("*"), reverse=True)]
        folders = {path: stat.st_ino for path, stat in found} | {self.lane.warehouse: self.lane.warehouse.stat().st_ino}
        for path, stat in found:
            if stat.st_ctime_ns <= self.began:
                continue
            is_named = self.named.get(path) == stat.st_ino or synced.get(folders[path.parent], 0) >= stat.st_ctime_ns
            is_written = path.is_dir() or path.is_symlink() or synced.get(stat.st_ino, 0) >= stat.st_mtime_ns
            if not is_named and self._goes("name"):
                lost.append(f"{path.name} (name)")
                self._unname(path)
            elif not is_written and self._goes("content"):
                lost.append(f"{path.name} (content)")
                os.truncate(path, 0)
        return lost

    def _goes(self, what: str) -> bool:
        return what in self.goes and self.chance.random() < 0.7

    def _unname(self, path: Path) -> None:
        if path.is_symlink():
            path.unlink()
            if path.name == "published" and self.link:
                path.symlink_to(self.link, target_is_directory=True)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


# Readers


@dataclass
class Readers:
    """Processes that read the current version again and again, and write down what they saw."""

    lane: Lane
    expected: list[dict[str, list[Any]]]
    count: int = 3
    pause: float = 2.0

    def __enter__(self) -> Readers:
        self.told = self.lane.folder / "expected.json"
        self.told.write_text(json.dumps(self.expected))
        self.stop = self.lane.folder / "stop"
        self.stop.unlink(missing_ok=True)
        self.outs = [self.lane.folder / f"reader-{number}.txt" for number in range(self.count)]
        self.processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.faults.reader",
                    self.lane.warehouse,
                    self.told,
                    self.stop,
                    str(self.pause),
                ],
                cwd=PROJECT_ROOT,
                stdout=out.open("w"),
                stderr=subprocess.STDOUT,
            )
            for out in self.outs
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.write_text("")
        for process in self.processes:
            process.wait(timeout=60)

    def seen(self) -> tuple[int, list[str]]:
        """How many whole versions were read, and every fault that a reader met."""
        lines = [line for out in self.outs for line in out.read_text().splitlines()]
        good = [line for line in lines if re.fullmatch(r"whole \S+", line)]
        return len(good), [line for line in lines if line not in set(good)]
