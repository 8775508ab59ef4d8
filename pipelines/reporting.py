"""What people are told: the summary at the end of a run, and `perfwh status`. Counts and names of files only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from expectations.runner import CheckResult
from pipelines import pages
from pipelines.comparing import told as figure_told
from pipelines.errors import EXIT_BLOCKED, EXIT_PUBLISHED
from pipelines.identifiers import Identifiers, of_addresses, of_loads
from pipelines.loads import Load, superseded
from pipelines.publishing import kept_manifests, published_manifest
from pipelines.punctuality import ON_TIME
from pipelines.quarantine import causes
from pipelines.runs import Run, last_run, last_runs
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pipelines.erasure.erasing import Certificate
    from pipelines.lineage import Way

_MOST_LINES = 12
# Runs whose counts a trend shows.
_TREND = 20


def _console() -> Console:
    # In a pipe or a log nothing is cut off.
    return Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 160)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column in ("", "entity", "mart", "file", "what") else "right")
    return table


def print_summary(settings: Settings, run_id: str, code: int, faults: Sequence[str] = ()) -> None:
    """The end of a run: files and rows in, quarantine, marts out, and where to look next.

    Args:
        settings: the configuration in force.
        run_id: the run.
        code: how it ended.
        faults: which steps failed, and why.
    """
    run = Run(settings, run_id)
    console = _console()
    loads, names = _written(run)
    files = [load.file_name for load in run.loads()]
    table = _table("\nIn", "entity", "files", "rows read", "loaded", "quarantined", "duplicate")
    for entity in sorted({load.entity for load in loads}):
        of = [load for load in loads if load.entity == entity]
        table.add_row(
            entity,
            f"{len(of):,}",
            *(
                f"{sum(getattr(load, name) for load in of):,}"
                for name in ("rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate")
            ),
        )
    console.print(table)
    left_out = [
        f"{load.status}: {load.file_name}: {load.code}: {load.message}"
        for load in loads
        if load.status in ("refused", "held")
    ][:_MOST_LINES]
    # What blocks a run is said at its end.
    for line in left_out if code != EXIT_BLOCKED else ():
        console.print(line, markup=False)
    for load in [load for load in loads if load.status == "loaded" and load.message][:_MOST_LINES]:
        console.print(f"note: {load.file_name}: {load.message}", markup=False)
    quarantined = [(load, rule) for load in loads for rule in load.quarantined_by_rule]
    for load, rule in quarantined[:_MOST_LINES]:
        count, first = load.quarantined_by_rule[rule], load.quarantined_first[rule]
        console.print(f"quarantined: {load.file_name}: {rule}: {count:,} rows, first in {first}", markup=False)
    if code == EXIT_PUBLISHED:
        outcome = run.read("outcome")
        out = _table("\nOut", "mart", "rows")
        for name, rows in outcome["row_counts"].items():
            if name.startswith("marts."):
                out.add_row(name.removeprefix("marts."), f"{rows:,}")
        console.print(out)
        _print_changes(console, outcome.get("changes"))
        hidden = outcome["hidden"]
        if enough := hidden["cells"] - hidden["below_minimum"]:
            console.print(
                f"\nDisclosure control: {hidden['below_minimum']:,} cells of too few people are suppressed; to protect "
                f"others {hidden['complementary'] / enough:.1%} of the rest ({enough:,}; see ops.protection)"
            )
        if hidden["budget"]:
            console.print(f"{hidden['budget']:,} cells are suppressed as the budget (disclosure_budget) was spent")
        if hidden["waiting"]:
            console.print(
                f"{hidden['waiting']:,} late answers or corrections wait: figures move only when those of "
                f"{run.settings.minimum_group} people or more have come together ({hidden['held']:,} cells stay as "
                "they were)"
            )
            for kind, occasion, people in outcome["waiting"][:_MOST_LINES]:
                who = "1 person" if people == 1 else f"{people:,} people"
                console.print(f"  {kind} of {occasion}: changes of {who}", markup=False)
            if len(outcome["waiting"]) > _MOST_LINES:
                console.print(f"  ... and {len(outcome['waiting']) - _MOST_LINES} more: see ops.protection")
    _print_cautions(console, settings.cautions)
    failed = [check for check in run.checks() if not check.passed]
    warnings = [check for check in failed if not check.blocks]
    if warnings:
        console.print(f"\n{len(warnings)} checks warn:")
        for check in warnings[:_MOST_LINES]:
            console.print(f"  {check.asset} · {check.check_name}: {check.failing_rows:,} rows", markup=False)
        if len(warnings) > _MOST_LINES:
            console.print(f"  ... and {len(warnings) - _MOST_LINES} more: perfwh status")
    for check in warnings:
        if check.check_name == ON_TIME:
            console.print(f"late: {names.keyed_sentence(check.description, files)}", markup=False)
    # Publishing has written them already.
    page = pages.folder_of(settings) / pages.DATA_QUALITY
    console.print(f"\n{f'Data quality: {page}' if code == EXIT_PUBLISHED else write_pages(settings)}")
    published = settings.warehouse / "published"
    if code == EXIT_PUBLISHED:
        console.print(f"\nPublished version {run.read('outcome')['version']}: {published}")
        console.print("Next: query performance.duckdb there, `perfwh status`, or `make dev` for Dagster's pages.")
        return
    if code == EXIT_BLOCKED:
        console.print("\nBlocked, nothing is published:")
        for line in left_out:
            console.print(f"  {line}", markup=False)
        for check in [check for check in failed if check.blocks]:
            if not (check.check_name == "every_file_is_loaded" and loads):
                told = names.keyed_sentence(check.description, files)
                console.print(f"  {check.asset} · {check.check_name}: {told}", markup=False)
    else:
        console.print("\nThe run failed, nothing is published. Nothing has to be cleaned up: mend this and run again.")
        for fault in faults:
            console.print(f"  {names.keyed_sentence(fault, files)}", markup=False)
        console.print(f"Dagster's page of run {run_id} has the rest: make dev")
    current = published_manifest(settings)
    console.print(f"Version {current['version']} stays current." if current else "There is no published version yet.")


def _print_cautions(console: Console, cautions: Sequence[str]) -> None:
    for caution in cautions:
        console.print(f"caution: {caution}", markup=False)


def _print_changes(console: Console, changes: dict[str, Any] | None) -> None:
    if not changes or not changes["headlines"]:
        return
    since = changes["since"]
    table = _table(f"\nSince version {since}" if since else "\nHeadlines", *_headings(changes))
    for row in _headline_rows(changes):
        table.add_row(*row)
    console.print(table)
    if since:
        console.print(f"  {_differing(changes)}")
        for word, names in (("fails now", changes["fails_now"]), ("passes now", changes["passes_now"])):
            for name in names[:_MOST_LINES]:
                console.print(f"  {word}: {name}", markup=False)


def _headings(changes: dict[str, Any]) -> tuple[str, ...]:
    return ("what", "before", "the same now", "newest") if changes["since"] else ("what", "newest")


def _headline_rows(changes: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, one in changes["headlines"].items():
        newest = f"{figure_told(one['newest'])} ({one['newest_period']})" if one["newest_period"] else "hidden, or none"
        before = f"{figure_told(one['before'])} ({one['period']})" if one["period"] else ""
        now = figure_told(one["now"])
        # A figure of the past that is another one now was restated.
        mark = " *" if one["period"] and one["now"] != one["before"] else ""
        rows.append((name, before, now + mark, newest) if changes["since"] else (name, newest))
    return rows


def _differing(changes: dict[str, Any]) -> str:
    rows = ", ".join(f"{mart} {before:,} → {after:,}" for mart, (before, after) in changes["rows"].items())
    if not rows:
        return "All marts are the same."
    return f"Rows of the marts that differ: {rows}" + ("; the others are the same." if changes["same"] else ".")


def changes_as_markdown(changes: dict[str, Any]) -> str:
    """What a version says otherwise than the one before, for the run's page."""
    if not changes:
        return ""
    headings = _headings(changes)
    lines = [f"Since version {changes['since']}" if changes["since"] else "The first version", ""]
    lines += [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    lines += [f"| {' | '.join(row)} |" for row in _headline_rows(changes)]
    if changes["since"]:
        lines += ["", "\\* restated", "", _differing(changes)]
        lines += [f"- fails now: {name}" for name in changes["fails_now"]]
        lines += [f"- passes now: {name}" for name in changes["passes_now"]]
    return "\n".join(lines)


def print_certificate(certificate: Certificate) -> None:
    """What `perfwh erase` took out of where."""
    console = _console()
    if not certificate.files:
        console.print("Nothing in the landing zone has to go.")
    else:
        table = _table("\nLanding zone", "file", "records", "mentions emptied", "texts struck out")
        for file in certificate.files:
            name = f"{file.file_name} (nothing was left of it)" if file.is_removed else file.file_name
            table.add_row(name, *(f"{count:,}" for count in (file.records, file.mentions, file.texts)))
        console.print(table)
    if certificate.unread:
        console.print("\nNot searched, since they cannot be read; they are cleaned once they can be:")
        for name in certificate.unread:
            console.print(f"  {name}", markup=False)
    counts = {
        "files renamed": certificate.renamed,
        "folders of raw and validated rows": certificate.copies,
        **certificate.stores,
        "versions": len(certificate.versions),
    }
    table = _table("\nBeside their rows", "what", "count")
    for what, count in counts.items():
        table.add_row(what, f"{count:,}")
    console.print(table)
    if certificate.path is None:
        console.print("\nNothing has been changed.")
        return
    console.print(f"\nVersion {certificate.published} is in the place of all others.")
    if certificate.left:
        console.print(
            f"{certificate.left:,} published texts still hold the name or the address: look at people.duckdb."
        )
    console.print(
        f"Certificate: {certificate.path}\nBackups and copies outside of {certificate.path.parents[1]} are yours."
    )


def _written(run: Run) -> tuple[list[Load], Identifiers]:
    """A run's loads as everybody may read them, and by what it knows people."""
    loads = run.loads()
    names = of_loads(loads, run.settings)
    return [load.written(names) for load in loads], names


def status(settings: Settings) -> dict[str, Any]:
    """What is published, and what became of the last run: a dict that JSON can hold."""
    manifest = published_manifest(settings)
    versions = [
        {name: kept[name] for name in ("version", "published_at", "code_version", "settings_sha256") if name in kept}
        | {"files": len(kept["files"])}
        for kept in kept_manifests(settings)
    ]
    last = last_run(settings)
    loads, names = _written(last) if last else ([], of_addresses(settings))
    files = [load.file_name for load in last.loads()] if last else []
    earlier = [load.written(names) for load in superseded(last.loads() if last else [], settings)]
    checks = [
        replace(check, description=names.keyed_sentence(check.description, files))
        for check in (last.checks() if last else [])
    ]
    return {
        "published": manifest
        and {name: manifest[name] for name in ("version", "run_id", "published_at", "row_counts")},
        "cautions": settings.cautions,
        "versions": versions,
        "last_run": last
        and {
            "run_id": last.run_id,
            "published": (last.folder / "outcome.json").exists(),
            "loads": [asdict(load) for load in (*loads, *earlier)],
            "quarantine": [
                {
                    "file_name": load.file_name,
                    "entity": load.entity,
                    "rule": rule,
                    "rows": rows,
                    "first": load.quarantined_first[rule],
                }
                for load in loads
                for rule, rows in load.quarantined_by_rule.items()
            ],
            "checks": [asdict(check) for check in checks],
        },
    }


def write_pages(settings: Settings) -> str:
    """Writes the pages that follow a run; where they are, or why they could not be written."""
    try:
        return f"Data quality: {pages.write(settings, status(settings), trend(settings))}"
    except OSError as error:
        return f"{pages.folder_of(settings)}: cannot be written ({error.strerror})"


def trend(settings: Settings) -> list[list[CheckResult]]:
    """The checks of the last runs, the oldest first."""
    return [run.checks() for run in last_runs(settings, _TREND)]


def quarantined(settings: Settings) -> list[dict[str, Any]]:
    """Why rows of the last run are in quarantine: a list that JSON can hold."""
    last = last_run(settings)
    return causes(_written(last)[0], settings) if last else []


def print_quarantine(found: list[dict[str, Any]]) -> None:
    """`status --quarantine` for people: each cause with its place, what was found and what was expected."""
    console = _console()
    if not found:
        console.print("Nothing is in quarantine.")
        return
    for cause in found:
        column = f" · {cause['column_name']}" if cause["column_name"] else ""
        console.print(f"{cause['file_name']}: {cause['rule']}{column}: {cause['rows']:,} rows", markup=False)
        console.print(f"    first in line {cause['first_line']:,}; expected: {cause['expected']}", markup=False)
        if cause["examples"]:
            console.print(f"    found: {', '.join(map(repr, cause['examples']))}", markup=False)
    console.print(
        "\nDeliver a mended file under the same name, and run again. Once published, the rows themselves are in "
        "people.duckdb, ops.quarantine_rows."
    )


def print_status(found: dict[str, Any]) -> None:
    """`status` for people."""
    console = _console()
    published, last = found["published"], found["last_run"]
    if published:
        console.print(f"Published: version {published['version']} of {published['published_at']}")
    else:
        console.print("Nothing is published yet: perfwh run")
    _print_cautions(console, found["cautions"])
    kept = _table("\nVersions", "version", "published at", "files", "code", "")
    for one in found["versions"]:
        is_current = published is not None and one["version"] == published["version"]
        told = (one["version"], one["published_at"], str(one["files"]), one["code_version"] or "")
        kept.add_row(*told, "current" if is_current else "perfwh rollback " + one["version"])
    if len(found["versions"]) > 1:
        console.print(kept)
    if not last:
        return
    console.print(f"Last run: {last['run_id']} ({'published' if last['published'] else 'published nothing'})")
    table = _table("\nLoads", "file", "status", "rows read", "loaded", "quarantined", "duplicate")
    for load in last["loads"]:
        table.add_row(
            load["file_name"],
            load["status"] + (f" ({load['code']})" if load["code"] else ""),
            *(f"{load[name]:,}" for name in ("rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate")),
        )
    console.print(table)
    for load in last["loads"]:
        if load["status"] in ("refused", "held"):
            console.print(f"{load['file_name']}: {load['message']}", markup=False)
    if last["quarantine"]:
        quarantine = _table("\nQuarantine", "file", "rule", "rows", "first in")
        for entry in last["quarantine"]:
            quarantine.add_row(entry["file_name"], entry["rule"], f"{entry['rows']:,}", entry["first"])
        console.print(quarantine)
    failed = [check for check in last["checks"] if not check["passed"]]
    console.print(f"\nChecks: {len(last['checks']) - len(failed)} passed, {len(failed)} did not")
    for check in failed:
        console.print(
            f"  {check['severity']}: {check['asset']} · {check['check_name']}: {check['failing_rows']:,} rows",
            markup=False,
        )


def print_way(way: Way, definition: str) -> None:
    """A column, its definition, and as a tree what it is made of, down to the exports."""
    tree = Tree(f"{way.column}" + (f"  {definition}" if definition else ""))

    def add(branch: Tree, one: Way) -> None:
        told = one.column.strip("'") if one.column.startswith("'") else one.column
        here = branch.add(escape(told) + ("  (see above)" if one.is_repeated else ""))
        for step in one.made_of:
            add(here, step)

    for step in way.made_of:
        add(tree, step)
    _console().print(tree)
