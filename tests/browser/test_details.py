"""The call as it is: tiles and layouts, who sends what to whom and how well, and being alone."""

import asyncio
import re
from functools import partial
from io import BytesIO
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Locator, async_playwright, expect

from tests.browser.chromium import launch
from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer
from tests.browser.test_call import CONNECTIONS, MADE, two_in_a_call
from tests.browser.test_devices import SPEAK, VOICE
from tests.browser.test_stun import HIDE_OWN_ADDRESSES
from tests.browser.words import said

# What the browser itself says of its one connection.
TRUTH = """
async () => {
  const [pc] = testPeers.filter((p) => p.connectionState === "connected");
  const report = await pc.getStats();
  const all = [...report.values()];
  const transport = all.find((s) => s.type === "transport");
  const pair = report.get(transport.selectedCandidatePairId);
  const words = (id) => {
    const { candidateType, protocol, address, port } = report.get(id);
    const where = address.includes(":") ? `[${address}]` : address;
    return `${candidateType} ${protocol} ${where}:${port}`;
  };
  const sum = (type, field) => all.filter((s) => s.type === type)
    .reduce((total, s) => total + s[field], 0);
  return {
    at_ms: performance.now(),
    local: words(pair.localCandidateId),
    remote: words(pair.remoteCandidateId),
    rtt_ms: pair.currentRoundTripTime * 1000,
    sent: sum("outbound-rtp", "bytesSent"),
    received: sum("inbound-rtp", "bytesReceived"),
    codecs: all.filter((s) => s.type === "codec").map((s) => s.mimeType.split("/")[1]),
    sizes: all.filter((s) => s.type === "inbound-rtp" && s.kind === "video")
      .map((s) => `${s.frameWidth}×${s.frameHeight}`),
  };
}
"""
# Descriptions that a browser makes, and candidates that it makes and takes, counted beside the
# program. An offer that meets another is made and received, but never taken nor answered.
COUNTED = """
(() => {
  window.exchanged = { offer: 0, answer: 0, candidates_sent: 0, candidates_received: 0 };
  let native = RTCPeerConnection.prototype;
  while (!Object.hasOwn(native, "onicecandidate")) native = Object.getPrototypeOf(native);
  const describe = native.setLocalDescription;
  native.setLocalDescription = async function (...given) {
    await describe.apply(this, given);
    exchanged[this.localDescription.type] += 1;
  };
  const add = native.addIceCandidate;
  native.addIceCandidate = function (candidate, ...rest) {
    if (candidate?.candidate) exchanged.candidates_received += 1;
    return add.call(this, candidate, ...rest);
  };
  const listen = Object.getOwnPropertyDescriptor(native, "onicecandidate");
  Object.defineProperty(native, "onicecandidate", {
    ...listen,
    set(handler) {
      listen.set.call(this, handler && ((event) => {
        if (event.candidate?.candidate) exchanged.candidates_sent += 1;
        handler(event);
      }));
    },
  });
})();
"""
GENERATION = """
() => testPeers.filter((p) => p.connectionState !== "closed")
  .map((p) => /a=ice-ufrag:(\\S+)/.exec(p.localDescription.sdp)[1])
"""
# With the servers of the call's connection, but on one that meets nobody: what connects, or is made
# anew, may end its gathering before the server has answered.
GATHERED = """
async () => {
  const alone = new RTCPeerConnection(testPeers[0].getConfiguration());
  alone.createDataChannel("nobody");
  const kinds = [];
  const done = new Promise((resolve) => {
    alone.onicecandidate = ({ candidate }) =>
      candidate?.candidate ? kinds.push(candidate.type) : resolve();
  });
  await alone.setLocalDescription();
  await done;
  alone.close();
  return kinds;
}
"""


async def three_in_a_call(party: Party, room: Links) -> tuple[Person, Person, Person]:
    """Mina and Jun with cameras, and Sora, who listens."""
    mina, jun = await two_in_a_call(party, room)
    sora = await party.person(devices=())
    await sora.open(room.guest)
    await sora.join("Sora")
    await sora.sees(2)
    return mina, jun, sora


