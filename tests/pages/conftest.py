"""Dagster as data engineers run it: the web server, the daemon and the code server, and a browser in front of it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipelines.settings import PROJECT_ROOT

BIN = Path(sys.executable).parent
_RUNS = """
query Runs { runsOrError { ... on Runs { results {
    runId jobName status tags { key value } assetSelection { path } startTime endTime creationTime } } } }
"""
_TICKS = """
query Ticks($name: String!) { sensorOrError(sensorSelector: {
    repositoryName: "__repository__", repositoryLocationName: "performance_warehouse", sensorName: $name}) {
  ... on Sensor { sensorState { status ticks(limit: 200) { status skipReason runIds error { message } } } } } }
"""


class Dev:
    """`dagster dev` of the project, with a folder, a landing zone and a warehouse of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.landing, self.warehouse, self.home = folder / "landing", folder / "warehouse", folder / "dagster"
        for one in (self.landing, self.home):
            one.mkdir(exist_ok=True, parents=True)
        shutil.copy(PROJECT_ROOT / "dagster.yaml", self.home / "dagster.yaml")
        self.port = self.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "DAGSTER_HOME": str(self.home),
            "PERFWH_LANDING": str(self.landing),
            "PERFWH_WAREHOUSE": str(self.warehouse),
            "PERFWH_SETTLE_SECONDS": "1",
            **environment,
        }
        self.log = folder / "dev.log"

    @staticmethod
    def free_port() -> int:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            return int(found.getsockname()[1])

    @contextmanager
    def started(self) -> Iterator[Dev]:
        with self.log.open("a") as log:
            command = [BIN / "dagster", "dev", "--host", "127.0.0.1", "--port", str(self.port), "-w", "workspace.yaml"]
            self.process = process = subprocess.Popen(
                command, cwd=PROJECT_ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
            try:
                self.wait_for(self.is_up, 120)
                yield self
            finally:
                # To the code servers and runs as well.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    self.kill()
                    process.wait(30)

    def kill(self) -> None:
        """As a machine that loses its power: all processes at once."""
        first = psutil.Process(self.process.pid)
        for one in [*first.children(recursive=True), first]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()

    def is_up(self) -> bool:
        try:
            return bool(self.ask("{ version }"))
        except OSError:
            return False

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.url}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            told = json.load(answer)
        assert "errors" not in told, told["errors"]
        return told["data"]

    def runs(self, job: str | None = None) -> list[dict[str, Any]]:
        """The runs, the newest first."""
        found = self.ask(_RUNS)["runsOrError"]["results"]
        return [
            {**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}}
            for run in found
            if job in (None, run["jobName"])
        ]

    def ticks(self, sensor: str) -> list[dict[str, Any]]:
        return self.ask(_TICKS, name=sensor)["sensorOrError"]["sensorState"]["ticks"]

    def has_ended(self, runs: int = 0, job: str | None = None) -> bool:
        """Whether at least so many runs have begun, and none is under way."""
        found = self.runs(job)
        return len(found) >= runs and all(run["status"] in ("SUCCESS", "FAILURE", "CANCELED") for run in found)

    @staticmethod
    def wait_for(is_so: Callable[[], Any], seconds: float) -> Any:
        until = time.monotonic() + seconds
        while not (found := is_so()):
            assert time.monotonic() < until, f"not so after {seconds:.0f} s: {is_so}"
            time.sleep(1)
        return found


def sample_of(folder: Path, employees: int = 40, months: int = 24, seed: int = 5) -> Path:
    """The exports of an invented company."""
    command = [BIN / "perfwh", "sample", "--out", folder, "--seed", str(seed)]
    subprocess.run([*command, "--employees", str(employees), "--months", str(months)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def chance() -> random.Random:
    seed = int(os.environ.get("PAGES_SEED", random.randrange(10**6)))
    print(f"PAGES_SEED={seed}")
    return random.Random(seed)
