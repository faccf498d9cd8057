"""A call on the SFU of one of two servers, in real pages behind the proxy: that server is stopped,
killed, or asleep for a while, and the call is on the other one.

How long the pictures and sounds of a page stand still is held against what the same page had while
nothing happened: that says how slow the machine is.
"""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from bench.handover import PROGRAM, Watched
from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links
from tests.browser.test_call import become_host
from tests.browser.troubles import SERVER_AWAY
from tests.browser.visiting import choose, identity_of
from tests.cluster.deployment import ClusterServer, Deployment, deployed
from tests.cluster.test_sfu_rooms import OPERATOR, STOPS_S, those_on

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
)
SMALL = {"width": 640, "height": 480}
STOPPED_MS, KILLED_MS = 1_000, 5_000
USUAL_MS = 120
"""The longest pause where nothing happens, on a machine that has time: 20 pictures a second."""
AT_LEAST = 1.5
"""No machine that runs tests has all of its time for one of them."""
SAID_TO_THE_DEAD = r"WebSocket is already in CLOSING or CLOSED state.*/sfu-"
"""LiveKit's client says goodbye to a server that has hung up already."""
WATCHED_S = 2.0
BACK_S = 60.0


@dataclass
class Call:
    """Mina and Jun, on the SFU of one of the servers."""

    deployment: Deployment
    room: Links
    pages: list[Watched]
    identities: set[str]
    usual_ms: float = 0
    """The longest pause of a while in which nothing happened."""

    async def place(self) -> ClusterServer:
        """The server that all of them are on."""
        found: list[ClusterServer] = []

        async def one_has_all() -> bool:
            living = [one for one in self.deployment.servers if one.runs]
            there = [(one, await those_on(one, self.room.slug)) for one in living]
            found[:] = [one for one, who in there if who == self.identities]
            return len(found) == 1 and all(who in (set(), self.identities) for _, who in there)

        await until(one_has_all, "all of them on one server's SFU", BACK_S)
        return found[0]

    async def watch_idly(self) -> None:
        """See how it is while nothing happens."""
        await self.reset()
        await asyncio.sleep(WATCHED_S)
        self.usual_ms = max(self.usual_ms, *await self.pauses_ms())

    async def stood_still_for_less_than(self, most_ms: float, what: str) -> None:
        """Since the last `reset`, on every page, as far as this machine allows."""
        await self.see_and_hear()
        pauses = await self.pauses_ms()
        await self.watch_idly()
        slow = max(AT_LEAST, self.usual_ms / USUAL_MS)
        said = f"{what}: stood still for {pauses} ms, usually {self.usual_ms:.0f} ms"
        print(said)  # noqa: T201 - shown by `pytest -s`
        assert max(pauses) < slow * most_ms, said

    async def reset(self) -> None:
        for page in self.pages:
            await page.reset()

    async def see_and_hear(self) -> None:
        for page in self.pages:
            await page.person.sees()
            await page.person.hears()

    async def pauses_ms(self) -> list[float]:
        """The longest pause of picture and sound on each page since the last `reset`."""
        return [max((await page.gaps()).values()) for page in self.pages]


def says(server: ClusterServer, word: str) -> Callable[[], Awaitable[bool]]:
    async def said() -> bool:
        return word in server.said()

    return said


@pytest_asyncio.fixture(loop_scope="session")
async def call(chromium: Browser, tmp_path: Path) -> AsyncIterator[Call]:
    async with deployed(tmp_path, sfu=True, settings=OPERATOR) as deployment:
        origin = deployment.proxy.origin
        made = await deployment.servers[0].create_room()
        first = deployment.servers[0].origin
        room = Links(made.guest.replace(first, origin), made.host.replace(first, origin))
        party = Party(chromium, origin)
        party.troubles.allow(*SERVER_AWAY, r"status of 50\d", SAID_TO_THE_DEAD)
        try:
            people: list[Person] = []
            for name in ("Mina", "Jun"):
                person = await party.person(viewport=SMALL)
                before = await person.page.evaluate(f"{PROGRAM}.before")
                await person.page.add_init_script(before)
                if not people:
                    await become_host(person, room)
                await person.enter(room.guest, name)
                people.append(person)
            mina, jun = people
            await choose(mina, "sfu")
            pages = [Watched(mina), Watched(jun)]
            await pages[0].watch(jun)
            await pages[1].watch(mina)
            identities = {await identity_of(one) for one in people}
            one = Call(deployment, room, pages, identities)
            await one.place()
            await one.see_and_hear()
            await one.watch_idly()
            await one.reset()
            yield one
        finally:
            await party.close()
    party.troubles.check()


async def test_a_server_that_is_stopped_takes_nobodys_picture_and_sound_with_it(
    call: Call,
) -> None:
    old = await call.place()
    assert await old.stop(STOPS_S) == 0
    assert await call.place() is not old
    await call.stood_still_for_less_than(STOPPED_MS, "stopped")


async def test_the_call_of_a_killed_server_is_back_on_the_other_one(call: Call) -> None:
    old = await call.place()
    await old.kill()
    assert await call.place() is not old
    await call.stood_still_for_less_than(KILLED_MS, "killed")


async def test_a_server_that_wakes_finds_its_call_on_the_other_one_and_leaves_it_there(
    call: Call,
) -> None:
    old = await call.place()
    [other] = [one for one in call.deployment.servers if one is not old]
    old.pause()
    await until(says(other, "sfu_room_taken"), "the other server to take the call over", BACK_S)
    old.resume()
    await until(says(old, "sfu_room_lost"), "it to see what it has lost", BACK_S)
    assert await call.place() is other
    await call.see_and_hear()
