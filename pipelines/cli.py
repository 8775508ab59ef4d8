"""The command line: `perfwh run`, `status`, `profile`, `sample`, `config`. Says what happened and what to do next.

Heavy packages are imported by the commands that need them, so that `--help` is quick.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.errors import UserError
from pipelines.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable


class _Group(click.Group):
    """Turns errors of the user's into a message and the exit code of the contract, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"perfwh: {error}", err=True)
            ctx.exit(error.exit_code)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that every command takes which reads the warehouse; they win over the environment."""
    for option in (
        click.option("--warehouse", type=click.Path(path_type=Path), help="Where the runs write (PERFWH_WAREHOUSE)."),
        click.option("--landing", type=click.Path(path_type=Path), help="The folder of exports (PERFWH_LANDING)."),
    ):
        command = option(command)
    return command


def _in_force(landing: Path | None, warehouse: Path | None, **more: Any) -> Settings:
    """The settings, with the options put where the steps of a run find them: in the environment."""
    for name, value in {"landing": landing, "warehouse": warehouse, **more}.items():
        if value is not None:
            os.environ[f"PERFWH_{name.upper()}"] = str(value)
    return load_settings()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="performance-warehouse")
def main() -> None:
    """The performance warehouse: exports of HR systems in, trusted marts out."""


@main.command()
@_options
@click.option("--profiles", type=click.Path(path_type=Path), help="Folder of your own source profiles.")
@click.option("--observed-to", type=click.DateTime(["%Y-%m-%d"]), help="Last day the exports speak of.")
@click.option("--force", is_flag=True, help="Run even where nothing is new.")
@click.option("--wait", type=click.FloatRange(min=0), help="Seconds to wait for another run (600 by default).")
def run(
    landing: Path | None,
    warehouse: Path | None,
    profiles: Path | None,
    observed_to: Any,
    force: bool,
    wait: float | None,
) -> None:
    """Publish everything new in the landing zone, as a Dagster run.

    Exit codes: 0 published, or nothing new; 1 failed; 2 usage or configuration; 3 blocked by a check, the last
    good version kept.
    """
    from pipelines import running

    day = observed_to.date().isoformat() if observed_to else None
    settings = _in_force(landing, warehouse, profiles=profiles, observed_to=day, lock_wait_seconds=wait)
    sys.exit(running.run(settings, force))


@main.command()
@_options
@click.option("--quarantine", is_flag=True, help="Why rows were kept back, cause by cause, with masked examples.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.option("--page", type=click.Path(path_type=Path), help="File to write the data-quality page (HTML) to.")
def status(landing: Path | None, warehouse: Path | None, quarantine: bool, as_json: bool, page: Path | None) -> None:
    """Loads, quarantine, checks and versions; of the last run too if it published nothing."""
    from pipelines import pages, reporting

    settings = _in_force(landing, warehouse)
    if page:
        pages.write_data_quality(reporting.status(settings), reporting.trend(settings), page)
        click.echo(f"Data quality: {page}")
        return
    found = reporting.quarantined(settings) if quarantine else reporting.status(settings)
    if as_json:
        click.echo(json.dumps(found, indent=2, default=str))
    elif isinstance(found, list):
        reporting.print_quarantine(found)
    else:
        reporting.print_status(found)


@main.command("pages")
@_options
@click.option("--serve", "port", type=click.IntRange(1, 65535), help="Show them on this port of this machine.")
def write_pages(landing: Path | None, warehouse: Path | None, port: int | None) -> None:
    """Write the pages for people without Dagster: data quality, rules, models with every column's definition."""
    from pipelines import pages, reporting
    from pipelines.files import keep_private
    from pipelines.runs import profiles_in_use

    keep_private()
    settings = _in_force(landing, warehouse)
    pages.write(settings, reporting.status(settings), reporting.trend(settings))
    pages.write_columns(settings, profiles_in_use(settings).values())
    pages.write_models(settings)
    click.echo(f"Pages: {pages.folder_of(settings) / 'index.html'}")
    if port:
        pages.serve(settings, port)


@main.command()
@_options
@click.argument("version", required=False)
def rollback(landing: Path | None, warehouse: Path | None, version: str | None) -> None:
    """Make an earlier version current: VERSION, or the one before the current one.

    Readers see the one or the other, whole. What was rolled back from is kept, and is not published again before
    something new has come; `perfwh run --force` publishes it all the same.
    """
    from pipelines import publishing

    manifest = publishing.rollback(_in_force(landing, warehouse), version)
    click.echo(f"Version {manifest['version']}, published at {manifest['published_at']}, is current again.")


