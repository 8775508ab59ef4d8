"""A SQLAlchemy dialect for DuckDB that Great Expectations can work with.

It fetches results after the connection went back to the pool, when DuckDB has dropped them already; here each
cursor keeps its rows from the moment of execution.
"""

from __future__ import annotations

from typing import Any

import duckdb_engine
from sqlalchemy.dialects import registry

NAME = "duckdb_buffered"


def _inner(connection: duckdb_engine.ConnectionWrapper) -> Any:
    return vars(connection)["_ConnectionWrapper__c"]


class _BufferingCursor(duckdb_engine.CursorWrapper):
    def __init__(self, connection: duckdb_engine.ConnectionWrapper) -> None:
        super().__init__(_inner(connection), connection)
        self._duckdb = _inner(connection)
        self._rows: list[tuple[Any, ...]] = []
        self.description: Any = None

    def execute(self, statement: str, parameters: Any = None, context: Any = None) -> None:
        super().execute(statement, parameters, context)
        self.description = self._duckdb.description
        self._rows = list(self._duckdb.fetchall()) if self.description else []

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        size = size or 1
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.fetchmany(len(self._rows))

    def fetchone(self) -> tuple[Any, ...] | None:
        rows = self.fetchmany(1)
        return rows[0] if rows else None


class _BufferingConnection(duckdb_engine.ConnectionWrapper):
    def cursor(self) -> _BufferingCursor:
        return _BufferingCursor(self)


class BufferedDuckDB(duckdb_engine.Dialect):
    """DuckDB, whose cursors keep their rows."""

    supports_statement_cache = False

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        return _BufferingConnection(_inner(super().connect(*args, **kwargs)))


def register() -> None:
    """Makes `duckdb_buffered:///file` known to SQLAlchemy."""
    registry.register(NAME, __name__, "BufferedDuckDB")
