"""A browser takes what it shows and no more: nothing of a picture that is out of sight, and none at
all with little data; through the SFU the layer that fits a tile."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer
from tests.browser.test_call import become_host
from tests.browser.visiting import WITH_SFU, choose, is_on
from tests.chaos.caller import Caller, new_browser

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
    ),
    pytest.mark.parametrize(
        "moim_server", [{**WITH_SFU, "MOIM_MAX_PARTICIPANTS": "60"}], indirect=True
    ),
]
# Two layers: this one, and one of half its width.
CAMERA = {"width": 640, "height": 360, "frameRate": 10}
LARGE, SMALL = 640, 320
CROWD = 50
STILL_S = 1.0
ARRIVED = """
async (id) => {
  for (const peer of testPeers) {
    if (peer.connectionState === "closed") continue;
    for (const one of (await peer.getStats()).values()) {
      if (one.type !== "inbound-rtp" || one.trackIdentifier !== id) continue;
      const { frameWidth = 0, framesDecoded = 0, bytesReceived = 0 } = one;
      return { width: frameWidth, frames: framesDecoded, bytes: bytesReceived };
    }
  }
  return { width: 0, frames: 0, bytes: 0 };
}
"""
SENT = """
async () => {
  const sent = {};
  for (const [index, peer] of testPeers.entries()) {
    if (peer.connectionState === "closed") continue;
    for (const one of (await peer.getStats()).values()) {
      if (one.type !== "outbound-rtp" || one.kind !== "video") continue;
      sent[`${index} ${one.ssrc}`] = one.framesSent ?? 0;
    }
  }
  return sent;
}
"""
TRACK = "(video) => video.srcObject?.getVideoTracks()[0]?.id ?? ''"


@dataclass
class Watched:
    """A picture of somebody, as it arrives at a page."""

    viewer: Person
    video: Locator
    track: str

    async def arrived(self) -> dict[str, int]:
        found: dict[str, int] = await self.viewer.page.evaluate(ARRIVED, self.track)
        return found

    async def is_decoded(self, least: float = 1, most: float = LARGE) -> None:
        """Waits for fresh pictures, so many pixels wide."""
        before: dict[str, int] = {}

        async def fresh() -> bool:
            # Of a new connection, the last picture of the one before is shown until its first.
            self.track = await self.video.evaluate(TRACK)
            now = await self.arrived()
            seen = before.setdefault(self.track, now["frames"])
            return now["frames"] > seen and least <= now["width"] <= most

        await until(fresh, f"fresh pictures of {least:g} to {most:g} pixels")

    async def costs_nothing(self) -> None:
        """Waits until no byte arrives any more."""

        async def still() -> bool:
            before = await self.arrived()
            await asyncio.sleep(STILL_S)
            return (await self.arrived())["bytes"] == before["bytes"]

        await until(still, "no more bytes of a picture")


async def watch(viewer: Person, name: str) -> Watched:
    video = viewer.tile(name).locator("video")
    await expect(video).to_be_visible()
    track: Any = await video.evaluate(TRACK)
    return Watched(viewer, video, track)


async def on_the_sfu(party: Party, room: Links) -> tuple[Person, Person]:
    """Mina, a host who only watches, and Jun, whom one sees and hears."""
    mina = await party.person(devices=())
    await become_host(mina, room)
    await mina.join("Mina")
    await choose(mina, "sfu")
    await mina.page.keyboard.press("Escape")
    jun = await party.person(camera=CAMERA)
    await jun.enter(room.guest, "Jun")
    for person in (mina, jun):
        await is_on(person, "sfu")
    return mina, jun


async def test_a_tile_takes_the_layer_that_fits_it_and_with_little_data_none(
    party: Party, moim_server: MoimServer, room: Links
) -> None:
    mina, _ = await on_the_sfu(party, room)
    picture = await watch(mina, "Jun")
    await picture.is_decoded(least=SMALL + 1)
    async with seats(moim_server, room, "Sora"):
        await mina.tile("Sora").dblclick()
        await expect(mina.page.get_by_test_id("stage")).to_have_attribute("data-layout", "stage")
        await picture.is_decoded(most=SMALL)
        await mina.tile("Jun").dblclick()
        await picture.is_decoded(least=SMALL + 1)

    await set_low_data(mina, on=True)
    await picture.costs_nothing()
    await expect(mina.tile("Jun").locator("video")).to_have_count(0)
    await mina.hears(1)
    await set_low_data(mina, on=False)
    await (await watch(mina, "Jun")).is_decoded(least=SMALL + 1)


async def test_with_little_data_nobody_sends_a_picture_from_browser_to_browser_either(
    party: Party, room: Links
) -> None:
    mina, jun = await party.person(), await party.person()
    await mina.enter(room.guest, "Mina")
    await jun.enter(room.guest, "Jun")
    await (await watch(mina, "Jun")).is_decoded()

    await set_low_data(mina, on=True)
    await sends_pictures(jun, of=0)
    await mina.hears(1)
    await jun.sees(1)
    # Over a new connection it still holds.
    await jun.page.reload()
    await jun.sees(1)
    await mina.hears(1)
    await sends_pictures(jun, of=0)
    await set_low_data(mina, on=False)
    await (await watch(mina, "Jun")).is_decoded()
    await sends_pictures(jun, of=1)


async def test_a_picture_on_another_page_of_a_large_grid_costs_nothing_until_it_is_turned_to(
    party: Party, moim_server: MoimServer, room: Links
) -> None:
    mina, _ = await on_the_sfu(party, room)
    async with seats(moim_server, room, *(f"Guest{number}" for number in range(CROWD))):
        pages = mina.page.get_by_test_id("page-of")
        await expect(pages).to_contain_text("1")
        shown = await mina.tiles.count()
        assert shown < CROWD
        buttons = await pages.locator("xpath=..").bounding_box()
        for tile in await mina.tiles.all():
            place = await tile.bounding_box()
            assert buttons
            assert place
            assert place["y"] + place["height"] <= buttons["y"]
        # Who has a picture comes first, whoever came before.
        picture = await watch(mina, "Jun")
        await picture.is_decoded(most=SMALL)
        await mina.page.get_by_test_id("page-next").click()
        await expect(mina.tile("Jun")).to_have_count(0)
        assert shown + await mina.tiles.count() == CROWD + 2
        await picture.costs_nothing()
        await mina.hears(1)
        await mina.page.get_by_test_id("page-before").click()
        await picture.is_decoded(most=SMALL)


async def sends_pictures(person: Person, *, of: int) -> None:
    """Waits until so many pictures are encoded and sent."""

    async def so_many() -> bool:
        before = await sent_frames(person)
        await asyncio.sleep(STILL_S)
        now = await sent_frames(person)
        return sum(now[key] > before.get(key, 0) for key in now) == of

    await until(so_many, f"{of} pictures to be sent")


async def sent_frames(person: Person) -> dict[str, int]:
    found: dict[str, int] = await person.page.evaluate(SENT)
    return found


@asynccontextmanager
async def seats(server: MoimServer, room: Links, *names: str) -> AsyncIterator[None]:
    """People of whom nothing is seen or heard."""
    async with AsyncExitStack() as stack:
        for name in names:
            browser = await new_browser(server.origin)
            stack.push_async_callback(browser.aclose)
            await stack.enter_async_context(Caller(browser, room.slug, name))
        yield


async def set_low_data(person: Person, *, on: bool) -> None:
    await person.page.get_by_test_id("more-button").click()
    await person.page.get_by_test_id("settings-button").click()
    await person.page.get_by_test_id("setting-low-data").click()
    await expect(person.page.get_by_test_id("setting-low-data")).to_be_checked(checked=on)
    await person.page.keyboard.press("Escape")
