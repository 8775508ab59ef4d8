"""One run: the folder in which its steps leave what they found for each other, for publishing and for `status`.

runs/<run id>/   inbox.json, loads/<entity>.json, checks/<asset>.json, outcome.json     kept: counts, no rows
build/           the database that the run builds aside; gone when the run ends
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.runner import CheckResult
from pipelines.errors import RefusedFile
from pipelines.files import PRIVATE_FOLDER, remove_drafts, whole_file
from pipelines.identifiers import of_addresses
from pipelines.landing import LandedFile, list_files
from pipelines.loads import Load
from pipelines.locking import build_lock
from pipelines.profiles import Profile, load_profiles
from pipelines.recognising import Recognised
from pipelines.settings import Settings

_KEPT_RUNS = 50


def build_database(settings: Settings) -> Path:
    """The database built aside: one path for all runs, since dbt parses everything again when it changes."""
    return settings.warehouse / "build" / "build.duckdb"


def clear(settings: Settings) -> None:
    """Removes the build, the work files, and what a run that was killed left half-made."""
    warehouse = settings.warehouse
    # A dbt that has outlived its run is about to end; until then it may write.
    with build_lock(build_database(settings)):
        for path in (warehouse / "build", warehouse / "work"):
            shutil.rmtree(path, ignore_errors=True)
    for room in (warehouse, warehouse / "raw", warehouse / "validated", warehouse / "versions"):
        remove_drafts(room)


@dataclass(frozen=True)
class Run:
    """The state of one run; `run_id` is Dagster's."""

    settings: Settings
    run_id: str

    @property
    def folder(self) -> Path:
        return self.settings.warehouse / "runs" / self.run_id

    @property
    def database(self) -> Path:
        return build_database(self.settings)

    def begin(self) -> None:
        """Makes the folders that the steps write into, and lets go of those of runs long ago."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        self.database.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        earlier = sorted(self.folder.parent.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in earlier[:-_KEPT_RUNS]:
            shutil.rmtree(path, ignore_errors=True)

    def write(self, name: str, content: Any) -> None:
        whole_file(self.folder / f"{name}.json", json.dumps(content, indent=1, default=str))

    def has(self, name: str) -> bool:
        return (self.folder / f"{name}.json").exists()

    def read(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    def write_inbox(self, found: Iterable[Recognised]) -> None:
        """Writes down which files the run is made of, each by its name as everybody may read it."""
        names = of_addresses(self.settings)
        self.write(
            "inbox",
            [
                {
                    "name": names.keyed(one.file.name),
                    "sha256": one.file.sha256,
                    "size": one.file.size,
                    "changed_ns": one.file.changed_ns,
                    "profile": one.profile.profile if one.profile else None,
                    "refusal": one.refusal
                    and [one.refusal.code, names.keyed_sentence(one.refusal.message, [one.file.name])],
                }
                for one in found
            ],
        )

    def inbox(self, profiles: dict[str, Profile], entity: str | None = None) -> list[Recognised]:
        """The files of the landing zone, of one entity where one is named (`unknown`: of none)."""
        inbox = self.read("inbox")
        is_called_so = all((self.settings.landing / one["name"]).exists() for one in inbox)
        names = {} if is_called_so else self.file_names()
        found = []
        for one in inbox:
            name = names.get(one["name"], one["name"])
            path = self.settings.landing / name
            found.append(
                Recognised(
                    LandedFile(path, name, one["sha256"], one["size"], one["changed_ns"]),
                    profiles.get(one["profile"]),
                    RefusedFile(*one["refusal"]) if one["refusal"] else None,
                )
            )
        return [one for one in found if entity in (None, one.profile.entity if one.profile else "unknown")]

    def file_names(self) -> dict[str, str]:
        """The files of the landing zone that are written in the keyed form: keyed → as they are called there."""
        names = of_addresses(self.settings)
        called = (path.relative_to(self.settings.landing).as_posix() for path in list_files(self.settings.landing))
        return {keyed: name for name, keyed in names.keyed_where_different(called).items()}

    def write_loads(self, part: str, loads: Iterable[Load]) -> None:
        names = of_addresses(self.settings)
        self.write(f"loads/{part}", [load.written(names).as_dict() for load in loads])

    def loads(self, part: str = "*") -> list[Load]:
        """What became of the files, in order of their names as everybody may read them."""
        found = [Load(**one) for path in self.folder.glob(f"loads/{part}.json") for one in json.loads(path.read_text())]
        return sorted(found, key=lambda load: load.file_name)

    def write_checks(self, part: str, checks: Iterable[CheckResult]) -> None:
        self.write(f"checks/{part}", [check.as_dict() for check in checks])

    def checks(self) -> list[CheckResult]:
        found = [
            CheckResult(**one)
            for path in sorted(self.folder.glob("checks/*.json"))
            for one in json.loads(path.read_text())
        ]
        return sorted(found, key=lambda check: (check.asset, check.check_name))


def last_runs(settings: Settings, most: int) -> list[Run]:
    """The last runs that have judged anything, the oldest first."""
    folders = sorted((settings.warehouse / "runs").glob("*/inbox.json"), key=lambda path: path.stat().st_mtime)
    return [Run(settings, one.parent.name) for one in folders[-most:]]


def last_run(settings: Settings) -> Run | None:
    """The run that began last, published or not."""
    return next(iter(last_runs(settings, 1)), None)


def profiles_in_use(settings: Settings) -> dict[str, Profile]:
    """The source profiles of the last run's files; all of them where there was none."""
    profiles, run = load_profiles(settings.profiles), last_run(settings)
    in_use = {one["profile"] for one in run.read("inbox")} if run else set(profiles)
    return {name: profile for name, profile in profiles.items() if name in in_use}
