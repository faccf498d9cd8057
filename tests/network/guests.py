"""Browsers on the machines of a test network, and what they say of their way to each other."""

import shlex
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Playwright, expect

from tests.browser import chromium
from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.words import said
from tests.network.namespaces import Namespace
from tests.network.networks import MESSAGES, Way

_PANEL_S: Final = 20

# From the press of the button until something of somebody else was decoded, both of picture and
# sound; begun in the page, so that no wait of the test counts.
_STOPWATCH = """
() => {
  const began = performance.now();
  window.connectedAfter_ms = null;
  const look = async () => {
    let picture = false, sound = false;
    for (const peer of window.testPeers) {
      for (const entry of (await peer.getStats()).values()) {
        if (entry.type !== "inbound-rtp") continue;
        picture ||= (entry.framesDecoded ?? 0) > 0;
        sound ||= (entry.totalAudioEnergy ?? 0) > 0;
      }
    }
    if (picture && sound) window.connectedAfter_ms = performance.now() - began;
    else setTimeout(look, 50);
  };
  document.querySelector('[data-testid=join-button]').addEventListener('click', look);
}
"""


class Guests:
    """People, each at a machine of their own; closing ends their browsers."""

    def __init__(self, playwright: Playwright, folder: Path, origin: str, *trust: str) -> None:
        self._playwright = playwright
        self._folder = folder
        self._origin = origin
        # A camera is for secure pages; these come over plain HTTP from a public address.
        self._arguments = (f"--unsafely-treat-insecure-origin-as-secure={origin}", *trust)
        self._browsers: list[Browser] = []
        self.parties: list[Party] = []

    async def person(self, machine: Namespace, **options: Any) -> Person:
        """Somebody at a machine, with a page that shows nothing yet; `options` as `Party` takes
        them."""
        browser = await chromium.launch(
            self._playwright, *self._arguments, executable=self._wrapper(machine)
        )
        self._browsers.append(browser)
        party = Party(browser, self._origin)
        self.parties.append(party)
        return await party.person(**options)

    async def close(self) -> None:
        """End all browsers, whatever they show."""
        for browser in self._browsers:
            await browser.close()

    def _wrapper(self, machine: Namespace) -> str:
        path = self._folder / f"chromium-{machine.name}"
        command = shlex.join([*machine.prefix, chromium.program()])
        path.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="ascii")
        path.chmod(0o755)
        return str(path)


async def enter_timed(person: Person, address: str, name: str) -> None:
    """Join with camera and microphone on; `connect_ms` says later how long it took."""
    await person.open(address)
    await person.turn_on_devices()
    await person.page.evaluate(_STOPWATCH)
    await person.join(name)


async def connect_ms(person: Person) -> float:
    """From the press of the button to the first picture and the first sound of somebody else."""
    handle = await person.page.wait_for_function("() => window.connectedAfter_ms")
    found: float = await handle.json_value()
    return found


async def way_by_panel(person: Person) -> Way:
    """Which way to the only other person the connection panel names."""
    panel = person.page.get_by_test_id("panel-details")
    if not await panel.is_visible():
        await person.page.get_by_test_id("more-button").click()
        await person.page.get_by_test_id("details-button").click()
    term = person.page.get_by_text(said("details_path"), exact=True)
    row = panel.get_by_test_id("details-person").locator("dl > div").filter(has=term)
    words = row.locator("dd")
    await expect(words).not_to_have_text(said("path_unknown"), timeout=_PANEL_S * 1000)
    text = await words.inner_text()
    return next(way for way, message in MESSAGES.items() if said(message) == text.strip())


async def selected_pair(person: Person) -> dict[str, Any]:
    """The candidates that the open connection sends with, for whoever reads a failure."""
    found: dict[str, Any] = await person.page.evaluate(
        """async () => {
          const peer = testPeers.findLast((one) => one.connectionState !== "closed");
          if (!peer) return {};
          const report = await peer.getStats();
          const all = [...report.values()];
          const transport = all.find(({ type }) => type === "transport");
          const pair = report.get(transport?.selectedCandidatePairId);
          const candidates = all.filter(({ type }) => type.endsWith("-candidate"))
            .map(({ type, candidateType, protocol, relayProtocol, address, port }) =>
              [type, candidateType, protocol, relayProtocol, address, port].join(" "));
          return {
            state: peer.connectionState,
            local: report.get(pair?.localCandidateId),
            remote: report.get(pair?.remoteCandidateId),
            candidates,
          };
        }"""
    )
    return found
