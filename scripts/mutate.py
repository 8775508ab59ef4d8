"""Mutation testing of the models: each comparison, join and boundary is changed, one at a time; the oracle must notice.

A mutant is killed when it cannot be run (or does not end), or when a cell of a mart differs from what the oracle says
on one of a dozen random companies. What survives is listed with its place: either a test is missing, or the change
makes no difference.

    python scripts/mutate.py [--models NAME ...] [--layers marts restricted facts history] [--companies N] [--workers N]
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
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


def mutants(sql: str) -> Iterator[tuple[str, str, str]]:
    """Kind of change, the place as it was, and the whole SQL with that one change."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    places = [node for node in tree.walk() if isinstance(node, (*FLIPPED, exp.Join)) or _is_boundary(node)]
    for place in range(len(places)):
        changed = tree.copy()
        node = [n for n in changed.walk() if isinstance(n, (*FLIPPED, exp.Join)) or _is_boundary(n)][place]
        before = node.sql(dialect="duckdb")
        if type(node) in FLIPPED:
            kind = "comparison"
            node.replace(FLIPPED[type(node)](this=node.this.copy(), expression=node.expression.copy()))
        elif isinstance(node, exp.Join):
            kind = "join"
            side = node.args.get("side")
            if node.args.get("kind") == "CROSS":
                continue
            node.set("side", "LEFT" if not side else None)
            node.set("kind", None if not side else "INNER")
        else:
            kind = "boundary"
            node.replace(exp.Literal.number(int(node.this) + 1))
        yield kind, before, changed.sql(dialect="duckdb")


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

    class Recorder(test_museum.Museum):
        def __call__(self, company, against_oracle=True, **options):
            if against_oracle and not options:
                found.append(company)
            return super().__call__(company, False, **options)

    recorder = Recorder()
    for name, test in vars(test_museum).items():
        if name.startswith("test_"):
            test(recorder)
    return found


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
        wanted = expected(History(company, settings_of(**options)))
        assert differences(warehouse, wanted) == [], "the models disagree with the oracle before any change"
        columns = {name: _columns(name, wanted[name]) for name in ORACLE}
        for name in ORACLE:
            warehouse.con.execute(
                f'create table build.main."{name}" as select {columns[name]} from {warehouse.models[name].table}'
            )
        self.built.append((kind, warehouse, columns))

    def assert_that_the_unchanged_survive(self, sqls: dict[str, dict[str, str]]) -> None:
        """Proof that a kill is the change's doing."""
        for model, unchanged in sqls.items():
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


def _start(companies: int, unchanged: dict[str, dict[str, str]]) -> None:
    global _CORPUS
    _CORPUS = Corpus(companies)
    _CORPUS.assert_that_the_unchanged_survive(unchanged)


def _judge(job: tuple[str, str, str, dict[str, str]]) -> tuple[str, str, str, bool]:
    model, kind, before, sqls = job
    assert _CORPUS
    return model, kind, before, _CORPUS.kills(model, sqls)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--models", nargs="*", help="only these")
    arguments.add_argument("--layers", nargs="*", default=["marts", "restricted", "facts", "history"])
    arguments.add_argument("--companies", type=int, default=16)
    arguments.add_argument("--workers", type=int, default=2)
    options = arguments.parse_args()
    models = {kind: {m.name: m for m in compiled(**settings)} for kind, settings in SETTINGS.items()}
    jobs = []
    unchanged = {}
    for name, model in models["plain"].items():
        if (options.models and name not in options.models) or model.schema not in options.layers:
            continue
        if not set(Warehouse.descendants_in(models["plain"], name)) & set(ORACLE):
            continue  # nothing that the oracle knows follows from it
        sqls = {kind: models[kind][name].sql for kind in SETTINGS}
        unchanged[name] = {k: sqlglot.parse_one(sql, dialect="duckdb").sql(dialect="duckdb") for k, sql in sqls.items()}
        changed = {kind: list(mutants(sql)) for kind, sql in sqls.items()}
        # Under other settings the SQL of a few models has other places; such mutants are tried without them.
        alike = [kind for kind in SETTINGS if len(changed[kind]) == len(changed["plain"])]
        for place, (kind, before, _) in enumerate(changed["plain"]):
            jobs.append((name, kind, before, {k: changed[k][place][2] for k in alike}))
    print(f"{len(jobs)} mutants of {len({job[0] for job in jobs})} models", flush=True)
    killed: Counter[str] = Counter()
    made: Counter[str] = Counter()
    kinds: Counter[tuple[str, bool]] = Counter()
    started = time.monotonic()
    with ProcessPoolExecutor(options.workers, initializer=_start, initargs=(options.companies, unchanged)) as pool:
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
