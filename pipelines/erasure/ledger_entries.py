"""The ledger of disclosure control without a person."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.database import connect, identifier, literal
from pipelines.disclosure import ledger
from pipelines.disclosure.states import person_digest
from pipelines.erasure.identity import ERASED, Identity
from pipelines.files import draft_of, sync
from pipelines.settings import Settings

# Days from which on somebody can be of a gender or an ethnicity, as far as an erasure looks for them.
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2100, 1, 1)


def forget(settings: Settings, identity: Identity, is_rehearsal: bool) -> int:
    """Removes a person from the ledger; of each state only their number is left, and it stays as readers have it.

    Slices and occasions that are called after the person lose the name.

    Args:
        settings: the configuration in force.
        identity: what names the person.
        is_rehearsal: whether the ledger is a copy; it is changed then as well.

    Returns:
        How many digests and names were removed.
    """
    key = bytes.fromhex(ledger.key_in_force(settings))
    with connect(settings) as con:
        con.execute("create temp table gone (person bigint)")
        con.register("digests", pa.table({"person": pa.array(_digests_of(identity, key), pa.int64())}))
        con.execute("insert into gone select distinct person from digests")
        return sum(_forget_in(con, folder, identity) for folder in ledger.folders(settings.warehouse))


def _digests_of(identity: Identity, key: bytes) -> list[int]:
    """All digests that a person can have: of the id, of stints, and of what they were from some day on."""
    days = [str(date.fromordinal(number)) for number in range(_FIRST_DAY.toordinal(), _LAST_DAY.toordinal())]
    suffixes = [*map(str, range(1, 100)), *days]
    of_ids = [f"{person} {also}" for person in sorted(identity.ids) for also in suffixes]
    return [person_digest(key, one) for one in (*sorted({*identity.ids, *identity.texts}), *of_ids)]


def _forget_in(con: duckdb.DuckDBPyConnection, folder: Path, identity: Identity) -> int:
    people, heads = folder / "people.parquet", folder / "states.parquet"
    con.execute(
        "create or replace temp table counted as select state, count(*) as people "
        f"from read_parquet({literal(people)}) "
        "where person in (select person from gone) group by state"
    )
    row = con.execute("select coalesce(sum(people), 0) from counted").fetchone()
    removed = int(row[0]) if row else 0
    if removed:
        # The number first: an erasure that is cut short has then frozen the state already.
        _replace(
            con,
            heads,
            "select h.* replace (h.gone + coalesce(c.people, 0) as gone) "
            f"from read_parquet({literal(heads)}) as h left join counted as c on h.state = c.state order by h.state",
        )
        left = f"select * from read_parquet({literal(people)}) where person not in (select person from gone)"
        _replace(con, people, f"{left} order by state, person")
    return removed + sum(_forget_names(con, path, identity) for path in sorted(folder.glob("*.parquet")))


def _forget_names(con: duckdb.DuckDBPyConnection, path: Path, identity: Identity) -> int:
    """Strikes a person out of the texts of a table; how many different texts named them."""
    source = f"read_parquet({literal(path)}, file_row_number = true)"
    columns = con.execute(f"describe select * from read_parquet({literal(path)})").fetchall()
    texts = {name: kind for name, kind, *_ in columns if kind in ("VARCHAR", "VARCHAR[]")}
    found: dict[str, str] = {}
    for name, kind in texts.items():
        each = f"unnest({identifier(name)})" if kind == "VARCHAR[]" else identifier(name)
        for (text,) in con.execute(f"select distinct {each} from {source}").fetchall():
            if text and text in identity.ids:
                found[text] = ERASED
            elif text and identity.is_in(text):
                found[text] = identity.strike(text)
    if not found:
        return 0
    cases = " ".join(f"when {literal(old)} then {literal(new)}" for old, new in found.items())
    parts = [
        (
            f"list_transform({identifier(name)}, lambda one: case one {cases} else one end)"
            if kind == "VARCHAR[]"
            else f"case {identifier(name)} {cases} else {identifier(name)} end"
        )
        + f" as {identifier(name)}"
        for name, kind in texts.items()
    ]
    _replace(
        con,
        path,
        f"select * exclude (file_row_number) replace ({', '.join(parts)}) from {source} order by file_row_number",
    )
    return len(found)


def _replace(con: duckdb.DuckDBPyConnection, path: Path, query: str) -> None:
    draft = draft_of(path)
    con.execute(f"copy ({query}) to {literal(draft)} (format parquet, compression zstd)")
    sync(draft)
    draft.replace(path)
    sync(path.parent)
