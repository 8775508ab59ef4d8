"""Identifiers in texts that everybody may read: what names a person, and how it is written."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.identifiers import Identifiers

KEYED = r"person-[0-9a-f]{16}"
NOBODY_KNOWN = Identifiers(b"key")
PEOPLE = [
    "E1234",
    "Anna Berg",
    "anna.berg@x.example",
    "王小明",
    "김민수",
    "Zoë Müller",
    "محمد علي",
    "12345",
    "Ольга Новак",
]
ALL = NOBODY_KNOWN.knowing([*PEOPLE, "2024", "1234", "A-1", "2024-Q1", "20240131", "FY2024", "unknown", "", "—"])
# Half of a pair that stands for one character is no character.
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
alphabets = st.sampled_from(
    ["abcxyz", "äöüßéñ", "абвгд", "αβγδε", "אבגדה", "ابتثج", "अबकखग", "กขคงจ", "漢字仮名交", "가나다라마", "ዐበገደ"]
)
names = alphabets.flatmap(lambda letters: st.text(letters, min_size=3, max_size=8))
separators = st.sampled_from(["_", "/", " ", ",", "(", ":", "\n", '"'])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("goals_anna@x.example.csv", rf"goals_{KEYED}\.csv"),
        ("goals/2024-01_anna@x.example.csv.gz", rf"goals/2024-01_{KEYED}\.csv\.gz"),
        ("goals_anna%40x.example.xlsx", rf"goals_{KEYED}\.xlsx"),
        ("goals_anna＠x.example.xlsx", rf"goals_{KEYED}\.xlsx"),
        ("the list of o'brien@x.example, and more", rf"the list of {KEYED}, and more"),
        ("अनुज@उदाहरण.भारत.csv", rf"{KEYED}\.csv"),
        ("a@b@c.example", KEYED),
        ("anna@10.0.0.1", KEYED),
        ("1on1@2x.csv", None),
        ("@anna", None),
        ("anna@", None),
        ("goals_E1234.csv", rf"goals_{KEYED}\.csv"),
        ("goals_e1234.csv", rf"goals_{KEYED}\.csv"),
        ("goals_ｅ１２３４.csv", rf"goals_{KEYED}\.csv"),
        ("goals_E١٢٣٤.csv", rf"goals_{KEYED}\.csv"),
        ("goals_E12345.csv", None),
        ("goals_xE1234.csv", None),
        ("Berg, Anna", KEYED),
        ("okr_anna_berg_2024.csv", rf"okr_{KEYED}_2024\.csv"),
        ("anna.berg_at_x.example", KEYED),
        ("Team ZOE MULLER", f"Team {KEYED}"),
        ("目标王小明.csv", rf"目标{KEYED}\.csv"),
        ("김민수의 목표", rf"{KEYED}의 목표"),
        ("محمد_علي.csv", rf"{KEYED}\.csv"),
        ("ОЛЬГА НОВАК", KEYED),
        ("review_12345.csv", rf"review_{KEYED}\.csv"),
        ("goals 2024", None),
        ("goals 2024-Q1", None),
        ("goals 20240131", None),
        ("goals FY2024", None),
        ("1234 A-1 unknown —", None),
        ("Sales", None),
    ],
)
def test_what_names_a_person(text, expected):
    assert ALL.holds_person(text) == (expected is not None)
    if expected is None:
        assert ALL.keyed(text) == text
    else:
        assert re.fullmatch(expected, ALL.keyed(text))


def test_the_form_of_composition_does_not_matter():
    for person in PEOPLE:
        assert ALL.holds_person(f"goals_{unicodedata.normalize('NFD', person)}.csv")


def test_numbers_in_sentences_are_counts():
    assert ALL.keyed("12345 of 20000 rows", is_sentence=True) == "12345 of 20000 rows"
    assert ALL.keyed("12345 rows of E1234", is_sentence=True).startswith("12345 rows of person-")


def test_another_key_makes_another_form():
    assert Identifiers(b"one").keyed("anna@x.example") != Identifiers(b"two").keyed("anna@x.example")


def test_neither_key_nor_people_are_shown():
    assert "E1234" not in repr(ALL)
    assert "key" not in repr(NOBODY_KNOWN).lower().replace("keyed", "")


def test_content_of_json_is_keyed_with_its_names():
    content = {"anna@x.example": [1, None, ("E1234", "Sales")], "n": {"a": True}}
    found = ALL.keyed_content(content)
    assert list(found.values()) == [[1, None, [ALL.keyed("E1234"), "Sales"]], {"a": True}]
    assert list(found) == [ALL.keyed("anna@x.example"), "n"]


@given(texts)
def test_what_is_keyed_once_names_nobody_any_more(text):
    keyed = ALL.keyed(text)
    assert ALL.keyed(keyed) == keyed
    assert not ALL.holds_person(keyed)
    assert (keyed == text) == (not ALL.holds_person(text))
    assert ALL.keyed(text) == keyed


@given(texts.filter(lambda text: not re.search(r"[@＠﹫]|%40", text)))
def test_without_a_sign_and_known_people_every_text_stays(text):
    assert NOBODY_KNOWN.keyed(text) == text


@given(names, names, separators, separators)
def test_addresses_of_all_alphabets_are_found(local, host, before, after):
    address = f"{local}@{host}.example"
    text = f"list{before}{address}{after}end"
    keyed = NOBODY_KNOWN.keyed(text)
    assert re.search(KEYED, keyed)
    assert "@" not in keyed
    assert unicodedata.normalize("NFC", local) not in keyed.replace("list", "").replace("end", "").split("person-")[0]


@given(names, separators, separators)
def test_names_of_all_alphabets_are_found_as_whole_words(name, before, after):
    known = NOBODY_KNOWN.knowing([name])
    assume(known.known)
    assert re.search(KEYED, known.keyed(f"1{before}{name}{after}2"))
    assert re.search(KEYED, known.keyed(f"1{before}{name.upper()}{after}2"))
    assert re.search(KEYED, known.keyed(unicodedata.normalize("NFD", f"1{before}{name}{after}2")))


@given(st.text("abcdefg0123456789", min_size=4, max_size=8), st.sampled_from("abz09äж"))
def test_part_of_a_word_is_nobody(identifier, more):
    known = NOBODY_KNOWN.knowing([identifier])
    assert known.keyed(identifier + more) == identifier + more
    assert known.keyed(more + identifier) == more + identifier


@given(texts, texts)
def test_different_texts_stay_different(one, other):
    assume(one != other)
    assert ALL.keyed(f"anna@x.example {one}") != ALL.keyed(f"anna@x.example {other}")
    assert ALL.keyed(one) != ALL.keyed(other)
