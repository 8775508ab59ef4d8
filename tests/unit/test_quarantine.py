"""What is shown of rows that were kept back: shapes, never letters or digits."""

from __future__ import annotations

import unicodedata

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.quarantine import masked


def shape(text):
    return duckdb.execute(f"select {masked('?')}", [text]).fetchone()[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna Berg, 12.03.1990", "xxxx xxxx, 99.99.9999"),
        ("Zoë Müller", "xxx xxxxxx"),
        ("Ольга", "xxxxx"),
        ("王小明", "xxx"),
        ("김민수", "xxx"),
        ("محمد", "xxxx"),
        ("अनुज", "xxxx"),
        ("E١٢٣٤", "x9999"),
        ("１２ ½ Ⅷ", "99 9 9"),
        ("anna@x.example", "xxxx@x.xxxxxxx"),
    ],
)
def test_letters_and_digits_of_all_alphabets_are_masked(text, expected):
    assert shape(text) == expected


@given(st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=30).filter(lambda text: "\0" not in text))
def test_nothing_but_signs_is_left(text):
    def kind(char):
        return unicodedata.category(char)[0]

    left = shape(text)
    assert [char for char in left if kind(char) in "LNM" and char not in "x9"] == []
    assert [char for char in left if kind(char) not in "LNM"] == [char for char in text if kind(char) not in "LNM"]
