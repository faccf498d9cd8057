"""SQLite with one trip to its thread for each statement.

aiosqlite does everything in a thread of its own, and SQLAlchemy asks it four times for a statement:
for a cursor, to execute, for the rows, to close. Each is two changes of thread, and together they
were half of what a message cost. Here the first rows come along with the statement, and the cursor
is closed with the last of them.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Self, TypeVar

import aiosqlite

ROWS_AT_ONCE: Final = 1000
"""Of a longer answer, more are read when somebody wants them: a backup reads whole tables."""
ITERATED: Final = 64
"""Rows of aiosqlite's own iteration, which nobody uses."""
T = TypeVar("T")


async def connect(database: str, **options: Any) -> "OneTripConnection":
    """What SQLAlchemy takes as `async_creator_fn`."""
    made = OneTripConnection(lambda: sqlite3.connect(database, **options), ITERATED)
    made._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does with a connection of its own
    await made
    return made


class OneTripConnection(aiosqlite.Connection):
    """A connection whose cursors need no trip of their own."""

    def cursor(self) -> "OneTripCursor":  # type: ignore[override]
        return OneTripCursor(self)

    async def at_once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something in the connection's thread."""
        done: T = await self._execute(lambda: work(self._conn))  # type: ignore[no-untyped-call]
        return done


class OneTripCursor:
    """What SQLAlchemy uses of an asynchronous cursor."""

    arraysize = 1
    description: Any = None
    rowcount = -1
    lastrowid: int | None = None

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._rows: deque[Any] = deque()
        self._open: sqlite3.Cursor | None = None
        """There may be more rows."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def execute(self, sql: str, parameters: Any = ()) -> Self:
        """One statement, with its first rows."""
        return await self._do(lambda cursor: cursor.execute(sql, parameters))

    async def executemany(self, sql: str, many: Sequence[Any]) -> Self:
        """One statement for each of many."""
        return await self._do(lambda cursor: cursor.executemany(sql, many))

    async def _do(self, statement: Callable[[sqlite3.Cursor], object]) -> Self:
        await self.close()

        def all_of_it(connection: sqlite3.Connection) -> None:
            cursor = connection.cursor()
            try:
                statement(cursor)
                rows = cursor.fetchmany(ROWS_AT_ONCE) if cursor.description else []
            except BaseException:
                cursor.close()
                raise
            self.description, self.lastrowid = cursor.description, cursor.lastrowid
            self.rowcount = cursor.rowcount
            self._rows = deque(rows)
            if len(rows) == ROWS_AT_ONCE:
                self._open = cursor
            else:
                cursor.close()

        await self._connection.at_once(all_of_it)
        return self

    async def _more(self, most: int | None) -> None:
        """Read on, all that is left without `most`."""
        cursor = self._open
        if cursor is None:
            return

        def read(_: sqlite3.Connection) -> list[Any]:
            return cursor.fetchall() if most is None else cursor.fetchmany(most)

        rows = await self._connection.at_once(read)
        self._rows += rows
        if most is None or len(rows) < most:
            await self._shut()

    async def fetchone(self) -> Any:
        """The next row, or None."""
        if not self._rows:
            await self._more(ROWS_AT_ONCE)
        return self._rows.popleft() if self._rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """As many as are left of so many."""
        size = size or self.arraysize
        while self._open is not None and len(self._rows) < size:
            await self._more(ROWS_AT_ONCE)
        return [self._rows.popleft() for _ in range(min(size, len(self._rows)))]

    async def fetchall(self) -> list[Any]:
        """All that is left."""
        await self._more(None)
        rows, self._rows = list(self._rows), deque()
        return rows

    async def close(self) -> None:
        """A trip only where rows are left in the thread; those that were read stay."""
        await self._shut()

    async def _shut(self) -> None:
        cursor, self._open = self._open, None
        if cursor is not None:
            await self._connection.at_once(lambda _: cursor.close())
