"""Where a machine does not bear the whole picture, less of it is sent, and that is said."""

import importlib.util

import pytest
from playwright.async_api import expect

from tests.browser.party import Party
from tests.browser.server import Links
from tests.browser.test_call import become_host
from tests.browser.test_subscribing import CAMERA, LARGE, watch
from tests.browser.visiting import WITH_SFU, choose, is_on
from tests.browser.words import said

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
    ),
    pytest.mark.parametrize("moim_server", [WITH_SFU], indirect=True),
]
# Nothing makes a processor busy on purpose and for a known time beside other tests: so the
# browser's own word of it is given here, by its statistics. All that follows from it is real.
SAYS = """
(() => {
  const word = "qualityLimitationReason";
  for (const kind of [RTCPeerConnection, RTCRtpSender]) {
    const ask = kind.prototype.getStats;
    kind.prototype.getStats = async function (...given) {
      const said = [...(await ask.apply(this, given))];
      return new Map(said.map(([id, one]) => [
        id, one.type === "outbound-rtp" && one.kind === "video"
          ? { ...one, [word]: window.testBusy ? "cpu" : "none" }
          : one,
      ]));
    };
  }
})();
"""
STEPPED = 0.7  # one step is a picture of two thirds the width
DOWN_MS, BACK_MS = 20_000, 90_000


async def test_a_busy_machine_sends_a_smaller_picture_on_both_planes_says_so_and_comes_back(
    party: Party, room: Links
) -> None:
    mina = await party.person(devices=())
    await become_host(mina, room)
    await mina.join("Mina")
    jun = await party.person(camera=CAMERA, locale="ko-KR")
    await jun.page.add_init_script(SAYS)
    await jun.enter(room.guest, "Jun")
    await (await watch(mina, "Jun")).is_decoded(least=LARGE * STEPPED + 1)
    chip = jun.page.get_by_test_id("strain")
    await expect(chip).to_have_count(0)

    await jun.page.evaluate("testBusy = true")
    await expect(chip).to_have_text(said("strain_cpu", "ko"), timeout=DOWN_MS)
    await (await watch(mina, "Jun")).is_decoded(most=LARGE * STEPPED)

    # Another plane begins with as little.
    await choose(mina, "sfu")
    await mina.page.keyboard.press("Escape")
    for person in (mina, jun):
        await is_on(person, "sfu")
    await (await watch(mina, "Jun")).is_decoded(most=LARGE * STEPPED)

    await jun.page.evaluate("testBusy = false")
    await expect(chip).to_have_count(0, timeout=BACK_MS)
    await (await watch(mina, "Jun")).is_decoded(least=LARGE * STEPPED + 1)
