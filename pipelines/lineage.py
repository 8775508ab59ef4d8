"""Column lineage: which columns of the exports a published column is made of, read off dbt's compiled models.

A column is made of the columns in its expression. A count of rows has none: it is made of the columns by which its rows
are told apart and chosen (groups, joins, conditions). A column without either is a constant. Models in Python say
what they are made of in their yml (`made_from`), since nobody can read it off them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pipelines.building import VALIDATED
from pipelines.disclosure import ledger
from pipelines.entities import ENTITIES
from pipelines.errors import UserError
from pipelines.files import whole_file
from pipelines.models import manifest_path, project_digest
from pipelines.profiles import LOOKUP, Profile
from pipelines.settings import DBT_PROJECT, Settings

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

# "schema.table.column", or what stands in quotes for a constant.
Origin = str
# Table → column → what it is made of.
Lineage = dict[str, dict[str, list[Origin]]]

# Made by building.py beside the validated rows.
_MADE_BESIDE = {
    f"{VALIDATED}.person_pseudonyms": {
        name: [f"{VALIDATED}.employees.employee_id", f"{VALIDATED}.employees.manager_id"]
        for name in ("person_id", "pseudonym")
    }
}
_MARKS = ("delivery_number", "line_number")
_COUNTED = "'a row of numbers'"
# What readers have already: the same columns, of the version before.
_EARLIER = "earlier"


def column_lineage(manifest: Mapping[str, Any]) -> Lineage:
    """What each column of each model is made of, one step back.

    Args:
        manifest: dbt's, with compiled code.

    Raises:
        ValueError: a model cannot be understood; its name is in the message.
    """
    from sqlglot.errors import SqlglotError

    nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    columns: dict[str, dict[str, dict[str, str]]] = {
        VALIDATED: {
            **{name: dict.fromkeys([*entity.by_name, *_MARKS], "text") for name, entity in ENTITIES.items()},
            **{name.split(".")[1]: dict.fromkeys(made, "text") for name, made in _MADE_BESIDE.items()},
        }
    }
    for node in nodes.values():
        if node["name"] in ledger.MARTS:
            columns.setdefault(_EARLIER, {})[node["name"]] = dict.fromkeys(["ledger_state", *node["columns"]], "text")
    for name, of_table in ledger.TABLES.items():
        columns.setdefault(_EARLIER, {})[f"ledger_{name}"] = dict.fromkeys(of_table, "text")
    lineage: Lineage = {name: dict(made) for name, made in _MADE_BESIDE.items()}
    for key in _in_order(nodes):
        node = nodes[key]
        table = f"{node['schema']}.{node['name']}"
        try:
            made = _of_python(node) if node["language"] == "python" else _of_sql(node["compiled_code"], columns)
        except (SqlglotError, LookupError) as error:
            raise ValueError(f"{table}: its lineage cannot be read off ({error})") from error
        lineage[table] = {name: sorted(origins) for name, origins in made.items()}
        columns.setdefault(node["schema"], {})[node["name"]] = dict.fromkeys(made, "text")
    return lineage


def _in_order(nodes: Mapping[str, Any]) -> Iterator[str]:
    done: dict[str, None] = {}

    def add(key: str) -> None:
        for parent in nodes[key]["depends_on"]["nodes"]:
            if parent in nodes and parent not in done:
                add(parent)
        done[key] = None

    for key in nodes:
        if key not in done:
            add(key)
    yield from done


def _of_python(node: Mapping[str, Any]) -> dict[str, set[Origin]]:
    made_from = set(node["config"]["meta"]["made_from"])
    return {name: made_from for name in node["columns"]}


def _of_sql(code: str, columns: Mapping[str, Any]) -> dict[str, set[Origin]]:
    import sqlglot
    from sqlglot import exp
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    tree = sqlglot.parse_one(code, read="duckdb")
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
    qualified = qualify(tree, schema=dict(columns), dialect="duckdb", identify=False)
    scope = build_scope(qualified)
    if scope is None:
        raise LookupError("no query")
    search = _Search(columns)
    return {name: search.of(scope, name) for name in qualified.named_selects}


class _Search:
    """Follows columns through the scopes of one query; each is looked at once."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns = columns
        self.known: dict[tuple[int, str], set[Origin]] = {}

    def of(self, scope: Scope, name: str) -> set[Origin]:
        """What a column of a scope is made of."""
        key = (id(scope), name)
        if key not in self.known:
            self.known[key] = set()  # where a query refers to itself
            self.known[key] = self._of(scope, name)
        return self.known[key]

    def _of(self, scope: Scope, name: str) -> set[Origin]:
        if scope.set_operation_scopes:
            place = scope.expression.named_selects.index(name)
            return set().union(
                *(self.of(one, one.expression.named_selects[place]) for one in scope.set_operation_scopes)
            )
        for select in scope.expression.selects:
            if select.alias_or_name == name:
                return self._of_expression(scope, select) or self._of_rows(scope, select)
        raise LookupError(name)

    def _of_expression(self, scope: Scope, expression: exp.Expression) -> set[Origin]:
        from sqlglot import exp

        inner = {id(one.expression): one for one in scope.subquery_scopes}
        found: set[Origin] = set()
        within: set[int] = set()
        for query in expression.find_all(exp.Query):
            if one := inner.get(id(query)):
                within |= {id(node) for node in query.walk()}
                for name in query.named_selects:
                    found |= self.of(one, name)
        for column in expression.find_all(exp.Column):
            if id(column) not in within:
                found |= self._of_column(scope, column)
        return found

    def _of_column(self, scope: Scope, column: exp.Column) -> set[Origin]:
        from sqlglot import exp

        source = scope.sources.get(column.table)
        if source is None:
            return self._of_column(scope.parent, column) if scope.parent else set()
        if isinstance(source, exp.Table):
            # What a function gives has no schema.
            return {f"{source.db}.{source.name}.{column.name}"} if source.db else {_COUNTED}
        return self.of(source, column.name) if source.expression.named_selects else {_COUNTED}

    def _of_rows(self, scope: Scope, select: exp.Expression) -> set[Origin]:
        """Of a count of rows, by what they are told apart; of anything else that names no column, its text."""
        from sqlglot import exp

        if not select.find(exp.AggFunc):
            return {f"'{select.unalias().sql('duckdb')}'"}
        query = scope.expression
        by = [query.args.get("group"), query.args.get("where"), *(query.args.get("joins") or [])]
        found = set().union(*(self._of_expression(scope, one) for one in by if one))
        for source in () if found else scope.sources.values():
            if isinstance(source, exp.Table):
                # The first column of a table is of its key.
                first = next(iter(self.columns[source.db][source.name])) if source.db else ""
                found.add(f"{source.db}.{source.name}.{first}" if first else _COUNTED)
            else:
                found |= self.of(source, source.expression.named_selects[0])
        return found


