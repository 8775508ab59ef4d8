"""Stands in for dbt's `var` while SQL is linted: the defaults of the project."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

_DEFAULTS = yaml.safe_load((Path(__file__).parents[2] / "dbt_project" / "dbt_project.yml").read_text())["vars"]


class _Variables(ModuleType):
    def __call__(self, name: str, default: Any = None) -> Any:
        return _DEFAULTS.get(name, default)


# Linting takes modules of this folder as they are named; this one is called.
sys.modules[__name__].__class__ = _Variables
