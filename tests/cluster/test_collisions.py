"""Two servers write the same rooms at the same time, on purpose: nothing is lost or doubled."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from moim.live.mailbox import Answer
from moim.live.room import LiveRoom
from moim.meeting.conduct import Create
from moim.meeting.errors import ErrorCode, Unavailable
from moim.meeting.feature import Command
from moim.meeting.features.chat import SendMessage
from moim.meeting.features.hand import LowerHand, RaiseHand
from moim.meeting.ids import SYSTEM, CommandId, Identity, RoomId
from tests.live.world import JUN, MINA, Browser, House
from tests.postgres import Postgres
from tests.storage.conftest import emptied

FEW, MANY = 150, 10_000
ROOMS_AT_ONCE = 5
Make = Callable[[int], Command]


def talk(number: int) -> Command:
    return SendMessage(text=str(number))


def wave(number: int) -> Command:
    return RaiseHand() if number % 2 else LowerHand()


async def say(room: LiveRoom, who: Identity, number: int, make: Make, busy: list[int]) -> Answer:
    """As a browser does: the same command again, until it is answered."""
    while True:
        try:
            return await room.ask(who, CommandId(f"{who}-{number}"), make(number))
        except Unavailable as error:
            if error.code is not ErrorCode.BUSY:
                raise
            busy.append(number)


async def collide(houses: list[House], room_id: RoomId, make: Make, collisions: int) -> int:
    """Both say something at once, again and again. Returns how often a server gave up for the
    moment (`busy`)."""
    rooms = [await opened(house, room_id) for house in houses]
    people = [MINA, JUN]
    answered: dict[tuple[Identity, int], int] = {}
    busy: list[int] = []
    number = 0
    for who, room in zip(people, rooms, strict=True):
        await Browser(room, who).join(who[2:])
    while sum(room.conflicts for room in rooms) < collisions:
        number += 1
        asking = zip(people, rooms, strict=True)
        said = await asyncio.gather(*(say(room, who, number, make, busy) for who, room in asking))
        for who, answer in zip(people, said, strict=True):
            answered[who, number] = answer.seq
    for room in rooms:
        await room.stop()
    events = await houses[0].journal.after(room_id, 0)
    assert [one.seq for one in events] == list(range(1, len(events) + 1))
    kept = [(one.command_id, one.seq) for one in events if one.command_id.startswith("u_")]
    expected = {CommandId(f"{who}-{n}"): seq for (who, n), seq in answered.items()}
    assert len(kept) == len(expected), "a command was lost or doubled"
    assert dict(kept) == expected
    for who in people:
        own = [int(name.rpartition("-")[2]) for name, _ in kept if name.startswith(f"{who}-")]
        assert own == list(range(1, number + 1)), f"{who} was reordered"
    return len(busy)


async def opened(house: House, room_id: RoomId) -> LiveRoom:
    await house.ready()
    room = LiveRoom(room_id, house.tools)
    await room.open()
    create = Create(slug=room_id.lower(), name="Friday tea", listed=True, owner=MINA)
    await room.ask(SYSTEM, CommandId("create"), create)
    return room


async def test_two_servers_collide_on_one_file(tmp_path: Path) -> None:
    houses = [House(tmp_path, server=name) for name in ("a", "b")]
    try:
        await collide(houses, RoomId("RM_tea00000"), talk, FEW)
    finally:
        for house in houses:
            await house.close()


@pytest.mark.processes
async def test_two_servers_collide_ten_thousand_times(tmp_path: Path, postgres: Postgres) -> None:
    await emptied(postgres.url())
    houses = [House(tmp_path, server=name, url=postgres.url()) for name in ("a", "b")]
    each = MANY // ROOMS_AT_ONCE
    try:
        rooms = [RoomId(f"RM_tea{n:05}") for n in range(ROOMS_AT_ONCE)]
        busy = await asyncio.gather(*(collide(houses, room, wave, each) for room in rooms))
        assert sum(busy) < MANY / 100
    finally:
        for house in houses:
            await house.close()
