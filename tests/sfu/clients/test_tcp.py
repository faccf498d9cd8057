"""Real Chromium pages that cannot reach the server by UDP."""

import asyncio

import pytest

from tests.sfu.clients.browser import chromium, tabs
from tests.sfu.clients.sdk import Picture
from tests.sfu.clients.server import SfuServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning"),
]

ANN, BOB = Picture(60, 200), Picture(180, 90)
# The network that the pages are in: what is not TCP leads nowhere.
NO_UDP = """
  const set = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
    const passes = (line) => !/^a=candidate:\\S+ \\d+ udp /i.test(line);
    return set.call(this, { type, sdp: sdp.split("\\r\\n").filter(passes).join("\\r\\n") });
  };
"""


@pytest.mark.parametrize("single", [False, True], ids=["two-pcs", "one-pc"])
async def test_people_without_udp_see_and_hear_each_other_by_tcp(
    server: SfuServer, single: bool
) -> None:
    async with (
        chromium() as browser,
        tabs(browser, "ann", "bob", prepare=NO_UDP) as (ann, bob),
    ):
        for tab, picture, pitch_hz in ((ann, ANN, 440), (bob, BOB, 880)):
            await tab.join(server, single=single)
            await tab.show(picture)
            await tab.call("hum", pitch_hz)
        await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN), bob.hears("ann", 440))
        for tab, other in ((ann, "bob"), (bob, "ann")):
            await tab.shall(f"me.way('{other}', 'video').then((way) => way === 'tcp')")
        await ann.call("say", "hello", "words", ["bob"])
        await bob.shall("me.data.some(([text]) => text === 'hello')")


async def test_who_has_udp_takes_it(server: SfuServer) -> None:
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):
        for tab in (ann, bob):
            await tab.join(server)
        await ann.show(ANN)
        await bob.sees("ann", ANN)
        await bob.shall("me.way('ann', 'video').then((way) => way === 'udp')")
