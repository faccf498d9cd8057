"""Two real servers, each with an SFU: a room's media are on one of them, whoever comes by which."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from livekit import rtc
from livekit.api import ListParticipantsRequest, LiveKitAPI

from moim.meeting.visitors import identity_of
from tests.browser.server import Links, MoimServer
from tests.browser.visiting import KEY, SECRET, BotDoor
from tests.chaos.caller import Caller, create_room, new_browser
from tests.cluster.deployment import Deployment, deployed
from tests.sfu.clients.sdk import Person, Picture, people
from tests.waiting import until

pytestmark = [
    pytest.mark.sfu,
    pytest.mark.skipif(
        importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
    ),
]
OPERATOR = {"MOIM_LIVEKIT_API_KEY": KEY, "MOIM_LIVEKIT_API_SECRET": SECRET}
DARK, SPLIT = Picture(40, 40), Picture(60, 200)
PATIENCE_S = 30.0
STOPS_S = 30.0
BACK_S = 15.0
"""Five seconds, on a machine that is three times slower than one should be."""
WOKEN_S = 40.0
"""LiveKit's SDK waits for five seconds after each attempt that failed, and the first ones were made
while the server slept."""


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, sfu=True, settings=OPERATOR) as one:
        yield one


class Address:
    """Where somebody comes in: a server, or the proxy in front of all."""

    def __init__(self, url: str) -> None:
        self.url = url


def door_of(where: str, slug: str) -> BotDoor:
    """Where a LiveKit client comes in that has that address of moim."""
    return BotDoor(Address(where), Links(f"{where}/r/{slug}", ""))  # type: ignore[arg-type]


async def visit(person: Person, where: str, slug: str) -> None:
    """Come with a LiveKit client, by that address of moim."""
    await person.join(door_of(where, slug))  # type: ignore[arg-type]


async def those_on(server: MoimServer, slug: str) -> set[str]:
    """Who is in the room on that server's SFU."""
    async with LiveKitAPI(f"{server.origin}/livekit", KEY, SECRET) as api:
        try:
            found = await api.room.list_participants(ListParticipantsRequest(room=slug))
        except aiohttp.ClientResponseError:
            return set()
        return {one.identity for one in found.participants}


async def they_meet(ann: Person, bob: Person) -> None:
    """Both show a picture, and see each other's."""
    await ann.show(DARK)
    await bob.show(SPLIT)
    await they_see_each_other(ann, bob)


async def they_see_each_other(ann: Person, bob: Person) -> None:
    await ann.sees("bob", SPLIT)
    await bob.sees("ann", DARK)


async def test_clients_that_come_by_different_servers_see_and_hear_each_other(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    slug = (await first.create_room()).slug
    async with people("ann", "bob") as (ann, bob):
        await visit(ann, first.url, slug)
        await visit(bob, second.url, slug)
        await they_meet(ann, bob)
        await ann.hum(440)
        await bob.hum(660)
        await ann.hears("bob", 660)
        await bob.hears("ann", 440)
        assert await those_on(first, slug) == {"ann", "bob"}, "where the first one came"
        assert await those_on(second, slug) == set()


async def test_a_host_on_one_server_mutes_and_removes_who_is_on_the_others_sfu(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    async with AsyncExitStack() as stack:
        browser = await new_browser(second.origin)
        stack.push_async_callback(browser.aclose)
        slug = await create_room(browser, "Two servers")
        [bob] = await stack.enter_async_context(people("bob"))
        mina = await stack.enter_async_context(Caller(browser, slug, "Mina"))
        await visit(bob, first.url, slug)
        await bob.hum(440)
        who = identity_of("bob")

        def is_heard() -> bool:
            seat = mina.room.find(who) if mina.room is not None else None
            return seat is not None and bool(seat.tracks)

        await until(is_heard, "the other server's SFU tells who is on it", PATIENCE_S)
        microphone = bob.published["microphone"]
        await mina.command("participant.mute", identity=who, source="microphone")
        await until(lambda: microphone.muted, "muted on the SFU", PATIENCE_S)
        await mina.command("participant.remove", identity=who)
        gone = rtc.ConnectionState.CONN_DISCONNECTED
        await until(lambda: bob.room.connection_state == gone, "put out of the SFU", PATIENCE_S)


async def they_meet_again(ann: Person, bob: Person, patience_s: float = BACK_S) -> None:
    """Fresh pictures of each other, in time."""
    ann.seen.clear()
    bob.seen.clear()
    async with asyncio.timeout(patience_s):
        await they_see_each_other(ann, bob)


async def test_a_server_that_wakes_closes_the_calls_that_another_has_taken_over(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    slug = (await first.create_room()).slug
    async with people("ann", "bob") as (ann, bob):
        await visit(ann, first.url, slug)
        await visit(bob, second.url, slug)
        await they_meet(ann, bob)
        first.pause()
        await until(lambda: "sfu_room_taken" in second.said(), "it is taken over", PATIENCE_S)
        first.resume()
        await until(lambda: "sfu_room_lost" in first.said(), "it sees what it lost", PATIENCE_S)
        await they_meet_again(ann, bob, WOKEN_S)
        assert await those_on(second, slug) == {"ann", "bob"}
        assert await those_on(first, slug) == set()
