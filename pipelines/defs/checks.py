"""From our check results to Dagster's: names, severities and numbers that can be plotted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import dagster as dg

from expectations import SUITES
from expectations.runner import CheckResult
from expectations.suites import set_rules
from pipelines.punctuality import ON_TIME
from pipelines.settings import load_settings
from pipelines.validating import CONSERVED, READABLE, WITHIN_LIMIT


def specs_of_files(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The check that every file can be loaded."""
    return [
        dg.AssetCheckSpec(
            READABLE, asset=key, blocking=True, description="Each file can be read and fits its source profile."
        )
    ]


def specs_of_entity(key: dg.AssetKey, entity: str) -> list[dg.AssetCheckSpec]:
    """The checks on a validated asset: its files, its balance of rows, and the rules of its suite."""
    rules = (*SUITES[entity], *set_rules(entity, load_settings().headcount_fall_limit))
    return [
        *specs_of_files(key),
        dg.AssetCheckSpec(
            CONSERVED, asset=key, blocking=True, description="Rows read = rows loaded + quarantined + duplicates."
        ),
        dg.AssetCheckSpec(
            WITHIN_LIMIT, asset=key, blocking=True, description="Few enough rows of each file are in quarantine."
        ),
        dg.AssetCheckSpec(
            ON_TIME, asset=key, description="Each source that has a calendar (setting `due`) has kept to it."
        ),
        *(
            dg.AssetCheckSpec(
                rule.name,
                asset=key,
                blocking=not rule.judges_rows,
                description=rule.reason,
                metadata={"judged_by": "Great Expectations", "rule_severity": rule.severity},
            )
            for rule in rules
        ),
    ]


def results(key: dg.AssetKey, checks: Iterable[CheckResult]) -> Iterator[dg.AssetCheckResult]:
    """The results of one asset; counts and shares only, never values."""
    for check in checks:
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=check.check_name,
            passed=check.passed,
            severity=dg.AssetCheckSeverity.ERROR if check.severity == "critical" else dg.AssetCheckSeverity.WARN,
            description=check.description,
            metadata={
                "failing_rows": check.failing_rows,
                "total_rows": check.total_rows,
                "failing_share": check.failing_rows / check.total_rows if check.total_rows else 0.0,
            },
        )


def blocked_by(checks: Iterable[CheckResult]) -> str:
    """What keeps a step from its work."""
    return "blocked by " + "; ".join(f"{check.asset} · {check.check_name}: {check.description}" for check in checks)