async def behind_the_scenes(person: Person) -> Locator:
    """The panel, with the first figures in it."""
    await person.page.get_by_test_id("more-button").click()
    await person.page.get_by_test_id("details-button").click()
    panel = person.page.get_by_test_id("panel-details")
    await expect(panel).to_be_visible()
    return panel


async def has_layout(person: Person, layout: str) -> None:
    await expect(person.page.get_by_test_id("stage")).to_have_attribute("data-layout", layout)


async def largest(person: Person, name: str) -> None:
    async def so() -> bool:
        words, _ = max(await person.areas(), key=lambda one: one[1])
        return name in words

    await until(so, f"{name} on the stage")


def figure(panel: Locator, message: str) -> Locator:
    """The value beside a word of the panel."""
    word = re.compile(rf"^{re.escape(said(message))}( ·.*)?$")
    return panel.locator("dl > div").filter(has=panel.page.locator("dt", has_text=word)).first


async def test_the_panel_agrees_with_the_browsers_own_statistics(party: Party, room: Links) -> None:
    mina, _ = await two_in_a_call(party, room)
    panel = await behind_the_scenes(mina)
    one = panel.get_by_test_id("details-person")
    await expect(one).to_have_count(1)
    await expect(one.get_by_role("heading")).to_have_text("Jun")
    await expect(figure(one, "details_state")).to_contain_text("connected")
    await expect(figure(one, "details_path")).to_contain_text(said("path_direct"))
    await asyncio.sleep(2)  # bitrates are of the last second, after the encoder has settled
    before = await mina.page.evaluate(TRUTH)
    await asyncio.sleep(2)
    truth = await mina.page.evaluate(TRUTH)
    shown = {
        way: bits(await figure(one, f"details_{way}").inner_text())
        for way in ("sending", "receiving")
    }
    pair = await figure(one, "details_pair").inner_text()
    assert truth["local"] in pair
    assert truth["remote"] in pair
    seconds = (truth["at_ms"] - before["at_ms"]) / 1000
    for way, counter in (("sending", "sent"), ("receiving", "received")):
        true_bps = (truth[counter] - before[counter]) * 8 / seconds
        assert 0.6 < shown[way] / true_bps < 1.6, (way, shown, true_bps)
    sending = await figure(one, "details_sending").inner_text()
    receiving = await figure(one, "details_receiving").inner_text()
    for codec in set(truth["codecs"]) & {"VP8", "VP9", "H264", "opus"}:
        assert codec in sending + receiving
    assert any(size in receiving for size in truth["sizes"]), (receiving, truth["sizes"])
    for source in ("camera", "microphone"):
        assert said(source) in sending
        assert said(source) in receiving


def bits(words: str) -> float:
    """ "You send · 312 kbit/s" """
    found = re.search(r"([\d.]+) (bit|kbit|Mbit)/s", words)
    assert found is not None, words
    return float(found[1]) * {"bit": 1, "kbit": 1e3, "Mbit": 1e6}[found[2]]


async def test_the_panel_counts_offers_answers_and_candidates_as_they_were_exchanged(
    party: Party, room: Links
) -> None:
    mina, jun = await party.person(), await party.person()
    for person in (mina, jun):
        await person.page.add_init_script(COUNTED)
    await mina.enter(room.guest, "Mina")
    await jun.enter(room.guest, "Jun")
    await mina.sees()
    panel = await behind_the_scenes(mina)
    await panel.get_by_text(said("details_steps")).click()
    steps = panel.locator("ol li")

    async def shown() -> dict[str, int]:
        return {
            key: int(await steps.filter(has_text=said(f"step_{step}")).locator("b").inner_text())
            for key, step in {
                "offer_sent": "offer_sent",
                "offer_received": "offer_received",
                "answer_sent": "answer_sent",
                "answer_received": "answer_received",
                "candidates_sent": "candidate_sent",
                "candidates_received": "candidate_received",
            }.items()
        }

    numbers: dict[str, int] = {}

    async def equal() -> bool:
        numbers.update(await shown())
        hers, his = [await person.page.evaluate("() => exchanged") for person in (mina, jun)]
        return numbers == {
            "offer_sent": hers["offer"],
            "offer_received": his["offer"],
            "answer_sent": hers["answer"],
            "answer_received": his["answer"],
            "candidates_sent": hers["candidates_sent"],
            "candidates_received": hers["candidates_received"],
        }

    await until(equal, "equal numbers")
    assert numbers["offer_sent"] + numbers["offer_received"] >= 1
    assert numbers["candidates_sent"] >= 1
    assert numbers["candidates_received"] >= 1


