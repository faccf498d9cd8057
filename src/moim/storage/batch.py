"""Statements that need no answer, written together: one trip on SQLite, from begin to commit.

What is said in a chat is four such statements. Through SQLAlchemy each is compiled, or found again,
and sent to SQLite's thread by itself, which was most of what a message cost the server. Here a
statement is compiled once, and they all go together. PostgreSQL gets them one after the other, in a
transaction.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Delete, Insert, Update
from sqlalchemy.dialects.sqlite.aiosqlite import dialect as sqlite_dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from moim.storage.database import Conflict, compact

_SQLITE: Final = sqlite_dialect(json_serializer=compact)
Values = Mapping[str, Any]
_Processor = Callable[[Any], Any]


class Statement:
    """An insert, update or delete that is compiled once. The values of all its rows have the names
    that the first ones had."""

    def __init__(self, core: Insert | Update | Delete) -> None:
        self.core = core
        self._on_sqlite: tuple[str, Sequence[tuple[str, _Processor | None]]] | None = None

    def on_sqlite(self, rows: Sequence[Values]) -> tuple[str, Iterable[tuple[Any, ...]]]:
        """Its text, and the rows as that takes them."""
        if self._on_sqlite is None:
            self._on_sqlite = self._compiled(list(rows[0]))
        sql, columns = self._on_sqlite
        return sql, (
            tuple(row[name] if as_ is None else as_(row[name]) for name, as_ in columns)
            for row in rows
        )

    def _compiled(self, names: list[str]) -> tuple[str, Sequence[tuple[str, _Processor | None]]]:
        compiled: Any = self.core.compile(dialect=_SQLITE, column_keys=names, for_executemany=True)
        types = {name: bind.type.dialect_impl(_SQLITE) for name, bind in compiled.binds.items()}
        columns = [(name, types[name].bind_processor(_SQLITE)) for name in compiled.positiontup]
        return str(compiled), columns


@dataclass(frozen=True, slots=True)
class _Write:
    statement: Statement
    rows: Sequence[Values]
    unless: str | None


class Batch:
    """Statements in their order."""

    def __init__(self) -> None:
        self._writes: list[_Write] = []

    def add(
        self, statement: Statement, rows: Sequence[Values], *, unless: str | None = None
    ) -> None:
        """Do it for each row, if there are any. `unless` says what it means when nothing changes:
        that is a Conflict then."""
        if rows:
            self._writes.append(_Write(statement, rows, unless))

    async def run(self, connection: AsyncConnection) -> None:
        """All of it, in a transaction that goes on. Raises: Conflict, and what SQLAlchemy does."""
        for one in self._writes:
            rows = [dict(row) for row in one.rows]
            done = await connection.execute(one.statement.core, rows[0] if one.unless else rows)
            if one.unless and not done.rowcount:
                raise Conflict(one.unless)

    def commit(self, connection: sqlite3.Connection) -> None:
        """All of it in a transaction, which is on the disk then. Raises: Conflict, sqlite3.Error.

        Nothing is written then. To be called in the connection's thread.
        """
        connection.execute("BEGIN IMMEDIATE")
        try:
            for one in self._writes:
                done = connection.executemany(*one.statement.on_sqlite(one.rows))
                if one.unless and not done.rowcount:
                    raise Conflict(one.unless)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # some failures have rolled it back already
                connection.execute("ROLLBACK")
            raise
