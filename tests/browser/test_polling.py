"""Where no WebSocket can be had, everything goes over HTTP long-polling."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.chatting import message, messages, open_chat, said, write
from tests.browser.party import Party
from tests.browser.proxy import proxy
from tests.browser.server import MoimServer
from tests.browser.test_call import two_in_a_call
from tests.browser.test_mounted import Proxied
from tests.browser.troubles import SERVER_AWAY


@pytest_asyncio.fixture(loop_scope="session")
async def office(tmp_path: Path) -> AsyncIterator[Proxied]:
    """moim behind a proxy that refuses every WebSocket."""
    server = Proxied(tmp_path)
    await server.start()
    async with proxy(server.port, websockets=False) as port:
        server.seen_port = port
        yield server
    await server.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def workers(chromium: Browser, office: Proxied) -> AsyncIterator[Party]:
    party = Party(chromium, office.origin)
    party.troubles.allow(*SERVER_AWAY)
    yield party
    await party.close()
    party.troubles.check()


async def test_a_call_and_its_chat_work_without_websockets_and_over_a_killed_server(
    office: MoimServer, workers: Party
) -> None:
    room = await office.create_room()
    mina, jun = await two_in_a_call(workers, room)
    polls: list[str] = []
    mina.page.on("request", lambda request: polls.append(request.url))
    for person in (mina, jun):
        await person.hears()
        await open_chat(person)
    await write(mina, "over HTTP")
    await expect(message(jun, "over HTTP")).to_have_count(1)
    assert any("transport=polling" in url for url in polls)
    await mina.page.get_by_test_id("mic-button").click()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")

    await office.kill()
    for person in (mina, jun):
        await expect(person.page.get_by_test_id("reconnect-bar")).to_be_visible()
        await person.sees()
    await write(jun, "and without a server")
    await expect(message(mina, "and without a server", "unsaved")).to_have_count(1)
    await office.start()
    for person in (mina, jun):
        await expect(person.page.get_by_test_id("reconnect-bar")).to_have_count(0)
        await expect(messages(person, "saved")).to_have_count(2)
        await expect(messages(person)).to_have_count(2)
        await person.sees()
    assert await said(mina) == await said(jun) == ["over HTTP", "and without a server"]
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
