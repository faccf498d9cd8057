"""The home page: rooms are made, found, watched and entered, by hand, by keyboard, and without
JavaScript."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from moim.http.text import TEXTS, Locale
from tests.browser.party import Party
from tests.browser.reading import Stop, press_tab, tab_to
from tests.browser.server import MoimServer
from tests.chaos.caller import Caller, create_room, new_browser

EN = TEXTS["en"]
REGION = {"en": "en-GB", "ko": "ko-KR"}
ROOMS = "**/api/rooms"
POLL_MS = 5_000
ODD_NAME = 'A & B\'s "new" 방'


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MoimServer]:
    """One server for all of these."""
    server = MoimServer(tmp_path_factory.mktemp("home"), {"MOIM_ROOMS_PER_HOUR": "1000"})
    await server.start()
    yield server
    await server.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def readers(chromium: Browser, site: MoimServer) -> AsyncIterator[Party]:
    """People who read that server's pages; fails the test for any trouble they saw."""
    party = Party(chromium, site.origin)
    yield party
    await party.close()
    party.troubles.check()


async def watched(readers: Party, site: MoimServer, locale: Locale = "en") -> Page:
    """The home page in a browser whose time the test can pass."""
    reader = await readers.person(locale=REGION[locale])
    await reader.page.clock.install()
    await reader.open(site.url)
    return reader.page


async def test_a_room_is_made_in_two_clicks_and_its_page_breaks_no_rule(
    site: MoimServer, readers: Party
) -> None:
    mina = await readers.person()
    await mina.open(site.url)
    await mina.page.get_by_label(EN.room_name).fill("Friday tea")
    await mina.page.get_by_role("button", name=EN.create).click()
    await expect(mina.page).to_have_title("Friday tea · moim")


async def test_a_room_is_made_and_entered_with_the_keyboard_alone(
    site: MoimServer, readers: Party
) -> None:
    mina = await readers.person()
    await mina.open(site.url)
    await tab_to(mina.page, "room-name")
    await mina.page.keyboard.type("Keys")
    await tab_to(mina.page, "unlisted")
    await mina.page.keyboard.press("ArrowDown")
    await expect(mina.page.locator("#listed")).to_be_checked()
    await mina.page.keyboard.press("Enter")
    await expect(mina.page).to_have_title("Keys · moim")

    await mina.open(site.url)
    stops: list[Stop] = []
    while (stop := await press_tab(mina.page)).what:
        assert stop.visible, stop.what
        stops.append(stop)
    words = [stop.what for stop in stops]
    assert words[0] == EN.skip
    assert words.index("room-name") < words.index("link")
    assert words[-1].startswith("Keys")
    await mina.page.keyboard.press("Shift+Tab")
    await mina.page.keyboard.press("Enter")
    await expect(mina.page).to_have_title("Keys · moim")


@pytest.mark.parametrize("shape", ["{guest}", "{slug}", " {spaced} "])
async def test_a_room_is_joined_by_its_link_or_its_code(
    site: MoimServer, readers: Party, shape: str
) -> None:
    links = await site.create_room("Study")
    spaced = links.slug.upper().replace("-", " ")
    typed = shape.format(guest=links.guest, slug=links.slug, spaced=spaced)
    jun = await readers.person()
    await jun.open(site.url)
    await jun.page.get_by_label(EN.join_label).fill(typed)
    await jun.page.get_by_role("button", name=EN.join, exact=True).click()
    await expect(jun.page).to_have_title("Study · moim")
    assert jun.page.url == links.guest


async def test_who_comes_and_goes_is_seen_while_one_looks(site: MoimServer, readers: Party) -> None:
    async with (
        aclosing(await new_browser(site.url)) as own,
        aclosing(await new_browser(site.url)) as other,
    ):
        quiet, lively = await create_room(own, "Quiet"), await create_room(other, "Lively")
        page = await watched(readers, site)
        row = page.get_by_role("link", name="Lively")
        await expect(row).to_contain_text(EN.nobody_inside)
        await page.get_by_role("link", name="Quiet").focus()
        async with Caller(own, lively, "Mina") as mina, Caller(other, lively, "Jun") as jun:
            await page.clock.run_for(POLL_MS)
            await expect(row).to_contain_text(EN.inside(2))
            await expect(page.locator(".room-list a").first).to_contain_text("Lively")
            await expect(page.get_by_role("link", name="Quiet")).to_be_focused()
            await mina.command("participant.leave")
            await page.clock.run_for(POLL_MS)
            await expect(row).to_contain_text(EN.inside(1))
            await jun.command("participant.leave")
            await page.clock.run_for(POLL_MS)
            await expect(row).to_contain_text(EN.nobody_inside)
        await row.click()
        await expect(page).to_have_title("Lively · moim")
        assert page.url.endswith(lively)
        assert quiet != lively


