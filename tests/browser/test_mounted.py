"""Real browsers in a moim that lives under a path: in another app, twice, and behind proxies."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.proxy import proxy
from tests.browser.server import MoimServer
from tests.browser.test_call import become_host, two_in_a_call

ROOT = Path(__file__).parents[2]


class Housed(MoimServer):
    """moim inside another program; `path` is the one of the two that is meant."""

    program = (sys.executable, str(ROOT / "tests" / "browser" / "programs" / "mounted.py"))
    path = "/x/y"

    @property
    def url(self) -> str:
        return self.origin + self.path


class Proxied(MoimServer):
    """moim under a path, seen through a proxy once that stands."""

    seen_port: int | None = None

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.seen_port or self.port}"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Housed]:
    server = Housed(tmp_path_factory.mktemp("housed"), {"MOIM_STUN": "off"})
    await server.start()
    yield server
    await server.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def guests(chromium: Browser, house: Housed) -> AsyncIterator[Party]:
    party = Party(chromium, house.origin)
    yield party
    await party.close()
    party.troubles.check()


def addresses(person: Person) -> list[str]:
    """Every path that a page asks for from now on, sockets too."""
    seen: list[str] = []
    person.page.on("request", lambda request: seen.append(urlsplit(request.url).path))
    person.page.on("websocket", lambda socket: seen.append(urlsplit(socket.url).path))
    return seen


async def test_a_call_in_a_moim_that_is_mounted_in_another_app(
    guests: Party, house: Housed
) -> None:
    house.path = "/x/y"
    room = await house.create_room()
    mina, jun = await two_in_a_call(guests, room)
    for person in (mina, jun):
        await person.sees()
        await person.hears()
    asked = addresses(jun)
    await jun.page.reload()
    await expect(jun.leave_button).to_be_visible()
    await jun.sees()
    assert "/x/y/socket.io/" in asked
    assert not [path for path in asked if not path.startswith("/x/y/")]


async def test_two_moims_in_one_process_share_nothing(guests: Party, house: Housed) -> None:
    house.path = "/other"
    room = await house.create_room("Coffee")
    mina = await guests.person()
    asked = addresses(mina)
    await become_host(mina, room)
    await mina.join("Mina")
    await expect(mina.page.get_by_test_id("alone")).to_be_visible()
    assert "/other/socket.io/" in asked
    assert not [path for path in asked if not path.startswith("/other/")]
    guests.troubles.allow("status of 404")
    jun = await guests.person()
    answer = await jun.page.goto(f"{house.origin}/x/y/r/{room.slug}")
    assert answer is not None
    assert answer.status == 404
    cookies = {cookie["path"] for cookie in await mina.page.context.cookies()}
    assert cookies == {"/other"}


@pytest.mark.parametrize("strip", ["/x/y", ""], ids=["stripping", "whole"])
async def test_a_call_through_a_proxy(chromium: Browser, tmp_path: Path, strip: str) -> None:
    server = Proxied(tmp_path, {"MOIM_ROOT_PATH": "/x/y"})
    await server.start()
    try:
        async with proxy(server.port, strip=strip) as port:
            server.seen_port = port
            party = Party(chromium, server.origin)
            room = await server.create_room()
            assert room.guest.startswith(f"http://localhost:{port}/x/y/r/")
            mina, jun = await two_in_a_call(party, room)
            for person in (mina, jun):
                await person.sees()
                await person.hears()
            asked = addresses(mina)
            await mina.page.reload()
            await expect(mina.leave_button).to_be_visible()
            await mina.sees()
            assert "/x/y/socket.io/" in asked
            assert not [path for path in asked if not path.startswith("/x/y/")]
            await party.close()
            party.troubles.check()
    finally:
        await server.kill()
