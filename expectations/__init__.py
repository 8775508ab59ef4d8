"""What delivered data must be like: one suite of rules per entity, each rule with its reason.

`rules.py` says what a rule is, the other modules named after entities which rules there are, `runner.py` lets
Great Expectations judge them inside the database. The same rules decide which rows go to quarantine.
Nothing here imports Dagster; Great Expectations is imported only where it runs.
"""

from __future__ import annotations

from expectations.rules import Rule
from expectations.suites import SUITES

__all__ = ["SUITES", "Rule"]