def prepared(settings: Settings, manifest: Mapping[str, Any] | None = None) -> Lineage:
    """The lineage of the project as it stands; worked out once for a state of it.

    Args:
        settings: which shape the models.
        manifest: of a build with them; without it, dbt compiles the project, which takes ten seconds.
    """
    told = json.dumps(settings.dbt_vars(), sort_keys=True)
    digest = hashlib.sha256((project_digest() + Path(__file__).read_text() + told).encode()).hexdigest()
    file = DBT_PROJECT / "target" / "lineage" / f"{digest[:20]}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        whole_file(file, json.dumps(column_lineage(manifest or _compiled(told)), indent=1))
    found: Lineage = json.loads(file.read_text())
    return found


def _compiled(variables: str) -> dict[str, Any]:
    from dbt.cli.main import dbtRunner

    with TemporaryDirectory() as folder:
        where = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--log-path", folder]
        told = json.dumps({**json.loads(variables), "build_database": f"{folder}/build.duckdb"})
        outcome = dbtRunner().invoke(["--quiet", "compile", *where, "--target-path", folder, "--vars", told])
        if not outcome.success:
            raise RuntimeError(f"dbt cannot compile {DBT_PROJECT}") from outcome.exception
        manifest: dict[str, Any] = json.loads((Path(folder) / "manifest.json").read_text())
        return manifest


@dataclass(frozen=True)
class Way:
    """A column and what it is made of.

    column: "schema.table.column", a constant, or a column of an export.
    made_of: empty for constants and exports.
    is_repeated: it has been told before, on the way to the same column.
    """

    column: str
    made_of: list[Way] = field(default_factory=list)
    is_repeated: bool = False

    @cached_property
    def ends(self) -> set[str]:
        """Where the way ends: constants and exports, in quotes."""
        if not self.made_of:
            return set() if self.is_repeated else {self.column}
        return set().union(*(one.ends for one in self.made_of))


def way(lineage: Lineage, column: str, profiles: Iterable[Profile]) -> Way:
    """The way from a column to the columns of the exports.

    Args:
        lineage: of all models.
        column: "schema.table.column".
        profiles: of the exports to be named.
    """
    exports = _exports(profiles)
    told: set[str] = set()

    def follow(one: Origin) -> Way:
        table, _, name = one.rpartition(".")
        steps = [] if one.startswith("'") else lineage.get(table, {}).get(name) or exports.get(one, [])
        # A version before is made as this one is.
        steps = [step for step in steps if not step.startswith(f"{_EARLIER}.")]
        if one in told and steps:
            return Way(one, [], True)
        told.add(one)
        return Way(one, [follow(step) for step in steps])

    return follow(column)


