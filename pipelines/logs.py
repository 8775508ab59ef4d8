"""Logs: what the work says as it goes. Modules log with the standard library, below the logger `perfwh`.

Each line goes to `logs/perfwh.jsonl` of the warehouse as JSON, with the run, the step, the source and the file that it
is about, and from INFO on to the page of the run in Dagster (`python_logs` in dagster.yaml). Counts and names of files
only.
"""

from __future__ import annotations

import logging
import logging.handlers
import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from pipelines.files import PRIVATE_FOLDER
from pipelines.identifiers import Identifiers, of_addresses
from pipelines.settings import Settings

ROOT = "perfwh"
# How the lines begin that tell how far a long step is; the terminal shows these.
PROGRESS = "files: "
_FILE = "perfwh.jsonl"
_BYTES, _KEPT = 5_000_000, 5
_SECONDS_BETWEEN = 5
_T = TypeVar("_T")


def get(name: str) -> logging.Logger:
    """The logger of a module; names of files are in what it says as everybody may read them."""
    logger = logging.getLogger(f"{ROOT}.{name.rpartition('.')[2]}")
    logger.addFilter(_KEYED)
    return logger


class _Keyed(logging.Filter):
    """Writes addresses in the keyed form, before Dagster or a file gets what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Identifiers | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets everything pass, with other words."""
        if self.names:
            record.msg, record.args = self.names.keyed(record.getMessage(), is_sentence=True), ()
            for told in ("file", "source"):
                if text := getattr(record, told, None):
                    setattr(record, told, self.names.keyed(text))
        return True


# One for all: a logger takes the same filter once.
_KEYED = _Keyed()


@contextmanager
def kept(settings: Settings, **about: str) -> Iterator[None]:
    """Keeps what is said meanwhile in the warehouse's log.

    Args:
        settings: whose warehouse.
        about: what all lines say beside their own, such as run and step.
    """
    import structlog

    folder = settings.warehouse / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    handler = logging.handlers.RotatingFileHandler(folder / _FILE, maxBytes=_BYTES, backupCount=_KEPT, encoding="utf-8")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.ExtraAdder(),
                structlog.contextvars.merge_contextvars,
            ],
            processors=[
                _as_it_was_said,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger(ROOT)
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    before, _KEYED.names = _KEYED.names, of_addresses(settings)
    try:
        with structlog.contextvars.bound_contextvars(**about):
            yield
    finally:
        _KEYED.names = before
        root.removeHandler(handler)
        handler.close()


def _as_it_was_said(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Dagster, where it listens too, puts run and step into the message."""
    meta = event.pop("dagster_meta", None)
    if meta:
        event["event"] = meta["orig_message"]
    return event


def progress(items: Sequence[_T], what: str) -> Iterator[_T]:
    """Passes items on, and says every few seconds how many have been done."""
    said = time.monotonic()
    for number, item in enumerate(items):
        if time.monotonic() - said > _SECONDS_BETWEEN:
            said = time.monotonic()
            get(__name__).info("%s%s %d of %d", PROGRESS, what, number, len(items), extra={"source": what})
        yield item
