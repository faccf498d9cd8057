"""Two real servers behind the proxy that the repository brings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from moim.http.identity import Identities
from moim.meeting.ids import Identity
from tests.browser.person import until as until_true
from tests.chaos.caller import Caller, create_room, new_browser
from tests.cluster.deployment import (
    SECRET,
    SERVED_BY,
    ClusterServer,
    Deployment,
    Nginx,
    deployed,
)
from tests.https.pebble import free_port
from tests.signalling.server import RefusedConnection, SocketIoClient
from tests.waiting import until

pytestmark = pytest.mark.processes

PEOPLE = 6
GRACE_S = 4
GONE_S = 25


@pytest.fixture
async def sticky(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, settings={"MOIM_GRACE_S": str(GRACE_S)}) as one:
        yield one


@pytest.fixture
async def wandering(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, sticky=False) as one:
        await know_each_other(one)
        yield one


async def know_each_other(one: Deployment) -> None:
    """Each server is ready, and has seen the others."""
    async with httpx.AsyncClient() as browser:

        async def ready() -> bool:
            said = [await browser.get(f"{server.origin}/readyz") for server in one.servers]
            expected = {"status": "ok", "servers": len(one.servers), "bus": "ok"}
            return all(answer.json() == expected for answer in said)

        await until_true(ready, "they know of each other")


async def visit(one: Deployment, slug: str, who: str, transport: str) -> SocketIoClient:
    """Come in through the proxy, as a browser with a cookie. Raises: RefusedConnection."""
    identities = Identities(SECRET.encode())
    identity = Identity(who)
    client = SocketIoClient(transport)
    # the proxy does not look whether it is signed
    client._http.cookie_jar.update_cookies({"moim_identity": who})
    auth = {"room": slug, "token": identities.token(identity)}
    try:
        await client.connect(one.proxy.origin, auth, {"cookie": f"moim_identity={who}"})
    except BaseException:
        await client.close()
        raise
    return client


async def browser_of(
    server: ClusterServer, one: Deployment, stack: AsyncExitStack
) -> httpx.AsyncClient:
    """A browser that the proxy sends to that server, closed with the stack."""
    while True:
        browser = await new_browser(one.proxy.origin)
        stack.push_async_callback(browser.aclose)
        served = (await browser.get("/healthz")).headers[SERVED_BY]
        if served == f"127.0.0.1:{server.port}":
            return browser


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_with_sticky_sessions_both_transports_reach_everybody(
    sticky: Deployment, transport: str
) -> None:
    slug = (await sticky.servers[0].create_room()).slug
    async with AsyncExitStack() as stack:
        clients = []
        for n in range(PEOPLE):
            client = await visit(sticky, slug, f"u_person{n}", transport)
            stack.push_async_callback(client.close)
            joined = await client.ask("participant.join", {"name": f"P{n}", "tab": f"tab-no-{n}"})
            assert joined["ok"], joined
            clients.append(client)
        assert (await clients[0].ask("chat.send", {"text": "to all"}))["ok"]
        for client in clients:
            assert (await client.inbox.get("chat.sent"))["payload"]["text"] == "to all"
    for server in sticky.servers:
        assert "proxy_not_sticky" not in server.said()


async def test_what_lets_somebody_in_is_not_in_the_proxys_log(tmp_path: Path) -> None:
    proxy = Nginx(tmp_path, [free_port(), free_port()])
    proxy.start()
    try:
        async with httpx.AsyncClient() as browser:
            await browser.get(f"{proxy.origin}/livekit/rtc?access_token=eyJ0b2tlbg")
    finally:
        proxy.stop()
    logged = proxy.log.read_text(encoding="utf-8")
    assert '"GET /livekit/rtc" 502' in logged
    assert "eyJ0b2tlbg" not in logged


async def test_without_sticky_sessions_websockets_work_and_polling_is_refused_once(
    wandering: Deployment,
) -> None:
    slug = (await wandering.servers[0].create_room()).slug
    for _ in range(2):
        with pytest.raises(RefusedConnection, match="proxy_not_sticky"):
            await visit(wandering, slug, "u_mina", "polling")
    for who in ("u_mina", "u_jun"):
        client = await visit(wandering, slug, who, "websocket")
        joined = await client.ask("participant.join", {"name": who, "tab": f"tab-of-{who}"})
        assert joined["ok"], joined
        await client.close()
    said = "".join(server.said() for server in wandering.servers)
    assert "sticky sessions" in said


async def test_the_people_of_a_killed_server_come_back_by_the_other_with_their_seats(
    sticky: Deployment,
) -> None:
    async with AsyncExitStack() as stack:
        browsers = [await browser_of(one, sticky, stack) for one in sticky.servers * (PEOPLE // 2)]
        slug = await create_room(browsers[0], "Two servers")
        callers = []
        for n, browser in enumerate(browsers[:-1]):
            caller = Caller(browser, slug, f"caller{n}")
            callers.append(await stack.enter_async_context(caller))
        for caller in callers:
            await caller.command("hand.raise")
        lonely = await AsyncExitStack().enter_async_context(Caller(browsers[-1], slug, "lonely"))
        seats = {caller.sid for caller in callers}
        before = [caller.connections for caller in callers]
        await sticky.servers[1].kill()
        await lonely.__aexit__()  # does not come back
        await asyncio.gather(*(caller.command("chat.send", text="here") for caller in callers))
        assert {caller.sid for caller in callers} == seats
        came_back = [now.connections > old for now, old in zip(callers, before, strict=True)]
        assert came_back == [False, True, False, True, False]

        def lonely_is_gone() -> bool:
            rooms = [caller.room for caller in callers]  # each hears of it by itself
            return all(room and room.find(Identity(lonely.identity)) is None for room in rooms)

        await until(lonely_is_gone, "the seat that nobody came back to ends", GONE_S)
        for caller in callers:
            assert caller.room is not None
            assert {seat.sid for seat in caller.room.participants} == seats
