"""Partitions: exports that come by period are shown by month, survey, review cycle or goal period.

A run of everything is of no partition; it tells of each period whose files are new or changed, on the page of `raw/*`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from pipelines.entities import ENTITIES
from pipelines.ingesting import Content, contents
from pipelines.loads import Load
from pipelines.profiles import load_profiles
from pipelines.settings import load_settings

# Changes with any file of the period, and with the code that reads it.
_DIGEST = "content_digest"
# Events looked through for what has been told; whatever is older is told again.
_LOOKED_THROUGH = 2000


def of(entity: str) -> dg.PartitionsDefinition[str] | None:
    """How the exports of an entity are parted; None where they do not come by period."""
    if entity not in ENTITIES or not ENTITIES[entity].period:
        return None
    if ENTITIES[entity].is_monthly:
        # The month that is not over yet has exports too.
        return dg.MonthlyPartitionsDefinition(f"{load_settings().first_month:%Y-%m}", fmt="%Y-%m", end_offset=1)
    # Surveys are asked and answered: one survey is one partition of both.
    return dg.DynamicPartitionsDefinition(name=ENTITIES[entity].period)


def freshness(entity: str) -> dg.FreshnessPolicy | None:
    """New content is due as often as the strictest calendar (setting `due`) of the entity's sources says.

    It judges when something came, whatever it speaks of; the check `sources_are_on_time` judges the newest day.
    """
    settings = load_settings()
    if not settings.due:
        return None
    profiles = load_profiles(settings.profiles)
    days = [
        calendar.longest_days
        for source, calendar in settings.due.items()
        if source in profiles and profiles[source].entity == entity
    ]
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(days=min(days))) if days else None


def metadata(content: Content | None) -> dict[str, Any]:
    """What the page of a period says."""
    content = content or Content(0, 0, "")
    return {"files": content.files, "dagster/partition_row_count": content.rows, _DIGEST: content.digest}


def tell(context: dg.AssetExecutionContext, entity: str, loads: Iterable[Load]) -> None:
    """Tells Dagster which periods of `raw/<entity>` a run has read new or changed files of."""
    key, by_period = dg.AssetKey(["raw", entity]), of(entity)
    told = _told(context.instance, key)
    found = contents(load for load in loads if load.status == "loaded")
    news = {period: content for period, content in found.items() if told.get(period) != content.digest}
    if isinstance(by_period, dg.DynamicPartitionsDefinition) and by_period.name:
        context.instance.add_dynamic_partitions(by_period.name, [period for period in news if period])
    elif by_period:
        shown = set(by_period.get_partition_keys())
        news = {period: content for period, content in news.items() if period in shown}
    for period, content in news.items():
        context.log_event(dg.AssetMaterialization(key, partition=period or None, metadata=metadata(content)))


def _told(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, str]:
    """The digest that was last told of each period, the one without a name among them."""
    told: dict[str, str] = {}
    newest_first = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=key), limit=_LOOKED_THROUGH).records
    for record in newest_first:
        made = record.asset_materialization
        if made and _DIGEST in made.metadata:
            told.setdefault(record.partition_key or "", str(made.metadata[_DIGEST].value))
    return told
