"""Pages for people without Dagster: data quality with its trends, the rules in words, and dbt's pages of the models.

Names of files, columns and rules, and counts; nothing that stands in a row. They are files in `pages/` of the
warehouse, which any web server can show.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from expectations import SUITES
from expectations.rules import Rule
from expectations.runner import CheckResult
from expectations.suites import set_rules
from pipelines import lineage
from pipelines.entities import ENTITIES
from pipelines.files import whole_file
from pipelines.models import descriptions_of, disclosure_declarations, manifest_path, parsed_project
from pipelines.profiles import Profile
from pipelines.settings import DBT_PROJECT, Settings

DATA_QUALITY, RULES, COLUMNS, MODELS = "data_quality.html", "rules.html", "columns.html", "models.html"
# From what is read to where it comes from.
_LAYERS = ("marts", "restricted", "disclosure", "history", "staging", "validated")


def folder_of(settings: Settings) -> Path:
    """Where the pages of a warehouse are."""
    return settings.warehouse / "pages"


def write(settings: Settings, found: Mapping[str, Any], earlier: Iterable[Iterable[CheckResult]]) -> Path:
    """Writes the pages that follow a run: data quality and rules.

    Args:
        settings: the configuration in force.
        found: what `reporting.status` tells.
        earlier: the checks of the last runs, the oldest first, this one among them.

    Returns:
        The page on data quality.
    """
    folder = folder_of(settings)
    write_data_quality(found, earlier, folder / DATA_QUALITY)
    _render("rules.html.j2", folder / RULES, entities=_rules(settings), limit=settings.quarantine_limit)
    _render("index.html.j2", folder / "index.html")
    return folder / DATA_QUALITY


def write_data_quality(found: Mapping[str, Any], earlier: Iterable[Iterable[CheckResult]], target: Path) -> None:
    """Writes the page on the data of the last run to a file; an older one is replaced in one step."""
    last = found["last_run"] or {"checks": [], "loads": [], "quarantine": [], "run_id": None, "published": False}
    checks = sorted(last["checks"], key=lambda check: (check["asset"], check["passed"], check["check_name"]))
    trends: dict[tuple[str, str], list[tuple[int, bool]]] = {}
    runs = 0
    for of_run in earlier:
        runs += 1
        for check in of_run:
            trends.setdefault((check.asset, check.check_name), []).append((check.failing_rows, check.passed))
    _render(
        "data_quality.html.j2",
        target,
        published=found["published"],
        last=last,
        failed=[check for check in checks if not check["passed"]],
        by_asset=[(asset, list(of)) for asset, of in groupby(checks, key=lambda check: check["asset"])],
        trends=trends,
        runs=runs,
    )


def write_columns(settings: Settings, profiles: Iterable[Profile]) -> Path:
    """Writes the page on columns: what each is made of, step by step, down to the columns of exports.

    Args:
        settings: the configuration in force.
        profiles: of the exports that are named.
    """
    steps = lineage.all_steps(lineage.prepared(settings), profiles)
    ends = lineage.all_ends(steps)
    definitions = descriptions_of(json.loads(manifest_path().read_text()))
    tables: dict[str, list[dict[str, Any]]] = {}
    for column in steps:
        table, _, name = column.rpartition(".")
        tables.setdefault(table, []).append(
            {
                "name": name,
                "definition": definitions.get(table.partition(".")[2], {}).get(name, "")
                if not table.startswith("validated.")
                else _definition(table.partition(".")[2], name),
                "made_of": [one for one in steps[column] if one in steps],
                "ends": sorted(one.strip("'") for one in ends[column]),
            }
        )
    by_layer = [(layer, {name: of for name, of in tables.items() if name.startswith(f"{layer}.")}) for layer in _LAYERS]
    rests_on = {f"marts.{mart}": words for mart, words in disclosure_declarations().items()}
    _render("columns.html.j2", folder_of(settings) / COLUMNS, layers=by_layer, rests_on=rests_on)
    return folder_of(settings) / COLUMNS


def _definition(entity: str, column: str) -> str:
    known = ENTITIES[entity].by_name if entity in ENTITIES else {}
    return known[column].description if column in known else ""


def write_models(settings: Settings) -> Path:
    """Writes dbt's pages of the models, one file; takes some seconds, as dbt makes them.

    Raises:
        RuntimeError: dbt could not make them.
    """
    from dbt.cli.main import dbtRunner

    target = folder_of(settings) / MODELS
    here = str(DBT_PROJECT)
    # Columns and their types are in the contracts; nothing is asked of a database, which may hold people.
    how = ["--static", "--no-compile", "--empty-catalog"]
    with TemporaryDirectory() as made:
        for artefact in ("manifest.json", "partial_parse.msgpack"):
            shutil.copy(parsed_project() / artefact, made)
        where = ["--project-dir", here, "--profiles-dir", here, "--target-path", made, "--log-path", made]
        outcome = dbtRunner().invoke(["--quiet", "docs", "generate", *where, *how])
        if not outcome.success:
            raise RuntimeError("dbt cannot make the pages of the models") from outcome.exception
        whole_file(target, (Path(made) / "static_index.html").read_text(encoding="utf-8"))
    return target


def serve(settings: Settings, port: int) -> None:
    """Shows the pages to this machine until it is interrupted."""
    import contextlib
    import functools
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Dagster's lines are beside them in the terminal."""

    shown = functools.partial(Quiet, directory=str(folder_of(settings)))
    with ThreadingHTTPServer(("127.0.0.1", port), shown) as server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


def _rules(settings: Settings) -> list[dict[str, Any]]:
    return [
        {
            "name": entity.name,
            "grain": entity.grain,
            "rules": [
                {
                    "name": rule.name,
                    "column": rule.column,
                    "reason": rule.reason,
                    "severity": rule.severity,
                    "outcome": _outcome(rule),
                }
                for rule in (*SUITES[entity.name], *set_rules(entity.name, settings.headcount_fall_limit))
            ],
        }
        for entity in ENTITIES.values()
    ]


def _outcome(rule: Rule) -> str:
    if rule.severity != "critical":
        return "it is told of"
    return "the row is kept back" if rule.judges_rows else "nothing is published"


def _render(template: str, target: Path, **given: Any) -> None:
    import jinja2

    here = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    whole_file(target, here.get_template(template).render(**given))
