"""People with livekit-client in real pages, of Chromium and of Firefox."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.chromium import launch
from tests.browser.firefox import Firefox
from tests.sfu.clients.sdk import PATIENCE_S, TOLERANCE, Picture
from tests.sfu.clients.server import SfuServer

HERE = Path(__file__).parent
CLIENT = HERE.parents[2] / "web/node_modules/livekit-client/dist/livekit-client.umd.js"


# Calls a function, given as text, in a page and gives what it returns.
Run = Callable[[str], Awaitable[Any]]


class Tab:
    """One participant in a page of its own."""

    def __init__(self, identity: str, run: Run) -> None:
        self.identity = identity
        self._run = run

    async def join(
        self,
        server: SfuServer,
        *,
        single: bool = True,
        options: dict[str, object] | None = None,
        **grants: Any,
    ) -> None:
        """options: of livekit-client's `Room`"""
        await self.call(
            "join",
            server.url.replace("http", "ws"),
            server.token(self.identity, **grants),
            {"singlePeerConnection": single, **(options or {})},
        )

    async def call(self, name: str, *arguments: object) -> Any:
        given = ", ".join(json.dumps(argument) for argument in arguments)
        return await self.ask(f"me.{name}({given})")

    async def ask(self, expression: str) -> Any:
        return await self._run(f"async () => ({expression})")

    async def show(self, picture: Picture, **options: object) -> None:
        await self.call("show", _rgb(picture.left), _rgb(picture.right), options)

    async def sees(self, identity: str, picture: Picture) -> None:
        """Wait until a picture of somebody arrives, and goes on arriving."""
        seen: dict[str, int] | None = None

        async def like() -> bool:
            nonlocal seen
            seen = await self.call("sees", identity)
            return seen is not None and all(
                abs(seen[half] - _rgb(value)) < TOLERANCE
                for half, value in (("left", picture.left), ("right", picture.right))
            )

        await until(like, lambda: f"{self.identity} saw {seen}, not {picture} of {identity}")
        assert seen is not None
        before = seen["frames"]

        async def more() -> bool:
            now = await self.call("sees", identity)
            return bool(now is not None and now["frames"] > before + 5)

        await until(more, lambda: f"the picture of {identity} stands still for {self.identity}")

    async def hears(self, identity: str, pitch_hz: int) -> None:
        heard = 0.0

        async def like() -> bool:
            nonlocal heard
            heard = float(await self.call("hears", identity))
            return abs(heard - pitch_hz) < 15

        await until(like, lambda: f"{self.identity} heard {heard} Hz, not {pitch_hz}")

    async def events(self) -> list[str]:
        found: list[str] = await self.ask("me.events")
        return found

    async def shall(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        await until(
            lambda: self.ask(f"!!(await ({expression}))"),
            lambda: f"never for {self.identity}: {expression}",
        )


def _rgb(luma: int) -> int:
    """Video black is 16 and white 235; a page's are 0 and 255."""
    return round((luma - 16) * 255 / 219)


async def until(condition: Callable[[], Awaitable[object]], why: Callable[[], str]) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await condition():  # noqa: ASYNC110 - a page is asked
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(why()) from None


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def tabs(
    browser: Browser, *identities: str, prepare: str | None = None
) -> AsyncIterator[list[Tab]]:
    """Open a page for each; whatever went wrong in one fails the test.

    prepare: a script that runs in each page before all others
    """
    opened: list[Page] = []
    troubles: list[str] = []
    async with pages() as address:
        try:
            for _ in identities:
                page = await browser.new_page()
                opened.append(page)
                page.on("pageerror", lambda error: troubles.append(str(error)))
                if prepare is not None:
                    await page.add_init_script(prepare)
                await page.goto(address)
            yield [
                Tab(identity, page.evaluate)
                for identity, page in zip(identities, opened, strict=True)
            ]
            assert troubles == []
        finally:
            for page in opened:
                await page.close()


@asynccontextmanager
async def firefox_tabs(program: str, folder: Path, *identities: str) -> AsyncIterator[list[Tab]]:
    """The same in Debian's Firefox."""
    firefox = Firefox(program, folder)
    await firefox.start()
    opened: list[Tab] = []
    try:
        async with pages() as address:
            for identity in identities:
                page = await firefox.page()
                await page.open(address)
                opened.append(Tab(identity, page.evaluate))
            yield opened
            for tab in opened:
                assert await tab.ask("window.testErrors") == []
    finally:
        await firefox.close()


@asynccontextmanager
async def pages() -> AsyncIterator[str]:
    """Serve the participant's page; gives its address."""
    app = web.Application()
    app.router.add_get("/", _page)
    app.router.add_get("/livekit-client.umd.js", _client)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def _page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(HERE / "page.html")


async def _client(_: web.Request) -> web.FileResponse:
    return web.FileResponse(CLIENT)
