"""Mutation testing of the models: each comparison, join and boundary is changed, one at a time; the oracle must notice.

A mutant is killed when it cannot be run (or does not end), or when a cell of a mart differs from what the oracle says
on one of the random companies or those of the museum. What survives is listed with its place: either a test is
missing, or the change makes no difference.

    python scripts/mutate.py [--models NAME ...] [--layers marts restricted facts history] [--companies N] [--workers N]
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.oracle import test_museum
from tests.oracle.companies import seeded_company
from tests.oracle.comparing import ORACLE, differences, expected
from tests.oracle.history import History
from tests.oracle.test_oracle import CONFIGURED, PLAIN
from tests.oracle.warehouse import Warehouse, compiled, settings_of

WANTED = 0.9
SECONDS = 20
# Each kind of company has its own settings, and so its own SQL.
SETTINGS = {"plain": PLAIN, "configured": CONFIGURED, "museum": test_museum.SETTINGS}
FLIPPED = {exp.EQ: exp.NEQ, exp.NEQ: exp.EQ, exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE, exp.GTE: exp.GT}


def places(tree: exp.Expression) -> list[exp.Expression]:
    """What can be changed in a query, in a fixed order."""
    found = [node for node in tree.walk() if isinstance(node, (*FLIPPED, exp.Join)) or _is_boundary(node)]
    return [node for node in found if not (isinstance(node, exp.Join) and node.args.get("kind") == "CROSS")]


def changed(tree: exp.Expression, place: int) -> tuple[str, str, str]:
    """Kind of the change at a place, the place as it was, and the whole SQL with that one change."""
    tree = tree.copy()
    node = places(tree)[place]
    before = node.sql(dialect="duckdb")
    if type(node) in FLIPPED:
        kind = "comparison"
        node.replace(FLIPPED[type(node)](this=node.this.copy(), expression=node.expression.copy()))
    elif isinstance(node, exp.Join):
        kind = "join"
        side = node.args.get("side")
        node.set("side", "LEFT" if not side else None)
        node.set("kind", None if not side else "INNER")
    else:
        kind = "boundary"
        node.replace(exp.Literal.number(int(node.this) + 1))
    return kind, before, tree.sql(dialect="duckdb")


@cache
def parsed(kind: str) -> dict[str, exp.Expression]:
    """Model → its SQL under the settings of a kind of company."""
    models = [model for model in compiled(**SETTINGS[kind]) if model.language == "sql"]
    return {model.name: sqlglot.parse_one(model.code, dialect="duckdb") for model in models}


def _is_boundary(node: exp.Expression) -> bool:
    """A whole number that something is compared with, added to or moved by."""
    if not (isinstance(node, exp.Literal) and node.is_int):
        return False
    around = node.parent
    while isinstance(around, exp.Paren | exp.Neg | exp.Cast):
        around = around.parent
    return isinstance(around, (*FLIPPED, exp.Add, exp.Sub, exp.Mul, exp.Interval, exp.WindowSpec, exp.Between))


def museum() -> list[dict]:
    """The companies of the museum of defects that stand under its usual settings."""
    found = []

    class ElsewhereError(Exception):
        """What follows in the test is about other settings."""

    class Recorder(test_museum.Museum):
        def __call__(self, company, against_oracle=True, **options):
            if options or not against_oracle:
                raise ElsewhereError
            found.append(company)
            return super().__call__(company, False)

    recorder = Recorder()
    for name, test in vars(test_museum).items():
        if name.startswith("test_"):
            for case in _cases(test):
                with contextlib.suppress(ElsewhereError):
                    test(recorder, **case)
    return found


def _cases(test: Callable) -> list[dict]:
    """The arguments that a parametrized test is called with."""
    for mark in getattr(test, "pytestmark", []):
        names = [mark.args[0]] if isinstance(mark.args[0], str) else mark.args[0]
        return [dict(zip(names, values if len(names) > 1 else [values], strict=True)) for values in mark.args[1]]
    return [{}]


class Corpus:
    """Companies with their built marts and the oracle's word on them."""

    def __init__(self, companies: int) -> None:
        self.built = []
        for seed in range(companies):
            self._add("configured" if seed % 4 == 3 else "plain", seeded_company(500 + seed))
        for company in museum():
            self._add("museum", company)

    def _add(self, kind: str, company: dict) -> None:
        options = SETTINGS[kind]
        warehouse = Warehouse(compiled(**options)).give(company)
        wanted = expected(History(company, settings_of(**options)), warehouse)
        assert differences(warehouse, wanted) == [], "the models disagree with the oracle before any change"
        columns = {name: _columns(name, wanted[name]) for name in ORACLE}
        for name in ORACLE:
            warehouse.con.execute(
                f'create table build.main."{name}" as select {columns[name]} from {warehouse.models[name].table}'
            )
        self.built.append((kind, warehouse, columns))

    def assert_that_the_unchanged_survive(self, models: list[str]) -> None:
        """Proof that a kill is the change's doing."""
        for model in models:
            unchanged = {kind: parsed(kind)[model].sql(dialect="duckdb") for kind in SETTINGS}
            assert not self.kills(model, unchanged), f"{model} is killed without a change"

    def kills(self, model: str, sqls: dict[str, str]) -> bool:
        return any(
            self._differs(warehouse, columns, model, sqls[kind])
            for kind, warehouse, columns in self.built
            if kind in sqls
        )

    def _differs(self, warehouse: Warehouse, columns: dict[str, str], model: str, sql: str) -> bool:
        following = warehouse.descendants(model)
        # A change can make a query run for ever.
        too_long = threading.Timer(SECONDS, warehouse.con.interrupt)
        too_long.start()
        warehouse.con.execute("begin")
        try:
            warehouse.build(following, instead={model: sql})
            for name in following:
                if name in ORACLE:
                    table, good = warehouse.models[name].table, f'build.main."{name}"'
                    what = columns[name]
                    found = warehouse.con.execute(
                        f"select (select count(*) from {table}) <> (select count(*) from {good}) or "
                        f"exists (select {what} from {table} except from {good}) or "
                        f"exists (from {good} except select {what} from {table})"
                    ).fetchone()
                    if found and found[0]:
                        return True
            return False
        except duckdb.Error:
            return True
        finally:
            too_long.cancel()
            warehouse.con.execute("rollback")


