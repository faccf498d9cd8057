"""The pages around the call: who may read them, on what, in which language, and what fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from moim.http.text import TEXTS, Locale
from tests.browser.axe import assert_accessible
from tests.browser.party import Party
from tests.browser.reading import assert_fits_phones, tab_to, without_script
from tests.browser.server import MoimServer
from tests.chaos.caller import Caller, create_room, new_browser

LOCALES: tuple[Locale, ...] = ("en", "ko")
REGION = {"en": "en-GB", "ko": "ko-KR"}
# A browser says in its console that a page it was told to open has a status of 400 or more.
STATUS = r"the server responded with a status of"
PROGRAM = "**/static/app/assets/main-*.js"
LONG = "W" * 40


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MoimServer]:
    """One server for all of these, whose rooms are full with two."""
    settings = {"MOIM_MAX_PARTICIPANTS": "2", "MOIM_ROOMS_PER_HOUR": "1000"}
    server = MoimServer(tmp_path_factory.mktemp("pages"), settings)
    await server.start()
    yield server
    await server.kill()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def full_room(site: MoimServer) -> AsyncIterator[str]:
    """The address of a room in which every seat is taken."""
    async with (
        aclosing(await new_browser(site.url)) as one,
        aclosing(await new_browser(site.url)) as other,
    ):
        slug = await create_room(one, LONG)
        async with Caller(one, slug, "Mina"), Caller(other, slug, "Jun"):
            yield f"{site.url}/r/{slug}"


@pytest_asyncio.fixture(loop_scope="session")
async def readers(chromium: Browser, site: MoimServer) -> AsyncIterator[Party]:
    """People who read that server's pages; fails the test for any trouble they saw."""
    party = Party(chromium, site.origin)
    yield party
    await party.close()
    party.troubles.check()


