"""Titles of links: shown where the setting allows it, as text whatever they hold."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.axe import assert_accessible
from tests.browser.chatting import message, two_who_write, write
from tests.browser.party import Party
from tests.browser.server import Links, MoimServer
from tests.titles.test_fetch import served

PROGRAM = Path(__file__).parent / "programs" / "titled.py"
PAGE = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    "<title>금요일 차 &lt;img src=x onerror=alert(1)&gt;</title>"
).encode()


class Titled(MoimServer):
    """A server that may ask pages of this machine."""

    program = (sys.executable, str(PROGRAM))


@pytest_asyncio.fixture(loop_scope="session")
async def moim_server(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[MoimServer]:
    server = Titled(tmp_path, request.param)
    await server.start()
    yield server
    await server.kill()


@pytest.mark.parametrize("moim_server", [{"MOIM_LINK_TITLES": "true"}], indirect=True)
async def test_both_see_what_a_linked_page_is_called(party: Party, room: Links) -> None:
    mina, jun = await two_who_write(party, room)
    async with served() as site:
        site.answers["/plan"] = PAGE
        await write(mina, f"here: {site.url('/plan')}")
        for person in (mina, jun):
            title = message(person, "here:").get_by_test_id("link-title")
            await expect(title).to_contain_text("금요일 차 <img src=x onerror=alert(1)>")
            await expect(title).to_contain_text("127.0.0.1")
            await expect(title).to_have_attribute("href", site.url("/plan"))
        await assert_accessible(jun.page, "a message with the title of its link")
        # It is asked by the server, and by it once.
        assert len(site.requests) == 1


@pytest.mark.parametrize("moim_server", [{}], indirect=True)
async def test_no_page_is_asked_where_the_setting_does_not_allow_it(
    party: Party, room: Links
) -> None:
    mina, jun = await two_who_write(party, room)
    async with served() as site:
        await write(mina, f"here: {site.url('/plan')}")
        await expect(message(jun, "here:")).to_be_visible()
        await write(jun, "thanks")
        await expect(message(mina, "thanks")).to_be_visible()
        assert site.requests == []
    await expect(mina.page.get_by_test_id("link-title")).to_have_count(0)