@main.command()
@_options
@click.option("--employee-id", help="Whom to forget, as the exports write the id.")
@click.option("--expired", is_flag=True, help="Forget the rows that are older than `retention_days` says.")
@click.option("--lift", is_flag=True, help="Let a person who was erased in again, if they are delivered.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done; no file is written.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
def erase(
    landing: Path | None,
    warehouse: Path | None,
    employee_id: str | None,
    expired: bool,
    lift: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Forget a person everywhere: files, all that was made of them, logs, Dagster's history, every kept version.

    Files are rewritten without the person, and renamed where they are called after them; mentions elsewhere (as
    somebody's manager or rater) are emptied. Later deliveries are cleaned before they are read. A certificate says in
    counts what was removed where. The command shows these counts and asks before it changes anything.

    Exit codes: 0 forgotten; 1 failed, or not confirmed; 2 usage; 3 a check keeps the new version from being published.
    """
    from datetime import UTC, datetime

    from pipelines import reporting
    from pipelines.erasure import erasing

    # Rows are taken away on purpose.
    settings = _in_force(landing, warehouse, row_count_fall_limit=1)
    if (employee_id is None) != expired or (lift and (expired or dry_run)):
        raise click.UsageError("give --employee-id ID (with --dry-run or --lift), or --expired (with --dry-run)")
    if not (lift or dry_run or yes or sys.stdin.isatty()):
        raise UserError(
            "an erasure cannot be undone and is confirmed by y, but there is no terminal to ask on. Give --yes to "
            "erase without being asked, or --dry-run to see what would be done"
        )
    if lift and employee_id is not None:
        erasing.lift(settings, employee_id)
        click.echo("What is delivered of this person from now on is loaded again.")
        return
    today = datetime.now(UTC).date()
    if dry_run or not yes:
        planned = erasing.rehearse(settings, employee_id, today)
        reporting.print_certificate(planned)
        if dry_run:
            return
        click.confirm("\nErase this now? It cannot be undone", abort=True)
    done = erasing.erase_expired(settings, today) if employee_id is None else erasing.erase(settings, employee_id)
    reporting.print_certificate(done)


@main.command()
@_options
@click.argument("version", required=False)
def verify(landing: Path | None, warehouse: Path | None, version: str | None) -> None:
    """Compare a version, or the current one, with its manifest: checksums, files, row counts.

    Exit codes: 0 all is as it was published, 1 something is not.
    """
    from pipelines import publishing

    settings = _in_force(landing, warehouse)
    version = version or publishing.current_version(settings)
    if version is None:
        raise UserError("nothing is published yet: perfwh run")
    faults = publishing.faults_of(settings, version)
    for fault in faults:
        click.echo(f"{version}: {fault}", err=True)
    if faults:
        raise UserError("not as it was published; `perfwh rollback` makes an earlier version current", 1)
    click.echo(f"{version}: all is as it was published")


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--entity", help="What the file is about (employees, reviews, goals, ...); guessed from its headers.")
@click.option("--profiles", type=click.Path(path_type=Path), help="Folder of your own source profiles.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write the profile to; else it is printed.")
def profile(file: Path, entity: str | None, profiles: Path | None, out: Path | None) -> None:
    """Draft a source profile for an export that none fits.

    The draft is valid as written; its comments say what is doubtful. Put it into the folder that PERFWH_PROFILES
    names, mend what the comments ask, and run.
    """
    from pipelines import drafting
    from pipelines.entities import ENTITIES
    from pipelines.profiles import load_profiles

    if entity and entity not in ENTITIES:
        raise UserError(f"unknown entity {entity!r}; known: {', '.join(ENTITIES)}")
    settings = _in_force(None, None, profiles=profiles)
    found = drafting.draft(file, load_profiles(settings.profiles), settings, entity)
    if not out:
        click.echo(found.as_yaml(), nl=False)
        return
    if out.is_dir():
        out = out / f"{found.name}.yml"
    if out.exists():
        raise UserError(f"{out}: is there already; name another file with --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(found.as_yaml())
    doubts = sum(map(len, found.doubts.values()))
    click.echo(f"{out}: {found.entity}, {len(found.columns)} columns, {doubts} remarks to look at. {found.tried}.")
    click.echo(f"Next: read the comments, then PERFWH_PROFILES={out.parent} perfwh run")


@main.command()
@click.option("--employees", default=500, show_default=True, type=click.IntRange(min=20), help="People at the start.")
@click.option("--months", default=24, show_default=True, type=click.IntRange(min=1), help="Months of exports.")
@click.option("--seed", default=1, show_default=True, help="Equal seeds give equal companies.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write into.")
def sample(employees: int, months: int, seed: int, out: Path) -> None:
    """Write the exports of an invented company, shaped like those of vendors."""
    from pipelines.sample import write_company

    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out}: is not empty; name a folder that is, or does not exist yet")
    counts = write_company(out, employees, months, seed)
    for name, rows in counts.items():
        click.echo(f"  {name:<28} {rows:>10,} rows")
    click.echo(f"Exports of {employees:,} people over {months} months are in {out}")


@main.command()
@_options
@click.argument("column", metavar="MART.COLUMN")
@click.option("--all-profiles", is_flag=True, help="Name the exports of every profile, not only of those in use.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def lineage(landing: Path | None, warehouse: Path | None, column: str, all_profiles: bool, as_json: bool) -> None:
    """The way from a published column to the columns of the exports that it is made of.

    Exports are those of the last run; without one, of all profiles.
    """
    from pipelines import lineage as lineages
    from pipelines import reporting
    from pipelines.profiles import load_profiles
    from pipelines.runs import profiles_in_use

    settings = _in_force(landing, warehouse)
    known = lineages.prepared(settings)
    name = lineages.find(known, column)
    profiles = load_profiles(settings.profiles) if all_profiles else profiles_in_use(settings)
    way = lineages.way(known, name, profiles.values())
    if as_json:
        click.echo(json.dumps(asdict(way), indent=2))
    else:
        reporting.print_way(way, lineages.described(name))


@main.command()
@_options
def config(landing: Path | None, warehouse: Path | None) -> None:
    """The configuration in force, secrets masked."""
    settings = _in_force(landing, warehouse)
    shown = settings.model_dump(mode="json")
    width = max(map(len, shown))
    for name, value in shown.items():
        click.echo(f"{name:<{width}}  {value}")
