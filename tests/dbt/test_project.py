"""The dbt project: its unit tests, and that nothing of one engine's own stands in a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlglot
import yaml
from sqlglot import exp

from pipelines import building
from pipelines.database import connect
from pipelines.disclosure import ledger
from pipelines.entities import ENTITIES
from pipelines.marts import MARTS, RESTRICTED_TABLES
from pipelines.models import asked, manifest_path, types_of_marts
from pipelines.runs import Run
from pipelines.settings import DBT_PROJECT, load_settings

pytestmark = pytest.mark.xdist_group("dbt")

# What only DuckDB reads, or reads otherwise than others. Dispatched macros may bring it into compiled SQL.
ENGINE_ONLY = {
    "generate_series", "range", "unnest", "list", "list_value", "struct_pack", "arg_max", "arg_min", "strftime", "strptime",
    "regexp_full_match", "regexp_matches", "dayofweek", "date_diff", "datediff", "epoch", "list_aggregate", "any_value",
    "approx_count_distinct", "hash", "md5", "try_strptime", "to_days", "array_agg", "first", "last", "quantile_cont",
}  # fmt: skip
FROM_MACROS = {"generate_series", "regexp_full_match", "array_agg", "md5"}


@pytest.fixture(scope="module")
def manifest():
    return json.loads(manifest_path().read_text())


def models(manifest):
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


@pytest.fixture(scope="module")
def empty_build(tmp_path_factory):
    """The project built without a single export: everything is there, and empty."""
    from dbt.cli.main import dbtRunner

    folder = tmp_path_factory.mktemp("empty")
    (folder / "landing").mkdir()
    settings = load_settings(landing=folder / "landing", warehouse=folder / "warehouse")
    run = Run(settings, "empty")
    run.begin()
    run.write_inbox([])
    for entity in ENTITIES.values():
        building.add_entity(run, entity, [], {})
    building.add_pseudonyms(run)
    with connect(settings, run.database) as con:
        ledger.add_to_build(con, None, "00" * 32, types_of_marts(json.loads(manifest_path().read_text())))
    common = [
        "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--target-path", str(folder / "target"),
        "--log-path", str(folder), "--vars", json.dumps({**settings.dbt_vars(), "build_database": str(run.database)}),
    ]  # fmt: skip
    dbt = dbtRunner()
    built = dbt.invoke(["--quiet", "build", "--exclude-resource-type", "unit_test", *common])
    assert built.success, built.exception
    return dbt, common, folder


def test_without_any_export_all_marts_are_built_and_empty(empty_build):
    import duckdb

    _, _, folder = empty_build
    with duckdb.connect(str(folder / "warehouse" / "build" / "build.duckdb"), read_only=True) as con:
        for mart in MARTS:
            assert con.execute(f"select count(*) from marts.{mart}").fetchone() == (0,)


def test_unit_tests_of_the_models(empty_build):
    dbt, common, _ = empty_build
    outcome = dbt.invoke(["--quiet", "test", "--select", "test_type:unit", *common])
    results = {result.node.name: (result.status.value, result.message) for result in outcome.result.results}
    assert len(results) >= 9
    assert {name: result for name, result in results.items() if result[0] != "pass"} == {}


def test_no_model_holds_what_only_one_engine_reads(empty_build, manifest):
    _, _, folder = empty_build
    found = {}
    # The models in Python call functions that take arrays.
    in_python = {node["name"] for node in models(manifest) if node["language"] != "sql"}
    assert in_python == {"disclosure_decisions"}
    for node in models(manifest):
        if node["language"] != "sql":
            continue
        compiled = folder / "target" / "compiled" / "performance_warehouse" / node["original_file_path"]
        written = (DBT_PROJECT / node["original_file_path"]).read_text()
        tree = sqlglot.parse_one(compiled.read_text(), dialect="duckdb")
        used = {call.name.lower() for call in tree.find_all(exp.Anonymous)} & ENGINE_ONLY
        used |= {call.sql_name().lower() for call in tree.find_all(exp.Func)} & ENGINE_ONLY
        used = {name for name in used if name not in FROM_MACROS or name in written.lower()}
        used |= {
            kind.__name__
            for kind in (exp.Qualify, exp.Array, exp.Struct, exp.Lambda, exp.Bracket, exp.Unnest, exp.Pivot)
            if tree.find(kind)
        }
        used |= {
            "star except" for star in tree.find_all(exp.Star) if star.args.get("except_") or star.args.get("except")
        }
        used |= {"::" for _ in [1] if "::" in written}
        used |= {"order by all" for _ in [1] if "by all" in written.lower()}
        if used:
            found[node["name"]] = sorted(used)
    assert found == {}


def test_the_search_for_engine_constructs_finds_them():
    """Proof that the test above can fail."""
    tree = sqlglot.parse_one("select list_value(1), arg_max(a, b) from range(3) qualify true", dialect="duckdb")
    assert tree.find(exp.Qualify)
    names = {call.name.lower() for call in tree.find_all(exp.Anonymous)} | {
        f.sql_name().lower() for f in tree.find_all(exp.Func)
    }
    assert names & ENGINE_ONLY


def test_every_column_that_is_published_has_its_definition_and_unit(manifest):
    published = {*MARTS, *RESTRICTED_TABLES}
    described = {node["name"]: node for node in models(manifest)}
    assert published <= described.keys()
    for name in published:
        node = described[name]
        assert "One row per" in node["description"], name
        for column in node["columns"].values():
            meaning, has_unit, unit = column["description"].strip().rpartition(" Unit: ")
            assert meaning and has_unit and unit.endswith(".") and len(unit) > 2, f"{name}.{column['name']}"


def test_the_columns_described_are_those_that_are_built(empty_build, manifest):
    import duckdb

    _, _, folder = empty_build
    with duckdb.connect(str(folder / "warehouse" / "build" / "build.duckdb"), read_only=True) as con:
        for node in models(manifest):
            if node["name"] not in {*MARTS, *RESTRICTED_TABLES}:
                continue
            built = [row[0] for row in con.execute(f"describe {node['schema']}.{node['name']}").fetchall()]
            assert built == list(node["columns"]), node["name"]


def test_the_published_tables_are_the_models_of_their_layers(manifest):
    by_layer: dict[str, set[str]] = {}
    for node in models(manifest):
        by_layer.setdefault(node["schema"], set()).add(node["name"])
    assert by_layer["marts"] == set(MARTS)
    assert by_layer["restricted"] == set(RESTRICTED_TABLES)


def test_the_source_is_the_entities():
    sources = yaml.safe_load((DBT_PROJECT / "models" / "staging" / "sources.yml").read_text())["sources"]
    assert [table["name"] for table in sources[0]["tables"]] == [*ENTITIES, "person_pseudonyms"]


def test_marts_have_enforced_contracts_and_a_tested_key(manifest):
    tested = {
        node["attached_node"].split(".")[-1]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node.get("test_metadata", {}).get("name") == "primary_key"
    }
    for node in models(manifest):
        if node["schema"] == "marts":
            assert node["config"]["contract"]["enforced"], node["name"]
        if node["schema"] in ("marts", "restricted"):
            assert node["name"] in tested


# The manager's page shows figures of other marts, as these show them: protected already.
READS_MARTS = {"manager_scorecard"}


def test_layers_are_not_skipped(manifest):
    """Only staging reads what was delivered; marts are made of facts and history, and no other thing reads a mart."""
    for node in models(manifest):
        told = [parent for parent in node["depends_on"]["nodes"] if ".earlier." not in parent]
        parents = [manifest["nodes"].get(parent) for parent in told]
        layers = {parent["schema"] if parent else "source" for parent in parents}
        if node["schema"] not in ("staging", "history"):
            assert "source" not in layers, node["name"]
        assert ("marts" in layers) == (node["name"] in READS_MARTS), node["name"]


def test_singular_tests_say_what_why_and_what_a_row_means():
    for path in Path(DBT_PROJECT / "tests" / "singular").glob("*.sql"):
        text = path.read_text()
        assert path.name.startswith("assert_")
        assert "-- What:" in text and "-- A returned row" in text, path.name


def test_every_test_says_what_it_asks_also_below_its_settings(manifest):
    """A test that began with `{{ config(…) }}` had no description on the pages."""
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    assert len(tests) > 50
    assert [node["name"] for node in tests if not asked(node)] == []
    below = [node for node in tests if node["raw_code"].startswith("{{ config")]
    assert below and all(asked(node).startswith("What: ") for node in below)
