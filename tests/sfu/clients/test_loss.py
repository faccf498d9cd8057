"""A line that loses every twentieth packet, between real Chromium pages and the server."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from tests.sfu.clients.browser import chromium, tabs
from tests.sfu.clients.sdk import Picture
from tests.sfu.clients.server import SfuServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning"),
]

ANN, BOB = Picture(60, 200), Picture(180, 90)
LOSS = 0.05
SEED = 20_261_126
both_ways = pytest.mark.parametrize("single", [False, True], ids=["two-pcs", "one-pc"])

Address = tuple[str, int]


class Line(asyncio.DatagramProtocol):
    """The near end, to which clients send; each gets a far end of its own to the server."""

    def __init__(self, server_port: int) -> None:
        self.dice = random.Random(SEED)
        self.loss = 0.0
        self.lost = 0
        self._server = ("127.0.0.1", server_port)
        self._ends: dict[Address, FarEnd] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.near = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, source: Address) -> None:
        end = self._ends.get(source)
        if end is None:
            end = self._ends[source] = FarEnd(self, source)
            loop = asyncio.get_running_loop()
            end.opening = loop.create_task(self._open(end))
        if not self.loses():
            end.send(data)

    def loses(self) -> bool:
        lost = self.dice.random() < self.loss
        self.lost += lost
        return lost

    async def _open(self, end: "FarEnd") -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: end, remote_addr=self._server)

    def close(self) -> None:
        self.near.abort()
        for end in self._ends.values():
            end.close()


class FarEnd(asyncio.DatagramProtocol):
    def __init__(self, line: Line, client: Address) -> None:
        self.opening: asyncio.Task[None]
        self._line = line
        self._client = client
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        for data in self._waiting:
            self._transport.sendto(data)

    def datagram_received(self, data: bytes, _: Address) -> None:
        if not self._line.loses():
            self._line.near.sendto(data, self._client)

    def send(self, data: bytes) -> None:
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._transport.sendto(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@asynccontextmanager
async def lossy_line(server_port: int) -> AsyncIterator[tuple[Line, int]]:
    """A line to the server, and the port of its near end."""
    loop = asyncio.get_running_loop()
    line = Line(server_port)
    await loop.create_datagram_endpoint(lambda: line, local_addr=("0.0.0.0", 0))
    try:
        yield line, line.near.get_extra_info("sockname")[1]
    finally:
        line.close()
        await asyncio.sleep(0)  # sockets are closed in the loop's next round


def detour(server_port: int, near_port: int) -> str:
    """The network that the page is in: the server is reached over the line alone."""
    return f"""
      const set = RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = function ({{ type, sdp }}) {{
        sdp = sdp.replaceAll(" {server_port} typ", " {near_port} typ");
        return set.call(this, {{ type, sdp }});
      }};
    """


@both_ways
async def test_five_percent_are_lost_and_all_is_seen_and_heard(
    server: SfuServer, single: bool
) -> None:
    async with (
        lossy_line(server.udp_port) as (line, near_port),
        chromium() as browser,
        tabs(browser, "ann", "bob", prepare=detour(server.udp_port, near_port)) as (ann, bob),
    ):
        for tab, picture, pitch_hz in ((ann, ANN, 440), (bob, BOB, 880)):
            await tab.join(server, single=single)
            await tab.show(picture)
            await tab.call("hum", pitch_hz)
        await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN))
        line.loss = LOSS
        # Enough pictures that packets of some were lost, and came again.
        before = await bob.call("arriving", "ann", "video")
        frames = before["framesDecoded"] + 60
        await bob.shall(
            f"me.arriving('ann', 'video').then((now) => now.framesDecoded > {frames} && "
            "now.retransmittedPacketsReceived > 0)"
        )
        await asyncio.gather(
            ann.sees("bob", BOB),
            bob.sees("ann", ANN),
            ann.hears("bob", 880),
            bob.hears("ann", 440),
        )
        for number in range(20):
            await ann.call("say", str(number), "count", None)
        await bob.shall("me.data.length === 20")
        assert [text for text, *_ in await bob.ask("me.data")] == [str(n) for n in range(20)]
        assert line.lost > 20
        assert [await tab.events() for tab in (ann, bob)] == [[], []]
