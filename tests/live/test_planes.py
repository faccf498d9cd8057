"""A room and its SFU: moves begin and end by themselves, and each follows the other's people."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from moim.live.planes import ASLEEP_S, LOOK_S, RELOCATION_S
from moim.live.room import LiveRoom
from moim.media.plane import Access, Entry, Present
from moim.meeting.conduct import Lock
from moim.meeting.errors import ErrorCode, Refused, Unavailable
from moim.meeting.feature import Limits
from moim.meeting.features.hand import RaiseHand
from moim.meeting.ids import Identity, Plane, Right, Source
from moim.meeting.membership import Remove
from moim.meeting.model import Track
from moim.meeting.queries import AskAccess
from moim.meeting.rights import SetRight
from moim.meeting.topology import CALM_MS, PATIENCE_MS, Ready
from moim.meeting.tracks import MuteOther, Publish
from moim.meeting.visitors import identity_of
from tests.live.world import JUN, MINA, SORA, Browser, House, settled
from tests.waiting import until

BOT = identity_of("bot")


@dataclass
class FakeSfu:
    """A port: who is there is what a test says, and what is asked is written down."""

    available: bool = True
    there: dict[str, Present] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    down: bool = False

    async def access(self, room: str, entry: Entry, *, trial: bool = False) -> Access:
        self.entries[entry.identity] = entry
        return Access("/livekit", f"{room}:{entry.identity}:{trial}")

    async def present(self, room: str) -> tuple[Present, ...]:  # noqa: ARG002
        if self.down:
            raise Unavailable(ErrorCode.SFU_UNREACHABLE)
        return tuple(self.there.values())

    async def remove(self, room: str, identity: str) -> None:
        self.asked.append(("remove", room, identity))
        self.there.pop(identity, None)

    async def mute(self, room: str, identity: str, source: Source) -> None:
        self.asked.append(("mute", room, identity, source))

    async def update(self, room: str, entry: Entry) -> None:  # noqa: ARG002
        self.entries[entry.identity] = entry
        found = self.there.get(entry.identity)
        if found is not None:
            self.there[entry.identity] = replace(found, sources=entry.sources, data=entry.data)

    async def close(self, room: str) -> None:
        self.asked.append(("close", room))


@pytest.fixture
def sfu() -> FakeSfu:
    return FakeSfu()


@pytest.fixture
async def house(tmp_path: Path, sfu: FakeSfu) -> AsyncIterator[House]:
    house = House(tmp_path)
    limits = Limits(mesh_most=2, sfu=True)
    house.tools = replace(house.tools, plane=sfu, limits=limits)
    yield house
    await house.close()


def plane(room: LiveRoom) -> Plane:
    assert room.fold.meeting is not None
    return room.fold.meeting.plane


def stands(room: LiveRoom) -> bool:
    """No move is under way."""
    return room.fold.meeting is not None and room.fold.meeting.move is None


def may(sfu: FakeSfu, identity: str) -> tuple[tuple[Source, ...], bool]:
    """What the SFU was last told that somebody may."""
    entry = sfu.entries[identity]
    return entry.sources, entry.data


async def seated(room: LiveRoom, *people: Identity) -> list[Browser]:
    browsers = [Browser(room, identity) for identity in people]
    for browser in browsers:
        await browser.join()
    return browsers


async def on_the_sfu(house: House, room: LiveRoom) -> list[Browser]:
    browsers = await seated(room, MINA, JUN, SORA)
    house.clock.advance(0)
    await settled(room)
    for browser in browsers:
        await browser.ask(Ready(epoch=room.fold.epoch))
    house.clock.advance(0)
    await until(lambda: plane(room) is Plane.SFU, "the SFU")
    return browsers


async def test_a_room_moves_by_itself_once_all_are_ready(house: House, room: LiveRoom) -> None:
    await on_the_sfu(house, room)


async def test_a_move_for_which_somebody_is_late_ends_where_it_began(
    house: House, room: LiveRoom
) -> None:
    mina, *_ = await seated(room, MINA, JUN, SORA)
    house.clock.advance(0)
    await settled(room)
    await mina.ask(Ready(epoch=room.fold.epoch))
    house.clock.advance(PATIENCE_MS / 1000)
    await until(
        lambda: room.fold.meeting is not None and room.fold.meeting.move is None, "the move to end"
    )
    assert plane(room) is Plane.MESH


async def test_nobody_waits_for_who_is_not_connected(house: House, room: LiveRoom) -> None:
    mina, jun, sora = await seated(room, MINA, JUN, SORA)
    house.clock.advance(0)
    await settled(room)
    sora.hang_up()
    for browser in (mina, jun):
        await browser.ask(Ready(epoch=room.fold.epoch))
    house.clock.advance(PATIENCE_MS / 1000)
    await until(lambda: plane(room) is Plane.SFU, "the SFU")


async def test_a_restart_in_the_middle_of_a_move_ends_it(house: House, room: LiveRoom) -> None:
    await seated(room, MINA, JUN, SORA)
    house.clock.advance(0)
    await settled(room)
    assert room.fold.meeting is not None
    assert room.fold.meeting.move is not None
    await room.stop()
    again = await house.room()
    await seated(again, MINA, JUN, SORA)
    house.clock.advance(PATIENCE_MS / 1000)
    await until(
        lambda: again.fold.meeting is not None and again.fold.meeting.move is None,
        "the move to end",
    )
    assert plane(again) is Plane.MESH


async def test_who_leaves_takes_the_meeting_back_to_the_mesh(house: House, room: LiveRoom) -> None:
    mina, jun, sora = await on_the_sfu(house, room)
    await mina.ask(Remove(identity=JUN))
    await mina.ask(Remove(identity=SORA))
    house.clock.advance(CALM_MS / 1000)
    await settled(room)
    await mina.ask(Ready(epoch=room.fold.epoch))
    house.clock.advance(0)
    await until(lambda: plane(room) is Plane.MESH, "the mesh")
    assert (jun.closed_for_good, sora.closed_for_good) == (True, True)


async def test_what_a_host_does_is_done_on_the_sfu_too(
    house: House, room: LiveRoom, sfu: FakeSfu
) -> None:
    mina, jun, _ = await on_the_sfu(house, room)
    await jun.ask(Publish(source=Source.MICROPHONE, muted=False))
    await mina.ask(MuteOther(identity=JUN, source=Source.MICROPHONE))
    await mina.ask(Remove(identity=JUN))
    await until(lambda: ("mute", "tea", JUN, "microphone") in sfu.asked, "the SFU to mute Jun")
    await until(lambda: ("remove", "tea", JUN) in sfu.asked, "the SFU to put Jun out")


async def test_hand_and_role_are_attributes_on_the_sfu(
    house: House, room: LiveRoom, sfu: FakeSfu
) -> None:
    _, jun, _ = await on_the_sfu(house, room)
    await jun.ask(RaiseHand())
    await until(lambda: JUN in sfu.entries, "the SFU to know Jun")
    assert sfu.entries[JUN].attributes == {"moim.role": "guest", "moim.hand": "1"}


async def test_a_right_that_is_taken_is_taken_on_the_sfu_and_given_back_there(
    house: House, room: LiveRoom, sfu: FakeSfu
) -> None:
    mina, *_ = await on_the_sfu(house, room)
    for right in (Right.SHARE, Right.CHAT):
        await mina.ask(SetRight(right=right, allowed=False, identity=JUN))
    only = (Source.MICROPHONE, Source.CAMERA)
    await until(lambda: may(sfu, JUN) == (only, False), "Jun to have less on the SFU")
    for right in (Right.SHARE, Right.CHAT):
        await mina.ask(SetRight(right=right, allowed=True))
    await until(lambda: may(sfu, JUN) == (tuple(Source), True), "Jun to have everything again")


async def test_the_way_in_leads_to_what_one_may(house: House, room: LiveRoom, sfu: FakeSfu) -> None:
    mina, jun = await seated(room, MINA, JUN)
    await mina.ask(SetRight(right=Right.MICROPHONE, allowed=False))
    await mina.ask(SetRight(right=Right.CHAT, allowed=False))
    for browser in (mina, jun):
        await room.query(browser.connection, AskAccess())
    assert may(sfu, MINA) == (tuple(Source), True)
    assert may(sfu, JUN) == (tuple(Source)[1:], False)


async def test_who_enters_the_sfu_with_a_token_of_before_has_what_they_may_now(
    house: House, room: LiveRoom, sfu: FakeSfu
) -> None:
    mina, *_ = await on_the_sfu(house, room)
    await mina.ask(SetRight(right=Right.CAMERA, allowed=False, identity=JUN))
    sfu.there[JUN] = Present(JUN, "Jun")
    room.planes.look()
    await until(lambda: Source.CAMERA not in sfu.there[JUN].sources, "Jun's camera to be taken")


async def test_a_visitor_is_given_back_what_was_taken_and_never_more_than_they_brought(
    house: House, room: LiveRoom, sfu: FakeSfu
) -> None:
    mina, *_ = await on_the_sfu(house, room)
    camera = Track(source=Source.CAMERA, muted=False)
    brought = (Source.MICROPHONE, Source.CAMERA)
    sfu.there["bot"] = Present("bot", "Bot", (camera,), brought, data=False)
    room.planes.look()
    await until(lambda: "bot" in sfu.entries and room.fold.find(BOT), "the bot to be seated")
    assert may(sfu, "bot") == (brought, False)
    await mina.ask(SetRight(right=Right.CAMERA, allowed=False, identity=BOT))
    await until(lambda: may(sfu, "bot") == (brought[:1], False), "the bot's camera to be taken")
    seat = room.fold.find(BOT)
    assert seat is not None
    assert not seat.tracks
    for right in Right:
        await mina.ask(SetRight(right=right, allowed=True))
    await until(lambda: may(sfu, "bot") == (brought, False), "the bot to have its camera again")


async def test_who_appears_on_the_sfu_is_seated_with_their_tracks_until_they_go(
    house: House, room: LiveRoom, sfu: FakeSfu
) -> None:
    await on_the_sfu(house, room)
    camera = Track(source=Source.CAMERA, muted=False)
    sfu.there["bot"] = Present("bot", "Bot", (camera,))
    room.planes.look()
    await until(
        lambda: (seat := room.fold.find(BOT)) is not None and seat.tracks, "the bot's tracks"
    )
    seat = room.fold.find(BOT)
    assert seat is not None
    assert (seat.name, seat.livekit, seat.tracks) == ("Bot", "bot", {Source.CAMERA: camera})
    house.clock.advance(120)  # no grace ends for who has no connection of ours
    await settled(room)
    assert room.fold.find(BOT) is not None
    del sfu.there["bot"]
    house.clock.advance(LOOK_S)
    await until(lambda: room.fold.find(BOT) is None, "the bot to go")


async def test_who_may_not_come_in_is_put_out_of_the_sfu(
    house: House, room: LiveRoom, sfu: FakeSfu
) -> None:
    mina, *_ = await on_the_sfu(house, room)
    await mina.ask(Lock())
    sfu.there["bot"] = Present("bot", "Bot")
    sfu.there["u_removed"] = Present("u_removed", "Somebody")
    room.planes.look()
    await until(lambda: not sfu.there, "nobody to be there")
    assert room.fold.find(BOT) is None


async def test_an_sfu_that_is_away_costs_nobody_their_seat(
    house: House, room: LiveRoom, sfu: FakeSfu
) -> None:
    await on_the_sfu(house, room)
    sfu.there["bot"] = Present("bot", "Bot")
    room.planes.look()
    await until(lambda: room.fold.find(BOT) is not None, "the bot to be seated")
    sfu.down = True
    house.clock.advance(LOOK_S)
    await settled(room)
    assert room.fold.find(BOT) is not None


async def test_when_the_sfu_is_another_one_all_move_there_and_a_visitor_has_time_to_come_back(
    house: House, room: LiveRoom, sfu: FakeSfu
) -> None:
    mina, *others = await on_the_sfu(house, room)
    bot = Present("bot", "Bot")
    sfu.there["bot"] = bot
    room.planes.look()
    await until(lambda: room.fold.find(BOT) is not None, "the bot to be seated")
    del sfu.there["bot"]
    for _ in range(2):  # two servers may both say so
        room.planes.relocate(place=7)
    await until(lambda: not stands(room), "a move to begin")
    epoch = room.fold.epoch
    house.clock.advance(LOOK_S)
    await settled(room)
    assert room.fold.find(BOT) is not None, "its client is about to connect anew"
    for browser in (mina, *others):
        await browser.ask(Ready(epoch=epoch))
    house.clock.advance(0)
    await until(lambda: stands(room), "the move to end")
    assert (plane(room), room.fold.epoch) == (Plane.SFU, epoch)
    sfu.there["bot"] = bot
    house.clock.advance(RELOCATION_S)
    await settled(room)
    assert room.fold.find(BOT) is not None
    del sfu.there["bot"]
    house.clock.advance(LOOK_S)
    await until(lambda: room.fold.find(BOT) is None, "the bot to go")


async def test_a_server_that_slept_puts_nobody_out_before_it_has_heard_what_happened(
    house: House, room: LiveRoom, sfu: FakeSfu
) -> None:
    await on_the_sfu(house, room)
    sfu.there["u_newcomer"] = Present("u_newcomer", "Somebody")  # who sat down by another server
    house.clock.oversleep(LOOK_S + 2 * ASLEEP_S)
    await settled(room)
    assert "u_newcomer" in sfu.there
    house.clock.advance(LOOK_S)
    await until(lambda: "u_newcomer" not in sfu.there, "who still has no seat to be put out")


async def test_the_way_in_is_for_who_has_a_seat(house: House, room: LiveRoom) -> None:
    (mina,) = await seated(room, MINA)
    said = await room.query(mina.connection, AskAccess())
    token = f"tea:{MINA}:False"
    assert said.extra["access"] == {"url": "/livekit", "token": token, "address": None}
    stranger = Browser(room, JUN)
    with pytest.raises(Refused) as refused:
        await room.query(stranger.connection, AskAccess())
    assert refused.value.code is ErrorCode.NOT_PRESENT
