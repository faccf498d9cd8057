"""Servers that pages reach past the proxy: the socket of a page's SFU goes to the own address of
the server that the call is on, unless its policy does not name it or nobody answers there."""

import importlib.util
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from playwright.async_api import Browser, WebSocket

from moim.media.sfu import TRIAL_ROOM
from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links
from tests.browser.test_call import become_host
from tests.browser.test_connection_check import is_found
from tests.browser.test_sfu_places import BACK_S, SAID_TO_THE_DEAD, SMALL, Call
from tests.browser.troubles import SERVER_AWAY
from tests.browser.visiting import choose, identity_of
from tests.browser.words import said
from tests.cluster.deployment import SERVED_BY, ClusterServer, Deployment, deployed
from tests.cluster.test_sfu_rooms import OPERATOR, STOPS_S

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
)
START = "() => JSON.parse(document.getElementById('moim-start').textContent)"


class Sockets:
    """Where a page's sockets to an SFU went for one room, one after the other."""

    def __init__(self, person: Person, room: str) -> None:
        self.hosts: list[str] = []
        self._room = room
        person.page.on("websocket", self._opened)

    def _opened(self, opened: WebSocket) -> None:
        parts = urlsplit(opened.url)
        if not parts.path.startswith("/livekit/"):
            return
        [token] = parse_qs(parts.query)["access_token"]
        if jwt.decode(token, options={"verify_signature": False})["video"]["room"] == self._room:
            self.hosts.append(parts.netloc)


class Caller:
    """Somebody in the call, who knows which servers their page may go to."""

    def __init__(self, person: Person, deployment: Deployment, room: Links) -> None:
        self.person = person
        self._deployment = deployment
        self._sockets = Sockets(person, room.slug)

    async def named(self) -> list[str]:
        """The addresses that the page's policy names, as the page was told."""
        start = await self.person.page.evaluate(START)
        return list(start["network"]["sfu_addresses"])

    async def comes_to(self, server: ClusterServer) -> None:
        """By a socket to that server, or to the proxy where the page may not go there."""
        origin = self._deployment.proxy.origin
        own = server.own_address in await self.named()
        wanted = urlsplit(server.own_address if own else origin).netloc

        async def came() -> bool:
            return self._sockets.hosts[-1:] == [wanted]

        await until(came, f"a socket to {wanted}, not to {self._sockets.hosts}", BACK_S)


async def they_meet_on(server: ClusterServer, call: Call, *people: Caller) -> None:
    for one in people:
        await one.comes_to(server)
    assert await call.place() is server
    for one in people:
        await one.person.sees()
        await one.person.hears()


Condition = Callable[[], Awaitable[bool]]


def names(asked: ClusterServer, *servers: ClusterServer) -> Condition:
    """Whether the policy of that server's pages names these servers, and no other one."""

    async def named() -> bool:
        async with httpx.AsyncClient() as browser:
            policy = (await browser.get(asked.origin)).headers["content-security-policy"]
        found = {
            word for word in policy.replace(";", "").split() if word.startswith("http://127.0.0.1:")
        }
        return found == {server.own_address for server in servers}

    return named


def served_by(person: Person, deployment: Deployment, server: ClusterServer) -> Condition:
    """Give them a cookie with which the proxy leads to that server."""
    origin = deployment.proxy.origin

    async def led() -> bool:
        await person.page.context.clear_cookies()
        await person.open(origin)
        answer = await person.page.context.request.get(f"{origin}/livez")
        return answer.headers[SERVED_BY] == f"127.0.0.1:{server.port}"

    return led


async def test_each_page_goes_to_the_own_address_of_the_server_that_the_call_is_on(
    chromium: Browser, tmp_path: Path
) -> None:
    """Mina's page is older than the second server: her policy names it not, and the proxy, which
    has no way to one server alone, leads her there."""
    async with deployed(tmp_path, sfu=True, settings=OPERATOR, own_addresses=True) as deployment:
        first, second = deployment.servers
        origin = deployment.proxy.origin
        assert await second.stop(STOPS_S) == 0
        await until(names(first, first), "the second server to be gone")
        made = await first.create_room()
        room = Links(*(one.replace(first.origin, origin) for one in (made.guest, made.host)))
        party = Party(chromium, origin)
        party.troubles.allow(*SERVER_AWAY, r"status of 50\d", SAID_TO_THE_DEAD)
        for server in deployment.servers:
            party.troubles.trust(server.own_address)
        try:
            mina, jun = [
                Caller(await party.person(viewport=SMALL), deployment, room) for _ in range(2)
            ]
            await become_host(mina.person, room)
            await mina.person.turn_on_devices()
            await mina.person.join("Mina")
            await choose(mina.person, "sfu")
            await second.start()
            await until(names(second, first, second), "both to know each other", BACK_S)
            await until(served_by(jun.person, deployment, second), "a way to the second server")
            await jun.person.enter(room.guest, "Jun")
            assert await mina.named() == [first.own_address]
            assert await jun.named() == sorted([first.own_address, second.own_address])

            identities = {await identity_of(one.person) for one in (mina, jun)}
            call = Call(deployment, room, [], identities)
            await they_meet_on(first, call, mina, jun)
            assert await first.stop(STOPS_S) == 0
            await they_meet_on(second, call, mina, jun)
        finally:
            await party.close()
        party.troubles.check()


async def test_where_nobody_answers_at_the_own_address_a_page_goes_by_the_proxy(
    chromium: Browser, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # as behind a firewall
        own = f"127.0.0.1:{silent.getsockname()[1]}"
        settings = {**OPERATOR, "MOIM_NODE_PUBLIC_URL": f"http://{own}"}
        async with deployed(tmp_path, servers=1, sfu=True, settings=settings) as deployment:
            origin = deployment.proxy.origin
            party = Party(chromium, origin)
            party.troubles.trust(f"http://{own}")
            party.troubles.allow(rf"WebSocket connection to 'ws://{own}/.*' failed")
            try:
                made = await deployment.servers[0].create_room()
                mina = await party.person(devices=())
                sockets = Sockets(mina, TRIAL_ROOM)
                await mina.open(made.guest.replace(deployment.servers[0].origin, origin))
                await mina.page.get_by_test_id("check-button").click()
                await is_found(mina.page, "sfu", "ok", said("check_sfu_ok"))
                proxy = urlsplit(origin).netloc
                assert sockets.hosts == [own, proxy]
                await mina.page.get_by_test_id("check-again").click()

                async def tried_again() -> bool:
                    return sockets.hosts == [own, proxy, proxy]

                await until(tried_again, "the proxy to be asked alone, at once")
                await is_found(mina.page, "sfu", "ok", said("check_sfu_ok"))
            finally:
                await party.close()
            party.troubles.check()
