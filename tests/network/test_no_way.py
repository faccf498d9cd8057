"""Two people whose networks let nothing pass are told so, both, until a way is there: real
Chromium that may use a relay alone, and Debian's coturn that is started late."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from moim.media.turn import CoturnOptions
from tests.browser.chromium import launch
from tests.browser.party import Party
from tests.browser.server import MoimServer, free_port
from tests.browser.words import said
from tests.network.test_doctor_turn import SECRET, started
from tests.programs import need

pytestmark = [
    pytest.mark.network,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
]

NO_WAY_MS = 60_000
HEALED_MS = 90_000


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        yield browser
        await browser.close()


async def test_both_are_told_that_there_is_no_way_until_the_relay_is_there(
    chromium: Browser, tmp_path: Path
) -> None:
    need("turnserver")
    port = free_port()
    settings = {
        "MOIM_TURN_URLS": f"turn:127.0.0.1:{port}",
        "MOIM_TURN_SECRET": SECRET,
        "MOIM_ICE_TRANSPORT_POLICY": "relay",
    }
    server = MoimServer(tmp_path, settings)
    await server.start()
    party = Party(chromium, server.origin)
    relay = None
    try:
        room = await server.create_room()
        mina, jun = await party.person(), await party.person(locale="ko-KR")
        await mina.enter(room.guest, "Mina")
        await jun.enter(room.guest, "Jun")
        for person, language in ((mina, "en"), (jun, "ko")):
            told = person.page.get_by_test_id("no-way")
            await expect(told).to_have_count(1, timeout=NO_WAY_MS)
            await expect(told).to_contain_text(said("tile_no_way", language))
            await expect(told).to_contain_text(said("tile_no_way_out_relay", language))

        folder = tmp_path / "coturn"
        folder.mkdir()
        options = CoturnOptions(
            secret=SECRET,
            realm="turn.example.org",
            port=port,
            listening_ips=("127.0.0.1",),
            relay_ips=("127.0.0.1",),
            log="stdout",
            state_dir=folder,
        )
        # On one machine everybody is on its loopback, which the policy keeps out.
        relay = started(folder, options, "allow-loopback-peers\ncli-password=unused")
        for person in (mina, jun):
            await expect(person.page.get_by_test_id("no-way")).to_have_count(0, timeout=HEALED_MS)
        await mina.sees()
        await jun.hears()
        pair = await mina.page.evaluate(
            """async () => {
              for (const pc of testPeers) {
                const report = await pc.getStats();
                for (const one of report.values()) {
                  if (one.type !== "transport" || !one.selectedCandidatePairId) continue;
                  const chosen = report.get(one.selectedCandidatePairId);
                  const local = report.get(chosen.localCandidateId);
                  return [local.candidateType, local.relayProtocol];
                }
              }
            }"""
        )
        assert pair == ["relay", "udp"]
        party.troubles.check()
    finally:
        await party.close()
        await server.kill()
        if relay is not None:
            relay.kill()
            relay.wait()
