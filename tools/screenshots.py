"""`make screenshots`: a picture of every screen, at desktop and phone size, light and dark.

The pictures are for looking at, not for comparing: fonts differ from machine to machine.
"""

import argparse
import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, FilePayload, async_playwright

from tests.browser.chromium import launch
from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import Links, MoimServer

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "test-results" / "screenshots"
CAMERA = (ROOT / "tools" / "drawn_camera.js").read_text(encoding="utf-8").rstrip().rstrip(";")
# The README's pictures: where they go, and what they are taken from.
README = {
    "home": "desktop-light/home",
    "prejoin": "desktop-light/before-joining-preview",
    "call": "desktop-light/chat",
    "phone": "phone-dark/call-two",
}
LOOKS = [
    (f"{shape}-{scheme}", {"phone": shape == "phone", "color_scheme": scheme})
    for shape in ("desktop", "phone")
    for scheme in ("light", "dark")
]
PANELS = {
    "chat": "chat-button",
    "files": "files-button",
    "people": "people-button",
    "invite": "invite-menu-button",
    "apps": "apps-button",
    "game": "game-button",
    "details": "details-button",
    "settings": "settings-button",
}
# Where something moves in: the picture is taken when it has arrived.
SETTLED_MS = 400


class Album:
    """One look at all the screens, as somebody comes by them."""

    def __init__(self, folder: Path, server: MoimServer, party: Party, locale: str) -> None:
        self._folder = folder
        self._server = server
        self._party = party
        self._locale = locale

    async def fill(self, options: dict[str, Any]) -> None:
        mina = await self._person(250, locale=self._locale, **options)
        await self._pages(mina)
        room = await self._server.create_room("Friday tea", listed=True)
        await mina.open(room.host)
        await self._take(mina, "host-link")
        await mina.page.get_by_role("button").last.click()
        await mina.page.wait_for_url(room.guest)
        await mina.page.get_by_test_id("join-button").wait_for()
        await self._take(mina, "before-joining")
        await mina.turn_on_devices()
        await self._take(mina, "before-joining-preview")
        await mina.join("Mina")
        await self._take(mina, "alone")
        await self._call(mina, room)

    async def _person(self, hue: int, **options: Any) -> Person:
        person = await self._party.person(**options)
        await person.page.context.add_init_script(f"({CAMERA})({hue})")
        return person

    async def _pages(self, mina: Person) -> None:
        await mina.open(self._server.url)
        await self._take(mina, "home", whole=True)
        await mina.open(f"{self._server.url}/r/nobody-knows-it")
        await self._take(mina, "unknown-room")
        await mina.open(f"{self._server.url}/unsupported")
        await self._take(mina, "unsupported")

    async def _call(self, mina: Person, room: Links) -> None:
        jun = await self._person(150)
        await jun.enter(room.guest, "Jun")
        await mina.sees(1)
        await self._take(mina, "call-two")
        sora = await self._person(30)
        await sora.enter(room.guest, "소라")
        await sora.page.get_by_test_id("mic-button").click()
        await mina.sees(2)
        await self._take(mina, "call-three")
        for panel, testid in PANELS.items():
            await self._press(mina, testid)
            if panel == "chat":
                await self._talk(mina, jun)
            elif panel == "files":
                await self._share(mina, jun)
            await self._take(mina, panel)
            await mina.page.get_by_test_id("panel-close").click()

    async def _press(self, mina: Person, testid: str) -> None:
        """In the toolbar, or where it is too narrow in its menu."""
        if not await mina.page.get_by_test_id(testid).is_visible():
            await mina.page.get_by_test_id("more-button").click()
        await mina.page.get_by_test_id(testid).click()

    async def _talk(self, mina: Person, jun: Person) -> None:
        field = mina.page.get_by_test_id("chat-input")
        for text in ("Hello! Shall we start?", "여기 오늘 자료예요: https://example.org/plan"):
            await field.fill(text)
            await field.press("Enter")
        await jun.page.get_by_test_id("chat-button").click()
        await jun.page.get_by_test_id("chat-input").fill("One minute, I am making tea.")
        await jun.page.get_by_test_id("chat-input").press("Enter")

    async def _share(self, mina: Person, jun: Person) -> None:
        """One file that is kept, and one that Mina is asked about."""
        await jun.page.get_by_test_id("panel-close").click()
        await jun.page.get_by_test_id("files-button").click()
        given = jun.page.get_by_test_id("files-input")
        await given.set_input_files(_file("회의록.pdf", 240_000))
        await mina.page.get_by_test_id("file-kept").wait_for()
        await given.set_input_files(_file("tea-in-the-garden.mp4", 24_000_000))
        await mina.page.get_by_test_id("file-accept").wait_for()

    async def _take(self, person: Person, name: str, *, whole: bool = False) -> None:
        await person.page.wait_for_timeout(SETTLED_MS)
        await person.page.screenshot(path=self._folder / f"{name}.png", full_page=whole)


def _file(name: str, size: int) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": bytes(size)}


async def album(browser: Browser, folder: Path, locale: str, options: dict[str, Any]) -> None:
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="moim-pictures-") as data:
        server = MoimServer(Path(data))
        await server.start()
        party = Party(browser, server.origin)
        try:
            await Album(folder, server, party, locale).fill(options)
        finally:
            await party.close()
            await server.kill()


async def main(out: Path, locale: str, only: str) -> None:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        for name, options in LOOKS:
            if only in name:
                await album(browser, out / name, locale, options)
                print(f"  ✓  {out / name}")
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make screenshots")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to put them into")
    parser.add_argument("--locale", default="en-GB", help="the reader's language, such as ko-KR")
    parser.add_argument("--readme", action="store_true", help="renew docs/images, too")
    parser.add_argument("--only", default="", help="a part of desktop-light, phone-dark, ...")
    given = parser.parse_args()
    asyncio.run(main(given.out, given.locale, given.only))
    for name, taken in README.items() if given.readme else ():
        shutil.copy(given.out / f"{taken}.png", ROOT / "docs" / "images" / f"{name}.png")
