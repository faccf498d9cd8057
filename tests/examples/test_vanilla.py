"""A page written from docs/protocol.md alone, against a moim that another app has mounted."""

import asyncio
import importlib.util
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from tests.browser.chromium import launch
from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, free_port
from tests.browser.test_call import become_host
from tests.browser.visiting import choose, is_on
from tests.browser.words import said

EXAMPLE = Path(__file__).parents[2] / "examples" / "vanilla"
START_S = 60.0

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


class Embedded:
    """The example's server as its README starts it."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self.port = free_port()
        self.origin = f"http://localhost:{self.port}"
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("MOIM_")}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(EXAMPLE / "serve.py"), str(self.port)),
            cwd=self._folder,
            env={**plain, "MOIM_DATA_DIR": str(self._folder / "data"), **self._settings},
            stdout=asyncio.subprocess.DEVNULL,
        )
        await until(self._answers, "the example's server", START_S)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def room(self) -> str:
        """The slug of a new room."""
        return (await self.links()).slug

    async def links(self) -> Links:
        """The two addresses of a new room."""
        async with httpx.AsyncClient(base_url=self.origin, follow_redirects=True) as browser:
            home = await browser.get("/meet/")
            csrf = re.search(r'name="csrf" value="([^"]+)"', home.text)
            assert csrf is not None
            form = {"csrf": csrf[1], "name": "Friday tea", "visibility": "unlisted"}
            made = await browser.post("/meet/rooms", data=form, headers={"origin": self.origin})
            host = re.search(r"/h/[\w-]+/[\w-]+", made.text)
            assert host is not None
            return Links(guest=str(made.url), host=f"{self.origin}/meet{host[0]}")

    async def _answers(self) -> bool:
        try:
            async with httpx.AsyncClient() as browser:
                return (await browser.get(f"{self.origin}/meet/healthz")).is_success
        except httpx.TransportError:
            return False


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Embedded]:
    server = Embedded(tmp_path_factory.mktemp("embedded"), getattr(request, "param", {}))
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


@pytest_asyncio.fixture(loop_scope="module")
async def guests(server: Embedded) -> AsyncIterator[Party]:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        party = Party(browser, server.origin)
        party.troubles.allow(r"Failed to load resource: .*404.*favicon")
        yield party
        await party.close()
        await browser.close()
        party.troubles.check()


async def join(person: Person, server: Embedded, slug: str, name: str) -> Page:
    await person.open(f"{server.origin}/vanilla?room={slug}")
    await person.page.get_by_label("Name").fill(name)
    await person.page.get_by_role("button", name="Join").click()
    await expect(person.page.get_by_role("status")).to_have_text(
        re.compile("In Friday tea|a server that this page cannot hear")
    )
    return person.page


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Message").fill(text)
    await page.get_by_role("button", name="Send").click()


async def test_two_pages_of_plain_javascript_call_each_other_and_chat(
    server: Embedded, guests: Party
) -> None:
    slug = await server.room()
    mina, jun = await guests.person(), await guests.person()
    hers = await join(mina, server, slug, "Mina")
    his = await join(jun, server, slug, "Jun")

    await asyncio.gather(mina.sees(), jun.sees(), mina.hears(), jun.hears())

    await say(hers, "hi")
    await expect(hers.locator("#chat")).to_contain_text("Mina: hi ✓")
    await expect(his.locator("#chat")).to_contain_text("Mina: hi")
    await say(his, "hello")
    await expect(his.locator("#chat")).to_contain_text("Jun: hello ✓")
    await expect(hers.locator("#chat")).to_contain_text("Jun: hello")


async def test_the_call_outlives_the_server_and_nothing_that_was_said_is_lost(
    server: Embedded, guests: Party
) -> None:
    guests.troubles.allow(r"WebSocket connection", r"net::ERR_")
    slug = await server.room()
    mina, jun = await guests.person(), await guests.person()
    hers = await join(mina, server, slug, "Mina")
    his = await join(jun, server, slug, "Jun")
    await asyncio.gather(mina.sees(), jun.sees())

    await server.kill()
    await say(hers, "said into the dark")
    await mina.sees()
    await server.start()

    await expect(hers.locator("#chat")).to_have_text(re.compile(r"^Mina: said into the dark ✓\s*$"))
    await expect(his.locator("#chat")).to_have_text(re.compile(r"^Mina: said into the dark\s*$"))
    await asyncio.gather(mina.sees(), jun.sees())


async def test_who_reloads_is_called_again(server: Embedded, guests: Party) -> None:
    slug = await server.room()
    mina, jun = await guests.person(), await guests.person()
    await join(mina, server, slug, "Mina")
    await join(jun, server, slug, "Jun")
    await asyncio.gather(mina.sees(), jun.sees())

    await join(jun, server, slug, "Jun")

    await asyncio.gather(mina.sees(), jun.sees())


async def test_a_muted_microphone_is_not_played(server: Embedded, guests: Party) -> None:
    slug = await server.room()
    mina, jun = await guests.person(), await guests.person()
    hers = await join(mina, server, slug, "Mina")
    his = await join(jun, server, slug, "Jun")
    await asyncio.gather(mina.hears(), jun.hears())

    await his.get_by_role("button", name="Mute").click()
    await expect(his.get_by_role("button", name="Unmute")).to_be_visible()

    played = "document.querySelector('video').srcObject.getAudioTracks().some((t) => t.enabled)"
    await hers.wait_for_function(f"() => !({played})")


needs_engine = pytest.mark.skipif(
    importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
)


@needs_engine
@pytest.mark.parametrize(
    "server", [{"MOIM_MESH_MOST": "1", "MOIM_SFU_UDP_PORT": "0"}], indirect=True
)
async def test_a_call_on_the_sfu_comes_back_to_the_mesh_for_a_page_that_knows_no_other(
    server: Embedded, guests: Party
) -> None:
    slug = await server.room()
    mina, jun, old = [await guests.person() for _ in range(3)]
    for person, name in ((mina, "Mina"), (jun, "Jun")):
        await person.enter(f"{server.origin}/meet/r/{slug}", name)
    for person in (mina, jun):
        await is_on(person, "sfu")
    await asyncio.gather(mina.sees(), jun.sees())
    await join(old, server, slug, "Sora")
    for person in (mina, jun):
        await is_on(person, "mesh")
    for person in (mina, jun, old):
        await person.sees(2)
        await person.hears(2)


@needs_engine
@pytest.mark.parametrize("server", [{"MOIM_SFU_UDP_PORT": "0"}], indirect=True)
async def test_hosts_are_told_whose_program_hears_nobody_and_what_to_do(
    server: Embedded, guests: Party
) -> None:
    room = await server.links()
    mina, jun = await guests.person(locale="ko-KR"), await guests.person(devices=())
    old = await guests.person()
    await become_host(mina, room)
    await mina.turn_on_devices()
    await mina.join("Mina")
    # With this choice of hers nobody goes back to the mesh for anybody's sake.
    await choose(mina, "sfu")
    await jun.open(room.guest)
    await jun.join("Jun")
    await join(old, server, room.slug, "Sora")

    told = mina.page.get_by_test_id("notice")
    words = said("plane_left_out", "ko", name="Sora")
    await expect(told.filter(has_text=words)).to_be_visible()
    await mina.page.get_by_test_id("people-button").click()
    row = mina.page.get_by_test_id("person").filter(has_text="Sora")
    await expect(row.get_by_test_id("left-out")).to_have_text(said("people_left_out", "ko"))
    # Guests see her in their list of people, and are not asked to do anything.
    await expect(jun.tile("Sora")).to_be_visible()
    guests_words = said("plane_left_out", name="Sora")
    await expect(jun.page.get_by_test_id("notice").filter(has_text=guests_words)).to_have_count(0)

    # What the words advise helps.
    await choose(mina, "mesh")
    await old.sees(1)
    await old.hears(1)
    await mina.sees(1)
    await mina.page.get_by_test_id("people-button").click()
    await expect(row).to_be_visible()
    await expect(row.get_by_test_id("left-out")).to_have_count(0)
