"""What a mini-app has stored is in the journal while it stands, and no longer."""

from pathlib import Path

import pytest
from sqlalchemy import text

from moim.meeting.conduct import Create
from moim.meeting.features.app import AddApp, AppId, RemoveApp, StoreInApp
from moim.meeting.features.app import app as apps
from moim.meeting.ids import SYSTEM
from moim.meeting.membership import Join
from moim.meeting.model import Room
from moim.meeting.rules import apply, dump_event
from moim.storage.database import Database
from moim.storage.journal import Journal
from moim.storage.schema import bring_up_to_date
from tests.postgres import Postgres
from tests.storage.test_journal import MINA, TEA, Writer, folded

POLL, BOARD = AppId("poll"), AppId("whiteboard")
LARGE = "x" * 4000
STORES = 200


@pytest.fixture
async def writer(database: Database) -> Writer:
    """Mina has put a poll into her room."""
    return await with_poll(Writer(Journal(database)))


async def with_poll(writer: Writer) -> Writer:
    await writer.do(SYSTEM, Create(slug="tea", name="Friday tea", listed=True, owner=MINA))
    await writer.do(MINA, Join(name="Mina", tab="12345678"))
    await writer.do(MINA, AddApp(app=POLL, name="Poll"))
    return writer


async def store(writer: Writer, key: str, value: str | None, app: AppId = POLL) -> None:
    await writer.do(MINA, StoreInApp(app=app, key=key, value=value))


async def values(journal: Journal) -> list[str | None]:
    """Of every event that stored something, in order."""
    stored = await journal.after(TEA, 0)
    return [dump_event(s.event)["value"] for s in stored if s.event.type == "app.stored"]


async def anew(journal: Journal) -> Room:
    """The fold of the whole journal, as a server without a snapshot has it."""
    room = Room(id=TEA)
    for stored in await journal.after(TEA, 0):
        room = apply(room, stored)
    return room


async def test_a_value_goes_when_another_takes_its_place(writer: Writer) -> None:
    await store(writer, "a", "1")
    await store(writer, "b", "2")
    await store(writer, "a", "3")
    assert await values(writer.journal) == [None, "2", "3"]
    await store(writer, "b", None)
    await store(writer, "b", "4")
    assert await values(writer.journal) == [None, None, "3", None, "4"]
    assert await anew(writer.journal) == await folded(writer.journal) == writer.room
    assert apps.of(writer.room).find(POLL).stored == {"a": "3", "b": "4"}


async def test_nothing_of_an_app_stays_when_it_is_removed_and_others_keep_theirs(
    writer: Writer,
) -> None:
    await writer.do(MINA, AddApp(app=BOARD, name="Board"))
    await store(writer, "a", "1")
    await store(writer, "a", "2", BOARD)
    await writer.do(MINA, RemoveApp(app=POLL))
    assert await values(writer.journal) == [None, "2"]
    await writer.do(MINA, AddApp(app=POLL, name="Poll"))
    await store(writer, "a", "3")
    assert await values(writer.journal) == [None, "2", "3"]
    assert await anew(writer.journal) == writer.room


async def test_who_has_the_snapshot_of_before_folds_on_to_the_same(writer: Writer) -> None:
    await store(writer, "a", "1")
    await writer.do(MINA, StoreInApp(app=POLL, key="b", value="2"), with_snapshot=True)
    await store(writer, "a", "3")
    await store(writer, "a", "4")
    base, tail = await writer.journal.load(TEA)
    assert (base.seq, len(tail)) == (writer.room.seq - 2, 2)
    assert await folded(writer.journal) == writer.room


async def test_a_mini_app_that_stores_without_end_holds_the_journal_to_what_stands(
    writer: Writer, database: Database
) -> None:
    for number in range(STORES):
        await store(writer, "board", f"{number} {LARGE}"[:4000])
    async with database.reading() as connection:
        payloads = (await connection.execute(text("SELECT payload FROM event"))).scalars().all()
    assert sum(len(str(one)) for one in payloads) < len(LARGE) + 200 * STORES
    assert await anew(writer.journal) == writer.room


OLD_ROOM = (
    "INSERT INTO room (id, slug, name, listed, locked, people, created_ms, active_ms, seq) "
    "VALUES ('RM_tea', 'tea', 'Friday tea', TRUE, FALSE, 0, 1, 1, 3)"
)
OLD_EVENT = (
    "INSERT INTO event (room_id, seq, at_ms, actor, command_id, n, type, v, stream, payload) "
    "VALUES ('RM_tea', :seq, 1, 'u_mina', :command, 0, :type, 1, 'room', :payload)"
)
OLD = [
    ("app.added", '{"app":"poll","name":"Poll","users":"everyone"}'),
    ("app.stored", '{"app":"poll","key":"a","value":"1"}'),
    ("app.stored", '{"app":"poll","key":"a","value":"2"}'),
    ("app.stored", '{"app":"poll","key":"b","value":"3"}'),
    ("app.stored", '{"app":"poll","key":"b","value":null}'),
    ("app.added", '{"app":"whiteboard","name":"Board","users":"everyone"}'),
    ("app.stored", '{"app":"whiteboard","key":"a","value":"4"}'),
    ("app.removed", '{"app":"whiteboard"}'),
]


async def test_old_journals_are_emptied_of_what_does_not_stand(tmp_path: Path) -> None:
    await check(f"sqlite+aiosqlite:///{tmp_path / 'moim.db'}")


async def test_old_journals_on_postgresql_too(postgres: Postgres) -> None:
    await postgres.do("CREATE DATABASE before_app_values")
    await check(postgres.url("before_app_values"))


async def check(url: str) -> None:
    """Write as the schema before did, migrate, and go on."""
    database = Database(url)
    try:
        await bring_up_to_date(database, revision="0005")
        async with database.writing() as writer:
            await writer.execute(text(OLD_ROOM))
            for seq, (kind, payload) in enumerate(OLD, start=1):
                row = {"seq": seq, "command": f"c{seq}", "type": kind, "payload": payload}
                await writer.execute(text(OLD_EVENT), row)
        await bring_up_to_date(database)
        assert await values(Journal(database)) == [None, "2", None, None, None]
        async with database.reading() as reader:
            rows = (await reader.execute(text("SELECT app, key, seq FROM app_value"))).all()
        assert [tuple(row) for row in rows] == [("poll", "a", 3)]
    finally:
        await database.close()
