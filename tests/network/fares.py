"""How a call fares on a bad line: what is seen, heard and sent in a while, by the pages' figures.

Source: W3C webrtc-stats (`inbound-rtp`): `concealedSamples` is sound that was made up, of which
`silentConcealedSamples` made up silence that nobody misses.
"""

import asyncio
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Playwright

from tests.browser.person import Person
from tests.network.calls import ground
from tests.network.impairment import Conditions
from tests.network.routers import Kind

SETTLE_S: Final = 5
"""For the encoders to find what the line carries."""

_READ: Final = """
async () => {
  const sum = { at_ms: 0, frames: 0, frozen_s: 0, samples: 0, concealed: 0, bytes: 0,
    packets: 0, lost: 0 };
  for (const peer of window.testPeers) {
    if (peer.connectionState === "closed") continue;
    for (const entry of (await peer.getStats()).values()) {
      if (entry.type !== "inbound-rtp") continue;
      sum.at_ms = entry.timestamp;
      sum.bytes += entry.bytesReceived;
      sum.packets += entry.packetsReceived;
      sum.lost += entry.packetsLost;
      sum.frames += entry.framesDecoded ?? 0;
      sum.frozen_s += entry.totalFreezesDuration ?? 0;
      sum.samples += entry.totalSamplesReceived ?? 0;
      sum.concealed += (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0);
    }
  }
  return sum;
}
"""


@dataclass(frozen=True, slots=True)
class Fare:
    """What came in, on the average of the people in a call."""

    frames_per_s: float
    frozen: float
    """Part of the time in which the picture stood still, 0..1."""
    concealed: float
    """Part of the sound that was made up for what was lost, 0..1."""
    bitrate_bps: float
    lost: float
    """Of the packets that were sent, 0..1, as the browsers count."""


async def fare(people: list[Person], seconds: float) -> Fare:
    """Watch a call for a while."""
    before = [await person.page.evaluate(_READ) for person in people]
    await asyncio.sleep(seconds)
    after = [await person.page.evaluate(_READ) for person in people]
    each = [_between(*pair) for pair in zip(before, after, strict=True)]
    averages = (sum(getattr(one, field.name) for one in each) / len(each) for field in fields(Fare))
    return Fare(*averages)


def _between(before: dict[str, Any], after: dict[str, Any]) -> Fare:
    grown = {name: after[name] - before[name] for name in after}
    seconds = grown["at_ms"] / 1000
    return Fare(
        frames_per_s=grown["frames"] / seconds,
        frozen=grown["frozen_s"] / seconds,
        concealed=grown["concealed"] / max(1, grown["samples"]),
        bitrate_bps=grown["bytes"] * 8 / seconds,
        lost=grown["lost"] / max(1, grown["lost"] + grown["packets"]),
    )


async def fares(
    playwright: Playwright, folder: Path, lines: list[Conditions], seconds: float
) -> list[Fare]:
    """One call, on one line after the other; each condition holds in both directions."""
    found: list[Fare] = []
    async with ground(playwright, folder) as here:
        machine, cable = here.world.person_on_bad_cable(
            here.world.home(Kind.PORT_RESTRICTED), seed=1
        )
        other = here.world.person(here.world.home(Kind.PORT_RESTRICTED))
        people = [*await here.two_in_a_call(other, machine)]
        for person in people:
            await person.sees()
            await person.hears()
        for conditions in lines:
            cable.become(conditions, seed=1)
            await asyncio.sleep(SETTLE_S)
            found.append(await fare(people, seconds))
    return found
