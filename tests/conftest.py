"""What tests share: a warehouse in a folder of its own, and whole runs as users start them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.settings import PROJECT_ROOT, Settings, load_settings

INPUTS = PROJECT_ROOT.parent / "shared" / "inputs"
PERFWH = Path(sys.executable).parent / "perfwh"


@pytest.fixture(autouse=True, scope="session")
def _own_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings of the machine's, a key for the pseudonyms, and Dagster's folder out of the way."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PERFWH_")]:
            patch.delenv(name)
        patch.setenv("PERFWH_PSEUDONYM_KEY", "a key for tests")
        patch.setenv("PERFWH_TOMBSTONE_KEY_FILE", str(tmp_path_factory.mktemp("keys") / "tombstone.key"))
        patch.setenv("PERFWH_CONFIG", str(tmp_path_factory.mktemp("config") / "none.toml"))
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster")))
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "landing").mkdir()
    return load_settings(landing=tmp_path / "landing", warehouse=tmp_path / "warehouse", settle_seconds=0)


@dataclass
class Outcome:
    """A run of `perfwh run` in a process of its own."""

    code: int
    stdout: str
    stderr: str
    landing: Path
    warehouse: Path

    @property
    def said(self) -> str:
        return self.stdout + self.stderr

    @property
    def published(self) -> Path:
        return self.warehouse / "published"

    def query(self, sql: str, database: str = "performance") -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.published / f"{database}.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()

    def one(self, sql: str, database: str = "performance") -> Any:
        rows = self.query(sql, database)
        assert len(rows) == 1, rows
        return rows[0][0] if len(rows[0]) == 1 else rows[0]

    def manifest(self) -> dict[str, Any]:
        return json.loads((self.published / "manifest.json").read_text())


def perfwh(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PERFWH, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def run_warehouse(landing: Path, warehouse: Path, *options: str, **environment: str) -> Outcome:
    environment = {"PERFWH_SETTLE_SECONDS": "0", **environment}
    done = perfwh("run", "--landing", landing, "--warehouse", warehouse, *options, **environment)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-4000:]
    return Outcome(done.returncode, done.stdout, done.stderr, landing, warehouse)


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Outcome]:
    """Publishes files of a third-party set, once; skips where the folder is missing."""
    published: dict[str, Outcome] = {}

    def publish(name: str, files: tuple[str, ...], **environment: str) -> Outcome:
        if not INPUTS.is_dir():
            pytest.skip(f"the third-party inputs are not here ({INPUTS})")
        if name in published:
            return published[name]
        folder = tmp_path_factory.mktemp(name.replace("/", "-"))
        landing = folder / "landing"
        landing.mkdir()
        for file in files:
            shutil.copy(INPUTS / name / file, landing / file)
        outcome = run_warehouse(landing, folder / "warehouse", **environment)
        assert outcome.code == 0, outcome.said
        published[name] = outcome
        return outcome

    return publish


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The published warehouse of a small sample company."""
    folder = tmp_path_factory.mktemp("sample")
    made = perfwh("sample", "--employees", "200", "--months", "14", "--seed", "7", "--out", folder / "landing")
    assert made.returncode == 0, made.stderr
    outcome = run_warehouse(folder / "landing", folder / "warehouse")
    assert outcome.code == 0, outcome.said
    return outcome
