"""Real browsers in networks of namespaces: root on Linux, and counted as skipped elsewhere."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Playwright, async_playwright

from tests.network.namespaces import sweep
from tests.programs import need, need_namespaces


@pytest_asyncio.fixture
async def driver() -> AsyncIterator[Playwright]:
    """Playwright, on a machine that can make networks."""
    need_namespaces()
    for program in ("ip", "nft", "turnadmin", "turnserver"):
        need(program)
    sweep()
    async with async_playwright() as playwright:
        yield playwright
