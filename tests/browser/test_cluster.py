"""A call between two servers of one deployment, with a bus that loses a tenth of its news."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.chatting import message, messages, open_chat, said, write
from tests.browser.party import Party
from tests.cluster.deployment import Deployment, deployed

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
