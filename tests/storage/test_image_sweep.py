"""Files that nothing can show are removed, and no other."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from moim.meeting import conduct
from moim.meeting.errors import ErrorCode, Unavailable
from moim.meeting.feature import Command, Context, Stored
from moim.meeting.features.chat import SendMessage
from moim.meeting.ids import SYSTEM, CommandId, FileId, Identity, MeetingId, RoomId, Sid
from moim.meeting.images import IMAGES_WAITING, AddImage, Image
from moim.meeting.membership import Join
from moim.meeting.model import Room
from moim.meeting.rules import apply, decide
from moim.storage.database import Database
from moim.storage.image_sweep import UNANNOUNCED_S, UNSENT_S, ImageSweep
from moim.storage.images import ImageStore
from moim.storage.journal import Entry, Journal
from moim.storage.messages import Messages

MINA = Identity("u_mina")
TEA = RoomId("RM_0123456789abcdef")
NOW_S = time.time()
MINUTE = 60


class TeaRoom:
    """A room with Mina in it, its journal, and its folder of images."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder / TEA
        self.journal = Journal(database)
        self.store = ImageStore(folder, 1_000_000)
        self.sweep = ImageSweep(self.store, self.journal, Messages(database), lambda: NOW_S)
        self._fold = Room(id=TEA)
        self._commands = 0

    async def do(self, actor: Identity, command: Command) -> None:
        self._commands += 1
        ctx = Context(now_ms=self._commands, sid=Sid("PA_1"), meeting_id=MeetingId("MT_1"))
        entries = []
        for n, event in enumerate(decide(self._fold, actor, command, ctx)):
            command_id = CommandId(f"c{self._commands}")
            stored = Stored(self._fold.seq + 1, ctx.now_ms, actor, command_id, event)
            self._fold = apply(self._fold, stored)
            entries.append(Entry(stored, n))
        await self.journal.append(self._fold, entries)

    async def put(self, name: str, *, age_s: float) -> FileId:
        """A file of some age, announced to nobody."""
        file_id = FileId(f"F_{name:_<16}")
        await self.store.keep(TEA, file_id, b"\x89PNG" + b"x" * 60)
        os.utime(self.folder / file_id, times=(NOW_S - age_s, NOW_S - age_s))
        return file_id

    async def upload(self, name: str, *, age_s: float) -> FileId:
        """An image of some age that waits for Mina to send it."""
        file_id = await self.put(name, age_s=age_s)
        image = Image(file_id=file_id, media_type="image/png", width=9, height=9, bytes=64)
        await self.do(SYSTEM, AddImage(identity=MINA, image=image))
        return file_id

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
async def tea(database: Database, tmp_path: Path) -> TeaRoom:
    room = TeaRoom(database, tmp_path / "images")
    create = conduct.Create(slug="tea", name="Friday tea", listed=True, owner=MINA)
    await room.do(SYSTEM, create)
    await room.do(MINA, Join(name="Mina", tab="12345678"))
    return room


async def test_what_a_crash_left_is_removed_once_nobody_can_be_about_to_announce_it(
    tea: TeaRoom,
) -> None:
    fresh = await tea.put("fresh", age_s=UNANNOUNCED_S - MINUTE)
    await tea.put("orphan", age_s=UNANNOUNCED_S + MINUTE)
    unfinished = tea.folder / "F_half_of_an_image.part"
    unfinished.write_bytes(b"half")
    os.utime(unfinished, times=(0, 0))
    assert await tea.sweep.sweep() == 2
    assert tea.files() == {fresh}


async def test_an_image_that_was_sent_stays_for_ever(tea: TeaRoom) -> None:
    sent = await tea.upload("sent", age_s=100 * UNSENT_S)
    await tea.do(MINA, SendMessage(text="look", image=sent))
    assert await tea.sweep.sweep() == 0
    assert tea.files() == {sent}


async def test_an_image_that_is_never_sent_waits_for_a_week(tea: TeaRoom) -> None:
    waiting = await tea.upload("waiting", age_s=UNSENT_S - MINUTE)
    await tea.upload("forgotten", age_s=UNSENT_S + MINUTE)
    assert await tea.sweep.sweep() == 1
    assert tea.files() == {waiting}


async def test_an_image_that_newer_ones_pushed_out_is_removed(tea: TeaRoom) -> None:
    first = await tea.upload("first", age_s=UNANNOUNCED_S + MINUTE)
    for number in range(IMAGES_WAITING):
        await tea.upload(f"later{number}", age_s=UNANNOUNCED_S + MINUTE)
    assert await tea.sweep.sweep() == 1
    assert first not in tea.files()
    assert len(tea.files()) == IMAGES_WAITING


async def test_the_images_of_a_room_that_the_database_does_not_know_stay(tea: TeaRoom) -> None:
    stranger = RoomId("RM_of_another_database")
    file_id = FileId("F_0123456789abcdef")
    await tea.store.keep(stranger, file_id, b"\x89PNG")
    os.utime(tea.folder.parent / stranger / file_id, times=(0, 0))
    assert await tea.sweep.sweep() == 0
    assert (await tea.store.find(stranger, file_id)).size_bytes == 4


async def test_what_is_not_an_image_of_ours_stays(tea: TeaRoom) -> None:
    await tea.put("fresh", age_s=0)
    for path in (tea.folder / "notes.txt", tea.folder.parent / "README"):
        path.write_text("somebody's own")
        os.utime(path, times=(0, 0))
    assert await tea.sweep.sweep() == 0
    assert "notes.txt" in tea.files()


async def test_without_any_image_there_is_nothing_to_do(tea: TeaRoom) -> None:
    assert await tea.sweep.sweep() == 0


async def test_a_sweep_that_fails_is_tried_again_at_the_next_hour(
    tea: TeaRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tea.put("orphan", age_s=UNANNOUNCED_S + MINUTE)
    left_after_each: list[int] = []
    rooms = tea.store.rooms

    async def failing() -> list[RoomId]:
        raise Unavailable(ErrorCode.STORAGE_FAILED)

    async def pause() -> None:
        left_after_each.append(len(tea.files()))
        if len(left_after_each) == 2:
            raise asyncio.CancelledError
        monkeypatch.setattr(tea.store, "rooms", rooms)

    monkeypatch.setattr(tea.store, "rooms", failing)
    with pytest.raises(asyncio.CancelledError):
        await tea.sweep.for_ever(pause)
    assert left_after_each == [1, 0]
