"""Parsing: what is a value, and what only looks like one to a database."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.parsing import Dates, parsed, trimmed, without
from pipelines.profiles import ColumnSource


def parse(text, kind, written=None, **source):
    spec = ColumnSource.model_validate({"from": "x", **source})
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        return con.execute(
            f"select {parsed('t', kind, spec, written)} from (select ?::varchar as t)", [text]
        ).fetchone()[0]


@pytest.mark.parametrize("text", ["2.5", "0x10", "1_000", "1e3", "", "NaN", "inf", "seven"])
def test_what_a_cast_would_take_for_a_whole_number_is_none(text):
    assert parse(text, "integer") is None


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [
        ("1234.5", {}, 1234.5),
        ("-3", {}, -3.0),
        ("NaN", {}, None),
        ("inf", {}, None),
        ("1e5", {}, None),
        ("97%", {"strip": ["%"], "factor": 0.01}, 0.97),
        ("Rp30.100.000", {"strip": ["Rp"], "thousands": ".", "decimal": ","}, 30100000.0),
        ("25570000", {"strip": ["Rp"], "thousands": ".", "decimal": ","}, 25570000.0),
        ("1.234,50", {"thousands": ".", "decimal": ","}, 1234.5),
        ("12.34", {"thousands": ".", "decimal": ","}, 12.34),
        ("1,234.5", {"thousands": ","}, 1234.5),
        ("1,23", {"thousands": ","}, None),
    ],
)
def test_numbers(text, number, expected):
    assert parse(text, "number", number=number) == expected


@pytest.mark.parametrize(
    ("text", "dates", "expected"),
    [
        ("2024-02-29", [], date(2024, 2, 29)),
        ("2023-02-29", [], None),
        ("2024-04-31", [], None),
        ("2024-03-01 10:00:00", [], date(2024, 3, 1)),
        ("03/04/2024", [], None),
        ("03/04/2024", ["%d/%m/%Y"], date(2024, 4, 3)),
        ("03/04/2024", ["%m/%d/%Y"], date(2024, 3, 4)),
        ("3/4/2024", ["%m/%d/%Y"], date(2024, 3, 4)),
        ("03/04/24", ["%d/%m/%Y"], None),
        ("20-Sep-19", ["%d-%b-%y"], date(2019, 9, 20)),
        ("0024-01-01", [], None),
        ("9999-12-31", [], None),
        ("45000", [], None),
    ],
)
def test_dates(text, dates, expected):
    assert parse(text, "date", dates=dates) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01", datetime(2024, 3, 1)),
        ("2024-03-01 23:30:00", datetime(2024, 3, 1, 23, 30)),
        ("2024-03-01T23:30:00-05:00", datetime(2024, 3, 2, 4, 30)),
        ("2024-03-01T23:30:00Z", datetime(2024, 3, 1, 23, 30)),
        ("yesterday", None),
    ],
)
def test_timestamps_are_utc(text, expected):
    assert parse(text, "timestamp") == expected


DMY, MDY = Dates("dmy", 40, "1900"), Dates("mdy")


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("03/04/2020", DMY, date(2020, 4, 3)),
        ("03/04/2020", MDY, date(2020, 3, 4)),
        ("13/04/2020", MDY, None),
        ("3.4.20 10:00", DMY, date(2020, 4, 3)),
        ("3/4/20", MDY, None),
        ("25-Apr-85", DMY, date(1985, 4, 25)),
        ("April 25, 1985", MDY, date(1985, 4, 25)),
        ("25-Xyz-1985", DMY, None),
        ("31/02/2024", DMY, None),
        ("43831", DMY, date(2020, 1, 1)),
        ("43831", Dates("ymd", serial_dates="1904"), date(2024, 1, 2)),
        ("43831", MDY, None),
    ],
)
def test_dates_are_read_in_the_order_of_their_column(text, written, expected):
    assert parse(text, "date", written) == expected


def test_a_month_means_its_first_or_its_last_day():
    assert parse("2024-02", "date", dates=["%Y-%m"]) == date(2024, 2, 1)
    assert parse("2024-02", "date", dates=["%Y-%m"], month_is="last") == date(2024, 2, 29)
    assert parse("2024", "date", dates=["%Y"], month_is="last") == date(2024, 12, 31)


BERLIN = Dates(timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "written", "dates", "expected"),
    [
        ("2024-07-01 12:00:00", BERLIN, [], datetime(2024, 7, 1, 10)),
        ("2024-07-01T12:00:00Z", BERLIN, [], datetime(2024, 7, 1, 12)),
        ("01.07.2024 12:00", BERLIN, ["%d.%m.%Y %H:%M"], datetime(2024, 7, 1, 10)),
        ("1719835200", BERLIN, ["epoch"], datetime(2024, 7, 1, 12)),
        ("1719835200000", Dates(), ["epoch"], datetime(2024, 7, 1, 12)),
        ("7/1/2024 3:00:00 PM", MDY, [], datetime(2024, 7, 1, 15)),
        ("7/1/2024 12:30 AM", MDY, [], datetime(2024, 7, 1, 0, 30)),
        ("2024/07/01 3:00:00 PM GMT+3", Dates("ymd"), [], datetime(2024, 7, 1, 12)),
        ("2024/07/01 10:00 -0530", Dates("ymd"), [], datetime(2024, 7, 1, 15, 30)),
    ],
)
def test_times_of_a_zone_become_utc(text, written, dates, expected):
    assert parse(text, "timestamp", written, dates=dates) == expected


@pytest.mark.parametrize(("text", "expected"), [("123", "00123"), ("12345", "12345"), ("A12", "A12")])
def test_leading_zeros_come_back_where_the_width_is_declared(text, expected):
    assert parse(text, "id", width=5) == expected


@given(
    st.dates(date(1901, 1, 1), date(2199, 12, 31)), st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%b-%Y"])
)
def test_every_day_comes_back_from_the_way_it_is_written(day, way):
    assert parse(day.strftime(way), "date", dates=[way]) == day


@pytest.mark.parametrize(
    ("text", "expected"),
    [("  A1\u00a0", "A1"), ("\u200bA1", "A1"), (" -- ", None), ("", None), ("NA", "NA"), ("None", "None")],
)
def test_blanks_go_and_names_that_look_like_nothing_stay(text, expected):
    with duckdb.connect() as con:
        assert (
            con.execute(f"select {without(trimmed('t'), ('--',))} from (select ?::varchar as t)", [text]).fetchone()[0]
            == expected
        )
