"""Stands in for dbt's adapter while SQL is linted: a dispatched macro is shown as its first argument, or as a query."""

from collections.abc import Callable
from typing import Any

_QUERIES = {"numbers": "select 1 as n"}


def dispatch(name: str) -> Callable[..., Any]:
    return lambda *arguments: _QUERIES.get(name, arguments[0])


def quote(name: str) -> str:
    return f'"{name}"'
