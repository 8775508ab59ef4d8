"""Connections that read exports: whatever an export holds, they reach nothing else and stay as they are set up."""

from __future__ import annotations

import duckdb
import pytest

from pipelines.database import literal, scratch


@pytest.fixture
def con(settings):
    settings.warehouse.mkdir()
    for folder in (settings.landing, settings.warehouse, settings.landing.parent):
        (folder / "a.csv").write_text("a\n1\n")
    with scratch(settings) as con:
        yield con


def test_landing_zone_and_warehouse_are_all_that_is_reached(con, settings):
    for folder in (settings.landing, settings.warehouse):
        assert con.execute(f"select count(*) from read_csv({literal(folder / 'a.csv')})").fetchone() == (1,)
    con.execute(f"copy (select 1) to {literal(settings.warehouse / 'b.parquet')} (format parquet)")
    outside = settings.landing.parent
    (settings.landing / "link.csv").symlink_to(outside / "a.csv")
    for sql in (
        f"from read_csv({literal(outside / 'a.csv')})",
        f"from read_csv({literal(settings.landing / '..' / 'a.csv')})",
        f"from read_csv({literal(settings.landing / 'link.csv')})",
        f"from read_text({literal('/etc/hostname')})",
        f"copy (select 1) to {literal(outside / 'b.csv')}",
        f"attach {literal(outside / 'c.duckdb')}",
        "from read_csv('https://example.com/a.csv')",
        "install httpfs",
    ):
        with pytest.raises(duckdb.Error):
            con.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "set enable_external_access = true",
        "set memory_limit = '1TB'",
        "reset lock_configuration",
        "set timezone = 'Asia/Tokyo'",
    ],
)
def test_it_cannot_be_set_up_anew(con, sql):
    with pytest.raises(duckdb.Error, match="lock"):
        con.execute(sql)