def _columns(name: str, mart: dict) -> str:
    """The columns that the oracle knows; rounded, since only cells count and not the last bit."""
    keys = [f'"{key}"' for key in ORACLE[name][0]]
    row = next(iter(mart.values()), {})
    figures = []
    for figure in row:
        is_number = any(isinstance(r[figure], float) for r in mart.values())
        figures.append(f'round("{figure}", 8) as "{figure}"' if is_number else f'"{figure}"')
    return ", ".join([*keys, *figures])


_CORPUS: Corpus | None = None


def _start(companies: int, models: list[str]) -> None:
    global _CORPUS
    _CORPUS = Corpus(companies)
    _CORPUS.assert_that_the_unchanged_survive(models)


def _judge(job: tuple[str, int]) -> tuple[str, str, str, bool]:
    model, place = job
    # Under other settings the SQL of a few models has other places; such mutants are tried without them.
    count = len(places(parsed("plain")[model]))
    found = {k: changed(parsed(k)[model], place) for k in SETTINGS if len(places(parsed(k)[model])) == count}
    kind, before, _ = found["plain"]
    assert _CORPUS
    return model, kind, before, _CORPUS.kills(model, {k: sql for k, (*_, sql) in found.items()})


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--models", nargs="*", help="only these")
    arguments.add_argument("--layers", nargs="*", default=["marts", "restricted", "facts", "history"])
    arguments.add_argument("--companies", type=int, default=16)
    arguments.add_argument("--workers", type=int, default=2)
    options = arguments.parse_args()
    plain = {model.name: model for model in compiled(**PLAIN)}
    models = [
        name
        for name, model in plain.items()
        if name in (options.models or plain)
        and model.schema in options.layers
        and set(Warehouse.descendants_in(plain, name)) & set(ORACLE)  # else the oracle knows nothing of it
    ]
    jobs = [(name, place) for name in models for place in range(len(places(parsed("plain")[name])))]
    print(f"{len(jobs)} mutants of {len({job[0] for job in jobs})} models", flush=True)
    killed: Counter[str] = Counter()
    made: Counter[str] = Counter()
    kinds: Counter[tuple[str, bool]] = Counter()
    started = time.monotonic()
    # Not forked: dbt and DuckDB have threads.
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, spawned, _start, (options.companies, models)) as pool:
        for place, (model, kind, before, is_dead) in enumerate(pool.map(_judge, jobs, chunksize=8), start=1):
            made[model] += 1
            killed[model] += is_dead
            kinds[kind, is_dead] += 1
            if not is_dead:
                print(f"  survives  {model}: {kind} {' '.join(before.split())[:140]}", flush=True)
            if place % 100 == 0:
                print(f"{place} of {len(jobs)}, {time.monotonic() - started:.0f} s", flush=True)
    print(f"\n{'model':32}{'mutants':>9}{'killed':>9}")
    for model in made:
        print(f"{model:32}{made[model]:9}{killed[model]:9}  {killed[model] / made[model]:.0%}")
    for kind in ("comparison", "join", "boundary"):
        all_of = kinds[kind, True] + kinds[kind, False]
        print(f"{kind:32}{all_of:9}{kinds[kind, True]:9}  {kinds[kind, True] / max(all_of, 1):.0%}")
    share = sum(killed.values()) / max(len(jobs), 1)
    print(f"\n{sum(killed.values())} of {len(jobs)} mutants killed: {share:.1%} (wanted: more than {WANTED:.0%})")
    return 0 if share > WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
