"""Runs that several files of tests look at."""

from __future__ import annotations

import pytest

from tests.conftest import run_warehouse


@pytest.fixture(scope="session")
def planted_company(tmp_path_factory):
    """The published company of planted values: the run, its rows, and the folder with landing zone and warehouse."""
    from tests.integration.test_leaks import company, write

    folder = tmp_path_factory.mktemp("leaks")
    rows = company()
    write(folder / "landing", rows)
    outcome = run_warehouse(
        folder / "landing", folder / "warehouse", DAGSTER_HOME=str(folder / "dagster"), PERFWH_QUARANTINE_LIMIT="0.5"
    )
    return outcome, rows, folder