def all_steps(lineage: Lineage, profiles: Iterable[Profile]) -> dict[str, list[Origin]]:
    """What each column is made of, one step back, from the marts to the columns of the exports (in quotes)."""
    steps = {f"{table}.{name}": made for table, columns in lineage.items() for name, made in columns.items()}
    # A version before is made as this one is.
    steps = {name: [one for one in made if not one.startswith(f"{_EARLIER}.")] for name, made in steps.items()}
    return {**steps, **_exports(profiles)}


def all_ends(steps: Mapping[str, Sequence[Origin]]) -> dict[str, set[Origin]]:
    """Where the way of each column ends: columns of exports and constants."""
    ends: dict[str, set[Origin]] = {}

    def of(one: str) -> set[Origin]:
        if one not in ends:
            ends[one] = {one} if one not in steps else set().union(*(of(step) for step in steps[one]))
        return ends[one]

    return {name: of(name) for name in steps}


def headers_of(profiles: Iterable[Profile], entity: str) -> dict[str, list[str]]:
    """Column of an entity → the headers of some profiles' exports that it is read from."""
    found: dict[str, list[str]] = {}
    for profile in profiles:
        if profile.entity == entity:
            for name, source in profile.columns.items():
                found.setdefault(name, []).extend((*source.sources, *source.join))
            if profile.answers:
                # Headers that a pattern matches are told by it.
                headers = list(profile.answers.columns) or [profile.answers.pattern or "every other column"]
                found.setdefault(profile.answers.into[1], []).extend(headers)
    return {name: list(dict.fromkeys(headers)) for name, headers in found.items() if headers}


def _exports(profiles: Iterable[Profile]) -> dict[str, list[str]]:
    """Column of a validated table → the columns of exports that it is read from, in quotes, as they end the way."""
    found: dict[str, list[str]] = {
        f"{VALIDATED}.{entity}.{mark}": [f"'where the row stands: {mark}'"] for entity in ENTITIES for mark in _MARKS
    }
    for entity in ENTITIES.values():
        for column in entity.by_name:
            found[f"{VALIDATED}.{entity.name}.{column}"] = [f"'canonical layout: {entity.name}/*.csv: {column}'"]
    for profile in profiles:
        if profile.entity == LOOKUP or profile.is_canonical:
            continue
        for column, headers in _headers(profile).items():
            told = found[f"{VALIDATED}.{profile.entity}.{column}"]
            told.append(f"'{profile.profile}: {', '.join(profile.files)}: {headers}'")
    return found


def _headers(profile: Profile) -> dict[str, str]:
    """Column → the headers that it is read from, or what else it is made of."""
    found: dict[str, str] = {}
    for name, source in profile.columns.items():
        if source.sources:
            found[name] = " | ".join(source.sources)
        elif source.join:
            found[name] = " + ".join(source.join)
        else:
            found[name] = next(
                f"{kind} {told}"
                for kind, told in (
                    ("constant", source.constant),
                    ("lookup", source.lookup),
                    ("file name", source.file_name),
                    ("above the header", source.above_header),
                    ("line", str(source.line)),
                )
                if told is not None
            )
    if profile.answers:
        item, value = profile.answers.into
        names = " | ".join(profile.answers.columns) or profile.answers.pattern or "every other header"
        found |= {item: f"names of {names}", value: names}
    if profile.intervals:
        found |= {"hire_date": profile.intervals.valid_from, "effective_on": profile.intervals.valid_from}
        found |= {"last_day": profile.intervals.valid_to}
    return found


def described(column: str) -> str:
    """The definition of a column of a model."""
    manifest = json.loads(manifest_path().read_text())
    table, _, name = column.rpartition(".")
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and f"{node['schema']}.{node['name']}" == table:
            return str(node["columns"].get(name, {}).get("description", "")).strip()
    return ""


def find(lineage: Lineage, asked: str) -> str:
    """The full name of a column that was asked for as TABLE.COLUMN or SCHEMA.TABLE.COLUMN.

    Raises:
        UserError: there is no such table or column.
    """
    table, _, column = asked.rpartition(".")
    tables = [name for name in lineage if table in (name, name.partition(".")[2])]
    if not tables:
        known = ", ".join(sorted(name.partition(".")[2] for name in lineage if name.startswith("marts.")))
        raise UserError(f"{asked}: no such table; give MART.COLUMN, with one of {known}")
    if column not in lineage[tables[0]]:
        raise UserError(f"{asked}: {table} has no such column; it has {', '.join(lineage[tables[0]])}")
    return f"{tables[0]}.{column}"
