"""A server that is killed at random moments loses nothing that it acknowledged."""

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from moim.meeting.features.hand import HandState
from moim.meeting.ids import Identity, Source
from tests.browser.server import MoimServer
from tests.chaos.caller import Caller, Declined, create_room, new_browser

pytestmark = pytest.mark.processes

CALLERS = 5
KILLS = 6
SEED = 20


async def talk(caller: Caller, stop: asyncio.Event, acked: dict[str, int]) -> None:
    """Say one numbered message after the other, each when the one before it was acknowledged."""
    number = 0
    while not stop.is_set():
        number += 1
        text = f"{caller.name} {number}"
        acked[text] = (await caller.command("chat.send", text=text))["seq"]
        await asyncio.sleep(0.01)


async def test_every_acknowledged_message_is_there_once_and_in_order(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    server = MoimServer(tmp_path)
    await server.start()
    try:
        async with AsyncExitStack() as stack:
            browsers = [await new_browser(server.origin) for _ in range(CALLERS + 1)]
            for browser in browsers:
                stack.push_async_callback(browser.aclose)
            stranger = browsers.pop()
            slug = await create_room(browsers[0], "Chaos")
            host, *guests = [
                await stack.enter_async_context(Caller(browser, slug, f"caller{n}"))
                for n, browser in enumerate(browsers)
            ]
            callers = [host, *guests]
            for caller in callers:
                await caller.command("track.publish", source="microphone", muted=False)
            # what must be as it was at the end
            muted, raised, promoted = guests[0], guests[1], guests[2]
            await host.command("participant.mute", identity=muted.identity, source="microphone")
            await raised.command("hand.raise")
            await host.command("hand.raise")
            await host.command("role.grant", identity=promoted.identity, role="host")
            await host.command("room.lock")

            stop = asyncio.Event()
            acked: dict[str, int] = {}
            talking = [asyncio.create_task(talk(caller, stop, acked)) for caller in callers]
            for _ in range(KILLS):
                await asyncio.sleep(dice.uniform(0.3, 1.2))
                await server.restart()
            await asyncio.sleep(0.5)
            stop.set()
            await asyncio.wait_for(asyncio.gather(*talking), 30)

            messages = await host.history()
            said = [message["text"] for message in messages]
            seqs = [message["seq"] for message in messages]
            assert len(acked) > CALLERS * KILLS
            assert len(said) == len(set(said)), "a message was doubled"
            assert dict(zip(said, seqs, strict=True)) == acked
            assert seqs == sorted(set(seqs))
            for caller in callers:
                own = [int(text.split()[1]) for text in said if text.startswith(caller.name + " ")]
                assert own == list(range(1, len(own) + 1)), f"{caller.name} was reordered"

            assert all(caller.connections > KILLS / 2 for caller in callers)
            with pytest.raises(Declined, match="room_locked"):
                await stack.enter_async_context(Caller(stranger, slug, "stranger"))
            room = host.room
            assert room is not None
            seat = room.find(Identity(muted.identity))
            assert seat is not None
            assert seat.tracks[Source.MICROPHONE].by == host.identity
            assert room.slices["hand"] == HandState(
                queue=(Identity(raised.identity), Identity(host.identity))
            )
            assert room.is_host(Identity(promoted.identity))
            assert room.locked
            assert [p.identity for p in room.participants] == [c.identity for c in callers]
            for guest in guests:
                assert guest.room is not None
                assert guest.room.slices == room.slices, f"{guest.name} holds something else"
    finally:
        await server.kill()
