"""Stands in for dbt's adapter while SQL is linted: a dispatched macro is shown as its first argument."""

from collections.abc import Callable
from typing import Any


def dispatch(_name: str) -> Callable[..., Any]:
    return lambda *arguments: arguments[0]


def quote(name: str) -> str:
    return f'"{name}"'
