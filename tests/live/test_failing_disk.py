"""When the disk is full or the database fails, nothing is acked and nothing has happened."""

import asyncio
from collections.abc import Callable

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


async def test_a_room_that_cannot_be_read_keeps_no_other_from_its_start(house: House) -> None:
    registry = await house.registry()
    made = [await registry.create(MINA, name, listed=False) for name in ("Broken", "Tea")]
    for one in made:
        await Browser(one, MINA).join()
    broken, tea = (one.fold for one in made)
    await registry.stop()
    await _run(
        house,
        "UPDATE event SET type = 'from.the.future' "
        "WHERE seq = 1 AND room_id = (SELECT id FROM room WHERE name = 'Broken')",
    )

    again = await house.registry()
    await asyncio.wait_for(_until(lambda: again.opened(tea.id) is not None), 5)
    assert again.opened(broken.id) is None
    with pytest.raises(Unavailable):
        await again.open(broken.id)
    await again.stop()


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the database tells nobody
        await asyncio.sleep(0.01)
