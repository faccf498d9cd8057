"""A server that is stopped hands its rooms over: what LiveKit clients have of it, who know nothing
of moim's servers.

How long they are away is held against how long they took to meet in the first place: that says how
slow the machine is.
"""

import asyncio
import importlib.util
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from livekit import rtc
from livekit.protocol.rtc import LeaveRequest, SignalRequest

from tests.cluster.deployment import ClusterServer, Deployment, deployed
from tests.cluster.test_sfu_rooms import (
    DARK,
    OPERATOR,
    PATIENCE_S,
    SPLIT,
    STOPS_S,
    door_of,
    those_on,
    visit,
)
from tests.sfu.clients.browser import chromium, tabs
from tests.sfu.clients.sdk import Person, people
from tests.waiting import until

pytestmark = [
    pytest.mark.sfu,
    pytest.mark.skipif(
        importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
    ),
]
BACK_S = 5.0
"""From the word to leave until what the others show and say is there again."""
PITCH_HZ = 440
TOKEN = "what Prometheus shows to read them"
SETTINGS = {**OPERATOR, "MOIM_METRICS_TOKEN": TOKEN}


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, sfu=True, settings=SETTINGS) as one:
        yield one


class Interruption:
    """What somebody has of it, from when their client is told to leave."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._told_s = 0.0
        self.is_over = False
        person.room.on("reconnecting", self._told)
        person.room.on("reconnected", self._back)

    @property
    def so_far_s(self) -> float:
        return time.monotonic() - self._told_s

    def _told(self) -> None:
        self._told_s = time.monotonic()

    def _back(self) -> None:
        self.is_over = True
        self._person.seen.clear()
        self._person.heard.clear()


async def place_of(deployment: Deployment, slug: str, who: set[str]) -> ClusterServer:
    """The server that all of them are on, and nobody on another one."""
    there = {one.name: await those_on(one, slug) for one in deployment.servers}
    [place] = [one for one in deployment.servers if there[one.name]]
    assert there[place.name] == who
    return place


def other_than(deployment: Deployment, one: ClusterServer) -> ClusterServer:
    [other] = [server for server in deployment.servers if server is not one]
    return other


async def test_livekit_clients_of_a_stopped_server_see_and_hear_each_other_again_in_five_seconds(
    deployment: Deployment,
) -> None:
    slug = (await deployment.servers[0].create_room()).slug
    async with people("ann", "bob") as (ann, bob):

        async def bob_sees_and_hears() -> None:
            await bob.sees("ann", DARK)
            await bob.hears("ann", PITCH_HZ)

        began_s = time.monotonic()
        for person in (ann, bob):
            await visit(person, deployment.proxy.origin, slug)
        await ann.show(DARK)
        await ann.hum(PITCH_HZ)
        await bob_sees_and_hears()
        usual_s = time.monotonic() - began_s
        old = await place_of(deployment, slug, {"ann", "bob"})
        cuts = [Interruption(ann), Interruption(bob)]
        stopping = asyncio.create_task(old.stop(STOPS_S))
        for cut in cuts:
            await until(lambda cut=cut: cut.is_over, "connected again", PATIENCE_S)  # type: ignore[misc]
        await bob_sees_and_hears()
        away_s = max(cut.so_far_s for cut in cuts)
        said = f"away for {away_s:.2f} s; to meet took {usual_s:.2f} s"
        print(said)  # noqa: T201 - shown by `pytest -s`
        assert away_s < max(BACK_S, 2 * usual_s), said
        assert await stopping == 0
        for person in (ann, bob):
            assert person.events == ["reconnecting", "reconnected"], "interrupted once"
        new = other_than(deployment, old)
        assert await those_on(new, slug) == {"ann", "bob"}
        assert "join_refused" not in new.said(), "the first attempt was the last"


@pytest.mark.browser
async def test_livekit_clients_in_pages_of_a_stopped_server_meet_again_on_the_other(
    deployment: Deployment,
) -> None:
    slug = (await deployment.servers[0].create_room()).slug
    door = door_of(deployment.proxy.origin, slug)
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):

        async def both_see() -> None:
            await asyncio.gather(bob.sees("ann", DARK), ann.sees("bob", SPLIT))

        began_s = time.monotonic()
        for tab in (ann, bob):
            await tab.join(door)  # type: ignore[arg-type]
        await ann.show(DARK)
        await bob.show(SPLIT)
        await both_see()
        usual_s = time.monotonic() - began_s
        old = await place_of(deployment, slug, {"ann", "bob"})
        stopping = asyncio.create_task(old.stop(STOPS_S))
        for tab in (ann, bob):
            await tab.shall("me.events.at(-1) === 'Reconnected'")
        await both_see()
        away_s = max(
            [await tab.ask("performance.now() - me.times_ms[0]") / 1000 for tab in (ann, bob)]
        )
        said = f"pages away for {away_s:.2f} s; to meet took {usual_s:.2f} s"
        print(said)  # noqa: T201 - shown by `pytest -s`
        assert away_s < max(BACK_S, 2 * usual_s), said
        assert await stopping == 0
        for tab in (ann, bob):
            assert await tab.events() == ["Reconnecting", "Reconnected"], "interrupted once"
        assert await those_on(other_than(deployment, old), slug) == {"ann", "bob"}


async def test_whoever_joins_while_a_server_stops_is_let_in(deployment: Deployment) -> None:
    slug = (await deployment.servers[0].create_room()).slug
    names = ["bob", "cas", "dan", "eve"]
    async with people("ann", *names) as (ann, *others):
        await visit(ann, deployment.proxy.origin, slug)
        await ann.show(DARK)
        old = await place_of(deployment, slug, {"ann"})
        new = other_than(deployment, old)

        async def join_after(seconds: float, person: Person) -> None:
            await asyncio.sleep(seconds)
            await visit(person, deployment.proxy.origin, slug)

        joining = [join_after(0.2 * number, one) for number, one in enumerate(others)]
        stopping = asyncio.create_task(old.stop(STOPS_S))
        await asyncio.gather(*joining)
        assert await stopping == 0
        for one in others:
            await one.sees("ann", DARK)
        assert await those_on(new, slug) == {"ann", *names}
        assert "Traceback" not in old.said()


async def test_who_knows_the_address_of_a_stopping_server_alone_is_led_to_another_or_refused(
    deployment: Deployment,
) -> None:
    slug = (await deployment.servers[0].create_room()).slug
    async with people("ann", "bob", "cas", "dan") as (ann, bob, cas, dan):
        await visit(ann, deployment.proxy.origin, slug)
        old = await place_of(deployment, slug, {"ann"})
        new = other_than(deployment, old)
        async with joins_for_ever(old, slug) as leave:
            stopping = asyncio.create_task(old.stop(STOPS_S))
            await until_ready(old, 503)
            await visit(bob, old.url, slug)
            assert await those_on(new, slug) == {"bob"}, "its room lives there now"
            await visit(cas, old.url, "another-room")
            assert await those_on(new, "another-room") == {"cas"}
            assert ann.events == [], "who is there is told only when nobody is expected any more"
            await leave()
            assert await stopping == 0
        with pytest.raises(rtc.ConnectError, match="refused"):
            await visit(dan, old.url, slug)
        await until(lambda: ann.events == ["reconnecting", "reconnected"], "ann", PATIENCE_S)
        assert await figures(new) == {"moim_sfu_rooms": 2, "moim_sfu_rooms_taken_total": 1}
        [ended] = [line for line in old.said().splitlines() if "drain_ended" in line]
        said = json.loads(ended)
        assert (said["moved"], said["left_behind"]) == (1, 0)
        assert said["took_ms"] > 0


async def figures(server: ClusterServer) -> dict[str, int]:
    """Those of its SFU, as Prometheus reads them."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{server.url}/metrics") as answer,
    ):
        lines = (await answer.text()).splitlines()
    pairs = [line.split() for line in lines if line.startswith("moim_sfu_")]
    return {name: int(value) for name, value in pairs}


async def until_ready(server: ClusterServer, status: int) -> None:
    """Until it tells a load balancer so."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(PATIENCE_S):
        while True:
            async with http.get(f"{server.url}/readyz") as answer:
                if answer.status == status:
                    return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def joins_for_ever(
    server: ClusterServer, slug: str
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Somebody in the middle of joining, whose media do not come; gives what makes them leave."""
    door = door_of(server.url, slug)
    url = f"{door.url}/rtc?access_token={door.token('slow')}&protocol=16&auto_subscribe=1"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await socket.receive_bytes()

        async def leave() -> None:
            await socket.send_bytes(SignalRequest(leave=LeaveRequest()).SerializeToString())

        yield leave
