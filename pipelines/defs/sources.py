"""From the landing zone to validated entities: `landing/files`, then `raw/*` and `validated/*` for each entity.

A run of everything reads new files while it judges them, and tells of them on the page of their `raw/*`; that asset
itself is materialized to have files read anew.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from pipelines import ingesting
from pipelines.defs import checks, links, partitions
from pipelines.defs.automation import FOLLOWS
from pipelines.defs.steps import step
from pipelines.disclosure import ledger
from pipelines.entities import ENTITIES, LOOKUP, Column, Entity
from pipelines.lineage import headers_of
from pipelines.profiles import Profile, load_profiles

Result = dg.MaterializeResult[None] | dg.AssetCheckResult
OWNERS = ["team:data-engineering"]
LANDING = dg.AssetKey(["landing", "files"])
STRANGERS = dg.AssetKey(["landing", "strangers"])
PSEUDONYMS = dg.AssetKey(["validated", "person_pseudonyms"])
PERSON = {"data_class": "person"}
_MARKS = (
    dg.TableColumn("delivery_number", "integer", "Place of the file among those in force."),
    dg.TableColumn("line_number", "bigint", "Line of the file."),
)


@dg.asset(
    key=LANDING,
    group_name="landing",
    owners=OWNERS,
    kinds={"file"},
    tags=PERSON,
    description="The export files in the landing zone, each with its content hash and its source profile.",
)
def landing_files(context: dg.AssetExecutionContext) -> Iterator[Result]:
    """Looks through the landing zone."""
    with step(context) as run:
        looked = ingesting.take_stock(run)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(looked.found),
                "files": len(looked.found),
                "held": len(looked.held),
                "cleaned_of_erased_people": looked.cleaned,
                "bytes": sum(one.file.size for one in looked.found),
            },
        )


@dg.asset(
    key=STRANGERS,
    deps=[LANDING],
    group_name="landing",
    owners=OWNERS,
    kinds={"file"},
    tags=PERSON,
    automation_condition=FOLLOWS,
    description="Files that belong to no source profile. They keep back publishing, not the reading of the others.",
    check_specs=checks.specs_of_files(STRANGERS),
)
def strangers(context: dg.AssetExecutionContext) -> Iterator[Result]:
    """Says of each file that nobody knows what it lacks."""
    with step(context) as run:
        told = ingesting.tell_strangers(run)
        yield dg.MaterializeResult(metadata={"files": len(told.loads)})
        yield from checks.results(STRANGERS, told.checks)


def _raw_asset(entity: str, told: str) -> dg.AssetsDefinition:
    key = dg.AssetKey(["raw", entity])
    by_period = partitions.of(entity)

    @dg.asset(
        key=key,
        deps=[LANDING],
        group_name="raw",
        owners=OWNERS,
        kinds={"parquet", "duckdb"},
        tags=PERSON,
        partitions_def=by_period,
        backfill_policy=dg.BackfillPolicy.single_run() if by_period else None,
        freshness_policy=partitions.freshness(entity),
        description=f"{told} As delivered: every value as the text that stood there, one Parquet per file. "
        "A run of everything reads what is new by itself; materialize it to have files read and judged anew.",
    )
    def raw(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        with step(context) as run:
            chosen = list(context.partition_keys) if by_period else None
            read = ingesting.read_again(run.settings, entity, chosen)
            for load in read:
                if load.status == "refused":
                    context.log.warning(f"refused: {load.file_name}: {load.code}: {load.message}")
            contents = ingesting.contents(load for load in read if load.status == "loaded")
            if chosen is None:
                return dg.MaterializeResult(metadata=partitions.metadata(contents.get("")))
            for period in chosen:
                context.add_asset_metadata(partitions.metadata(contents.get(period)), partition_key=period)
            return dg.MaterializeResult()

    return raw


@dg.asset(
    key=["validated", LOOKUP],
    deps=[LANDING, ["raw", LOOKUP]],
    group_name="validated",
    owners=OWNERS,
    kinds={"parquet", "duckdb"},
    tags=PERSON,
    automation_condition=FOLLOWS,
    description="Files that only help to read others: names of departments, first salaries and the like.",
    check_specs=checks.specs_of_files(dg.AssetKey(["validated", LOOKUP])),
)
def validated_lookup(context: dg.AssetExecutionContext) -> Iterator[Result]:
    """Judges the files that others are looked up in."""
    with step(context) as run:
        judged = ingesting.judge_lookups(run)
        partitions.tell(context, LOOKUP, judged.loads)
        yield dg.MaterializeResult(metadata={"dagster/row_count": judged.rows})
        yield from checks.results(dg.AssetKey(["validated", LOOKUP]), judged.checks)


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

    @dg.asset(
        key=key,
        deps=[LANDING, ["raw", entity.name], ["validated", LOOKUP]],
        group_name="validated",
        owners=OWNERS,
        kinds={"parquet", "duckdb", "greatexpectations"},
        tags=PERSON,
        automation_condition=FOLLOWS,
        description=f"{entity.name}: typed rows that broke no critical rule. One row per {entity.grain}.",
        metadata={
            "dagster/column_schema": _schema(entity.columns),
            "data_quality": links.to_quality(f"validated/{entity.name}"),
            "rules": links.to_rules(entity.name),
        },
        check_specs=checks.specs_of_entity(key, entity.name),
    )
    def validated(context: dg.AssetExecutionContext) -> Iterator[Result]:
        with step(context) as run:
            judged = ingesting.judge_entity(run, entity)
            loads = judged.loads
            partitions.tell(context, entity.name, loads)
            profiles = load_profiles(run.settings.profiles)
            yield dg.MaterializeResult(
                metadata={
                    "dagster/row_count": judged.rows,
                    "files": len(loads),
                    "bytes": sum(load.size_of_rows(run.settings) for load in loads),
                    "rows_read": sum(load.rows_read for load in loads),
                    "rows_quarantined": sum(load.rows_quarantined for load in loads),
                    "rows_duplicate": sum(load.rows_duplicate for load in loads),
                    "dagster/column_lineage": _from_exports(entity, {load.profile for load in loads}, profiles),
                },
            )
            yield from checks.results(key, judged.checks)

    return validated


@dg.asset(
    key=PSEUDONYMS,
    deps=[["validated", "employees"]],
    group_name="validated",
    owners=OWNERS,
    kinds={"duckdb", "python"},
    tags=PERSON,
    automation_condition=FOLLOWS,
    description="How people are named in the marts: keyed pseudonyms. One row per person. Never published.",
)
def person_pseudonyms(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Names everyone who may be named in a mart."""
    with step(context) as run:
        return dg.MaterializeResult(metadata={"dagster/row_count": ingesting.name_people(run)})


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            dg.AssetKey([ledger.SCHEMA, table]),
            deps=[LANDING],
            group_name="disclosure",
            owners=OWNERS,
            kinds={"duckdb"},
            tags={"data_class": "aggregate"} if table in ledger.MARTS else PERSON,
            automation_condition=FOLLOWS,
            description=f"{table} of the ledger of everything that readers were ever shown.",
        )
        for table in ("ledger_key", *(f"ledger_{name}" for name in ledger.TABLES), *ledger.MARTS)
    ],
    name="earlier",
)
def earlier(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Puts beside the build what readers were ever shown."""
    with step(context) as run:
        for table, rows in {"ledger_key": 1, **ingesting.add_earlier(run)}.items():
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey([ledger.SCHEMA, table]), metadata={"dagster/row_count": rows}
            )


def raw_assets() -> list[dg.AssetsDefinition]:
    """The files of each entity as they were delivered, by period where they come by period."""
    return [
        *(_raw_asset(entity.name, f"Files of {entity.name}.") for entity in ENTITIES.values()),
        _raw_asset(LOOKUP, "Files that only help to read others."),
    ]


def source_assets() -> list[dg.AssetsDefinition]:
    """All other assets from the landing zone to dbt's source."""
    return [
        landing_files,
        strangers,
        validated_lookup,
        *(_validated_asset(entity) for entity in ENTITIES.values()),
        person_pseudonyms,
        earlier,
    ]
