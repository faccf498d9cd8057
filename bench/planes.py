"""`make bench-planes`: what a call of two to six costs one browser, on the mesh and on the SFU.

One page of a Chromium of its own sends a picture of 640x360 and a sound, and shows the others. They
are played by the load generator: recordings of that size, which nobody encodes, so that two
processors do for all of them; on the mesh as peers of docs/protocol.md, on the SFU as LiveKit
clients with two layers. One line of JSON for each plane and number of people, then the crossover:

    plane, people   what carries the call, and how many are in it
    up_kbit_s       what leaves the page's connections (RTP, RTCP, data; without UDP's headers)
    down_kbit_s     what arrives there
    held_back       what held the page's encoder back for more than a tenth of the time (`cpu`,
                    `bandwidth`): such a run says less than what a call would cost
    cpu             processors that the page's renderer and Chromium's network process keep busy
    crossover       from how many people on the SFU takes less, and goes on to: `up`, `down`, `cpu`;
                    null where it never does
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, CDPSession, async_playwright

from bench.replay import Connections, MeshPerson, generator, options
from tests.browser.chromium import ARGUMENTS, launch
from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import Links, MoimServer
from tests.browser.visiting import KEY, SECRET, WITH_SFU, is_on
from tests.chaos.caller import new_browser

CAMERA = {"width": 640, "height": 360}
HELD_BACK = 0.1
SPEED = "--use-fake-device-for-media-stream=device-count=3,fps={}"
FEWEST, MOST = 2, 6
PLANES = ("mesh", "sfu")
NETWORK = "--utility-sub-type=network.mojom.NetworkService"
# Bytes of all transports of a page so far.
CARRIED = """
async () => {
  const found = {};
  for (const [index, peer] of testPeers.entries()) {
    if (peer.connectionState === "closed") continue;
    for (const one of (await peer.getStats()).values()) {
      if (one.type !== "transport") continue;
      found[`${index}/${one.id}`] = [one.bytesSent, one.bytesReceived];
    }
  }
  return found;
}
"""
# For how many seconds each reason has held back an encoder so far.
HELD = """
async () => {
  const found = {};
  for (const peer of testPeers.filter((one) => one.connectionState !== "closed")) {
    for (const one of (await peer.getStats()).values()) {
      for (const [why, s] of Object.entries(one.qualityLimitationDurations ?? {})) {
        found[why] = Math.max(found[why] ?? 0, s);
      }
    }
  }
  return found;
}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs one browser."""

    plane: str
    people: int
    up_kbit_s: int
    down_kbit_s: int
    cpu: float
    held_back: str | None


@dataclass(frozen=True, slots=True)
class Parts:
    """Program and recordings of the load generator, and how fast the page's camera is."""

    load: Path
    media: Path
    fps: int


async def busy_s(watch: CDPSession) -> float:
    """Processor seconds of the page's renderer and of the network process so far."""
    told: dict[str, Any] = await watch.send("SystemInfo.getProcessInfo")
    ours = [
        one for one in told["processInfo"] if one["type"] == "renderer" or is_network(one["id"])
    ]
    return sum(float(one["cpuTime"]) for one in ours)


def is_network(process: int) -> bool:
    """Whether it is Chromium's process for sockets."""
    words = Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8")
    return NETWORK in words.split("\0")


@asynccontextmanager
async def others(
    parts: Parts, plane: str, server: MoimServer, room: Links, n: int
) -> AsyncIterator[None]:
    """So many people beside the one who is measured."""
    async with AsyncExitStack() as stack:
        if plane == "sfu":
            given = options(
                parts.media,
                replay="sfu",
                people=n,
                room=room.slug,
                prefix="/livekit",
                address=f"127.0.0.1:{server.port}",
                key=KEY,
                secret=SECRET,
            )
            await stack.enter_async_context(generator(parts.load, *given))
            yield
            return
        given = options(parts.media, replay="mesh")
        connections = Connections(await stack.enter_async_context(generator(parts.load, *given)))
        for number in range(n):
            browser = await new_browser(server.origin)
            stack.push_async_callback(browser.aclose)
            person = MeshPerson(browser, room.slug, f"Person{number + 1}", connections)
            await (await stack.enter_async_context(person)).publish()
        yield


