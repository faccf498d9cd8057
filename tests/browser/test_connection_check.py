"""Whether a connection is good for a call: asked for by a click, answered in words that say what to
open or set, by a real browser that asks real ports."""

import asyncio
import importlib.util
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, async_playwright, expect

from moim.media import stun
from tests.browser.axe import assert_accessible
from tests.browser.chromium import launch
from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer, free_port
from tests.browser.test_call import become_host
from tests.browser.test_stun import HIDE_OWN_ADDRESSES
from tests.browser.troubles import SERVER_AWAY
from tests.browser.visiting import WITH_SFU
from tests.browser.words import said

LOOKS = "**/static/app/assets/looks-*.js"
MADE = "() => testPeers.length"
CLOSED = "() => testPeers.every((one) => one.signalingState === 'closed')"
SLOW_MS = 30_000
# Of a block that no network routes (RFC 5737): the SFU is there, and no packet finds it.
NOWHERE = {"MOIM_SFU_UDP_PORT": "0", "MOIM_SFU_ADDRESS": "192.0.2.1"}
needs_engine = pytest.mark.skipif(
    importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
)


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
    browser: Browser,
    folder: Path,
    settings: dict[str, str],
    *,
    allow: tuple[str, ...] = (),
    trust: tuple[str, ...] = (),
    prepare: Callable[[Page, Links], Awaitable[None]] | None = None,
    **options: Any,
) -> AsyncIterator[Page]:
    """The pre-join page of a server with these settings."""
    server = MoimServer(folder, settings)
    await server.start()
    party = Party(browser, server.origin)
    party.troubles.allow(*allow)
    for address in trust:
        party.troubles.trust(address)
    try:
        room = await server.create_room()
        person = await party.person(devices=(), **options)
        if prepare is not None:
            await prepare(person.page, room)
        await person.open(room.guest)
        yield person.page
        party.troubles.check()
    finally:
        await party.close()
        await server.kill()


def check(page: Page, name: str) -> Locator:
    return page.locator(f"[data-check={name}]")


async def press(page: Page) -> None:
    """Ask for it; nothing was looked at before."""
    assert await page.evaluate(MADE) == 0
    await page.get_by_test_id("check-button").click()


async def is_found(page: Page, name: str, state: str, words: str) -> None:
    one = check(page, name)
    await expect(one).to_have_attribute("data-state", state, timeout=SLOW_MS)
    await expect(one.get_by_test_id("check-words")).to_have_text(words)


async def verdict(page: Page) -> str:
    """What the line above all checks says when they are done."""
    line = page.get_by_test_id("connection-check")
    await expect(line).to_have_attribute("data-verdict", re.compile("ok|warn|bad"), timeout=SLOW_MS)
    return await line.get_attribute("data-verdict") or ""


async def test_a_router_that_keeps_its_port_works_well(shy: Browser, tmp_path: Path) -> None:
    async with before_the_door(shy, tmp_path, {}) as page:
        await press(page)
        await is_found(page, "address", "ok", said("network_direct"))
        await is_found(page, "udp", "ok", said("check_udp_ok"))
        await expect(page.get_by_test_id("network-outside")).to_have_text(
            re.compile(r"127\.0\.0\.1:\d+|\[::1\]:\d+")
        )
        assert await page.evaluate(CLOSED)


async def test_who_has_no_network_at_all_is_told_so_and_checks_again(
    shy: Browser, tmp_path: Path
) -> None:
    gone = r"net::ERR_FAILED|Failed to fetch dynamically imported"
    async with before_the_door(shy, tmp_path, {}, allow=(gone,)) as page:
        await page.route(LOOKS, lambda route: route.abort())
        await press(page)
        await is_found(page, "server", "bad", said("check_server_away"))
        assert await verdict(page) == "bad"
        await page.unroute(LOOKS)
        await page.get_by_test_id("check-again").click()
        await is_found(page, "server", "ok", said("check_server_ok"))


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
            await press(page)
            text = said("network_relay" if relay else "network_relay_missing")
            await is_found(page, "address", "ok" if relay else "warn", text)


async def test_silence_everywhere_is_called_blocked_and_a_host_hears_what_to_open_in_korean_too(
    shy: Browser, tmp_path: Path
) -> None:
    async def come_as_host(page: Page, room: Links) -> None:
        await become_host(Person(page), room)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = str(silent.getsockname()[1])
        settings = {"MOIM_STUN_URLS": f"stun:127.0.0.1:{port}"}
        async with before_the_door(
            shy, tmp_path, settings, prepare=come_as_host, locale="ko-KR"
        ) as page:
            await press(page)
            all_hear = said("network_blocked_missing", "ko")
            hosts_hear = said("check_udp_host", "ko", port=port)
            await is_found(page, "udp", "bad", f"{all_hear} {hosts_hear}")
            assert await verdict(page) == "bad"
            await expect(page.get_by_test_id("check-button")).to_have_text(
                said("check_verdict_bad", "ko")
            )