async def test_the_panel_draws_who_is_connected_to_whom(party: Party, room: Links) -> None:
    mina, _, _ = await three_in_a_call(party, room)
    panel = await behind_the_scenes(mina)
    await expect(panel.get_by_test_id("details-person")).to_have_count(2)
    graph = panel.get_by_role("img", name=said("details_graph"))
    await expect(graph.locator("circle")).to_have_count(3)
    await expect(graph.locator("line.connected")).to_have_count(2)
    await expect(graph.locator("line.theirs")).to_have_count(1)


async def test_who_sends_nothing_is_shown_sending_nothing(party: Party, room: Links) -> None:
    mina, _, _ = await three_in_a_call(party, room)
    panel = await behind_the_scenes(mina)
    sora = panel.get_by_test_id("details-person").filter(has_text="Sora")
    await expect(figure(sora, "details_receiving")).to_contain_text(said("details_nothing"))
    await expect(figure(sora, "details_sending")).to_contain_text(said("camera"))


async def test_a_change_of_network_restarts_ice_and_keeps_seat_and_connection(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    panel = await behind_the_scenes(mina)
    await panel.get_by_text(said("details_steps")).click()
    restarts = panel.locator("ol li").filter(has_text=said("step_restart")).locator("b")
    await expect(restarts).to_have_text("0")
    made = [await person.page.evaluate(MADE) for person in (mina, jun)]
    before = [await person.page.evaluate(GENERATION) for person in (mina, jun)]
    await mina.page.evaluate("() => window.dispatchEvent(new Event('online'))")

    async def restarted() -> bool:
        now = [await person.page.evaluate(GENERATION) for person in (mina, jun)]
        return all(a != b for a, b in zip(now, before, strict=True))

    await until(restarted, "new ICE credentials at both ends")
    await expect(restarts).to_have_text("1")
    for person in (mina, jun):
        await person.sees()
        await person.hears()
        assert await person.page.evaluate(CONNECTIONS) == 1
        await expect(person.tiles).to_have_count(2)
    assert [await person.page.evaluate(MADE) for person in (mina, jun)] == made
    left = mina.page.get_by_test_id("notice").filter(has_text=said("someone_left", name="Jun"))
    await expect(left).to_have_count(0)


async def test_a_network_that_is_gone_for_a_while_costs_neither_seat_nor_connection(
    party: Party, room: Links
) -> None:
    party.troubles.allow("ERR_INTERNET_DISCONNECTED", "WebSocket connection to .* failed")
    mina, jun = await two_in_a_call(party, room)
    made = await mina.page.evaluate(MADE)
    await mina.page.context.set_offline(True)
    await mina.page.context.set_offline(False)
    await mina.sees()
    await jun.sees()
    await expect(mina.page.get_by_test_id("reconnect-bar")).to_have_count(0)
    await expect(jun.tiles).to_have_count(2)
    assert await mina.page.evaluate(MADE) == made


async def test_bars_show_only_when_a_connection_is_bad(party: Party, room: Links) -> None:
    mina, _ = await two_in_a_call(party, room)
    await expect(mina.tile("Jun").get_by_test_id("bars")).to_have_count(0)
    # The figures of a connection of half a second there and back, in the browser's own words.
    await mina.page.evaluate(
        """() => {
          const native = RTCPeerConnection.prototype.getStats;
          RTCPeerConnection.prototype.getStats = async function () {
            const report = new Map(await native.call(this));
            for (const [id, stat] of report) {
              if (stat.type !== "candidate-pair") continue;
              report.set(id, { ...stat, currentRoundTripTime: 0.6 });
            }
            return report;
          };
        }"""
    )
    bars = mina.tile("Jun").get_by_test_id("bars")
    await expect(bars).to_have_accessible_name(said("quality_poor"))
    panel = await behind_the_scenes(mina)
    await expect(
        figure(panel.get_by_test_id("details-person"), "details_round_trip")
    ).to_contain_text("600 ms")


async def test_browsers_are_told_moims_own_stun_port_and_learn_their_address_from_it(
    room: Links, moim_server: MoimServer
) -> None:
    async with async_playwright() as playwright:
        browser = await launch(playwright, HIDE_OWN_ADDRESSES)
        party = Party(browser, moim_server.origin)
        try:
            mina, jun = await party.person(), await party.person()
            for person, name in ((mina, "Mina"), (jun, "Jun")):
                await person.open(room.guest)
                await person.join(name)

            async def made(person: Person) -> bool:
                return bool(await person.page.evaluate("() => testPeers.length"))

            told = "() => testPeers[0].getConfiguration().iceServers.map((s) => s.urls).flat()"
            for person in (mina, jun):
                await until(partial(made, person), "a connection to the other")
                assert await person.page.evaluate(told) == [f"stun:localhost:{moim_server.port}"]
                assert "srflx" in await person.page.evaluate(GATHERED)
        finally:
            await browser.close()
    party.troubles.check()


async def test_two_people_face_each_other_and_three_are_a_grid_of_equals(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    for person in (mina, jun):
        await has_layout(person, "pair")
    await largest(mina, "Jun")
    await largest(jun, "Mina")
    sora = await party.person(devices=())
    await sora.open(room.guest)
    await sora.join("Sora")
    for person in (mina, jun, sora):
        await has_layout(person, "grid")

    async def equals() -> bool:
        areas = [area for _, area in await mina.areas()]
        # A column may be a pixel's fraction wider than the next.
        return len(areas) == 3 and max(areas) < 1.01 * min(areas)

    await until(equals, "three tiles of one size")
    await sora.leave()
    await has_layout(mina, "pair")


async def test_the_own_picture_is_dragged_to_a_corner_and_moved_by_arrow_keys(
    party: Party, room: Links
) -> None:
    mina, _ = await two_in_a_call(party, room)
    own = mina.tile("Mina")
    stage = await mina.page.get_by_test_id("stage").bounding_box()
    assert stage is not None

    async def corner() -> str:
        box = await own.bounding_box()
        assert box is not None
        vertical = "top" if box["y"] < stage["y"] + stage["height"] / 2 - 50 else "bottom"
        return vertical + (" left" if box["x"] < stage["x"] + stage["width"] / 2 - 50 else " right")

    async def settles(where: str) -> None:
        async def there() -> bool:
            return await corner() == where

        await until(there, f"the own picture at the {where}")

    await settles("bottom right")
    box = await own.bounding_box()
    assert box is not None
    await mina.page.mouse.move(box["x"] + 40, box["y"] + 40)
    await mina.page.mouse.down()
    await mina.page.mouse.move(stage["x"] + 120, stage["y"] + 100, steps=4)
    await mina.page.mouse.up()
    await settles("top left")
    await own.focus()
    await mina.page.keyboard.press("ArrowRight")
    await settles("top right")
    await mina.page.keyboard.press("ArrowDown")
    await settles("bottom right")


async def test_a_pin_keeps_somebody_large_until_it_is_taken_off(party: Party, room: Links) -> None:
    mina, _, _ = await three_in_a_call(party, room)
    await mina.tile("Sora").hover()
    pin = mina.tile("Sora").get_by_test_id("pin-button")
    await pin.click()
    await has_layout(mina, "stage")
    await largest(mina, "Sora")
    await expect(pin).to_have_attribute("aria-pressed", "true")
    await pin.click()
    await has_layout(mina, "grid")
    await mina.tile("Jun").dblclick(position={"x": 20, "y": 20})
    await largest(mina, "Jun")


async def test_in_the_speaker_layout_who_speaks_is_large_and_the_choice_is_kept(
    party: Party, room: Links
) -> None:
    mina, jun = await party.person(devices=()), await party.person(devices=())
    sora = await party.person()
    await sora.page.add_init_script(VOICE)
    for person, name in ((mina, "Mina"), (jun, "Jun")):
        await person.open(room.guest)
        await person.join(name)
    await sora.enter(room.guest, "Sora")
    await mina.sees()
    await mina.page.get_by_test_id("more-button").click()
    await mina.page.get_by_test_id("layout-button").click()
    await has_layout(mina, "stage")
    await largest(mina, "Jun")
    await sora.page.evaluate(SPEAK, True)
    await largest(mina, "Sora")
    await mina.page.reload()
    await expect(mina.leave_button).to_be_visible()
    await has_layout(mina, "stage")
    await mina.page.keyboard.press("w")
    await has_layout(mina, "grid")


async def alone(party: Party, room: Links) -> Person:
    mina = await party.person()
    await mina.enter(room.guest, "Mina")
    await expect(mina.page.get_by_test_id("alone")).to_contain_text(said("alone_title"))
    return mina


async def test_who_is_alone_copies_the_link_and_whoever_opens_it_is_in(
    party: Party, room: Links
) -> None:
    mina = await alone(party, room)
    await mina.page.get_by_test_id("alone-copy").click()
    link = await mina.page.evaluate("() => navigator.clipboard.readText()")
    assert link == room.guest
    await expect(mina.page.get_by_test_id("toolbar")).to_be_visible()
    await expect(mina.page.get_by_test_id("invite-button")).to_be_visible()
    jun = await party.person()
    await jun.enter(link, "Jun")
    await jun.sees()
    await expect(mina.page.get_by_test_id("alone")).to_have_count(0)


async def test_who_is_alone_shares_the_link_with_what_the_system_offers(
    party: Party, room: Links
) -> None:
    mina = await party.person()
    await mina.page.add_init_script(
        "navigator.share = async (what) => { window.sharedLink = what; }"
    )
    await mina.enter(room.guest, "Mina")
    await mina.page.get_by_test_id("alone").get_by_test_id("share-link").click()
    shared: dict[str, Any] = await mina.page.evaluate("() => sharedLink")
    assert shared["url"] == room.guest
    assert "Friday tea" in shared["text"]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_qr_code_is_read_as_the_guest_link(party: Party, room: Links, theme: str) -> None:
    mina = await party.person(color_scheme=theme)
    await mina.open(room.guest)
    await mina.join("Mina")
    await mina.page.get_by_test_id("alone-qr").click()
    picture = await mina.page.get_by_test_id("qr").screenshot()
    found = zxingcpp.read_barcodes(Image.open(BytesIO(picture)).convert("RGB"))
    assert [code.text for code in found] == [room.guest]


async def test_who_is_alone_can_check_microphone_and_speaker(party: Party, room: Links) -> None:
    mina = await alone(party, room)
    await mina.page.get_by_test_id("alone-check").click()
    await expect(mina.page.get_by_test_id("mic-check")).to_contain_text(said("check_mic_works"))
    await mina.page.get_by_test_id("settings-test-sound").click()
    await expect(mina.page.get_by_text(said("test_sound_playing"))).to_be_visible()
    await expect(mina.page.get_by_text(said("test_sound_failed"))).to_have_count(0)
    await mina.page.get_by_test_id("mic-button").click()
    await expect(mina.page.get_by_test_id("mic-check")).to_contain_text(said("check_mic_off"))
