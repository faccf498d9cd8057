"""Seats outlive sockets, for a while: graces in virtual time, second tabs, restarts."""

import asyncio

import pytest

from moim.live.room import LiveRoom
from moim.meeting.conduct import Lock
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.features.hand import RaiseHand, hand
from moim.meeting.ids import ROOM, CommandId, Role, Source
from moim.meeting.membership import GrantRole, Join
from moim.meeting.queries import Away
from moim.meeting.tracks import MuteOther, Publish
from tests.live.world import JUN, MINA, Browser, House, settled


async def test_a_lost_connection_keeps_its_seat_for_thirty_seconds(
    house: House, room: LiveRoom
) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    await jun.join()
    jun.hang_up()
    house.clock.advance(29.9)
    await settled(room)
    assert room.fold.find(JUN) is not None
    house.clock.advance(0.2)
    await settled(room)
    assert room.fold.find(JUN) is None
    assert mina.heard[-1][1]["payload"]["reason"] == "expired"


async def test_a_page_that_closes_keeps_its_seat_for_eight_seconds(
    house: House, room: LiveRoom
) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    await room.query(mina.connection, Away())
    mina.hang_up()
    house.clock.advance(7.9)
    await settled(room)
    assert room.fold.find(MINA) is not None
    house.clock.advance(0.2)
    await settled(room)
    assert room.fold.meeting is None


async def test_a_socket_that_reconnects_keeps_its_seat_and_nobody_hears_of_it(
    house: House, room: LiveRoom
) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    sid = await jun.join()
    heard = len(mina.heard)
    jun.hang_up()
    house.clock.advance(20)
    again = Browser(room, JUN)
    assert await again.join(sid=sid) == sid
    house.clock.advance(60)
    await settled(room)
    assert room.fold.find(JUN) is not None
    assert len(mina.heard) == heard


async def test_a_reload_gets_the_same_seat_under_a_new_sid(room: LiveRoom) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    sid = await jun.join()
    await jun.ask(Publish(source=Source.MICROPHONE, muted=True))
    again = Browser(room, JUN)  # the old socket is not yet known to be gone
    new = await again.join()
    assert new != sid
    assert mina.names()[-1] == "participant.resumed"
    seat = room.fold.find(JUN)
    assert seat is not None
    assert seat.tracks[Source.MICROPHONE].muted


async def test_a_second_tab_is_asked_and_may_take_the_call_over(room: LiveRoom) -> None:
    first, second = Browser(room, MINA, "tab-number-1"), Browser(room, MINA, "tab-number-2")
    await first.join()
    with pytest.raises(Refused) as refused:
        await second.join()
    assert refused.value.code is ErrorCode.SEAT_TAKEN
    assert second.names() == []
    await second.join(take_over=True)
    assert first.heard[-1] == ("goodbye", {"code": "seat_moved"})
    assert first.closed_for_good is True
    await second.ask(RaiseHand())


async def test_two_tabs_that_join_at_once_are_not_both_let_in(room: LiveRoom) -> None:
    first, second = Browser(room, MINA, "tab-number-1"), Browser(room, MINA, "tab-number-2")
    said = await asyncio.gather(first.join(), second.join(), return_exceptions=True)
    assert isinstance(said[0], str)
    assert isinstance(said[1], Refused)
    assert said[1].code is ErrorCode.SEAT_TAKEN


async def test_another_tab_may_have_a_seat_that_nobody_holds(room: LiveRoom) -> None:
    first, second = Browser(room, MINA, "tab-number-1"), Browser(room, MINA, "tab-number-2")
    await first.join()
    first.hang_up()
    await second.join()


async def test_a_socket_that_closes_while_it_joins_takes_no_seat(room: LiveRoom) -> None:
    mina = Browser(room, MINA)
    joining = room.submit(MINA, CommandId("j"), Join(name="Mina", tab=mina.tab), mina.connection)
    mina.hang_up()
    assert isinstance(await joining, Refused)
    assert room.fold.participants == ()


async def test_a_grace_that_ends_as_its_owner_comes_back_takes_nothing_away(
    house: House, room: LiveRoom
) -> None:
    mina = Browser(room, MINA)
    sid = await mina.join()
    mina.hang_up()
    again = Browser(room, MINA)
    joining = asyncio.ensure_future(again.join(sid=sid))
    await asyncio.sleep(0)
    house.clock.advance(31)
    assert await joining == sid
    await settled(room)
    assert room.fold.find(MINA) is not None


async def test_mutes_hands_locks_and_roles_outlive_a_restart(house: House, room: LiveRoom) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join("Mina")
    sid = await jun.join("Jun")
    await jun.ask(Publish(source=Source.MICROPHONE, muted=False))
    await mina.ask(MuteOther(identity=JUN, source=Source.MICROPHONE))
    await jun.ask(RaiseHand())
    await mina.ask(GrantRole(identity=JUN, role=Role.HOST))
    await mina.ask(Lock())
    before = room.fold
    await house.close()

    room = await house.room()
    assert room.fold == before
    again = Browser(room, JUN)
    assert await again.join(sid=sid) == sid
    house.clock.advance(31)
    await settled(room)
    assert [seat.identity for seat in room.fold.participants] == [JUN]
    assert hand.of(room.fold).queue == (JUN,)
    assert room.fold.locked


async def test_rooms_that_were_in_use_are_opened_at_the_start(house: House, room: LiveRoom) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    await house.close()

    registry = await house.registry()
    again = await registry.find("tea")
    assert registry.open_rooms == 1
    house.clock.advance(31)
    await settled(again)
    assert again.fold.meeting is None
    row = await house.rooms.find("tea")
    assert row is not None
    assert row.people == 0
    await registry.stop()


async def test_a_room_that_nobody_needs_is_closed_and_opened_again(house: House) -> None:
    registry = await house.registry()
    made = await registry.create(MINA, "Tea", listed=False)
    for _ in range(3):
        house.clock.advance(30)
        await asyncio.sleep(0)
    assert registry.open_rooms == 0
    again = await registry.find(made.fold.slug)
    assert again is not made
    assert again.fold == made.fold
    mina = Browser(again, MINA)
    house.clock.advance(300)
    assert registry.open_rooms == 1
    mina.hang_up()
    await registry.stop()


async def test_everybody_is_told_that_the_server_stops_and_keeps_the_seat(house: House) -> None:
    registry = await house.registry()
    made = await registry.create(MINA, "Tea", listed=False)
    mina = Browser(made, MINA)
    await mina.join()
    await registry.stop()
    assert mina.heard[-1] == ("goodbye", {"code": "server_stopping"})
    assert mina.closed_for_good is False
    fold, _ = await house.journal.load(made.fold.id)
    row = await house.rooms.find(made.fold.slug)
    assert row is not None
    assert row.people == 1
    assert fold.streams.get(ROOM, 0) <= made.fold.seq


async def test_an_unknown_address_is_refused(house: House) -> None:
    registry = await house.registry()
    with pytest.raises(Refused) as refused:
        await registry.find("nowhere")
    assert refused.value.code is ErrorCode.ROOM_UNKNOWN
    await registry.stop()
