"""The ledger without a person, on tables as they are written."""

from __future__ import annotations

import duckdb

from pipelines.disclosure import ledger
from pipelines.disclosure.states import person_digest
from pipelines.erasure import ledger_entries
from pipelines.erasure.identity import Identity
from pipelines.settings import Settings


def test_digests_and_names_of_a_person_leave_the_ledger(tmp_path, monkeypatch):
    """Also a regression: a part that is called after somebody stopped the erasure with an error of the database."""
    monkeypatch.setenv("PERFWH_TOMBSTONE_KEY_FILE", str(tmp_path / "key"))
    settings = Settings(
        landing=tmp_path / "landing", warehouse=tmp_path / "warehouse", tombstone_key_file=tmp_path / "key"
    )
    key = bytes.fromhex(ledger.key_in_force(settings))
    folder = settings.warehouse / "ledger" / "000001"
    folder.mkdir(parents=True)
    gone = [person_digest(key, one) for one in ("E-1", "E-1 2", "E-1 2021-03-01")]
    stays = person_digest(key, "E-2")
    for table, rows in {
        "people": f"select 1 as state, unnest({[*gone, stays]}) as person",
        "states": "select 1 as state, 'talk with Anna Berg' as occasion, ['craft', 'Anna Berg'] as parts, 0::bigint as gone",
        "slices": "select 1 as state, unnest(['E-1', 'E-2', 'Lab']) as slice_value",
    }.items():
        duckdb.execute(f"copy ({rows}) to '{folder / table}.parquet' (format parquet)")
    identity = Identity(frozenset({"E-1"}), frozenset({"anna berg"}))
    assert ledger_entries.forget(settings, identity, False) == 6
    read = {
        table: duckdb.execute(f"from '{folder / table}.parquet'").fetchall() for table in ("people", "states", "slices")
    }
    assert read == {
        "people": [(1, stays)],
        "states": [(1, "talk with [erased]", ["craft", "[erased]"], 3)],
        "slices": [(1, "[erased]"), (1, "E-2"), (1, "Lab")],
    }