async def test_a_room_that_is_new_appears_and_one_that_is_locked_says_so(
    site: MoimServer, readers: Party
) -> None:
    page = await watched(readers, site)
    async with aclosing(await new_browser(site.url)) as own:
        slug = await create_room(own, ODD_NAME)
        await page.clock.run_for(POLL_MS)
        row = page.get_by_role("link", name=ODD_NAME)
        await expect(row).to_contain_text(EN.nobody_inside)
        async with Caller(own, slug, "Mina") as mina:
            await mina.command("room.lock")
            await page.clock.run_for(POLL_MS)
            await expect(row).to_contain_text(EN.locked)


@pytest.mark.parametrize("locale", ["en", "ko"])
async def test_a_list_that_cannot_be_refreshed_says_so_quietly_and_recovers(
    site: MoimServer, readers: Party, locale: Locale
) -> None:
    readers.troubles.allow(r"net::ERR_CONNECTION_REFUSED")
    await site.create_room("Kept", listed=True)
    page = await watched(readers, site, locale)
    news = page.get_by_role("status")
    await page.route(ROOMS, lambda route: route.abort("connectionrefused"))
    await page.clock.run_for(POLL_MS)
    await expect(news).to_have_text(TEXTS[locale].rooms_failed)
    await expect(page.get_by_role("link", name="Kept").first).to_be_visible()
    await page.unroute(ROOMS)
    await page.clock.run_for(2 * POLL_MS)
    await expect(news).to_have_text("")


async def test_a_list_that_takes_long_says_that_it_is_on_its_way(
    site: MoimServer, readers: Party
) -> None:
    answered = asyncio.Event()

    async def slow(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    page = await watched(readers, site)
    await page.route(ROOMS, slow)
    async with page.expect_request(ROOMS):
        await page.clock.run_for(POLL_MS)
    await page.clock.run_for(1_100)
    await expect(page.get_by_role("status")).to_have_text(EN.rooms_loading)
    answered.set()
    await expect(page.get_by_role("status")).to_have_text("")


async def test_without_a_listed_room_the_list_says_what_to_do(
    moim_server: MoimServer, party: Party
) -> None:
    page = await watched(party, moim_server)
    await expect(page.get_by_text(EN.rooms_empty)).to_be_visible()
    await moim_server.create_room("First", listed=True)
    await page.clock.run_for(POLL_MS)
    await expect(page.get_by_role("link", name="First")).to_be_visible()
    await expect(page.get_by_text(EN.rooms_empty)).to_be_hidden()


async def test_the_home_page_works_without_a_script(site: MoimServer, readers: Party) -> None:
    listed = await site.create_room("Listed one", listed=True)
    mina = await readers.person(java_script_enabled=False)
    await mina.open(site.url)
    await expect(mina.page.get_by_role("link", name="Listed one")).to_be_visible()
    await mina.page.get_by_label(EN.room_name).fill("Study")
    await mina.page.get_by_role("button", name=EN.create).click()
    await expect(mina.page.get_by_role("heading", name="Study")).to_be_visible()
    await expect(mina.page.get_by_label(EN.guest_link)).to_have_value(mina.page.url)
    await expect(mina.page.get_by_label(EN.host_link)).not_to_have_value("")

    await mina.open(site.url)
    await mina.page.get_by_label(EN.join_label).fill(listed.slug)
    await mina.page.get_by_role("button", name=EN.join, exact=True).click()
    await expect(mina.page.get_by_role("heading", name="Listed one")).to_be_visible()


async def test_the_home_page_is_korean_for_a_korean_browser(
    site: MoimServer, readers: Party
) -> None:
    mina = await readers.person(locale="ko-KR")
    await mina.open(site.url)
    await expect(mina.page.locator("html")).to_have_attribute("lang", "ko")
