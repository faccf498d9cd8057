"""livekit-client of npm, unmodified, in Debian's Firefox, over both ways of joining."""

import asyncio
from pathlib import Path

import pytest

from tests.programs import need
from tests.sfu.clients.browser import chromium, firefox_tabs, tabs
from tests.sfu.clients.sdk import Picture, people
from tests.sfu.clients.server import SfuServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning"),
]

ANN, BOB = Picture(60, 200), Picture(180, 90)
# What its fake microphone hears.
FIREFOX_TONE_HZ = 1000
both_ways = pytest.mark.parametrize("single", [False, True], ids=["two-pcs", "one-pc"])


@both_ways
async def test_firefox_and_chromium_see_hear_and_write_to_each_other(
    server: SfuServer, tmp_path: Path, single: bool
) -> None:
    async with (
        firefox_tabs(need("firefox-esr"), tmp_path, "ann") as (ann,),
        chromium() as browser,
        tabs(browser, "bob") as (bob,),
    ):
        for tab, picture in ((ann, ANN), (bob, BOB)):
            await tab.join(server, single=single)
            await tab.show(picture, simulcast=True, width=640)
        await ann.call("speak")
        await bob.call("hum", 880)
        await asyncio.gather(
            ann.sees("bob", BOB), bob.sees("ann", ANN), bob.hears("ann", FIREFOX_TONE_HZ)
        )
        await ann.shall("me.arriving('bob', 'audio').then((now) => now.totalAudioEnergy > 0.01)")
        await ann.call("say", "hello", "greetings", ["bob"])
        await bob.shall("me.data.length === 1")
        await bob.call("say", "good morning", "greetings", None)
        await ann.shall("me.data.length === 1")
        assert await ann.ask("me.data") == [["good morning", "bob", "greetings"]]
        await ann.ask("me.own('microphone').mute()")
        await bob.shall("me.their('ann', 'microphone').isMuted")
        assert [await tab.events() for tab in (ann, bob)] == [[], []]


@both_ways
async def test_firefox_comes_back_to_its_seat_and_to_a_new_one(
    server: SfuServer, tmp_path: Path, single: bool
) -> None:
    async with (
        firefox_tabs(need("firefox-esr"), tmp_path, "ann") as (ann,),
        people("bob") as (bob,),
    ):
        await ann.join(server, single=single)
        await bob.join(server, single=single)
        await ann.show(ANN)
        await bob.show(BOB)
        await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN))
        for scenario, same_seat in (("signal-reconnect", True), ("full-reconnect", False)):
            before = await ann.call("sid")
            await ann.ask("void (me.events.length = 0)")
            await ann.call("simulate", scenario)
            await ann.shall("me.events.at(-1) === 'Reconnected'")
            assert (await ann.call("sid") == before) is same_seat
            bob.seen.clear()
            await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN))
        assert list(bob.room.remote_participants) == ["ann"]
