"""Validating: all that is asked of one entity's files and rows, as results with counts.

Great Expectations judges the rules of the suite; what concerns files and the balance of rows is judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from expectations import SUITES
from expectations.runner import CheckResult, judge
from expectations.suites import set_rules
from pipelines.building import DELIVERED
from pipelines.loads import Load
from pipelines.runs import Run
from pipelines.settings import Settings

READABLE = "every_file_is_loaded"
CONSERVED = "rows_are_conserved"
WITHIN_LIMIT = "quarantine_is_within_limit"


def file_checks(asset: str, loads: Sequence[Load]) -> list[CheckResult]:
    """Whether every file could be loaded; a refused one blocks publishing unless its profile says otherwise."""
    refused = [load for load in loads if load.status == "refused"]
    blocking = [load for load in refused if load.blocks_publishing]
    return [
        CheckResult(
            asset,
            READABLE,
            "critical" if blocking or not refused else "warning",
            not refused,
            len(refused),
            len(loads),
            "; ".join(f"{load.file_name}: {load.code}: {load.message}" for load in refused)
            or "Each file of this kind can be read and fits its profile.",
        )
    ]


def balance_checks(asset: str, loads: Iterable[Load], settings: Settings) -> list[CheckResult]:
    """Whether no row disappeared, and whether few enough were quarantined."""
    loaded = [load for load in loads if load.status == "loaded"]
    lost = [load for load in loaded if not load.is_conserved]
    over = [load for load in loaded if load.exceeds_quarantine(settings)]
    return [
        CheckResult(
            asset,
            CONSERVED,
            "critical",
            not lost,
            sum(abs(load.rows_missing) for load in lost),
            sum(load.rows_read for load in loaded),
            "; ".join(load.file_name for load in lost) or "Rows read = rows loaded + rows quarantined + duplicates.",
        ),
        CheckResult(
            asset,
            WITHIN_LIMIT,
            "critical" if any(load.blocks_publishing for load in over) or not over else "warning",
            not over,
            sum(load.rows_quarantined for load in loaded),
            sum(load.rows_read for load in loaded),
            "; ".join(
                f"{load.file_name}: {load.rows_quarantined} of {load.rows_read} rows "
                f"({', '.join(f'{rule}: first in {first}' for rule, first in load.quarantined_first.items())})"
                for load in over
            )
            or "The share of quarantined rows of each file is within its limit.",
        ),
    ]


def rule_checks(run: Run, entity: str, asset: str, has_rows: bool) -> list[CheckResult]:
    """What Great Expectations says of the entity's rows.

    Row rules never block by themselves: their rows are in quarantine, and its limit decides. Without rows there
    is nothing to judge, and nothing fails.
    """
    rules = (*SUITES[entity], *set_rules(entity, run.settings.headcount_fall_limit))
    if not has_rows:
        return [CheckResult(asset, rule.name, rule.severity, True, 0, 0, rule.reason) for rule in rules]
    judged = judge(run.database, DELIVERED, entity, rules, asset)
    of_rows = {rule.name for rule in rules if rule.judges_rows}
    return [
        CheckResult(**{**check.as_dict(), "severity": "warning"}) if check.check_name in of_rows else check
        for check in judged
    ]
