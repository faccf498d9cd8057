"""Somebody in front of a browser: what they do, and what they truly see and hear.

Seeing is counted in decoded frames and hearing in decoded sound, both from the connections' own
statistics (W3C, "Identifiers for WebRTC's Statistics API"): a tile can be there and stay black.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Locator, Page, expect

WAIT_S = 15.0
STEP_S = 0.1

INBOUND = """
async () => {
  const found = [];
  for (const [index, peer] of window.testPeers.entries()) {
    if (peer.connectionState === "closed") continue;
    // Firefox never answers what the end of a connection overtakes.
    const late = new Promise((done) => setTimeout(done, 2_000, new Map()));
    for (const entry of (await Promise.race([peer.getStats(), late])).values()) {
      if (entry.type !== "inbound-rtp") continue;
      found.push({
        key: `${index}/${entry.mid ?? entry.ssrc}`,
        kind: entry.kind,
        frames: entry.framesDecoded ?? 0,
        energy: entry.totalAudioEnergy ?? 0,
        packets: entry.packetsReceived ?? 0,
      });
    }
  }
  return found;
}
"""


@dataclass(frozen=True, slots=True)
class Inbound:
    """What came in on one track so far."""

    key: str
    kind: str
    frames: int
    energy: float
    packets: int


class Person:
    """One page; a second tab of the same browser is another `Person` of the same context."""

    def __init__(self, page: Page) -> None:
        self.page = page

    # What they do

    async def open(self, address: str) -> None:
        await self.page.goto(address)

    async def join(self, name: str) -> None:
        """From the page before joining into the call."""
        await self.page.get_by_test_id("name-input").fill(name)
        await self.page.get_by_test_id("join-button").click()
        await expect(self.leave_button).to_be_visible()

    async def enter(self, address: str, name: str) -> None:
        """Opens a room and joins with camera and microphone on."""
        await self.open(address)
        await self.turn_on_devices()
        await self.join(name)

    async def turn_on_devices(self) -> None:
        """The one click that asks for camera and microphone."""
        await self.page.get_by_test_id("turn-on-devices").click()
        await expect(self.page.get_by_test_id("own-video")).to_be_visible()

    async def leave(self) -> None:
        await self.leave_button.click()

    async def second_tab(self) -> "Person":
        return Person(await self.page.context.new_page())

    # What is on their screen

    @property
    def leave_button(self) -> Locator:
        return self.page.get_by_test_id("leave-button")

    @property
    def tiles(self) -> Locator:
        return self.page.get_by_test_id("tile")

    def tile(self, name: str) -> Locator:
        return self.tiles.filter(has_text=name)

    async def areas(self) -> list[tuple[str, float]]:
        """The words of each tile and its size in square pixels, all of one moment: who asks one
        tile after the other waits for one that has gone meanwhile."""
        found: list[list[Any]] = await self.tiles.evaluate_all(
            """(tiles) => tiles.map((tile) => {
              const { width, height } = tile.getBoundingClientRect();
              return [tile.innerText, width * height];
            })"""
        )
        return [(words, area) for words, area in found]

    async def order(self) -> list[str | None]:
        """The identities of the tiles, in their order."""
        found: list[str | None] = await self.tiles.evaluate_all(
            "(tiles) => tiles.map((tile) => tile.dataset.identity ?? null)"
        )
        return found

    # What truly arrives

    async def inbound(self) -> list[Inbound]:
        found: list[dict[str, Any]] = await self.page.evaluate(INBOUND)
        return [Inbound(**entry) for entry in found]

    async def frames(self) -> dict[str, int]:
        """Decoded frames so far, by track."""
        return {entry.key: entry.frames for entry in await self.inbound() if entry.kind == "video"}

    async def sound(self) -> dict[str, float]:
        """Energy of the decoded sound so far, by track. Silence adds nothing to it."""
        return {entry.key: entry.energy for entry in await self.inbound() if entry.kind == "audio"}

    async def sees(self, people: int = 1) -> None:
        """Waits until fresh frames of at least so many cameras or screens are decoded."""
        await self._grow("frames of video", self.frames, people)

    async def hears(self, people: int = 1) -> None:
        """Waits until fresh sound of at least so many others is decoded."""
        await self._grow("sound", self.sound, people)

    async def _grow(
        self, what: str, measure: Callable[[], Awaitable[dict[str, int] | dict[str, float]]], n: int
    ) -> None:
        before = await measure()

        async def enough() -> bool:
            now = await measure()
            return sum(value > before.get(key, 0) for key, value in now.items()) >= n

        await until(enough, f"{what} of {n} others")


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, seconds: float = WAIT_S
) -> None:
    """Polls until a condition of a real browser or process holds.

    Raises:
        AssertionError: it did not in time.
    """
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - a browser sets no event of ours
                await asyncio.sleep(STEP_S)
    except TimeoutError:
        raise AssertionError(f"waited {seconds:g} s for {what}") from None
