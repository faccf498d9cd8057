"""A statement on SQLite is one trip to its thread, however its rows are read."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from moim.storage.database import Database
from moim.storage.one_trip import ROWS_AT_ONCE, OneTripConnection, connect

MANY = 2 * ROWS_AT_ONCE + 7
number = Table("number", MetaData(), Column("n", Integer, primary_key=True))


class Counted(OneTripConnection):
    """Counts its trips."""

    trips = 0

    async def at_once(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        self.trips += 1
        return await super().at_once(work)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """With so many numbers that they do not come in one go."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'numbers.db'}")
    database.ready = True
    async with database.writing() as writer:
        await writer.run_sync(number.metadata.create_all)
        await writer.execute(insert(number), [{"n": n} for n in range(MANY)])
    yield database
    await database.close()


async def test_all_rows_come_in_order_at_once_or_as_a_stream(database: Database) -> None:
    everything = select(number.c.n).order_by(number.c.n)
    async with database.reading() as reader:
        assert list((await reader.execute(everything)).scalars()) == list(range(MANY))
        async with reader.stream(everything) as rows:
            assert [row.n async for row in rows] == list(range(MANY))
        async with reader.stream(everything) as rows:
            assert (await rows.fetchmany(3)) == [(0,), (1,), (2,)]
        first = await reader.execute(everything.limit(1))
        assert first.scalar_one() == 0
        assert (await reader.execute(everything.where(number.c.n < 0))).first() is None


async def test_what_a_statement_changed_is_counted(database: Database) -> None:
    async with database.writing() as writer:
        done = await writer.execute(
            update(number).where(number.c.n > 9).values(n=number.c.n + MANY)
        )
        assert done.rowcount == MANY - 10
        gone = await writer.execute(update(number).where(number.c.n < 0).values(n=0))
        assert gone.rowcount == 0


async def test_a_statement_that_fails_leaves_the_connection_as_good_as_before(
    database: Database,
) -> None:
    async with database.connect().connect() as writer:
        with pytest.raises(IntegrityError):
            await writer.execute(insert(number).values(n=1))
        with pytest.raises(OperationalError):
            await writer.execute(text("SELECT nothing FROM nowhere"))
        assert (await writer.execute(select(number.c.n).where(number.c.n == 1))).scalar_one() == 1


async def test_a_statement_is_one_trip_and_rows_that_are_left_are_more(tmp_path: Path) -> None:
    made = Counted(lambda: sqlite3.connect(tmp_path / "counted.db", isolation_level=None), 64)
    await made
    cursor = made.cursor()
    await cursor.execute("CREATE TABLE number (n INTEGER PRIMARY KEY)")
    await cursor.executemany("INSERT INTO number VALUES (?)", [(n,) for n in range(MANY)])
    await cursor.close()
    assert made.trips == 2
    cursor = made.cursor()
    await cursor.execute("SELECT n FROM number WHERE n < 10 ORDER BY n")
    assert await cursor.fetchone() == (0,)
    assert await cursor.fetchall() == [(n,) for n in range(1, 10)]
    assert await cursor.fetchone() is None
    await cursor.close()
    assert made.trips == 3
    await cursor.execute("SELECT n FROM number")
    assert len(await cursor.fetchmany(ROWS_AT_ONCE + 1)) == ROWS_AT_ONCE + 1
    await cursor.close()
    assert made.trips == 6
    await made.close()


async def test_the_thread_does_not_keep_the_program_alive(tmp_path: Path) -> None:
    made = await connect(str(tmp_path / "daemon.db"))
    assert made._thread.daemon
    await made.close()
