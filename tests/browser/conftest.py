"""Real browsers against a real server process; every page is watched for troubles."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.chromium import launch
from tests.browser.party import Party
from tests.browser.server import Links, MoimServer

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One loop for the whole session, because one Chromium serves all tests."""
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        item.add_marker(pytest.mark.browser)
        if not any(mark.kwargs for mark in item.iter_markers("asyncio")):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def moim_server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[MoimServer]:
    """One server for the tests of a module, each in a room of its own.

    An indirect parameter holds settings for one that only those with the same parameter share.
    """
    settings = {"MOIM_ROOMS_PER_HOUR": "1000", **getattr(request, "param", {})}
    server = MoimServer(tmp_path_factory.mktemp("moim"), settings)
    await server.start()
    yield server
    await server.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def room(moim_server: MoimServer) -> Links:
    """A room of that server, which a test before may have left stopped."""
    if not moim_server.runs:
        await moim_server.start()
    return await moim_server.create_room()


@pytest_asyncio.fixture(loop_scope="session")
async def party(chromium: Browser, moim_server: MoimServer) -> AsyncIterator[Party]:
    """Makes people, each with a browser of their own; fails the test for any trouble they saw."""
    party = Party(chromium, moim_server.origin)
    yield party
    await party.close()
    party.troubles.check()
