"""A call between two servers of one deployment, with a bus that loses a tenth of its news."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, Response, expect

from tests.browser.chatting import message, messages, open_chat, said, write
from tests.browser.party import Party
from tests.browser.person import until
from tests.browser.proxy import proxy
from tests.browser.troubles import SERVER_AWAY
from tests.cluster.deployment import SERVED_BY, Deployment, deployed

LOSSY = Path(__file__).parents[1] / "cluster" / "programs" / "lossy.py"
WORDS = 15
SMALL = {"width": 640, "height": 480}
PATIENCE_MS = 30_000


@pytest_asyncio.fixture(loop_scope="session")
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, program=(sys.executable, str(LOSSY))) as one:
        yield one


async def test_a_call_over_two_servers_comes_up_and_outlives_what_goes_away(
    chromium: Browser, deployment: Deployment
) -> None:
    """Every tenth word of the bus is lost, then PostgreSQL goes away for a while."""
    first, second = deployment.servers
    room = await first.create_room()
    parties = [Party(chromium, server.origin) for server in (first, second)]
    try:
        mina, jun = [await party.person(viewport=SMALL) for party in parties]
        await mina.enter(room.guest, "Mina")
        await jun.enter(room.guest.replace(first.origin, second.origin), "Jun")
        for person in (mina, jun):
            await person.sees()
            await person.hears()
            await open_chat(person)
        for n in range(WORDS):
            await write(mina, f"Mina {n}")
            await write(jun, f"Jun {n}")
        for person in (mina, jun):
            await expect(messages(person, "saved")).to_have_count(2 * WORDS, timeout=PATIENCE_MS)
        assert await said(mina) == await said(jun)

        deployment.postgres.kill()
        await write(mina, "while the storage is away")
        await expect(message(mina, "while the storage is away", "sending")).to_have_count(1)
        for person in (mina, jun):
            await person.sees()
        deployment.postgres.start()
        for person in (mina, jun):
            found = message(person, "while the storage is away", "saved")
            await expect(found).to_have_count(1, timeout=PATIENCE_MS)
            await expect(messages(person)).to_have_count(2 * WORDS + 1)
    finally:
        for party in parties:
            await party.close()
    for party in parties:
        party.troubles.check()


@pytest_asyncio.fixture(loop_scope="session")
async def behind_a_proxy(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def office(behind_a_proxy: Deployment) -> AsyncIterator[str]:
    """Where a network that refuses every WebSocket lets people come in."""
    async with proxy(behind_a_proxy.proxy.port, websockets=False) as port:
        yield f"http://localhost:{port}"


async def test_who_can_only_poll_stays_when_their_server_goes_and_when_it_is_back(
    chromium: Browser, behind_a_proxy: Deployment, office: str
) -> None:
    """Either time the proxy leads them to another server than the one that has their session."""
    one = behind_a_proxy
    room = await one.servers[0].create_room()
    party = Party(chromium, office)
    party.troubles.allow(*SERVER_AWAY)
    mina = await party.person(devices=())
    served: list[str] = []

    def note(response: Response) -> None:
        if "transport=polling" in response.url and SERVED_BY in response.headers:
            served.append(response.headers[SERVED_BY])

    async def writes(words: str) -> str:
        """Her words are saved; by which server."""
        del served[:]
        await write(mina, words)
        await expect(message(mina, words, "saved")).to_have_count(1, timeout=PATIENCE_MS)
        return served[-1]

    try:
        mina.page.on("response", note)
        await mina.open(room.guest.replace(one.servers[0].origin, office))
        await mina.join("Mina")
        await open_chat(mina)
        first = await writes("by her server")
        [hers] = [server for server in one.servers if first.endswith(f":{server.port}")]
        await hers.kill()
        assert await writes("by the other one") != first
        await hers.start()
        del served[:]

        async def is_back() -> bool:
            return first in served

        await until(is_back, "the proxy leads her to her server again", 30)
        assert await writes("by hers again") == first
        await expect(messages(mina)).to_have_count(3)
    finally:
        await party.close()
    party.troubles.check()
