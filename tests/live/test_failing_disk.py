"""When the disk is full or the database fails, nothing is acked and nothing has happened."""

import pytest
from sqlalchemy import text

from moim.live.room import LiveRoom
from moim.meeting.errors import ErrorCode, Unavailable
from moim.meeting.features.chat import SendMessage, chat
from moim.meeting.rules import snapshot
from tests.live.world import JUN, MINA, Browser, House, settled


async def _run(house: House, statement: str) -> None:
    async with house.database.writing() as connection:
        await connection.execute(text(statement))


async def test_a_full_disk_acks_nothing_until_there_is_room_again(
    house: House, room: LiveRoom
) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    await jun.join()
    await _run(house, "PRAGMA max_page_count=1")
    failed = None
    while failed is None:  # what is left of the last page is filled first
        before = room.fold
        try:
            await mina.ask(SendMessage(text="x" * 3000))
        except Unavailable as error:
            failed = error
    assert failed.code is ErrorCode.STORAGE_FULL
    assert room.fold == before
    assert jun.view == snapshot(before, JUN)

    await _run(house, "PRAGMA max_page_count=1000000")
    await mina.ask(SendMessage(text="room again"))
    assert chat.of(room.fold).messages[-1].text == "room again"
    assert jun.view == snapshot(room.fold, JUN)


async def test_a_database_that_fails_is_tried_again_with_the_next_command(
    house: House, room: LiveRoom
) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    before = room.fold
    await _run(house, "ALTER TABLE message RENAME TO hidden")
    with pytest.raises(Unavailable) as failed:
        await mina.ask(SendMessage(text="lost?"), "c1")
    assert failed.value.code is ErrorCode.STORAGE_FAILED
    assert room.fold == before
    await _run(house, "ALTER TABLE hidden RENAME TO message")
    await mina.ask(SendMessage(text="lost?"), "c1")
    assert [m.text for m in chat.of(room.fold).messages] == ["lost?"]


async def test_a_grace_that_could_not_be_written_is_over_a_little_later(
    house: House, room: LiveRoom
) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    await jun.join()
    await _run(house, "ALTER TABLE event RENAME TO hidden")
    jun.hang_up()
    house.clock.advance(31)
    with pytest.raises(Unavailable):
        await mina.ask(SendMessage(text="anybody?"))
    assert room.fold.find(JUN) is not None
    await _run(house, "ALTER TABLE hidden RENAME TO event")
    house.clock.advance(2)
    await settled(room)
    assert room.fold.find(JUN) is None
