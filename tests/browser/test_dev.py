"""`make dev`: what is saved is there at once, and a call does not notice."""

import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import MoimServer
from tests.browser.troubles import SERVER_AWAY
from tools.bootstrap import node
from tools.bootstrap.places import NODE_MODULES, ROOT

# The first build takes longer than any later one.
FIRST_BUILD_S = 60.0
RELOAD_S = 2.0
MARK = "() => { window.notReloaded = true }"
IS_MARKED = "() => window.notReloaded === true"


class DevServer(MoimServer):
    """`make dev` on a copy of the sources, which a test may edit."""

    program = (sys.executable, "-m", "tools.dev", str(node.node()))

    def __init__(self, folder: Path) -> None:
        self.sources = folder / "copy"
        for name in ("src", "tools", "web"):
            shutil.copytree(ROOT / name, self.sources / name, ignore=built_things)
        (self.sources / "web" / "node_modules").symlink_to(NODE_MODULES)
        path = os.pathsep.join([str(self.sources / "src"), str(self.sources)])
        super().__init__(folder, {"PYTHONPATH": path})

    def save(self, name: str, old: str, new: str) -> float:
        """Saves a file with something else in it, and tells when (of the monotonic clock)."""
        path = self.sources / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} no longer has {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return time.monotonic()

    async def home_says(self, text: str) -> bool:
        try:
            async with httpx.AsyncClient(headers={"accept-language": "en"}) as browser:
                return text in (await browser.get(f"{self.url}/")).text
        except httpx.TransportError:
            return False


def built_things(folder: str, names: list[str]) -> set[str]:
    """`app` is a built folder in one place, and a source in another."""
    built = {"node_modules", "paraglide", "__pycache__"}
    if folder.endswith("static"):
        built.add("app")
    return built.intersection(names)


@pytest_asyncio.fixture(loop_scope="session")
async def dev(tmp_path: Path) -> AsyncIterator[DevServer]:
    server = DevServer(tmp_path)
    await server.start()

    async def built() -> bool:
        return (server.sources / "src/moim/http/static/app/dev.json").exists()

    await until(built, "the first build", FIRST_BUILD_S)
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def party(chromium: Browser, dev: DevServer) -> AsyncIterator[Party]:
    party = Party(chromium, dev.origin)
    party.troubles.allow(*SERVER_AWAY)
    yield party
    await party.close()
    party.troubles.check()


async def test_a_call_survives_a_saved_python_file_and_a_saved_view(
    dev: DevServer, party: Party
) -> None:
    room = await dev.create_room()
    mina, jun = await in_a_call(party, room.guest)
    await mina.page.get_by_test_id("mic-button").click()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    order = await jun.tiles.all_inner_texts()
    for person in (mina, jun):
        await person.page.evaluate(MARK)

    before = await mina.frames(), await jun.frames()
    view_s = await reload_s(
        dev, "src/moim/http/templates/home.html", 'class="hero"', 'class="hero saved-view"'
    )
    python_s = await reload_s(
        dev, "src/moim/http/text/en.py", "Meet on your own server.", "Meet in a saved file."
    )
    print(f"reload on save: view {view_s:.2f} s, Python {python_s:.2f} s")  # noqa: T201
    assert view_s < limit_s()
    assert python_s < limit_s()

    for person, earlier in zip((mina, jun), before, strict=True):
        await expect(person.page.get_by_test_id("reconnect-bar")).to_have_count(0)
        await person.sees()
        assert await person.page.evaluate(IS_MARKED), "the page was reloaded"
        assert set(await person.frames()) == set(earlier), "the connection was made anew"
    assert await jun.tiles.all_inner_texts() == order
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    await expect(mina.tile("Mina")).to_have_attribute("data-muted", "true")


async def test_a_saved_style_reloads_the_page_and_everybody_keeps_their_seat(
    dev: DevServer, party: Party
) -> None:
    room = await dev.create_room()
    mina, jun = await in_a_call(party, room.guest)
    async with (
        mina.page.expect_event("domcontentloaded"),
        jun.page.expect_event("domcontentloaded"),
    ):
        saved = dev.save("web/src/ui/base.css", "{", "{\n  --saved-in-a-test: 1;")
    style_s = time.monotonic() - saved
    print(f"reload on save: style {style_s:.2f} s")  # noqa: T201
    assert style_s < limit_s()
    for person in (mina, jun):
        await expect(person.leave_button).to_be_visible()
        await expect(person.tiles).to_have_count(2)
        await person.sees()


async def in_a_call(party: Party, address: str) -> tuple[Person, Person]:
    mina, jun = await party.person(), await party.person()
    await mina.enter(address, "Mina")
    await jun.enter(address, "Jun")
    for person in (mina, jun):
        await person.sees()
        await person.hears()
    return mina, jun


def limit_s() -> float:
    """Two seconds where nothing else runs, which two browsers and their pictures do here: twice
    that, and more where the cores have still other things to do."""
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return 2 * RELOAD_S * max(1.0, waiting)


async def reload_s(dev: DevServer, name: str, old: str, new: str) -> float:
    """Seconds from saving a file until the home page shows what is new in it."""
    saved = dev.save(name, old, new)
    await until(lambda: dev.home_says(new), f"what is new in {name}")
    return time.monotonic() - saved
