"""Drafts of profiles: valid as written, right where the file proves it, and doubtful aloud where it does not."""

from __future__ import annotations

import pytest
import yaml

from pipelines.drafting import draft
from pipelines.errors import UserError
from pipelines.profiles import Profile, load_profiles
from tests.conftest import perfwh
from tests.unit.test_vendors import SAMPLES, land

LIST = (
    "Mitarbeiterliste Stand: 31.01.2024\n\n"
    "Personal-Nr.;Name;Eintritt;Austritt;Abteilung;Gehalt;Vorgesetzter\n"
    "007;Änne Groß;13.02.2019;;IT;52.000,50 €;008\n"
    "008;Bert Maß;01.01.2010;15.01.2024;IT;88.000 €;\n"
    "Summe;2;;;;;\n"
)


def drafted(settings, name: str, content: str | bytes, entity: str | None = None):
    path = settings.landing / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return draft(path, load_profiles(None), settings, entity)


def test_a_list_with_titles_total_umlauts_and_commas_is_drafted_whole(settings):
    found = drafted(settings, "liste.csv", LIST.encode("cp1252"))
    assert found.tried == "As written, 2 of 2 rows load, 0 go to quarantine"
    profile = Profile.model_validate(yaml.safe_load(found.as_yaml()))
    assert (profile.entity, profile.read.encoding, profile.read.delimiter) == ("employees", "windows-1252", ";")
    assert profile.columns["hire_date"].sources == ("Eintritt",)
    assert profile.columns["salary"].number.decimal == ","
    assert profile.columns["as_of"].above_header
    assert "windows-1252 is likely" in found.as_yaml()
    assert "Änne" not in found.as_yaml()


def test_an_order_of_dates_that_nothing_proves_is_a_doubt(settings):
    found = drafted(settings, "staff_2024-01-31.csv", "Employee ID,Hire Date\na,03/04/2020\nb,05/06/2020\n")
    assert found.columns["hire_date"]["date_order"] == "dmy"
    assert "2 rows fit day first and month first" in found.doubts["columns.hire_date"][0]
    found = drafted(settings, "staff_2024-01-31.csv", "Employee ID,Hire Date\na,03/04/2020\nb,05/26/2020\n")
    assert "date_order" not in found.columns["hire_date"]


def test_the_entity_can_be_said(settings):
    found = drafted(settings, "x.csv", "Name,Score,When\nAna,4,2024-01-01\n", "trainings")
    assert found.entity == "trainings"
    assert "Not found" in " ".join(text for texts in found.doubts.values() for text in texts)
    Profile.model_validate(yaml.safe_load(found.as_yaml()))


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_draft_of_any_export_is_valid_as_written(sample, settings):
    found = draft(land(sample, settings.landing), load_profiles(None), settings)
    Profile.model_validate(yaml.safe_load(found.as_yaml()))
    assert "refused" not in found.tried


def test_a_file_of_no_entity_is_drafted_as_a_lookup(settings):
    found = drafted(settings, "departments.csv", "dept_no,dept_name\nd1,Sales\n")
    assert (found.entity, list(found.columns)) == ("lookup", ["dept_no", "dept_name"])
    assert found.tried.startswith("As written, 1 of 1 rows load")
    Profile.model_validate(yaml.safe_load(found.as_yaml()))


def test_what_cannot_be_read_is_said(settings):
    with pytest.raises(UserError, match="EMPTY_FILE"):
        drafted(settings, "empty.csv", "")
    with pytest.raises(UserError, match="web page"):
        drafted(settings, "page.csv", "<!DOCTYPE html><html></html>")


def test_the_command_writes_a_profile_and_what_to_do_next(tmp_path):
    (tmp_path / "staff_2024-01-31.csv").write_text("Employee ID,Hire Date\na,2020-01-13\n")
    done = perfwh("profile", tmp_path / "staff_2024-01-31.csv", "--out", tmp_path / "profiles" / "staff.yml")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 rows load" in done.stdout and "PERFWH_PROFILES" in done.stdout
    again = perfwh("profile", tmp_path / "staff_2024-01-31.csv", "--out", tmp_path / "profiles" / "staff.yml")
    assert again.returncode == 2 and "is there already" in again.stderr
    assert perfwh("profile", tmp_path / "none.csv").returncode == 2
