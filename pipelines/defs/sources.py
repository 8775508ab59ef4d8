"""From the landing zone to validated entities: `landing/files`, then `raw/*` and `validated/*` for each entity."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from expectations.runner import CheckResult
from pipelines import (
    building,
    fingerprint,
    landing,
    loads,
    publishing,
    punctuality,
    recognising,
    releases,
    validating,
)
from pipelines.defs import checks
from pipelines.defs.steps import step
from pipelines.entities import ENTITIES, LOOKUP, Column, Entity
from pipelines.erasure import cleaning
from pipelines.errors import RefusedFile
from pipelines.lineage import headers_of
from pipelines.marts import SETTLED_MARTS
from pipelines.models import earlier_tables, manifest_path, types_of_marts
from pipelines.profiles import Profile, load_profiles
from pipelines.runs import Run

Result = dg.MaterializeResult[None] | dg.AssetCheckResult
OWNERS = ["team:data-engineering"]
LANDING = dg.AssetKey(["landing", "files"])
STRANGERS = dg.AssetKey(["landing", "strangers"])
PSEUDONYMS = dg.AssetKey(["validated", "person_pseudonyms"])
_MARKS = (
    dg.TableColumn("delivery_number", "integer", "Place of the file among those in force."),
    dg.TableColumn("line_number", "bigint", "Line of the file."),
)


@dg.asset(
    key=LANDING,
    group_name="landing",
    owners=OWNERS,
    kinds={"file"},
    description="The export files in the landing zone, each with its content hash and its source profile.",
)
def landing_files(context: dg.AssetExecutionContext) -> Iterator[Result]:
    """Looks through the landing zone."""
    with step(context) as run:
        publishing.sweep(run.settings)
        run.begin()
        profiles = load_profiles(run.settings.profiles)
        whole, held = landing.settle(landing.list_files(run.settings.landing), run.settings.settle_seconds)
        cleaned = cleaning.clean_of_erased(whole, profiles, run.settings)
        found, unreadable = [], []
        for path in whole:
            try:
                found.append(recognising.recognise(landing.take_in(path, run.settings.landing), profiles))
            except FileNotFoundError:
                continue  # taken away since they were listed
            except RefusedFile as refusal:
                name = path.relative_to(run.settings.landing).as_posix()
                unreadable.append(loads.refused(landing.LandedFile(path, name, "", 0, 0), None, refusal))
        run.write_inbox(found)
        waiting = [loads.held(path.relative_to(run.settings.landing).as_posix()) for path in held]
        seen = [(one.file.name, one.file.sha256) for one in found]
        seen += [(load.file_name, fingerprint.UNREADABLE) for load in unreadable]
        seen += [
            (load.file_name, fingerprint.HELD) for load in waiting if not landing.is_unfinished(Path(load.file_name))
        ]
        run.write("fingerprint", fingerprint.fingerprint(run.settings, seen))
        run.write_loads("landing", [*unreadable, *waiting])
        yield dg.MaterializeResult(
            asset_key=LANDING,
            metadata={
                "dagster/row_count": len(found),
                "files": len(found),
                "held": len(held),
                "cleaned_of_erased_people": len(cleaned),
                "bytes": sum(one.file.size for one in found),
            },
        )


@dg.asset(
    key=STRANGERS,
    deps=[LANDING],
    group_name="landing",
    owners=OWNERS,
    kinds={"file"},
    description="Files that belong to no source profile. They keep back publishing, not the reading of the others.",
    check_specs=checks.specs_of_files(STRANGERS),
)
def strangers(context: dg.AssetExecutionContext) -> Iterator[Result]:
    """Says of each file that nobody knows what it lacks."""
    with step(context) as run:
        unknown = [
            loads.refused(one.file, None, one.refusal or RefusedFile("NO_PROFILE", "no profile"))
            for one in run.inbox(load_profiles(run.settings.profiles), "unknown")
        ]
        run.write_loads("strangers", unknown)
        unreadable = [load for load in run.loads("landing") if load.status == "refused"]
        yield dg.MaterializeResult(asset_key=STRANGERS, metadata={"files": len(unknown) + len(unreadable)})
        results = validating.file_checks("landing/strangers", [*unknown, *unreadable])
        run.write_checks("strangers", results)
        yield from checks.results(STRANGERS, results)


def _raw_asset(entity: str, description: str) -> dg.AssetsDefinition:
    key = dg.AssetKey(["raw", entity])

    @dg.asset(
        key=key,
        deps=[LANDING],
        group_name="raw",
        owners=OWNERS,
        kinds={"parquet", "duckdb"},
        description=f"{description} As delivered: every value as the text that stood there, one Parquet per file.",
        # A file that cannot be read blocks one step later, so that the others are judged too.
        check_specs=checks.specs_of_files(key, blocking=False),
    )
    def raw(context: dg.AssetExecutionContext) -> Iterator[Result]:
        with step(context) as run:
            refused, rows, files = [], 0, 0
            for found in run.inbox(load_profiles(run.settings.profiles), entity):
                try:
                    if found.refusal:
                        raise found.refusal
                    read = loads.read(found, run.settings)
                    files, rows = files + 1, rows + read.row_count + read.reject_count
                except RefusedFile as refusal:
                    refused.append(loads.refused(found.file, found.profile, refusal))
            run.write_loads(f"raw-{entity}", refused)
            yield dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": rows, "files": files})
            results = validating.file_checks(f"raw/{entity}", refused)
            run.write_checks(f"raw-{entity}", results)
            yield from checks.results(key, results)

    return raw


def _conform(run: Run, entity: str, lookups: list[loads.Load]) -> list[loads.Load]:
    unread = {load.file_name for load in run.loads(f"raw-{entity}")}
    profiles = load_profiles(run.settings.profiles)
    readable = [found for found in run.inbox(profiles, entity) if found.file.name not in unread]
    return loads.once_each(loads.judge(readable, lookups, run.settings), profiles)


@dg.asset(
    key=["validated", LOOKUP],
    deps=[["raw", LOOKUP]],
    group_name="validated",
    owners=OWNERS,
    kinds={"parquet", "duckdb"},
    description="Files that only help to read others: names of departments, first salaries and the like.",
    check_specs=checks.specs_of_files(dg.AssetKey(["validated", LOOKUP])),
)
def validated_lookup(context: dg.AssetExecutionContext) -> Iterator[Result]:
    """Judges the files that others are looked up in."""
    with step(context) as run:
        key = dg.AssetKey(["validated", LOOKUP])
        judged = _conform(run, LOOKUP, [])
        run.write_loads(LOOKUP, judged)
        yield dg.MaterializeResult(
            asset_key=key, metadata={"dagster/row_count": sum(load.rows_loaded for load in judged)}
        )
        results = validating.file_checks("validated/lookup", [*judged, *run.loads(f"raw-{LOOKUP}")])
        run.write_checks("validated-lookup", results)
        yield from checks.results(key, results)


def _schema(columns: Sequence[Column]) -> dg.TableSchema:
    return dg.TableSchema(
        [
            *(
                dg.TableColumn(
                    column.name,
                    column.type,
                    column.description,
                    dg.TableColumnConstraints(nullable=not column.required),
                )
                for column in columns
            ),
            *_MARKS,
        ]
    )


def _from_exports(entity: Entity, in_use: set[str], profiles: dict[str, Profile]) -> dg.TableColumnLineage:
    """The headers of the delivered files that each column is read from."""
    used = [profile for name, profile in profiles.items() if name in in_use]
    raw = dg.AssetKey(["raw", entity.name])
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(raw, header) for header in headers]
            for column, headers in headers_of(used, entity.name).items()
        }
    )


def _validated_asset(entity: Entity) -> dg.AssetsDefinition:
    key = dg.AssetKey(["validated", entity.name])
    name = f"validated/{entity.name}"

    @dg.asset(
        key=key,
        deps=[["raw", entity.name], ["validated", LOOKUP]],
        group_name="validated",
        owners=OWNERS,
        kinds={"parquet", "duckdb", "greatexpectations"},
        description=f"{entity.name}: typed rows that broke no critical rule. One row per {entity.grain}.",
        metadata={"dagster/column_schema": _schema(entity.columns)},
        check_specs=checks.specs_of_entity(key, entity.name),
    )
    def validated(context: dg.AssetExecutionContext) -> Iterator[Result]:
        with step(context) as run:
            profiles = load_profiles(run.settings.profiles)
            judged = _conform(run, entity.name, run.loads(LOOKUP))
            run.write_loads(entity.name, judged)
            rows = building.add_entity(run, entity, judged, profiles)
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "dagster/row_count": rows,
                    "files": len(judged),
                    "rows_read": sum(load.rows_read for load in judged),
                    "rows_quarantined": sum(load.rows_quarantined for load in judged),
                    "rows_duplicate": sum(load.rows_duplicate for load in judged),
                    "dagster/column_lineage": _from_exports(entity, {load.profile for load in judged}, profiles),
                },
            )
            results: list[CheckResult] = [
                *validating.file_checks(name, [*judged, *run.loads(f"raw-{entity.name}")]),
                *validating.balance_checks(name, judged, run.settings),
                *punctuality.checks(name, entity.name, judged, profiles, run.settings),
                *validating.rule_checks(run, entity.name, name, any(load.rows_read for load in judged)),
            ]
            run.write_checks(f"validated-{entity.name}", results)
            yield from checks.results(key, results)

    return validated


@dg.asset(
    key=PSEUDONYMS,
    deps=[["validated", "employees"]],
    group_name="validated",
    owners=OWNERS,
    kinds={"duckdb", "python"},
    description="How people are named in the marts: keyed pseudonyms. One row per person. Never published.",
)
def person_pseudonyms(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Names everyone who may be named in a mart."""
    with step(context) as run:
        return dg.MaterializeResult(metadata={"dagster/row_count": building.add_pseudonyms(run)})


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            dg.AssetKey([releases.EARLIER, table]),
            deps=[LANDING],
            group_name="protection",
            owners=OWNERS,
            kinds={"duckdb"},
            tags={"data_class": "aggregate" if table in SETTLED_MARTS else "person"},
            description=f"{table} of the version that readers have: what they have changes by nobody or by many.",
        )
        for table in ("releases", "hidden_slices", *SETTLED_MARTS)
    ],
    name="earlier",
)
def earlier(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Puts beside the build what readers have of surveys and review cycles."""
    with step(context) as run:
        tables = earlier_tables(types_of_marts(json.loads(manifest_path().read_text())))
        for table, rows in releases.add_earlier(run, tables).items():
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey([releases.EARLIER, table]), metadata={"dagster/row_count": rows}
            )


def source_assets() -> list[dg.AssetsDefinition]:
    """All assets from the landing zone to dbt's source."""
    return [
        landing_files,
        strangers,
        *(_raw_asset(entity.name, f"Files of {entity.name}.") for entity in ENTITIES.values()),
        _raw_asset(LOOKUP, "Files that only help to read others."),
        validated_lookup,
        *(_validated_asset(entity) for entity in ENTITIES.values()),
        person_pseudonyms,
        earlier,
    ]
