"""The models without the pipeline around them: dbt's compiled SQL, run on rows given by a test.

A company of a test is a dict: entity → rows, each a dict of canonical columns with values as text (None or missing:
null). Building one takes a second, where a whole run takes half a minute; whole runs have tests of their own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

from pipelines import building
from pipelines.database import connect
from pipelines.disclosure import ledger
from pipelines.entities import ENTITIES, SQL_TYPES
from pipelines.models import types_of_marts
from pipelines.profiles import load_profiles
from pipelines.pseudonyms import pseudonyms
from pipelines.runs import clear, last_run
from pipelines.settings import DBT_PROJECT, Settings

Company = Mapping[str, Iterable[Mapping[str, Any]]]
KEY = b"a key for tests"


@dataclass(frozen=True)
class Model:
    """A model as dbt compiled it, to SQL or to Python; `parents` are the models that it reads, `types` its columns'."""

    schema: str
    name: str
    code: str
    parents: tuple[str, ...]
    language: str
    types: Mapping[str, str]

    @property
    def table(self) -> str:
        return f'build."{self.schema}"."{self.name}"'


def settings_of(**options: Any) -> Settings:
    return Settings(**{"landing": Path("landing"), "warehouse": Path("warehouse"), **options})


@cache
def _compiled(variables: str) -> tuple[Model, ...]:
    from dbt.cli.main import dbtRunner

    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        told = {**json.loads(variables), "build_database": f"{folder}/build.duckdb"}
        here = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
        where = [*here, "--target-path", folder, "--log-path", folder, "--vars", json.dumps(told)]
        outcome = dbtRunner().invoke(["--quiet", "compile", *where])
        assert outcome.success, outcome.exception
        manifest = json.loads(Path(folder, "manifest.json").read_text())
    nodes, types = manifest["nodes"], types_of_marts(manifest)
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    ordered: dict[str, Model] = {}

    def add(key: str) -> None:
        if key in ordered:
            return
        parents = [parent for parent in models[key]["depends_on"]["nodes"] if parent in models]
        for parent in parents:
            add(parent)
        node = models[key]
        names = tuple(models[parent]["name"] for parent in parents)
        mine = types.get(node["name"], {})
        ordered[key] = Model(node["schema"], node["name"], node["compiled_code"], names, node["language"], mine)

    for key in models:
        add(key)
    return tuple(ordered.values())


def compiled(**options: Any) -> tuple[Model, ...]:
    """The models in the order in which they can be built, for settings other than the default ones."""
    return _compiled(json.dumps(settings_of(**options).dbt_vars(), sort_keys=True))


def open_settings(**options: Any) -> Settings:
    """Settings under which one person is enough for a figure, which the product refuses: every figure can be compared."""
    everything = {"minimum_group": 1, "minimum_groups": {}, "minimum_perspective": 1, "unanimity": "show"}
    checked = settings_of(**{name: value for name, value in options.items() if name not in everything})
    return checked.model_copy(update={**everything, **options})


def compiled_open(**options: Any) -> tuple[Model, ...]:
    """The models under `open_settings`."""
    return _compiled(json.dumps(open_settings(**options).dbt_vars(), sort_keys=True))


