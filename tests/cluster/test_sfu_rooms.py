"""Two real servers, each with an SFU: a room's media are on one of them, whoever comes by which."""

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


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, sfu=True, settings=OPERATOR) as one:
        yield one


async def visit(person: Person, server: MoimServer, slug: str) -> None:
    """Come with a LiveKit client, by that server's own address."""
    door = BotDoor(server, Links(f"{server.url}/r/{slug}", ""))
    await person.join(door)  # type: ignore[arg-type]


async def those_on(server: MoimServer, slug: str) -> set[str]:
    """Who is in the room on that server's SFU."""
    async with LiveKitAPI(f"{server.origin}/livekit", KEY, SECRET) as api:
        try:
            found = await api.room.list_participants(ListParticipantsRequest(room=slug))
        except aiohttp.ClientResponseError:
            return set()
        return {one.identity for one in found.participants}


async def test_clients_that_come_by_different_servers_see_and_hear_each_other(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    slug = (await first.create_room()).slug
    async with people("ann", "bob") as (ann, bob):
        await visit(ann, first, slug)
        await visit(bob, second, slug)
        await ann.show(DARK)
        await bob.show(SPLIT)
        await ann.hum(440)
        await bob.hum(660)
        await ann.sees("bob", SPLIT)
        await bob.sees("ann", DARK)
        await ann.hears("bob", 660)
        await bob.hears("ann", 440)
        assert await those_on(first, slug) == {"ann", "bob"}, "where the first one came"
        assert await those_on(second, slug) == set()


async def test_a_host_on_one_server_mutes_and_removes_who_is_on_the_others_sfu(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(await new_browser(second.origin))
        slug = await create_room(browser, "Two servers")
        [bob] = await stack.enter_async_context(people("bob"))
        mina = await stack.enter_async_context(Caller(browser, slug, "Mina"))
        await visit(bob, first, slug)
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