async def measure(
    parts: Parts,
    browser: Browser,
    server: MoimServer,
    plane: str,
    people: int,
    timing: tuple[float, float],
) -> Cost:
    """One call; `timing` is how long it may settle, and how long it is watched, in seconds."""
    room = await server.create_room()
    watch = await browser.new_browser_cdp_session()
    party = Party(browser, server.origin)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(party.close)
        mina = await party.person(camera={**CAMERA, "frameRate": parts.fps})
        await mina.enter(room.guest, "Mina")
        await stack.enter_async_context(others(parts, plane, server, room, people - 1))
        await is_on(mina, plane)
        await mina.sees(people - 1)
        await mina.hears(people - 1)
        await asyncio.sleep(timing[0])
        held = await mina.page.evaluate(HELD)
        begun, before, busy = time.monotonic(), await carried(mina), await busy_s(watch)
        await asyncio.sleep(timing[1])
        after, busy = await carried(mina), await busy_s(watch) - busy
        lasted_s = time.monotonic() - begun
        now_held: dict[str, float] = await mina.page.evaluate(HELD)
        # Whoever is measured saw and heard everybody until the end.
        await mina.sees(people - 1)
        await mina.hears(people - 1)
    kept = before.keys() & after.keys()
    both = [sum(after[key][way] - before[key][way] for key in kept) for way in (0, 1)]
    up, down = (round(total * 8 / 1000 / lasted_s) for total in both)
    for_s = {why: s - held.get(why, 0) for why, s in now_held.items() if why != "none"}
    worst = max(for_s, key=lambda why: for_s[why], default=None)
    held_back = worst if worst and for_s[worst] > HELD_BACK * lasted_s else None
    return Cost(plane, people, up, down, round(busy / lasted_s, 2), held_back)


async def carried(person: Person) -> dict[str, list[int]]:
    found: dict[str, list[int]] = await person.page.evaluate(CARRIED)
    return found


def crossover(costs: Sequence[Cost], figure: str) -> int | None:
    """The fewest people from which on the SFU takes less."""
    by = {(cost.plane, cost.people): getattr(cost, figure) for cost in costs}
    counts = sorted({cost.people for cost in costs})
    found = None
    for people in reversed(counts):
        if by["sfu", people] >= by["mesh", people]:
            break
        found = people
    return found


async def run(parts: Parts, timing: tuple[float, float], people: Sequence[int]) -> None:
    costs = []
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        for plane in PLANES:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = MoimServer(folder, WITH_SFU if plane == "sfu" else {"MOIM_SFU": "false"})
            await server.start()
            stack.push_async_callback(server.kill)
            for count in people:
                browser = await launch(playwright, SPEED.format(parts.fps), without=ARGUMENTS[0])
                cost = await measure(parts, browser, server, plane, count, timing)
                await browser.close()
                print(json.dumps(asdict(cost)), flush=True)
                costs.append(cost)
    figures = {"up": "up_kbit_s", "down": "down_kbit_s", "cpu": "cpu"}
    print(json.dumps({"crossover": {n: crossover(costs, f) for n, f in figures.items()}}))


def main() -> int:
    """Measure, and print lines of JSON."""
    parser = argparse.ArgumentParser(prog="make bench-planes")
    parser.add_argument("--load", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--media", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--settle", type=float, default=12, help="seconds before each measurement")
    parser.add_argument("--seconds", type=float, default=10, help="seconds of each measurement")
    parser.add_argument("--fps", type=int, default=10, help="pictures a second of the camera")
    parser.add_argument("--people", type=int, nargs="*", default=range(FEWEST, MOST + 1))
    given = parser.parse_args()
    parts = Parts(given.load, given.media, given.fps)
    asyncio.run(run(parts, (given.settle, given.seconds), given.people))
    return 0


if __name__ == "__main__":
    sys.exit(main())