class Warehouse:
    """An in-memory build database that companies can be built in, one after the other."""

    def __init__(self, models: Iterable[Model]) -> None:
        self.models = {model.name: model for model in models}
        self.con = duckdb.connect(config={"threads": 1, "preserve_insertion_order": False})
        self.con.execute("attach ':memory:' as build")
        for schema in {"validated", *(model.schema for model in self.models.values())}:
            self.con.execute(f'create schema build."{schema}"')
        self.con.execute("create schema build.earlier")
        self._folder = TemporaryDirectory(ignore_cleanup_errors=True)
        self.forget()

    def forget(self) -> None:
        """Readers have seen nothing yet."""
        shutil.rmtree(self.home / ledger.FOLDER, ignore_errors=True)
        self.remember()

    def release(self) -> None:
        """Readers see what was built last: the ledger records it, and the next build is made beside it."""
        number = ledger.next_number(self.home)
        folder = self.home / ledger.FOLDER / f"{number:06d}"
        folder.mkdir(parents=True)
        ledger.write(self.con, "build", folder, number * 1_000_000)
        self.remember()

    def remember(self) -> None:
        """Gives the build what the ledger holds."""
        self.con.execute("use build")
        types = {name: model.types for name, model in self.models.items() if model.types}
        ledger.add_to_build(self.con, self.home, KEY.hex().ljust(64, "0")[:64], types)

    @property
    def home(self) -> Path:
        """Where the ledger is."""
        return Path(self._folder.name)

    def load(self, company: Company) -> None:
        """Makes the source tables of a company."""
        people: set[str] = set()
        for name, entity in ENTITIES.items():
            rows = [dict(row) for row in company.get(name, ())]
            unknown = {column for row in rows for column in row} - set(entity.by_name)
            assert not unknown, f"{name} has no {unknown}"
            arrow = pa.table(
                {
                    **{
                        column.name: pa.array([_text(row.get(column.name)) for row in rows], "string")
                        for column in entity.columns
                    },
                    "line_number": pa.array(range(2, len(rows) + 2), "int64"),
                }
            )
            typed = ", ".join(
                f'cast("{column.name}" as {SQL_TYPES[column.type]}) as "{column.name}"' for column in entity.columns
            )
            self.con.register("given", arrow)
            self.con.execute(
                f'create or replace table build.validated."{name}" as '
                f"select {typed}, 1 as delivery_number, line_number from given"
            )
            self.con.unregister("given")
            if name == "employees":
                people |= {row[key] for row in rows for key in ("employee_id", "manager_id") if row.get(key)}
        self.name_people(sorted(people))

    def load_run(self, settings: Settings) -> None:
        """Makes the source tables of what the last run of a warehouse had validated."""
        run = last_run(settings)
        assert run
        profiles = load_profiles(settings.profiles)
        run.begin()
        for entity in ENTITIES.values():
            building.add_entity(run, entity, run.loads(entity.name), profiles)
        building.add_pseudonyms(run)
        with connect(settings, run.database, read_only=True) as con:
            for name in (*ENTITIES, "person_pseudonyms"):
                self.con.register("given", con.execute(f'select * from validated."{name}"').to_arrow_table())
                self.con.execute(f'create or replace table build.validated."{name}" as select * from given')
                self.con.unregister("given")
        clear(settings)

    def name_people(self, people: list[str]) -> None:
        named = pa.table(
            {"person_id": pa.array(people, "string"), "pseudonym": pa.array(pseudonyms(people, KEY), "string")}
        )
        self.con.register("named", named)
        self.con.execute("create or replace table build.validated.person_pseudonyms as select * from named")
        self.con.unregister("named")

    def build(self, only: Iterable[str] | None = None, instead: Mapping[str, str] | None = None) -> None:
        """Builds all models, or only some; `instead` gives some of them other SQL."""
        wanted = None if only is None else set(only)
        for model in self.models.values():
            if wanted is None or model.name in wanted:
                if model.language == "python":
                    self._run(model)
                else:
                    self.con.execute(
                        f"create or replace table {model.table} as {(instead or {}).get(model.name, model.code)}"
                    )

    def _run(self, model: Model) -> None:
        """A model in Python, as dbt runs it."""
        module: dict[str, Any] = {}
        exec(model.code, module)
        found = module["model"](module["dbtObj"](lambda name: self.con.query(f"select * from {name}")), self.con)
        self.con.register("found", found)
        self.con.execute(f"create or replace table {model.table} as select * from found")
        self.con.unregister("found")

    @staticmethod
    def descendants_in(models: Mapping[str, Model], name: str) -> list[str]:
        """The models that follow from one, itself first, in the order in which they can be built."""
        found = [name]
        for model in models.values():
            if set(model.parents) & set(found):
                found.append(model.name)
        return found

    def descendants(self, name: str) -> list[str]:
        return self.descendants_in(self.models, name)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query, in which schemas stand without the database."""
        self.con.execute("use build")
        return self.con.execute(sql).fetchall()

    def rows(self, name: str) -> list[dict[str, Any]]:
        found = self.con.execute(f"select * from {self.models[name].table}")
        columns = [column[0] for column in found.description]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]

    def give(self, company: Company) -> Warehouse:
        self.load(company)
        self.build()
        return self


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
