"""A real browser learns its address from moim's own STUN port."""

import pytest
from playwright.async_api import async_playwright

from tests.browser.chromium import launch
from tests.browser.server import MoimServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

GATHER = """async (url) => {
  const connection = new RTCPeerConnection({ iceServers: [{ urls: [url] }] });
  connection.createDataChannel("probe");
  const found = [], errors = [];
  connection.onicecandidate = ({ candidate }) => candidate && found.push(candidate.candidate);
  connection.onicecandidateerror = (event) => errors.push(event.errorText || event.errorCode);
  const done = new Promise((resolve) => {
    connection.onicegatheringstatechange = () =>
      connection.iceGatheringState === "complete" && resolve();
  });
  await connection.setLocalDescription();
  await done;
  connection.close();
  return { found, errors };
}"""


# A browser leaves out a reflexive address that is also its own. Without a router between, that
# is so, unless it is told not to look at its own addresses.
HIDE_OWN_ADDRESSES = "--webrtc-ip-handling-policy=default_public_interface_only"


async def test_chromium_gathers_a_reflexive_candidate_from_the_port_of_the_pages(
    moim_server: MoimServer,
) -> None:
    async with async_playwright() as playwright:
        chromium = await launch(playwright, HIDE_OWN_ADDRESSES)
        try:
            page = await chromium.new_page()
            await page.goto(moim_server.url)
            gathered = await page.evaluate(GATHER, f"stun:localhost:{moim_server.port}")
        finally:
            await chromium.close()
    assert any(" typ srflx " in candidate for candidate in gathered["found"]), gathered
