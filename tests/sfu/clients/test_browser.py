"""livekit-client of npm, unmodified, in real Chromium pages, over both ways of joining."""

import asyncio

import pytest

from tests.sfu.clients.browser import chromium, tabs, until
from tests.sfu.clients.sdk import Picture, people
from tests.sfu.clients.server import SfuServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning"),
]

ANN, BOB = Picture(60, 200), Picture(180, 90)
both_ways = pytest.mark.parametrize("single", [False, True], ids=["two-pcs", "one-pc"])


@both_ways
async def test_two_pages_see_hear_and_write_to_each_other(server: SfuServer, single: bool) -> None:
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):
        for tab in (ann, bob):
            await tab.join(server, single=single)
        expected = "publisher-only" if single else "subscriber-primary"
        assert await ann.call("mode") == expected
        for tab, picture, pitch_hz in ((ann, ANN, 440), (bob, BOB, 880)):
            await tab.show(picture)
            await tab.call("hum", pitch_hz)
        await asyncio.gather(
            ann.sees("bob", BOB),
            bob.sees("ann", ANN),
            ann.hears("bob", 880),
            bob.hears("ann", 440),
        )
        await ann.call("say", "hello", "greetings", ["bob"])

        async def written() -> bool:
            said = await bob.ask("me.data")
            return bool(said == [["hello", "ann", "greetings"]])

        await until(written, lambda: "bob got no word")
        assert await ann.events() == []


@both_ways
async def test_three_pages_see_each_other(server: SfuServer, single: bool) -> None:
    pictures = {"ann": ANN, "bob": BOB, "eve": Picture(40, 40)}
    async with chromium() as browser, tabs(browser, *pictures) as three:
        for tab in three:
            await tab.join(server, single=single)
            await tab.show(pictures[tab.identity])
        await asyncio.gather(
            *(
                tab.sees(identity, picture)
                for tab in three
                for identity, picture in pictures.items()
                if identity != tab.identity
            )
        )
        assert [await tab.events() for tab in three] == [[], [], []]


@pytest.mark.parametrize(
    ("single", "codec"), [(False, "h264"), (True, "vp9"), (False, "av1"), (True, "av1")]
)
async def test_layers_of_each_codec_are_seen(server: SfuServer, single: bool, codec: str) -> None:
    """As livekit-client publishes them: H264 in streams of their own, VP9 and AV1 in one."""
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):
        for tab in (ann, bob):
            await tab.join(server, single=single)
        await ann.show(ANN, width=640, simulcast=True, videoCodec=codec)
        await bob.sees("ann", ANN)
        await bob.shall(f"me.their('ann', 'camera').mimeType.toLowerCase() === 'video/{codec}'")
        await bob.shall("me.sees('ann').width === 640")


async def test_a_page_and_a_python_program_meet(server: SfuServer) -> None:
    async with (
        chromium() as browser,
        tabs(browser, "ann") as (ann,),
        people("bob") as (bob,),
    ):
        await ann.join(server)
        await bob.join(server)
        await ann.show(ANN)
        await ann.call("hum", 440)
        await bob.show(BOB)
        await bob.hum(880)
        await asyncio.gather(
            ann.sees("bob", BOB),
            bob.sees("ann", ANN),
            ann.hears("bob", 880),
            bob.hears("ann", 440),
        )
