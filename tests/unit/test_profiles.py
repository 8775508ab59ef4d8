"""Source profiles: what is valid, what the errors say, which file belongs to which."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.landing import take_in
from pipelines.profiles import Profile, load_profiles, normalised, read_profile
from pipelines.recognising import recognise
from pipelines.settings import SHIPPED_PROFILES

VALID = """
profile: acme_people
entity: employees
description: Acme's people.
files: "**/people_*.csv"
columns:
  as_of: {file_name: "people_([0-9-]+)"}
  employee_id: [Staff No, Employee Number]
  hire_date: {from: Start, dates: ["%d/%m/%Y"]}
"""


def profile_from(text: str, tmp_path: Path) -> Profile:
    path = tmp_path / "acme.yml"
    path.write_text(text)
    return read_profile(path)


def test_shipped_profiles_are_valid_and_named_after_their_file():
    shipped = {path.stem for path in SHIPPED_PROFILES.glob("*.yml")}
    assert len(shipped) >= 25
    assert shipped <= load_profiles(None).keys()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("entity: employees", "entity: people"), "unknown entity 'people'; known: employees"),
        (("  hire_date:", "  hired:"), "employees has no column hired"),
        (("  employee_id: [Staff No, Employee Number]\n", ""), "employees needs employee_id"),
        (('dates: ["%d/%m/%Y"]', 'dates: ["%d/%m/%Y", "%m/%d/%Y"]'), "name the `evidence` that decides"),
        (("from: Start", "from: Start, constant: x"), "give one of from, join, constant"),
        (("description:", "descriptions:"), "descriptions: Extra inputs are not permitted"),
        (("entity: employees", "entity: employees\nentity: goals"), "'entity' is given twice"),
        (("entity: employees", "entity: employees\n? [a, b]\n: c"), "not valid YAML"),
        (("{from: Start,", "{from: Start, from: End,"), "'from' is given twice"),
        (("{from: Start,", '{from: Start, values: {1: a, "1": b},'), "'1' is given twice"),
        (("{from: Start,", "{from: Start, values: {Yes: a, yes: b},"), "'yes' is given twice"),
        (("columns:", "columns: ["), "not valid YAML"),
        (("people_([0-9-]+)", "people_(?=[0-9])([0-9-]+)"), "no regular expression that RE2 takes"),
        (("people_([0-9-]+)", "people_[0-9-]+"), "has no group"),
        (("{from: Start,", "{from: Start, pattern: '(a)\\1',"), "invalid escape sequence"),
        (("columns:", "read: {footer: 'Total('}\ncolumns:"), "missing )"),
        (("columns:", "read: {names_pattern: 'Q[0-9]+'}\ncolumns:"), "has no group"),
        (("columns:", "answers: {rest: true, but: ['*']}\ncolumns:"), "no argument for repetition operator"),
        (("columns:", "answers: {pattern: '(?<=Q)[0-9]'}\ncolumns:"), "no regular expression that RE2 takes"),
        (("{from: Start", "{lookup: desk.start"), "desk.start names no lookup"),
    ],
)
def test_invalid_profile_says_what_is_wrong_and_where(change, says, tmp_path):
    with pytest.raises(UserError) as error:
        profile_from(VALID.replace(*change), tmp_path)
    assert "acme.yml" in str(error.value)
    assert says in str(error.value)
    assert error.value.exit_code == 2


def test_two_profiles_of_one_name_are_refused(tmp_path):
    (tmp_path / "a.yml").write_text(VALID)
    (tmp_path / "b.yml").write_text(VALID.replace("Staff No", "Number"))
    with pytest.raises(UserError, match=r"b\.yml: a\.yml is named acme_people, too"):
        load_profiles(tmp_path)


def test_keys_that_yaml_takes_for_booleans_and_numbers_stay_text(tmp_path):
    text = VALID + "  gender: {from: Sex, values: {1: male, 2: female, no: null, on: other}}\n"
    assert profile_from(text, tmp_path).columns["gender"].values == {
        "1": "male",
        "2": "female",
        "no": None,
        "on": "other",
    }


def test_headers_are_compared_without_case_and_blanks():
    assert normalised("\ufeff Employee\u00a0 ID ") == "employee id"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("employees/2024-01.csv", "employee_id,hire_date,as_of\n1,2020-01-01,2024-01-31\n", "canonical_employees"),
        ("hris/workers_2024-01-31.csv", None, "sample_workers"),
        ("a/people_2024-01-31.csv", "Employee Number,Start\n1,01/02/2020\n", "acme_people"),
    ],
)
def test_a_file_is_recognised_by_name_and_header(name, content, expected, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "acme.yml").write_text(VALID)
    path = tmp_path / "landing" / name
    path.parent.mkdir(parents=True)
    header = ",".join(
        column.sources[0] for column in load_profiles(None)["sample_workers"].columns.values() if column.sources
    )
    path.write_text(content or f"Title\n\n{header}\n")
    found = recognise(take_in(path, tmp_path / "landing"), load_profiles(own))
    assert found.refusal is None
    assert found.profile.profile == expected


def test_two_profiles_that_both_fit_are_an_error_that_names_both(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "a.yml").write_text(VALID)
    (own / "b.yml").write_text(VALID.replace("acme_people", "acme_staff"))
    path = tmp_path / "people_2024.csv"
    path.write_text("Staff No,Start\n1,01/02/2020\n")
    found = recognise(take_in(path, tmp_path), load_profiles(own))
    assert found.refusal.code == "AMBIGUOUS_PROFILE"
    assert "acme_people and acme_staff" in found.refusal.message


def test_a_missing_column_is_named_and_no_value_of_a_person_is_shown(tmp_path):
    path = tmp_path / "employees" / "x.csv"
    path.parent.mkdir()
    path.write_text("employee_id,Jane Marlowe\n17,x\n")
    found = recognise(take_in(path, tmp_path), load_profiles(None))
    assert found.refusal.code == "MISSING_COLUMN"
    assert "hire_date not found" in found.refusal.message
    assert "Jane" not in found.refusal.message
