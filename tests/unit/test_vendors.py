"""The shipped profiles of vendors, each on a small invented export that shows its quirks."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from pipelines import loads
from pipelines.landing import take_in
from pipelines.profiles import load_profiles
from pipelines.recognising import recognise
from pipelines.settings import SHIPPED_PROFILES

VENDORS = Path(__file__).parents[1] / "vendors"

# Sample → its profile, rows loaded, quarantined, repeated, and some of what its first row says.
SAMPLES = {
    "people_report_2024-01-31.csv": (
        "bamboohr_employees",
        (3, 0, 0),
        {
            "employee_id": "00101",
            "as_of": date(2024, 1, 31),
            "hire_date": date(2019, 4, 23),
            "full_name": "Ana Ruiz",
            "manager_id": "Bo Lind",
            "employment_type": "Full-Time",
            "status": "Active",
        },
    ),
    "employment_status_table.csv": (
        "bamboohr_employment_status",
        (2, 0, 1),
        {
            "employee_id": "00103",
            "effective_date": date(2021, 3, 12),
            "change_type": "employment_type",
            "new_value": "Full-Time",
        },
    ),
    "job_information.csv": ("bamboohr_job_information", (2, 0, 0), {"change_type": "location", "new_value": "Madrid"}),
    "compensation.csv": ("bamboohr_compensation", (1, 0, 0), {"change_type": "pay", "new_value": "52000.00"}),
    "workday_export.txt.tsv": (
        "workday_workers",
        (2, 0, 0),
        {
            "as_of": date(2026, 9, 21),
            "employee_id": "1001",
            "full_name": "Ana Ruiz",
            "hire_date": date(2019, 4, 23),
            "department": "Engineering",
        },
    ),
    "raas_2026-09-30.csv": (
        "workday_raas",
        (2, 0, 0),
        {"employee_id": "1001", "manager_id": "1002", "hire_date": date(2019, 4, 23), "last_day": None},
    ),
    "roster_2026-09-30.csv": (
        "adp_workforce_now",
        (3, 0, 0),
        {
            "employee_id": "012345",
            "hire_date": date(2019, 4, 23),
            "full_name": "Ruiz, Ana",
            "salary": 52000.0,
            "ethnicity": "Not specified",
        },
    ),
    "mitarbeiter_2024-01-31.csv": (
        "personio_employees",
        (3, 0, 0),
        {
            "employee_id": "7",
            "hire_date": date(2014, 11, 9),
            "gender": "female",
            "salary": 52000.5,
            "location": "Köln",
            "manager_id": "bert@example.com",
        },
    ),
    "personio_2024-01-31.csv": ("personio_employees", (1, 0, 0), {"last_day": None, "hire_date": date(2014, 11, 9)}),
    "bob_people_2024-02-29.csv": ("hibob_people", (2, 0, 0), {"hire_date": date(2019, 5, 13), "full_name": "Ana Ruiz"}),
    "users_2024-02-29.csv": (
        "successfactors_users",
        (3, 0, 0),
        {
            "employee_id": "1001",
            "hire_date": date(2019, 4, 23),
            "department": "Engineering",
            "gender": "female",
            "manager_id": "1002",
        },
    ),
    "paylocity_2024-02-29.csv": (
        "paylocity_employees",
        (2, 0, 0),
        {"hire_date": date(2019, 4, 5), "department": "Engineering"},
    ),
    "ukg_2024-02-29.csv": (
        "ukg_employees",
        (2, 0, 0),
        {"employee_id": "000101", "hire_date": date(2019, 4, 5), "original_hire_date": date(2012, 4, 5)},
    ),
    "engagement_q3.csv": (
        "qualtrics_responses",
        (2, 1, 0),
        {
            "survey_id": "engagement_q3",
            "respondent_id": "R_1",
            "item_id": "QID1",
            "answer": "9",
            "employee_id": "101",
            "responded_at": datetime(2024, 9, 18, 8, 28, 49),
        },
    ),
    "qualtrics_pulse_2015.csv": (
        "qualtrics_legacy",
        (2, 0, 0),
        {"respondent_id": "R_1", "item_id": "Q1", "answer": "5", "responded_at": datetime(2015, 3, 2, 8, 5)},
    ),
    "team_health.csv": (
        "surveymonkey_responses",
        (2, 0, 0),
        {
            "respondent_id": "114987654321",
            "item_id": "How is your workload?",
            "answer": "4",
            "responded_at": datetime(2024, 9, 20, 8, 3, 10),
        },
    ),
    "generic/employees_2024-01-31.csv": (
        "generic_employees",
        (2, 0, 0),
        {"employee_id": "0007", "hire_date": date(2019, 4, 25), "department": "Ventas", "full_name": "Ana Ruiz"},
    ),
    "forms_pulse.xlsx": (
        "microsoft_forms",
        (2, 0, 0),
        {"survey_id": "forms_pulse", "item_id": "How do you feel at work?", "answer": "4", "employee_id": None},
    ),
    "google_form_lunch_and_learn.csv": (
        "google_forms",
        (2, 0, 0),
        {
            "item_id": "My team listens to me",
            "answer": "5",
            "employee_id": "ana@example.com",
            "responded_at": datetime(2026, 9, 20, 7, 0),
        },
    ),
    "engagement_raw.csv": (
        "culture_amp_survey",
        (2, 0, 0),
        {"item_id": "I know what is expected of me", "answer": "5", "department": "Engineering"},
    ),
    "culture_amp_employees_2024-09-30.csv": (
        "culture_amp_employees",
        (1, 0, 0),
        {"employee_id": "101", "manager_id": "bo@example.com"},
    ),
    "peakon_export.csv": ("peakon_scores", (2, 0, 0), {"survey_id": "2024-09", "item_id": "enps", "answer": "9"}),
    "climate_survey.csv": (
        "generic_survey_long",
        (3, 0, 0),
        {"survey_id": "climate-24", "item_id": "I am heard", "answer": "4"},
    ),
    "survey_wide_autumn.csv": (
        "generic_survey_wide",
        (2, 0, 0),
        {"survey_id": "survey_wide_autumn", "item_id": "I am heard", "answer": "4"},
    ),
    "lattice_review_export.csv": (
        "lattice_reviews",
        (2, 0, 0),
        {"cycle": "2024-H1", "relationship": "manager", "rating": 4.0, "rater_id": "bo@example.com"},
    ),
    "leapsome/review_2024-H1.csv": (
        "leapsome_reviews",
        (2, 0, 0),
        {"cycle": "review_2024-H1", "reviewee_id": "u1", "relationship": "self", "rating": 4.5},
    ),
    "best_self.csv": (
        "fifteenfive_reviews",
        (1, 0, 0),
        {"cycle": "Spring 2024", "relationship": "manager", "rating": 4.0},
    ),
    "performance_cycle.csv": (
        "culture_amp_reviews",
        (1, 0, 0),
        {"relationship": "manager", "rating": 4.0, "calibrated_rating": 3.0},
    ),
    "feedback_360.csv": (
        "generic_360",
        (2, 0, 0),
        {"relationship": "manager", "rating": 1.0, "scale_reversed": True, "calibrated_rating": None},
    ),
    "lattice_goals.jsonl": (
        "lattice_goals",
        (2, 1, 0),
        {
            "goal_id": "g1",
            "owner_id": "ana@example.com",
            "period": "2024-Q1",
            "due_on": date(2024, 3, 31),
            "actual_value": 40.0,
            "status": "in_progress",
            "level": "individual",
        },
    ),
    "leapsome_goals.csv": (
        "leapsome_goals",
        (1, 0, 0),
        {"period": "2024-Q1", "attainment": 0.4, "status": "in_progress"},
    ),
    "15five_objectives.csv": ("fifteenfive_objectives", (1, 0, 0), {"period": "2024-Q1", "attainment": 0.4}),
    "culture_amp_goals.csv": (
        "culture_amp_goals",
        (1, 0, 0),
        {"goal_id": "ana@example.com: Ship it", "period": "2024-Q1", "attainment": 0.4},
    ),
    "bonusly_transactions.csv": (
        "bonusly_recognitions",
        (1, 0, 0),
        {"giver_id": "ana@example.com", "points": 1000.0, "given_on": date(2024, 3, 5)},
    ),
    "meetings_1on1.csv": (
        "one_on_one_meetings",
        (1, 0, 0),
        {"scheduled_on": date(2024, 3, 5), "held_on": date(2024, 3, 6)},
    ),
}


def land(sample: str, landing: Path) -> Path:
    """A sample as it is delivered; workbooks are kept as text and written here."""
    target = landing / sample
    target.parent.mkdir(parents=True, exist_ok=True)
    if not sample.endswith(".xlsx"):
        target.write_bytes((VENDORS / sample).read_bytes())
        return target
    from openpyxl import Workbook

    workbook = Workbook()
    with (VENDORS / f"{sample}.csv").open(newline="") as text:
        for row in csv.reader(text):
            workbook.active.append([int(cell) if cell.isdigit() else cell for cell in row])
    workbook.save(target)
    return target


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_export_is_recognised_and_loaded(sample, settings):
    profile, counts, first = SAMPLES[sample]
    found = recognise(take_in(land(sample, settings.landing), settings.landing), load_profiles(None))
    assert found.refusal is None
    assert found.profile.profile == profile
    load = loads.conform(found, {}, [], settings)
    assert (load.rows_loaded, load.rows_quarantined, load.rows_duplicate) == counts
    assert load.is_conserved
    assert not load.exceeds_quarantine(settings)
    rows = settings.warehouse / "validated" / load.key / "rows.parquet"
    row = duckdb.sql(f"from '{rows}' where _violations is null order by _line limit 1").to_arrow_table().to_pylist()[0]
    assert {name: row[name] for name in first} == first


def test_every_vendor_profile_has_a_sample():
    shipped = {
        profile.profile for profile in load_profiles(None).values() if profile.known_by_header or profile.is_generic
    }
    assert shipped - {profile for profile, *_ in SAMPLES.values()} == set()


def test_every_sample_is_used():
    files = {path.relative_to(VENDORS).as_posix().removesuffix(".csv") for path in VENDORS.rglob("*.*")}
    assert {name.removesuffix(".csv") for name in SAMPLES} == files


def test_shipped_profiles_are_named_like_their_files():
    names = {path.stem for path in SHIPPED_PROFILES.glob("*.yml")}
    assert names <= set(load_profiles(None))
