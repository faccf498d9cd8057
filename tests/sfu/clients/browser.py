"""People with livekit-client in real Chromium pages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.chromium import launch
from tests.sfu.clients.sdk import PATIENCE_S, TOLERANCE, Picture
from tests.sfu.clients.server import SfuServer

HERE = Path(__file__).parent
CLIENT = HERE.parents[2] / "web/node_modules/livekit-client/dist/livekit-client.umd.js"


class Tab:
    """One participant in a page of its own."""

    def __init__(self, identity: str, page: Page) -> None:
        self.identity = identity
        self.page = page
        self.troubles: list[str] = []
        page.on("pageerror", lambda error: self.troubles.append(str(error)))

    async def join(self, server: SfuServer, *, single: bool = True, **grants: Any) -> None:
        await self.call(
            "join",
            server.url.replace("http", "ws"),
            server.token(self.identity, **grants),
            {"singlePeerConnection": single},
        )

    async def call(self, name: str, *arguments: object) -> Any:
        return await self.page.evaluate(
            "([name, given]) => me[name](...given)", [name, list(arguments)]
        )

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
        found: list[str] = await self.page.evaluate("me.events")
        return found


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
async def tabs(browser: Browser, *identities: str) -> AsyncIterator[list[Tab]]:
    """Open a page for each; whatever went wrong in one fails the test."""
    app = web.Application()
    app.router.add_get("/", _page)
    app.router.add_get("/livekit-client.umd.js", _client)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    opened = []
    try:
        for identity in identities:
            page = await browser.new_page()
            await page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
            opened.append(Tab(identity, page))
        yield opened
        assert [tab.troubles for tab in opened] == [[]] * len(opened)
    finally:
        for tab in opened:
            await tab.page.close()
        await runner.cleanup()


async def _page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(HERE / "page.html")


async def _client(_: web.Request) -> web.FileResponse:
    return web.FileResponse(CLIENT)