async def test_without_stun_servers_the_rest_is_looked_at(
    chromium: Browser, tmp_path: Path
) -> None:
    async with before_the_door(chromium, tmp_path, {"MOIM_STUN_URLS": ""}) as page:
        await press(page)
        await is_found(page, "secure", "ok", said("check_secure_ok"))
        await is_found(page, "server", "ok", said("check_server_ok"))
        await is_found(page, "udp", "none", said("check_udp_none"))
        await is_found(page, "sfu", "none", said("check_sfu_none"))
        assert await page.evaluate(MADE) == 0


async def test_a_computer_without_a_router_between_is_fine(
    chromium: Browser, tmp_path: Path
) -> None:
    async with before_the_door(chromium, tmp_path, {}) as page:
        await press(page)
        await is_found(page, "address", "ok", said("network_direct"))
        await expect(page.get_by_test_id("network-local")).to_have_text(re.compile(r":\d+$"))


@needs_engine
async def test_a_good_line_is_one_calm_line_by_keyboard_on_a_phone(
    chromium: Browser, tmp_path: Path
) -> None:
    async with before_the_door(chromium, tmp_path, WITH_SFU, phone=True) as page:
        button = page.get_by_test_id("check-button")
        await expect(button).to_have_text(said("check_connection"))
        await button.focus()
        await page.keyboard.press("Enter")
        await is_found(page, "sfu", "ok", said("check_sfu_ok"))
        for name in ("secure", "server", "udp", "address"):
            await expect(check(page, name)).to_have_attribute("data-state", "ok")
        # How fast a busy machine talks to itself is nobody's promise: but it is told as it is.
        speed = check(page, "speed")
        await expect(speed.get_by_test_id("check-words")).to_have_text(
            re.compile(r"^[\d.]+\+? Mbit/s up, [\d.]+\+? Mbit/s down")
        )
        assert await verdict(page) == await speed.get_attribute("data-state")
        assert await page.evaluate(CLOSED)
        await assert_accessible(page, "all checks")
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await page.evaluate(wide)
        await page.keyboard.press("Enter")
        await expect(check(page, "sfu")).to_be_hidden()
        await expect(button).to_be_focused()


@needs_engine
async def test_who_has_no_way_to_the_media_server_is_told_before_joining(
    chromium: Browser, tmp_path: Path
) -> None:
    async with before_the_door(chromium, tmp_path, NOWHERE) as page:
        await press(page)
        await is_found(page, "sfu", "bad", said("check_sfu_blocked"))
        assert await verdict(page) == "bad"


async def test_a_media_server_that_is_down_is_told_from_a_closed_port(
    chromium: Browser, tmp_path: Path
) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    settings = {
        "MOIM_LIVEKIT_URL": url,
        "MOIM_LIVEKIT_API_KEY": "key",
        "MOIM_LIVEKIT_API_SECRET": "x" * 32,
    }
    async with before_the_door(
        chromium, tmp_path, settings, allow=SERVER_AWAY, trust=(url,)
    ) as page:
        await press(page)
        await is_found(page, "sfu", "bad", said("check_sfu_away"))


async def test_a_way_without_websockets_is_slow_and_no_fault(
    chromium: Browser, tmp_path: Path
) -> None:
    async def refuse(page: Page, _: Links) -> None:
        await page.route_web_socket(re.compile("socket.io"), lambda socket: socket.close())

    async with before_the_door(chromium, tmp_path, {}, prepare=refuse) as page:
        await press(page)
        await is_found(page, "server", "warn", said("check_server_slow"))


async def test_who_joins_waits_for_no_check_and_nothing_of_it_goes_on(
    chromium: Browser, tmp_path: Path
) -> None:
    ended: list[str] = []

    async def hold(page: Page, _: Links) -> None:
        async def never(_: Route) -> None:
            return

        await page.route("**/line", never)
        page.on("requestfailed", lambda request: ended.append(request.url))

    async with before_the_door(chromium, tmp_path, {}, prepare=hold) as page:
        await press(page)
        await expect(check(page, "speed")).to_have_attribute("data-state", "running")
        await page.get_by_test_id("name-input").fill("Mina")
        await page.get_by_test_id("join-button").click()
        await expect(page.get_by_test_id("leave-button")).to_be_visible()

        async def is_over() -> bool:
            return [url.rpartition("/")[2] for url in ended] == ["line"]

        await until(is_over, "the one request of a check to be given up")


@needs_engine
async def test_the_panel_behind_the_scenes_says_the_same_and_tells_hosts_what_to_open(
    chromium: Browser, tmp_path: Path
) -> None:
    server = MoimServer(tmp_path, NOWHERE)
    await server.start()
    party = Party(chromium, server.origin)
    try:
        room = await server.create_room()
        mina = await party.person(devices=())
        await become_host(mina, room)
        await mina.join("Mina")
        page = mina.page
        await page.get_by_test_id("more-button").click()
        await page.get_by_test_id("details-button").click()
        await page.get_by_test_id("check-button").click()
        await is_found(page, "server", "ok", said("check_server_ok"))
        start = await page.evaluate("JSON.parse(document.getElementById('moim-start').textContent)")
        port = str(start["network"]["sfu_udp_port"])
        words = f"{said('check_sfu_blocked')} {said('check_sfu_port', port=port)}"
        await is_found(page, "sfu", "bad", words)
        await assert_accessible(page, "checks in a call")
    finally:
        await party.close()
        await server.kill()
    party.troubles.check()
