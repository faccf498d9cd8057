"""What kind of network this is: asked for by a click, answered in words, by a real browser that
asks real STUN ports."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from moim.media import stun
from tests.browser.chromium import launch
from tests.browser.party import Party
from tests.browser.server import MoimServer, free_port
from tests.browser.test_stun import HIDE_OWN_ADDRESSES
from tests.browser.words import said

MADE = "() => testPeers.length"
CLOSED = "() => testPeers.every((one) => one.signalingState === 'closed')"
SLOW_MS = 30_000


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def shy() -> AsyncIterator[Browser]:
    """A browser that does not know its own addresses, so that it looks as if behind a router."""
    async with async_playwright() as playwright:
        browser = await launch(playwright, HIDE_OWN_ADDRESSES)
        yield browser
        await browser.close()


class Strict(asyncio.DatagramProtocol):
    """STUN as it looks through a router that gives every server another port."""

    def __init__(self) -> None:
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = stun.answer(data, (addr[0], addr[1] ^ 1))
        if answer is not None:
            self._transport.sendto(answer, addr)


@asynccontextmanager
async def strict() -> AsyncIterator[str]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Strict, local_addr=("127.0.0.1", 0), family=socket.AF_INET
    )
    try:
        yield f"stun:127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


@asynccontextmanager
async def before_the_door(
    browser: Browser, folder: Path, settings: dict[str, str], **options: Any
) -> AsyncIterator[Page]:
    """The pre-join page of a server with these settings."""
    server = MoimServer(folder, settings)
    await server.start()
    party = Party(browser, server.origin)
    try:
        room = await server.create_room()
        person = await party.person(devices=(), **options)
        await person.open(room.guest)
        yield person.page
        party.troubles.check()
    finally:
        await party.close()
        await server.kill()


async def look(page: Page) -> Any:
    assert await page.evaluate(MADE) == 0
    await page.get_by_test_id("network-button").click()
    words = page.get_by_test_id("network-words")
    await expect(words).to_be_visible(timeout=SLOW_MS)
    assert await page.evaluate(CLOSED)
    return words


async def test_a_router_that_keeps_its_port_works_well(shy: Browser, tmp_path: Path) -> None:
    async with before_the_door(shy, tmp_path, {}) as page:
        words = await look(page)
        await expect(words).to_have_text(said("network_direct"))
        await expect(words).to_have_attribute("data-mapping", "same")
        await expect(page.get_by_test_id("network-outside")).to_have_text(
            re.compile(r"127\.0\.0\.1:\d+|\[::1\]:\d+")
        )


@pytest.mark.parametrize("relay", [False, True])
async def test_a_router_with_a_new_port_for_everybody_needs_a_relay(
    shy: Browser, tmp_path: Path, relay: bool
) -> None:
    async with strict() as other:
        settings = {"MOIM_STUN_URLS": f"own {other}"}
        if relay:
            settings |= {
                "MOIM_TURN_URLS": f"turn:127.0.0.1:{free_port()}?transport=tcp",
                "MOIM_TURN_SECRET": "x" * 32,
            }
        async with before_the_door(shy, tmp_path, settings) as page:
            words = await look(page)
            await expect(words).to_have_attribute("data-kind", "relay")
            text = said("network_relay" if relay else "network_relay_missing")
            await expect(words).to_have_text(text)


async def test_silence_everywhere_is_called_blocked_in_korean_too(
    shy: Browser, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        settings = {"MOIM_STUN_URLS": f"stun:127.0.0.1:{silent.getsockname()[1]}"}
        async with before_the_door(shy, tmp_path, settings, locale="ko-KR") as page:
            words = await look(page)
            await expect(words).to_have_attribute("data-kind", "blocked")
            await expect(words).to_have_text(said("network_blocked_missing", "ko"))


async def test_without_stun_servers_nothing_is_offered(shy: Browser, tmp_path: Path) -> None:
    async with before_the_door(shy, tmp_path, {"MOIM_STUN_URLS": ""}) as page:
        await expect(page.get_by_test_id("join-button")).to_be_visible()
        await expect(page.get_by_test_id("network-check")).to_have_count(0)


async def test_a_computer_without_a_router_between_is_fine(
    chromium: Browser, tmp_path: Path
) -> None:
    async with before_the_door(chromium, tmp_path, {}) as page:
        words = await look(page)
        await expect(words).to_have_text(said("network_direct"))
        await expect(page.get_by_test_id("network-local")).to_have_text(re.compile(r":\d+$"))


async def test_the_panel_of_details_says_it_in_a_call(shy: Browser, tmp_path: Path) -> None:
    async with before_the_door(shy, tmp_path, {}) as page:
        await page.get_by_test_id("name-input").fill("Mina")
        await page.get_by_test_id("join-button").click()
        await page.get_by_test_id("more-button").click()
        await page.get_by_test_id("details-button").click()
        await look(page)
        await expect(page.get_by_test_id("network-words")).to_have_text(said("network_direct"))
