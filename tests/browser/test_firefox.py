"""A browser of another make: Debian's Firefox in one call with Chromium, and alone with itself."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import expect

from tests.browser.chatting import field, message, open_chat, write
from tests.browser.firefox import Firefox, FirefoxPage
from tests.browser.party import Party
from tests.browser.person import INBOUND, Person, until
from tests.browser.server import Links
from tests.programs import need

ENTER = "\ue007"


class FirefoxPerson:
    """Somebody in front of Firefox."""

    def __init__(self, page: FirefoxPage) -> None:
        self.page = page

    async def enter(self, address: str, name: str) -> None:
        await self.page.open(address)
        await self.page.click("turn-on-devices")
        await self.shows("own-video")
        await self.page.click("name-input")
        await self.page.write(name)
        await self.page.click("join-button")
        await self.shows("leave-button")

    async def shows(self, test_id: str, times: int = 1) -> None:
        counted = f"""() => document.querySelectorAll('[data-testid="{test_id}"]').length"""

        async def there() -> bool:
            return bool(await self.page.evaluate(counted) == times)

        await until(there, f"{times} of {test_id} in Firefox")

    async def says(self, text: str) -> None:
        async def there() -> bool:
            return text in await self.page.evaluate("() => document.body.innerText")

        await until(there, f"{text!r} in Firefox")

    async def sees(self) -> None:
        await self._grows("video", "frames")

    async def hears(self) -> None:
        await self._grows("audio", "energy")

    async def errors(self) -> list[str]:
        found: list[str] = await self.page.evaluate("() => window.testErrors")
        return found

    async def _grows(self, kind: str, what: str) -> None:
        async def measured() -> float:
            found: list[dict[str, Any]] = await self.page.evaluate(INBOUND)
            return float(sum(entry[what] for entry in found if entry["kind"] == kind))

        before = await measured()

        async def more() -> bool:
            return await measured() > before

        await until(more, f"{what} of {kind} in Firefox")


@pytest_asyncio.fixture(loop_scope="session")
async def firefox(tmp_path: Path) -> AsyncIterator[Firefox]:
    firefox = Firefox(need("firefox-esr"), tmp_path)
    await firefox.start()
    yield firefox
    await firefox.close()


async def person(firefox: Firefox) -> FirefoxPerson:
    return FirefoxPerson(await firefox.page())


async def test_firefox_and_chromium_see_hear_and_write_to_each_other(
    party: Party, room: Links, firefox: Firefox
) -> None:
    mina: Person = await party.person()
    await mina.enter(room.guest, "Mina")
    jun = await person(firefox)
    await jun.enter(room.guest, "Jun")
    for one in (mina, jun):
        await one.sees()
        await one.hears()
    await jun.shows("tile", 2)

    await jun.page.click("mic-button")
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "true")
    await jun.page.click("mic-button")
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "false")
    await mina.hears()
    await jun.page.click("camera-button")
    await jun.page.click("camera-button")
    await mina.sees()

    await open_chat(mina)
    await write(mina, "from Chromium")
    await jun.page.click("chat-button")
    await jun.says("from Chromium")
    await jun.page.click("chat-input")
    await jun.page.write(f"from Firefox{ENTER}")
    await expect(message(mina, "from Firefox")).to_be_visible()
    await expect(field(mina)).to_be_visible()

    assert await jun.errors() == []
    await jun.page.click("leave-button")
    await expect(mina.tiles).to_have_count(1)


async def test_two_in_firefox_meet_whoever_comes_first_and_a_reload_keeps_the_seat(
    room: Links, firefox: Firefox
) -> None:
    ara, bom = await person(firefox), await person(firefox)
    await ara.enter(room.guest, "Ara")
    await bom.enter(room.guest, "Bom")
    for one in (ara, bom):
        await one.sees()
        await one.hears()
    await bom.page.open(room.guest)
    await bom.shows("leave-button")
    for one in (ara, bom):
        await one.shows("tile", 2)
        await one.sees()
        await one.hears()
        assert await one.errors() == []
