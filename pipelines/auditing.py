"""Auditing: what a build is asked beside the version that readers have, before it may take its place."""

from __future__ import annotations

from expectations.runner import CheckResult
from pipelines.building import table_counts
from pipelines.loads import digest
from pipelines.marts import MARTS
from pipelines.publishing import published_manifest
from pipelines.runs import Run

NOT_COLLAPSED = "rows_have_not_collapsed"


def row_count_checks(run: Run) -> list[CheckResult]:
    """Whether a mart has lost more of its rows than is likely; a version of other settings is nothing to compare with.

    Returns:
        A result for each mart; `failing_rows` are the rows that went, `total_rows` those of the version before.
    """
    settings = run.settings
    before = published_manifest(settings)
    is_comparable = before is not None and before["settings_sha256"] == digest(settings.that_shape_figures())
    counts = table_counts(run)
    results = []
    for mart in MARTS:
        now = counts[f"marts__{mart}"]
        had = before["row_counts"].get(f"marts.{mart}", 0) if before and is_comparable else now
        lost = max(had - now, 0)
        has_collapsed = lost > settings.row_count_fall_limit * had
        told = (
            f"{now:,} rows, {had:,} in the current version. If exports were taken away on purpose, publish once with "
            "PERFWH_ROW_COUNT_FALL_LIMIT=1; else bring back what is missing in the landing zone."
        )
        results.append(
            CheckResult(
                f"marts/{mart}",
                NOT_COLLAPSED,
                "critical",
                not has_collapsed,
                lost,
                had,
                told if has_collapsed else "Not many fewer rows than in the version before.",
            )
        )
    return results
