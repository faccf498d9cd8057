"""The journal is durable, refuses what is there already, and forgets what must be forgotten."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from moim.meeting import conduct
from moim.meeting.feature import Command, Context, Stored
from moim.meeting.features.chat import DeleteMessage, EditMessage, SendMessage
from moim.meeting.ids import (
    SYSTEM,
    CommandId,
    FileId,
    Identity,
    MeetingId,
    RoomId,
    Sid,
)
from moim.meeting.images import AddImage, Image
from moim.meeting.membership import Join
from moim.meeting.model import Room
from moim.meeting.rules import apply, decide, dump_event
from moim.storage.database import Conflict, Database
from moim.storage.journal import Entry, Journal
from moim.storage.messages import Messages
from moim.storage.rooms import Rooms

MINA = Identity("u_mina")
TEA = RoomId("RM_tea")


@dataclass
class Writer:
    """Writes what the rules decide."""

    journal: Journal
    room: Room = field(default_factory=lambda: Room(id=TEA))
    written: int = 0

    async def do(
        self, actor: Identity, command: Command, *, with_snapshot: bool = False
    ) -> list[FileId]:
        self.written += 1
        about = command.about_seq()
        ctx = Context(
            now_ms=1000 * self.written,
            sid=Sid(f"PA_{self.written}"),
            meeting_id=MeetingId(f"MT_{self.written}"),
            past=await self.journal.about(TEA, about) if about is not None else (),
        )
        entries = []
        room = self.room
        for n, event in enumerate(decide(room, actor, command, ctx)):
            command_id = CommandId(f"c{self.written}")
            stored = Stored(room.seq + 1, ctx.now_ms, actor, command_id, event)
            room = apply(room, stored)
            entries.append(Entry(stored, n))
        gone = await self.journal.append(room, entries, with_snapshot=with_snapshot)
        self.room = room
        return gone


@pytest.fixture
async def writer(database: Database) -> Writer:
    """Mina sits in her room."""
    writer = Writer(Journal(database))
    create = conduct.Create(slug="tea", name="Friday tea", listed=True, owner=MINA)
    await writer.do(SYSTEM, create)
    await writer.do(MINA, Join(name="Mina", tab="12345678"))
    return writer


async def folded(journal: Journal) -> Room:
    room, tail = await journal.load(TEA)
    for stored in tail:
        room = apply(room, stored)
    return room


async def test_what_is_loaded_folds_to_what_was_written(writer: Writer) -> None:
    await writer.do(MINA, SendMessage(text="one"))
    assert await folded(writer.journal) == writer.room
    await writer.do(MINA, SendMessage(text="two"), with_snapshot=True)
    await writer.do(MINA, SendMessage(text="three"))
    base, tail = await writer.journal.load(TEA)
    assert len(tail) == 1
    assert base.seq == tail[0].seq - 1
    assert await folded(writer.journal) == writer.room


async def test_a_snapshot_of_another_version_is_not_read(
    writer: Writer, database: Database
) -> None:
    await writer.do(MINA, SendMessage(text="one"), with_snapshot=True)
    async with database.writing() as connection:
        await connection.execute(text("UPDATE snapshot SET state_version = 0, state = '{}'"))
    assert await folded(writer.journal) == writer.room


async def test_a_number_that_is_taken_is_a_conflict_and_nothing_is_written(
    writer: Writer,
) -> None:
    before = await folded(writer.journal)
    stale = Writer(writer.journal, before, written=50)
    await writer.do(MINA, SendMessage(text="first"))
    with pytest.raises(Conflict):
        await stale.do(MINA, SendMessage(text="second"))
    assert await folded(writer.journal) == writer.room


async def test_a_command_is_written_once(writer: Writer) -> None:
    await writer.do(MINA, SendMessage(text="first"))
    writer.written -= 1
    with pytest.raises(Conflict):
        await writer.do(MINA, SendMessage(text="first"))
    known = await writer.journal.answered(
        TEA, [(MINA, CommandId("c3")), (MINA, CommandId("c9")), (SYSTEM, CommandId("c3"))]
    )
    assert known == {(MINA, CommandId("c3")): 4}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_deleted_message_is_nowhere_in_the_files(
    writer: Writer, database: Database
) -> None:
    secret = "the-word-that-must-go"
    await writer.do(MINA, SendMessage(text=secret))
    seq = writer.room.seq
    await writer.do(MINA, EditMessage(seq=seq, text=f"{secret}, edited"), with_snapshot=True)
    assert database.file is not None
    names = [database.file, database.file.with_name("moim.db-wal")]
    assert any(secret.encode() in one.read_bytes() for one in names)
    await writer.do(MINA, DeleteMessage(seq=seq))
    assert not any(secret.encode() in one.read_bytes() for one in names if one.exists())
    assert await folded(writer.journal) == writer.room
    page, _ = await Messages(database).page(TEA, MINA, limit=10)
    assert [(m.seq, m.text, m.deleted) for m in page] == [(seq, "", True)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_backup_that_reads_for_long_holds_up_no_deletion(
    writer: Writer, database: Database
) -> None:
    secret = "the-word-that-must-go"
    await writer.do(MINA, SendMessage(text=secret))
    seq = writer.room.seq
    assert database.file is not None
    log = database.file.with_name("moim.db-wal")
    with closing(sqlite3.connect(database.file, isolation_level=None)) as backup:
        backup.execute("BEGIN")
        backup.execute("SELECT count(*) FROM event").fetchone()
        began = time.perf_counter()
        await writer.do(MINA, DeleteMessage(seq=seq))
        await writer.do(MINA, SendMessage(text="meanwhile"))
        assert time.perf_counter() - began < 2
    assert secret.encode() in log.read_bytes()
    await writer.do(MINA, SendMessage(text="afterwards"))
    assert secret.encode() not in log.read_bytes()


async def test_a_message_that_was_edited_very_often_is_still_changed_by_reading_two_events(
    writer: Writer, database: Database
) -> None:
    await writer.do(MINA, SendMessage(text="v0"))
    seq = writer.room.seq
    for n in range(1, 6):
        await writer.do(MINA, EditMessage(seq=seq, text=f"v{n}"))
    past = await writer.journal.about(TEA, seq)
    assert [(one.seq, dump_event(one.event)["text"]) for one in past] == [
        (seq, "v0"),
        (seq + 5, "v5"),
    ]
    await writer.do(MINA, DeleteMessage(seq=seq))
    async with database.reading() as connection:
        rows = (await connection.execute(text("SELECT payload FROM event"))).scalars().all()
    assert not any(f"v{n}" in row for row in rows for n in range(6))


async def test_the_file_of_a_deleted_message_is_doomed_until_it_is_gone(writer: Writer) -> None:
    image = Image(
        file_id=FileId("F_0123456789"), media_type="image/png", width=1, height=1, bytes=9
    )
    await writer.do(SYSTEM, AddImage(identity=MINA, image=image))
    await writer.do(MINA, SendMessage(text="look", image=image.file_id))
    assert await writer.do(MINA, DeleteMessage(seq=writer.room.seq)) == [image.file_id]
    assert await writer.journal.doomed() == [(TEA, image.file_id)]
    assert await writer.journal.is_doomed(TEA, image.file_id)
    await writer.journal.gone(TEA, image.file_id)
    assert await writer.journal.doomed() == []
    assert not await writer.journal.is_doomed(TEA, image.file_id)


async def test_the_list_of_rooms_follows_the_journal(writer: Writer, database: Database) -> None:
    rooms = Rooms(database)
    await writer.do(MINA, conduct.RenameRoom(name="Monday tea"))
    await writer.do(MINA, conduct.Lock())
    found = await rooms.find("tea")
    assert found is not None
    assert (found.name, found.listed, found.locked, found.people) == ("Monday tea", True, True, 1)
    assert await rooms.listed(10) == [found]
    assert await rooms.occupied() == [found]
    await writer.do(MINA, conduct.ListRoom(listed=False))
    assert await rooms.listed(10) == []
    assert await rooms.find("coffee") is None
    assert [room.slug for room in await rooms.all()] == ["tea"]


async def test_who_did_something_took_part(writer: Writer) -> None:
    assert await writer.journal.took_part(TEA, MINA)
    assert not await writer.journal.took_part(TEA, Identity("u_jun"))
