"""Lets Great Expectations judge rules inside DuckDB, and gives back counts only: no values, no rows."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from expectations.rules import Rule, Severity


@dataclass(frozen=True)
class CheckResult:
    """What became of one check; counts are rows."""

    asset: str
    check_name: str
    severity: Severity
    passed: bool
    failing_rows: int
    total_rows: int
    description: str = ""

    @property
    def blocks(self) -> bool:
        return not self.passed and self.severity == "critical"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class CheckError(Exception):
    """A rule could not be judged: neither a pass nor a fault of the data, but our own bug."""


def judge(database: Path, schema: str, table: str, rules: Iterable[Rule], asset: str) -> list[CheckResult]:
    """Judges rules over one table.

    Args:
        database: DuckDB file that holds the table.
        schema: its schema.
        table: the table or view, one row per delivered row.
        rules: what to judge.
        asset: name under which the results are reported.

    Raises:
        CheckError: Great Expectations could not evaluate a rule.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    from expectations import dialect

    dialect.register()
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    rules = list(rules)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql(name="build", connection_string=f"{dialect.NAME}:///{database}")
    batch = (
        source.add_table_asset(name=table, table_name=table, schema_name=schema)
        .add_batch_definition_whole_table("all")
        .get_batch()
    )
    suite = gx.ExpectationSuite(name=asset, expectations=[rule.expectation() for rule in rules])
    # Counts only: partial lists of unexpected values would be people's data.
    outcome = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
    total = _row_count(source, schema, table)
    by_rule = {result.expectation_config.meta["rule"]: result for result in outcome.results}
    # An open connection would keep the build database from everybody else.
    source.get_execution_engine().close()
    source.get_engine().dispose()
    return [_result(rule, by_rule[rule.name], total, asset) for rule in rules]


def _row_count(source: Any, schema: str, table: str) -> int:
    import sqlalchemy

    with source.get_engine().connect() as connection:
        return int(connection.execute(sqlalchemy.text(f'select count(*) from "{schema}"."{table}"')).scalar_one())


def _result(rule: Rule, outcome: Any, total: int, asset: str) -> CheckResult:
    raised = outcome.exception_info or {}
    # Two shapes: one dict, or one dict per metric.
    infos = [raised] if "raised_exception" in raised else list(raised.values())
    if any(info.get("raised_exception") for info in infos):
        kinds = {str(info.get("exception_message", "")).split("(")[0][:80] for info in infos}
        raise CheckError(f"{asset}.{rule.name} could not be judged: {'; '.join(sorted(kinds))}")
    numbers = outcome.result
    failing = numbers.get("unexpected_count")
    if failing is None:
        failing = 0 if outcome.success else int(numbers.get("observed_value") or 0)
    return CheckResult(asset, rule.name, rule.severity, bool(outcome.success), int(failing), total, rule.reason)
