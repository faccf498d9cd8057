"""A line that gets too slow for a picture in the middle of a call, and well again."""

from pathlib import Path

import pytest
from playwright.async_api import Playwright, expect

from tests.browser.person import Person, until
from tests.browser.test_subscribing import CAMERA, LARGE, watch
from tests.browser.words import said
from tests.network.calls import ground
from tests.network.guests import enter_timed
from tests.network.impairment import PERFECT, Conditions
from tests.network.routers import Kind

pytestmark = pytest.mark.network

# Room for the sound and for a third of the picture.
SLOW = Conditions(rate_bps=120_000, delay_ms=10)
STEPPED = 0.7  # one step is a picture of two thirds the width
ALLOWED = """
() => testPeers
  .filter((peer) => peer.connectionState !== "closed")
  .flatMap((peer) => peer.getSenders())
  .filter(({ track }) => track?.kind === "video")
  .flatMap((sender) => sender.getParameters().encodings)
  .map(({ scaleResolutionDownBy }) => scaleResolutionDownBy ?? 1)
"""
SAID_MS, BACK_MS = 45_000, 120_000


async def test_a_slow_line_is_said_and_carries_a_smaller_picture_until_it_is_well_again(
    driver: Playwright, tmp_path: Path
) -> None:
    async with ground(driver, tmp_path) as here:
        machine, cable = here.world.person_on_bad_cable(here.world.home(Kind.PORT_RESTRICTED), 1)
        mina = await here.guests.person(here.world.person(here.world.home(Kind.PORT_RESTRICTED)))
        await mina.open(here.room.guest)
        await mina.join("Mina")
        jun = await here.guests.person(machine, camera=CAMERA)
        await enter_timed(jun, here.room.guest, "Jun")
        picture = await watch(mina, "Jun")
        await picture.is_decoded()
        chip = jun.page.get_by_test_id("strain")
        await expect(chip).to_have_count(0)
        whole = await allowed(jun)

        async def is_whole() -> bool:
            return await allowed(jun) == whole

        cable.become(SLOW, seed=2)
        await expect(chip).to_have_text(said("strain_link"), timeout=SAID_MS)
        await picture.is_decoded(most=LARGE * STEPPED)
        assert not await is_whole()

        cable.become(PERFECT, seed=3)
        await expect(chip).to_have_count(0, timeout=BACK_MS)
        # The encoder may have all again: when it takes it is up to the browser and its machine.
        await until(is_whole, "the encoder to have all again")
        await picture.is_decoded()
        here.check_troubles()


async def allowed(person: Person) -> list[float]:
    """By how much the encoders of a page are told to make its pictures smaller."""
    found: list[float] = await person.page.evaluate(ALLOWED)
    return found
