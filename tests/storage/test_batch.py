"""What needs no answer is written together: whole or not at all, and alike in both databases."""

import asyncio

import pytest
from sqlalchemy import bindparam, insert, select, update

from moim.meeting.errors import Unavailable
from moim.meeting.features.chat import SendMessage
from moim.storage.batch import Batch, Statement
from moim.storage.database import Conflict, Database
from moim.storage.one_trip import OneTripConnection
from moim.storage.tables import host_link, message, room
from tests.storage.conftest import SQLITE
from tests.storage.talk import MINA, TEA, Talk
from tests.waiting import until

MAKE = Statement(insert(room))
ROW = {
    "id": TEA,
    "slug": "tea",
    "name": "Friday tea",
    "listed": True,
    "locked": False,
    "people": 0,
    "created_ms": 1,
    "active_ms": 1,
    "seq": 1,
    "retention_days": None,
}
MOVE_ON = Statement(update(room).where(room.c.seq == bindparam("before")))
LINK = Statement(insert(host_link))


async def rows(database: Database) -> list[tuple[object, ...]]:
    async with database.reading() as connection:
        return [tuple(one) for one in await connection.execute(select(room))]


def of(*statements: tuple[Statement, dict[str, object]], unless: str | None = None) -> Batch:
    batch = Batch()
    for statement, values in statements:
        batch.add(statement, [values], unless=unless)
    return batch


async def test_a_row_is_as_sqlalchemy_writes_it(database: Database) -> None:
    talk = await Talk(database).begin()
    await talk.do(MINA, SendMessage(text="by the batch"))
    async with database.reading() as connection:
        first = (await connection.execute(select(message))).mappings().one()
    async with database.writing() as connection:
        await connection.execute(insert(message).values(**{**first, "seq": first["seq"] + 1}))
    async with database.reading() as connection:
        query = select(message, message.c.image.is_(None)).order_by(message.c.seq)
        one, two = (await connection.execute(query)).all()
    assert tuple(one)[2:] == tuple(two)[2:]


async def test_nothing_is_written_of_a_batch_that_fails(database: Database) -> None:
    await database.write(of((MAKE, ROW)))
    before = await rows(database)
    link = {"secret_hash": "h", "created_ms": 1, "used_ms": None, "used_by": None}
    broken = of((MOVE_ON, {"before": 1, "seq": 2}), (LINK, {**link, "room_id": "RM_nowhere"}))
    with pytest.raises(Conflict):
        await database.write(broken)
    assert await rows(database) == before
    await database.write(of((MOVE_ON, {"before": 1, "seq": 2})))
    assert await rows(database) != before, "the next one finds the connection as good as before"


async def test_what_must_change_something_and_does_not_is_a_conflict(database: Database) -> None:
    await database.write(of((MAKE, ROW)))
    before = await rows(database)
    stale = of((MOVE_ON, {"before": 1, "seq": 2}), (MOVE_ON, {"before": 7, "seq": 8}), unless="no")
    with pytest.raises(Conflict, match="no"):
        await database.write(stale)
    assert await rows(database) == before


@pytest.mark.parametrize("database", [SQLITE], indirect=True)
async def test_a_message_is_one_trip_to_sqlite_however_many_say_something(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = await Talk(database).begin()
    trips = 0
    execute = OneTripConnection._execute

    async def counted(self: OneTripConnection, *given: object) -> object:
        nonlocal trips
        trips += 1
        return await execute(self, *given)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(OneTripConnection, "_execute", counted)
    await talk.do(MINA, SendMessage(text="one trip"))
    assert trips == 1


@pytest.mark.parametrize("database", [SQLITE], indirect=True)
async def test_a_connection_that_was_given_up_is_opened_anew(database: Database) -> None:
    async def stuck() -> None:
        async with database.writing() as connection:
            await connection.execute(select(room))
            await asyncio.Event().wait()

    given_up = asyncio.create_task(stuck())
    await until(database._one_writer.locked, "it writes")
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    await database.write(of((MAKE, ROW)))
    assert len(await rows(database)) == 1
    async with database.connect().connect() as connection:
        await connection.invalidate()
    await database.write(of((MOVE_ON, {"before": 1, "seq": 2})))
    assert (await rows(database))[0][8] == 2


@pytest.mark.parametrize("database", [SQLITE], indirect=True)
async def test_a_closed_database_takes_nothing(database: Database) -> None:
    await database.close()
    with pytest.raises((Unavailable, RuntimeError)):
        await database.write(of((MAKE, ROW)))
