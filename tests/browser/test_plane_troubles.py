"""Moves that fail, servers that die, and an SFU that goes away and comes back."""

import importlib.util
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, WebSocketRoute, expect

from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer
from tests.browser.test_call import become_host
from tests.browser.troubles import SERVER_AWAY
from tests.browser.visiting import choose, is_on, plane
from tests.sfu.clients.server import KEY, SECRET, SfuServer

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
)
# Of a block that no network routes (RFC 5737): the SFU is there, and no packet finds it.
NOWHERE = {"MOIM_SFU_UDP_PORT": "0", "MOIM_SFU_ADDRESS": "192.0.2.1", "MOIM_MESH_MOST": "1"}
BACK_S = 8  # 5 on a machine that has nothing else to do
# How bright the middle of a picture is, of 255.
MIDDLE = """(place) => {
  const picture = place.querySelector("canvas");
  const [x, y] = [picture.width / 2, picture.height / 2];
  return Math.max(...picture.getContext("2d").getImageData(x, y, 1, 1).data.slice(0, 3));
}"""
DARK = 20
no_way = pytest.mark.parametrize("moim_server", [NOWHERE], indirect=True)


async def two(party: Party, room: Links) -> tuple[Person, Person]:
    """Mina, a host, and Jun, with pictures and sound."""
    mina, jun = [await party.person() for _ in range(2)]
    await become_host(mina, room)
    await mina.enter(room.guest, "Mina")
    await jun.enter(room.guest, "Jun")
    return mina, jun


async def see_and_hear(*persons: Person) -> None:
    for person in persons:
        await person.sees(1)
        await person.hears(1)


async def is_moving(person: Person) -> bool:
    moving = await person.page.get_by_test_id("call").get_attribute("data-moving")
    return moving is not None


@no_way
async def test_a_move_that_somebody_cannot_follow_leaves_everybody_where_they_were(
    party: Party, room: Links
) -> None:
    mina, jun = await two(party, room)
    await until(lambda: is_moving(mina), "the meeting begins to move")
    await see_and_hear(mina, jun)

    async def is_told() -> bool:
        said = await mina.page.get_by_test_id("notice").all_inner_texts()
        return any("media server" in text for text in said)

    await until(is_told, "Mina is told that there is no way to the media server", 25)
    assert await plane(mina) == "mesh"
    assert not await is_moving(jun)
    await see_and_hear(mina, jun)


@no_way
async def test_a_server_that_dies_in_the_middle_of_a_move_costs_nobody_the_call(
    party: Party, moim_server: MoimServer, room: Links
) -> None:
    party.troubles.allow(*SERVER_AWAY)
    mina, jun = await two(party, room)
    await until(lambda: is_moving(mina), "the meeting begins to move")
    await see_and_hear(mina, jun)
    await moim_server.kill()
    await see_and_hear(mina, jun)
    await moim_server.start()
    for person in (mina, jun):
        await expect(person.page.get_by_test_id("reconnect-bar")).to_have_count(0)

    async def stays() -> bool:
        return not await is_moving(mina)

    await until(stays, "the move has ended", 25)
    assert await plane(mina) == "mesh"
    await see_and_hear(mina, jun)


@pytest.mark.parametrize("moim_server", [{"MOIM_SFU_UDP_PORT": "0"}], indirect=True)
async def test_a_server_that_is_away_while_the_way_to_the_sfu_is_tried_says_nothing_of_that_way(
    party: Party, moim_server: MoimServer, room: Links
) -> None:
    party.troubles.allow(*SERVER_AWAY)
    mina = await party.person(devices=())
    tried: list[WebSocketRoute] = []

    def opened(socket: WebSocketRoute) -> None:
        if tried:
            socket.connect_to_server()
        tried.append(socket)  # the first one waits for an answer

    await mina.page.route_web_socket("**/livekit/**", opened)
    await become_host(mina, room)
    await mina.join("Mina")

    async def is_tried(times: int) -> bool:
        return len(tried) == times

    await until(lambda: is_tried(1), "the way is tried")
    await moim_server.kill()
    await moim_server.start()
    await expect(mina.page.get_by_test_id("reconnect-bar")).to_have_count(0)
    await tried[0].close()
    await until(lambda: is_tried(2), "the way is tried again")
    assert await mina.page.get_by_test_id("notice").filter(has_text="media server").count() == 0


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(tmp_path: Path) -> AsyncIterator[SfuServer]:
    """An SFU of its own process, which moim knows by its address and a key alone."""
    folder = tmp_path / "sfu"
    folder.mkdir()
    server = SfuServer(folder)
    await server.start()
    yield server
    await server.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def with_cluster(tmp_path: Path, cluster: SfuServer) -> AsyncIterator[MoimServer]:
    server = MoimServer(
        tmp_path,
        {
            "MOIM_LIVEKIT_URL": cluster.url.replace("http", "ws"),
            "MOIM_LIVEKIT_API_KEY": KEY,
            "MOIM_LIVEKIT_API_SECRET": SECRET,
        },
    )
    await server.start()
    yield server
    await server.kill()


async def test_a_host_moves_a_call_to_a_livekit_server_which_may_go_away_and_come_back(
    chromium: Browser, with_cluster: MoimServer, cluster: SfuServer
) -> None:
    party = Party(chromium, with_cluster.origin)
    party.troubles.allow(*SERVER_AWAY)
    party.troubles.trust(cluster.url)
    room = await with_cluster.create_room()
    mina, jun = await two(party, room)
    await see_and_hear(mina, jun)
    await choose(mina, "sfu")
    for person in (mina, jun):
        await is_on(person, "sfu")
    await see_and_hear(mina, jun)
    await cluster.kill()
    tile = mina.tile("Jun")
    await expect(tile.locator("video")).to_have_count(0)
    # Its connection is closed, and the last picture stays; what Chromium films is bright.
    assert await tile.get_by_test_id("last-picture").evaluate(MIDDLE) > DARK
    await cluster.start()
    again = time.monotonic()
    await see_and_hear(mina, jun)
    assert time.monotonic() - again < BACK_S
    await expect(tile.get_by_test_id("last-picture")).to_have_count(0)
    await choose(mina, "mesh")
    for person in (mina, jun):
        await is_on(person, "mesh")
    await see_and_hear(mina, jun)
    await party.close()
    party.troubles.check()
