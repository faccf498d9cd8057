"""A call on the SFU of one of two servers, in real pages behind the proxy: that server is stopped,
and the call is on the other one."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
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
STOPPED_MS = 3_000
"""A second, on a machine that is three times slower than one should be."""
BACK_S = 30.0


@dataclass
class Call:
    """Mina and Jun, on the SFU of one of the servers."""

    deployment: Deployment
    room: Links
    pages: list[Watched]
    identities: set[str]
    usual_ms: float
    """The longest pause of a while in which nothing happened, on this machine."""

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


@pytest_asyncio.fixture(loop_scope="session")
async def call(chromium: Browser, tmp_path: Path) -> AsyncIterator[Call]:
    async with deployed(tmp_path, sfu=True, settings=OPERATOR) as deployment:
        origin = deployment.proxy.origin
        made = await deployment.servers[0].create_room()
        first = deployment.servers[0].origin
        room = Links(made.guest.replace(first, origin), made.host.replace(first, origin))
        party = Party(chromium, origin)
        party.troubles.allow(*SERVER_AWAY, r"status of 50\d")
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
            one = Call(deployment, room, pages, identities, 0)
            await one.place()
            await one.see_and_hear()
            await one.reset()
            await asyncio.sleep(2)
            one.usual_ms = max(await one.pauses_ms())
            yield one
        finally:
            await party.close()
    party.troubles.check()


async def test_a_server_that_is_stopped_takes_nobodys_picture_and_sound_with_it(
    call: Call,
) -> None:
    old = await call.place()
    await call.reset()
    assert await old.stop(STOPS_S) == 0
    new = await call.place()
    await call.see_and_hear()
    pauses = await call.pauses_ms()
    assert new is not old
    assert max(pauses) < STOPPED_MS, f"usually {call.usual_ms} ms"
