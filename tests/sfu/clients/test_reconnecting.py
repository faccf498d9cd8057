"""livekit-client's own scenarios of a bad day, and a server that is killed: all come back."""

import asyncio

import pytest

from tests.sfu.clients.browser import Tab, chromium, tabs, until
from tests.sfu.clients.sdk import Picture, people
from tests.sfu.clients.sdk import until as python_until
from tests.sfu.clients.server import SfuServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning"),
]

ANN, BOB = Picture(60, 200), Picture(180, 90)
# After the server accepts again.
BACK_S = 5
both_ways = pytest.mark.parametrize("single", [False, True], ids=["two-pcs", "one-pc"])


async def came_back(tab: Tab) -> None:
    async def reconnected() -> bool:
        return (await tab.events())[-1:] == ["Reconnected"]

    await until(reconnected, lambda: f"{tab.identity} did not come back")


@both_ways
@pytest.mark.parametrize(
    ("scenario", "same_seat"),
    [
        ("signal-reconnect", True),
        ("resume-reconnect", False),
        ("migration", True),
        ("disconnect-signal-on-resume", True),
        ("disconnect-signal-on-resume-no-messages", True),
        ("full-reconnect", False),
        ("leave-full-reconnect", False),
        ("node-failure", False),
    ],
)
async def test_whoever_had_trouble_is_back_and_nobody_is_there_twice(
    server: SfuServer, single: bool, scenario: str, same_seat: bool
) -> None:
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):
        for tab, picture in ((ann, ANN), (bob, BOB)):
            await tab.join(server, single=single)
            await tab.show(picture)
        await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN))
        before = await ann.call("sid")
        await ann.call("simulate", scenario)
        await came_back(ann)
        await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN))
        assert (await ann.call("sid") == before) is same_seat
        assert await bob.call("others") == ["ann"]
        assert await bob.events() == []
        await ann.shall("me.sends()")
        await ann.call("say", "still here", "t", None)
        await bob.shall("me.data.length === 1")


@pytest.mark.parametrize(
    ("scenario", "who", "single"),
    [
        ("signal-reconnect", "sender", False),
        ("signal-reconnect", "reader", True),
        ("migration", "sender", True),
        ("migration", "reader", False),
    ],
)
async def test_reliable_data_goes_on_over_a_resume_without_gap_or_doublet(
    server: SfuServer, single: bool, scenario: str, who: str
) -> None:
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):
        for tab in (ann, bob):
            await tab.join(server, single=single)
        await ann.call("count", 0, 5, 0)
        await bob.shall("me.data.length === 5")
        counting = asyncio.create_task(ann.call("count", 5, 150, 20))
        resuming = ann if who == "sender" else bob
        await bob.shall("me.data.length > 15")
        await resuming.call("simulate", scenario)
        await came_back(resuming)
        await counting
        await bob.shall("me.data.at(-1)[0] === '149'")
        said = [int(text) for text, *_ in await bob.ask("me.data")]
        assert said == list(range(150))


@both_ways
async def test_pages_come_back_to_a_server_that_was_killed(server: SfuServer, single: bool) -> None:
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):
        for tab, picture in ((ann, ANN), (bob, BOB)):
            await tab.join(server, single=single, options={"retry_ms": 500})
            await tab.show(picture)
        await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN))
        await server.kill()
        await server.start()
        async with asyncio.timeout(BACK_S):
            await asyncio.gather(came_back(ann), came_back(bob))
        await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN))
        assert await bob.call("others") == ["ann"]


@both_ways
async def test_a_python_program_comes_back_to_a_server_that_was_killed(
    server: SfuServer, single: bool
) -> None:
    async with people("ann", "bob") as (ann, bob):
        await ann.join(server, single=single)
        await bob.join(server, single=single)
        await ann.show(ANN)
        await bob.sees("ann", ANN)
        await server.kill()
        bob.seen.clear()
        await server.start()
        for person in (ann, bob):
            await python_until(
                lambda person=person: "reconnected" in person.events,  # type: ignore[misc]
                lambda person=person: f"{person.identity}: {person.events}",  # type: ignore[misc]
            )
        await bob.sees("ann", ANN)
        assert list(bob.room.remote_participants) == ["ann"]


async def test_a_server_that_stops_ends_in_order(server: SfuServer) -> None:
    async with people("ann") as (ann,):
        await ann.join(server)
        assert await server.stop() == 0
