"""What every step of a run shares: the run's state, the one writer's lock, and what becomes of a fault."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipelines import locking, logs
from pipelines.errors import is_passing, machine_fault
from pipelines.files import keep_private
from pipelines.identifiers import Identifiers, of_addresses
from pipelines.publishing import BOUNDARY
from pipelines.runs import Run
from pipelines.settings import load_settings


@contextmanager
def step(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Iterator[Run]:
    """The state of the run that a step belongs to, for as long as the step takes.

    A fault that may pass has the step tried again, later each time. One of the machine's (a full disk, too little
    memory) fails it with what to do about it; any other is our own and goes on as it is.
    """
    settings = load_settings()
    keep_private()
    # Kept until the process of the run ends: no other run may come between two steps.
    locking.hold(settings, f"Dagster run {context.run.run_id}")
    name = context.op_execution_context.op_def.name
    tried = context.op_execution_context.retry_number
    sys.audit(BOUNDARY, f"{name} begins")
    try:
        with logs.kept(settings, run=context.run.run_id, step=name):
            yield Run(settings, context.run.run_id)
    except Exception as error:
        told = machine_fault(error)
        kept = _as_it_may_be_kept(error, told, of_addresses(settings))
        if is_passing(error) and tried < settings.retries:
            wait = settings.retry_wait_seconds * 2**tried
            raise dg.RetryRequested(max_retries=settings.retries, seconds_to_wait=wait) from kept
        if kept is not error:
            raise kept from None
        if told:
            raise dg.Failure(told, allow_retries=False) from error
        raise


def _as_it_may_be_kept(error: Exception, told: str | None, names: Identifiers) -> Exception:
    """The error itself, or one in its place where it, or one behind it, names a person.

    Dagster keeps the texts of errors; a path in one may hold an address.

    Args:
        error: what went wrong.
        told: what is wrong with the machine, if anything is.
        names: what names a person.
    """
    said = "".join(traceback.format_exception(error))
    if not names.holds_person(said, is_sentence=True):
        return error
    return dg.Failure(
        names.keyed_sentence(told or type(error).__name__),
        metadata={"error": dg.MetadataValue.text(names.keyed_sentence(said))},
        allow_retries=False,
    )
