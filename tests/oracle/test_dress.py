"""The same facts in any dress (delimiter, encoding, headers, dates, order, files, repeats) give the same marts."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import date
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines import loads
from pipelines.entities import ENTITIES
from pipelines.landing import take_in
from pipelines.marts import MARTS
from pipelines.profiles import Profile
from pipelines.recognising import recognise
from pipelines.settings import load_settings
from tests.oracle.companies import seeded_company
from tests.oracle.test_oracle import PLAIN
from tests.oracle.warehouse import Warehouse, compiled

pytestmark = pytest.mark.xdist_group("dress")

Rows = list[dict[str, Any]]
DATES = {"iso": "%Y-%m-%d", "dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "ymd": "%d %b %Y"}
HEADERS = {
    "as written": lambda name: name,
    "titles": lambda name: name.replace("_", " ").title(),
    "shouted": lambda name: f" {name.upper()} ",
    "with hard spaces": lambda name: name.replace("_", "\u00a0"),
}


@st.composite
def dresses(draw) -> dict[str, Any]:
    form = draw(st.sampled_from(["csv", "csv", "csv", "excel", "jsonl"]))
    return {
        "form": form,
        "delimiter": draw(st.sampled_from([",", ";", "\t", "|"])),
        "encoding": "utf-8" if form != "csv" else draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])),
        "end": draw(st.sampled_from(["\n", "\r\n"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        "headers": draw(st.sampled_from(sorted(HEADERS))),
        "order": draw(st.sampled_from(sorted(DATES))),
        "packed": draw(st.booleans()),
        "files": draw(st.integers(1, 3)),
        "titles": form == "csv" and draw(st.booleans()),
        "repeats": draw(st.booleans()),
        "shuffled": draw(st.randoms(use_true_random=False)),
    }


def dressed(rows: Rows, entity: str, dress: dict[str, Any]) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
    """Files with the rows, and the profile that tells how they are written."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    kinds = {name: ENTITIES[entity].by_name[name].type for name in columns}
    named = {name: HEADERS[dress["headers"]](name) for name in columns}
    texts = [
        [_written(row.get(name), kinds[name], DATES[dress["order"]]) for name in columns]
        for row in dress["shuffled"].sample(rows, len(rows))
    ]
    if dress["repeats"]:
        texts += texts[:2]
    pieces = [texts[n :: dress["files"]] for n in range(dress["files"])]
    files = []
    for number, piece in enumerate([piece for piece in pieces if piece]):
        content, suffix = _content(list(named.values()), piece, dress)
        packed = dress["packed"] and dress["form"] != "excel"
        files.append(
            (f"{entity}-{number}.{suffix}{'.gz' if packed else ''}", gzip.compress(content) if packed else content)
        )
    encoding = {"utf-8-sig": "utf-8", "cp1252": "windows-1252"}.get(dress["encoding"], dress["encoding"])
    read: dict[str, Any] = {"format": {"excel": "table"}.get(dress["form"], dress["form"]), "encoding": encoding}
    if dress["form"] == "csv":
        read |= {"delimiter": dress["delimiter"], "preamble": 5 if dress["titles"] else 0}
    read["date_order"] = "ymd" if dress["order"] == "iso" else dress["order"]
    profile = {
        "profile": f"dress_{entity}",
        "entity": entity,
        "description": "-",
        "files": [f"{entity}-*"],
        "read": read,
        "columns": {name: {"from": header.strip()} for name, header in named.items()},
    }
    return files, profile


def _written(value: Any, kind: str, way: str) -> str:
    if value in (None, ""):
        return ""
    if kind == "date":
        return date.fromisoformat(str(value)).strftime(way)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _content(header: list[str], rows: list[list[str]], dress: dict[str, Any]) -> tuple[bytes, str]:
    if dress["form"] == "jsonl":
        names = [name.strip() for name in header]
        lines = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows]
        return ("\n".join(lines) + "\n").encode(), "jsonl"
    if dress["form"] == "excel":
        from openpyxl import Workbook

        book, buffer = Workbook(), io.BytesIO()
        for row in [header, *rows]:
            book.active.append(row)
        book.save(buffer)
        return buffer.getvalue(), "xlsx"
    text = io.StringIO()
    writer = csv.writer(text, delimiter=dress["delimiter"], quoting=dress["quoting"], lineterminator=dress["end"])
    if dress["titles"]:
        text.write(f"A report of {len(rows)} rows{dress['end']}{dress['end']}")
    writer.writerows([header, *rows])
    return text.getvalue().encode(dress["encoding"]), "csv"


def loaded(company: dict[str, Rows], dress: dict[str, Any], folder: Any, settings: Any) -> dict[str, Rows]:
    """The rows that the dressed files of a company load, as a company."""
    found: dict[str, Rows] = {}
    for entity, rows in company.items():
        if not rows:
            continue
        files, written = dressed(rows, entity, dress)
        profile = Profile.model_validate(written)
        for name, content in files:
            (folder / name).write_bytes(content)
            known = recognise(take_in(folder / name, folder), {profile.profile: profile})
            assert known.refusal is None, known.refusal
            load = loads.conform(known, {}, [], settings)
            assert load.is_conserved and not load.rows_quarantined, load
            path = settings.warehouse / "validated" / load.key / "rows.parquet"
            names = ", ".join(f'cast("{c.name}" as varchar) as "{c.name}"' for c in ENTITIES[entity].columns)
            table = duckdb.sql(f"select {names} from '{path}' where _violations is null").to_arrow_table()
            found[entity] = found.get(entity, []) + table.to_pylist()
    return found


@pytest.fixture(scope="module")
def warehouse() -> Warehouse:
    return Warehouse(compiled(**PLAIN))


def marts(warehouse: Warehouse, company: dict[str, Rows]) -> dict[str, list[tuple[Any, ...]]]:
    warehouse.give(company)
    return {mart: warehouse.query(f"select * from marts.{mart} order by all") for mart in MARTS}


@given(dress=dresses(), seed=st.integers(0, 40))
@hypothesis_settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_same_facts_in_any_dress_give_the_same_marts(dress, seed, warehouse, tmp_path_factory):
    company = {entity: _once(entity, rows) for entity, rows in seeded_company(seed).items()}
    folder = tmp_path_factory.mktemp("dress")
    settings = load_settings().model_copy(update={"landing": folder, "warehouse": folder / "warehouse"})
    plain = marts(warehouse, company)
    assert any(rows for rows in plain.values()) or not company.get("employees")
    assert marts(warehouse, loaded(company, dress, folder, settings)) == plain


def _once(entity: str, rows: Rows) -> Rows:
    """One row for each thing: of two the later line wins, and a dress changes the lines."""
    keys = {
        "employees": ("employee_id", "as_of", "effective_on", "hire_date", "is_primary"),
        "goals": ("goal_id", "period"),
        "reviews": ("cycle", "reviewee_id", "rater_id", "relationship", "competency"),
        "survey_responses": ("survey_id", "respondent_id", "item_id"),
        "survey_items": ("item_id",),
        "one_on_ones": ("meeting_id",),
        "recognitions": ("recognition_id", "receiver_id"),
    }.get(entity)
    return list({tuple(row.get(key) for key in keys): row for row in rows}.values()) if keys else rows