@pytest_asyncio.fixture(loop_scope="session")
async def every_page(
    site: MoimServer, full_room: str, readers: Party
) -> Callable[[Page], AsyncIterator[str]]:
    """Opens each server-rendered page in turn, and says which one it is."""
    readers.troubles.allow(STATUS, r"net::ERR_FAILED")
    links = await site.create_room(LONG, listed=True)

    async def every(page: Page) -> AsyncIterator[str]:
        addresses = {
            "home": site.url,
            "host link": links.host,
            "unknown room": f"{site.url}/r/none-none-non",
            "full room": full_room,
            "no such page": f"{site.url}/nowhere",
            "older browser": f"{site.url}/unsupported",
        }
        for name, address in addresses.items():
            await page.goto(address)
            yield name
        await page.goto(site.url)
        await page.locator("#link").fill("not a link!")
        await page.keyboard.press("Enter")
        await expect(page.locator("[aria-invalid]")).to_be_focused()
        yield "home with a mistake"
        await page.locator("#room-name").fill(LONG)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/r/*")
        await page.route("**/r/*", without_script)
        await page.reload()
        await expect(page.locator("#host-link")).to_be_visible()
        yield "made room without a script"
        await page.unroute("**/r/*")
        await page.route(PROGRAM, lambda route: route.abort())
        await page.goto(links.guest)
        await expect(page.get_by_role("alert")).to_be_visible()
        yield "room whose program does not come"
        await page.unroute(PROGRAM)

    return every


EveryPage = Callable[[Page], AsyncIterator[str]]


@pytest.mark.parametrize("locale", LOCALES)
async def test_no_page_breaks_a_rule_of_accessibility(
    every_page: EveryPage, readers: Party, locale: Locale
) -> None:
    reader = await readers.person(locale=REGION[locale])
    async for name in every_page(reader.page):
        assert await reader.page.locator("html").get_attribute("lang") == locale
        for scheme in ("light", "dark"):
            await reader.page.emulate_media(color_scheme=scheme)
            await assert_accessible(reader.page, f"{name}, {locale}, {scheme}")


@pytest.mark.parametrize("locale", LOCALES)
async def test_every_page_fits_a_phone_and_a_finger(
    every_page: EveryPage, readers: Party, locale: Locale
) -> None:
    reader = await readers.person(locale=REGION[locale], phone=True)
    async for name in every_page(reader.page):
        await assert_fits_phones(reader.page, f"{name}, {locale}")


@pytest.mark.parametrize("locale", LOCALES)
async def test_an_unknown_and_a_full_room_are_said_in_the_readers_language(
    site: MoimServer, full_room: str, readers: Party, locale: Locale
) -> None:
    readers.troubles.allow(STATUS)
    reader = await readers.person(locale=REGION[locale])
    errors = TEXTS[locale].errors
    for address, said in (
        (f"{site.url}/r/none-none-non", errors.room_unknown),
        (full_room, errors.room_full),
    ):
        await reader.open(address)
        await expect(reader.page.get_by_role("heading", level=1)).to_have_text(said.title)
        await expect(reader.page.get_by_text(said.text)).to_be_visible()


async def test_the_chosen_language_holds_on_every_page_and_stays_out_of_the_address(
    site: MoimServer, readers: Party
) -> None:
    readers.troubles.allow(STATUS)
    reader = await readers.person()
    await reader.open(f"{site.url}/r/none-none-non")
    await reader.page.get_by_role("link", name="KO").click()
    await expect(reader.page.locator("html")).to_have_attribute("lang", "ko")
    assert urlsplit(reader.page.url)[2:] == ("/r/none-none-non", "", "")
    await reader.open(site.url)
    await expect(reader.page.get_by_role("heading", level=1)).to_have_text(TEXTS["ko"].home_title)
    await expect(reader.page.get_by_role("link", name="KO")).to_have_attribute(
        "aria-current", "true"
    )


async def test_a_host_link_works_once_and_no_preview_of_it_uses_it_up(
    site: MoimServer, readers: Party
) -> None:
    links = await site.create_room()
    secret = links.host.rpartition("/")[2]
    async with httpx.AsyncClient(headers={"user-agent": "Slackbot-LinkExpanding 1.0"}) as bot:
        for _ in range(3):
            assert (await bot.get(links.host)).status_code == 200
            assert (await bot.head(links.host)).status_code == 200

    mina = await readers.person()
    await mina.open(links.host)
    await mina.page.get_by_role("button", name=TEXTS["en"].host_button).click()
    await mina.page.wait_for_url(links.guest)
    start = await mina.page.locator("#moim-start").text_content() or ""
    assert '"role": "host"' in start
    for place in ("location.href", "document.referrer", "document.documentElement.outerHTML"):
        assert secret not in await mina.page.evaluate(place), place

    readers.troubles.allow(STATUS)
    jun = await readers.person()
    await jun.open(links.host)
    await jun.page.get_by_role("button", name=TEXTS["en"].host_button).click()
    refused = TEXTS["en"].errors.host_link_invalid.title
    await expect(jun.page.get_by_role("heading", level=1)).to_have_text(refused)


async def test_the_host_link_is_used_with_the_keyboard_alone(
    site: MoimServer, readers: Party
) -> None:
    links = await site.create_room()
    mina = await readers.person()
    await mina.open(links.host)
    await tab_to(mina.page, TEXTS["en"].host_button)
    await mina.page.keyboard.press("Enter")
    await mina.page.wait_for_url(links.guest)


@pytest.mark.parametrize("missing", ["RTCPeerConnection", "CompressionStream", "structuredClone"])
async def test_a_browser_that_cannot_hold_a_call_is_told_so_and_may_read_the_home_page(
    site: MoimServer, readers: Party, missing: str
) -> None:
    links = await site.create_room()
    reader = await readers.person(locale="ko-KR")
    await reader.page.context.add_init_script(f"delete window.{missing}")
    await reader.open(links.guest)
    title = TEXTS["ko"].unsupported_title
    await expect(reader.page.get_by_role("heading", level=1)).to_have_text(title)
    await reader.page.get_by_role("link", name=TEXTS["ko"].go_home, exact=True).click()
    await expect(reader.page.get_by_role("heading", level=1)).to_have_text(TEXTS["ko"].home_title)


def _refused(route: Route) -> Awaitable[None]:
    return route.abort("connectionrefused")


def _gone(route: Route) -> Awaitable[None]:
    return route.fulfill(status=404, body="not found\n")


def _broken(route: Route) -> Awaitable[None]:
    return route.fulfill(content_type="text/javascript", body="throw new Error('broken')")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("failure", [_refused, _gone, _broken])
async def test_a_program_that_cannot_be_loaded_leaves_words_and_a_way_to_try_again(
    site: MoimServer,
    readers: Party,
    locale: Locale,
    failure: Callable[[Route], Awaitable[None]],
) -> None:
    readers.troubles.allow(STATUS, r"net::ERR_CONNECTION_REFUSED", r"uncaught: broken")
    links = await site.create_room()
    reader = await readers.person(locale=REGION[locale])
    await reader.page.route(PROGRAM, failure)
    await reader.open(links.guest)
    text = TEXTS[locale]
    await expect(reader.page.get_by_role("heading", level=1)).to_have_text(text.not_loaded)
    await expect(reader.page.get_by_text(text.not_loaded_text)).to_be_visible()

    await reader.page.unroute(PROGRAM)
    await reader.page.get_by_role("link", name=text.reload).click()
    await expect(reader.page.locator("#app > *").first).to_be_visible()
    await expect(reader.page.get_by_text(text.not_loaded)).to_have_count(0)


async def test_a_program_that_comes_late_takes_the_page_back(
    site: MoimServer, readers: Party
) -> None:
    arrived = asyncio.Event()

    async def late(route: Route) -> None:
        await arrived.wait()
        await route.continue_()

    links = await site.create_room()
    reader = await readers.person()
    await reader.page.clock.install()
    await reader.page.route(PROGRAM, late)
    await reader.page.goto(links.guest, wait_until="commit")
    await expect(reader.page.locator("#app")).to_be_attached()
    sorry = reader.page.get_by_role("heading", name=TEXTS["en"].not_loaded)
    await expect(sorry).to_have_count(0)
    await reader.page.clock.run_for(20_000)
    await expect(sorry).to_be_visible()
    arrived.set()
    await expect(reader.page.locator("#app > *").first).to_be_visible()
    await expect(sorry).to_have_count(0)


async def test_a_locked_room_says_so_before_anybody_asks_to_come_in(
    site: MoimServer, readers: Party
) -> None:
    async with aclosing(await new_browser(site.url)) as own:
        slug = await create_room(own, "Closed")
        async with Caller(own, slug, "Mina") as mina:
            await mina.command("room.lock")
            jun = await readers.person()
            await jun.open(f"{site.url}/r/{slug}")
            await expect(jun.page.get_by_test_id("people-inside")).to_contain_text("locked")
            await mina.command("room.unlock")
            await jun.page.reload()
            await expect(jun.page.get_by_test_id("people-inside")).not_to_contain_text("locked")
