"""Links from the assets: to the pages of data quality, rules and models, and to the code."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import dagster as dg

from pipelines import pages
from pipelines.errors import UserError
from pipelines.settings import PROJECT_ROOT, load_settings


def to_model(unique_id: str) -> dg.UrlMetadataValue:
    """A model on dbt's pages."""
    return _to(f"{pages.MODELS}#!/model/{unique_id}")


def to_columns(table: str) -> dg.UrlMetadataValue:
    """What the columns of a table are made of, down to the exports."""
    return _to(f"{pages.COLUMNS}#{table}")


def to_quality(asset: str) -> dg.UrlMetadataValue:
    """What was asked of an asset, with its trends."""
    return _to(f"{pages.DATA_QUALITY}#{asset}")


def to_rules(entity: str) -> dg.UrlMetadataValue:
    """What is asked of an entity's rows, and why."""
    return _to(f"{pages.RULES}#{entity}")


def with_code(assets: Sequence[dg.AssetsDefinition]) -> Sequence[Any]:
    """The assets with links to the code that makes them: files here, or the repository where it is configured."""
    linked = dg.with_source_code_references(assets)
    url = load_settings().code_url
    if url is None:
        return linked
    repository, between, branch = url.replace("/-/tree/", "/tree/").partition("/tree/")
    if not between:
        raise UserError(f"code_url: {url!r} names no branch; expected https://HOST/ORG/REPO/tree/BRANCH")
    mapping = dg.AnchorBasedFilePathMapping(local_file_anchor=PROJECT_ROOT, file_anchor_path_in_repository="")
    return dg.link_code_references_to_git(linked, repository, branch, file_path_mapping=mapping)


@functools.cache
def _pages_url() -> str:
    return load_settings().pages_url.rstrip("/")


def _to(page: str) -> dg.UrlMetadataValue:
    return dg.MetadataValue.url(f"{_pages_url()}/{page}")
