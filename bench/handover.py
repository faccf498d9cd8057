"""`make bench-handover`: the longest pause in picture and sound while a call moves between planes.

Two pages send a picture of 20 frames a second and a tone, and look and listen for each other.
Participants with LiveKit's Python SDK come and go, which moves the call to the SFU and back, as
often as is asked for. Then the same people stay for as long without any move. A pause in picture is
the time between two frames that were shown (`requestVideoFrameCallback`), one in sound the time
without the tone in what is played. The participants run in this process and get what the server and
the pages leave of the processor: in life they have machines of their own. The last line is JSON:

    moves, participants    how often it moved, and how many people were there at most
    longest_gap_ms         the longest pause of any page over all moves
    baseline_gap_ms        the longest pause of the run without moves
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import async_playwright

from tests.browser.chromium import launch
from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import MoimServer
from tests.browser.test_call import become_host
from tests.browser.visiting import WITH_SFU, BotDoor, choose, identity_of, is_on
from tests.sfu.clients.sdk import Picture, people

PROGRAM = Path(__file__).with_name("handover.js").read_text(encoding="utf-8").rstrip().rstrip(";")
SETTLED_S = 2.0
BESIDE = 10
TRIED_S = 8.0  # in a call, the way to the SFU is tried soon, and its program is there then


class Watched:
    """A page that knows how long the longest pause of the other one was."""

    def __init__(self, person: Person) -> None:
        self.person = person

    async def watch(self, other: Person) -> None:
        whom = await identity_of(other)
        await self.person.page.evaluate(f"(whom) => {PROGRAM}.watch(whom)", whom)

    async def reset(self) -> None:
        await self.person.page.evaluate("handover.reset()")

    async def gaps(self) -> dict[str, float]:
        found: dict[str, float] = await self.person.page.evaluate("handover.gaps()")
        return found


async def measure(moves: int, bots: int) -> dict[str, int]:
    """Run both parts on a server of its own."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await launch(playwright)
        server = MoimServer(folder, WITH_SFU)
        await server.start()
        stack.push_async_callback(server.kill)
        room = await server.create_room()
        party = Party(browser, server.origin)
        stack.push_async_callback(party.close)
        pages: list[Watched] = []
        for name in ("Mina", "Jun"):
            person = await party.person()
            before = await person.page.evaluate(f"{PROGRAM}.before")
            await person.page.add_init_script(before)
            if not pages:
                await become_host(person, room)
            await person.enter(room.guest, name)
            pages.append(Watched(person))
        mina, jun = pages
        await mina.watch(jun.person)
        await jun.watch(mina.person)
        # Back at once when the bots have gone: a call that shrinks by itself waits for a while.
        await choose(mina.person, "mesh")
        await mina.person.sees(1)
        await jun.person.sees(1)
        await asyncio.sleep(TRIED_S)
        os.nice(BESIDE)
        names = [f"bot{n}" for n in range(bots)]
        door = BotDoor(server, room)
        worst, began = 0.0, time.monotonic()
        for n in range(moves // 2):
            async with people(*names) as persons:
                await _reset(pages)
                for bot in persons:
                    await bot.join(door)  # type: ignore[arg-type]
                    await bot.show(Picture(60, 200))
                await _on(pages, "sfu")
                worst = max(worst, await _worst(pages, f"move {2 * n + 1}, to the SFU"))
                await _reset(pages)
            await _on(pages, "mesh")
            worst = max(worst, await _worst(pages, f"move {2 * n + 2}, to the mesh"))
        lasted_s = time.monotonic() - began
        async with people(*names) as persons:
            for bot in persons:
                await bot.join(door)  # type: ignore[arg-type]
                await bot.show(Picture(60, 200))
            await _on(pages, "sfu")
            await _reset(pages)
            await asyncio.sleep(lasted_s)
            baseline = await _worst(pages, f"{lasted_s:.0f} s without a move")
    return {
        "moves": moves // 2 * 2,
        "participants": 2 + bots,
        "longest_gap_ms": round(worst),
        "baseline_gap_ms": round(baseline),
    }


async def _on(pages: Sequence[Watched], plane: str) -> None:
    for page in pages:
        await is_on(page.person, plane)
    await asyncio.sleep(SETTLED_S)


async def _reset(pages: Sequence[Watched]) -> None:
    for page in pages:
        await page.reset()


async def _worst(pages: Sequence[Watched], what: str) -> float:
    found = [await page.gaps() for page in pages]
    words = ", ".join(f"picture {one['picture']:.0f} sound {one['sound']:.0f} ms" for one in found)
    print(f"{what}: {words}", file=sys.stderr, flush=True)
    return max(max(one.values()) for one in found)


def main() -> int:
    """Measure, and print one line of JSON."""
    parser = argparse.ArgumentParser(prog="make bench-handover")
    parser.add_argument("--moves", type=int, default=10)
    parser.add_argument("--bots", type=int, default=2)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.moves, given.bots))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
