"""Devices in the middle of a call: switched, unplugged, heard, held, reached by the keyboard."""

import pytest
from playwright.async_api import Locator, async_playwright, expect

from tests.browser.chromium import launch
from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer
from tests.browser.test_call import CONNECTIONS, MADE, quiet, two_in_a_call
from tests.browser.words import said

# Devices that a test can pull out: gone from the list, ended, and not to be had again by name.
PLUGS = """
(() => {
  const devices = navigator.mediaDevices;
  const gone = new Set();
  const live = [];
  const list = devices.enumerateDevices.bind(devices);
  const get = devices.getUserMedia.bind(devices);
  devices.enumerateDevices = async () => (await list()).filter((d) => !gone.has(d.deviceId));
  devices.getUserMedia = async (wish) => {
    const wanted = (wish.video ?? wish.audio)?.deviceId?.exact;
    if (gone.has(wanted)) throw new OverconstrainedError("deviceId", "unplugged");
    let stream = await get(wish);
    const [track] = stream.getTracks();
    if (gone.has(track.getSettings().deviceId)) {
      track.stop();
      const kind = track.kind === "video" ? "videoinput" : "audioinput";
      const left = (await devices.enumerateDevices()).find((d) => d.kind === kind);
      if (!left) throw new DOMException("none left", "NotFoundError");
      stream = await get({ [track.kind]: { deviceId: { exact: left.deviceId } } });
    }
    live.push(...stream.getTracks());
    return stream;
  };
  window.plug = (id) => {
    gone.delete(id);
    devices.dispatchEvent(new Event("devicechange"));
  };
  window.unplug = (id) => {
    gone.add(id);
    for (const track of live) {
      if (track.readyState !== "live" || track.getSettings().deviceId !== id) continue;
      track.stop();
      track.dispatchEvent(new Event("ended"));
    }
    devices.dispatchEvent(new Event("devicechange"));
  };
})();
"""
# A microphone with a voice before it, which a test lets speak: Chromium's own only beeps.
VOICE = """
(() => {
  const devices = navigator.mediaDevices;
  const get = devices.getUserMedia.bind(devices);
  const context = new AudioContext();
  const voice = new GainNode(context, { gain: 0 });
  const tone = new OscillatorNode(context, { frequency: 300 });
  tone.connect(voice);
  tone.start();
  window.speak = (loud) => { voice.gain.value = loud ? 0.3 : 0; };
  devices.getUserMedia = async (wish) => {
    const stream = await get(wish);
    for (const track of stream.getAudioTracks()) {
      stream.removeTrack(track);
      track.stop();
      const out = context.createMediaStreamDestination();
      voice.connect(out);
      stream.addTrack(out.stream.getAudioTracks()[0]);
    }
    return stream;
  };
})();
"""
HELD_BACK = """
() => [...document.querySelectorAll("audio")].filter((a) => a.srcObject && a.paused).length
"""
TELL_OF_BANNER = """
new MutationObserver((_, watch) => {
  if (!document.querySelector("[data-testid=tap-to-hear]")) return;
  watch.disconnect();
  console.info("held back");
}).observe(document, { childList: true, subtree: true });
"""
SPEAK = "(loud) => speak(loud)"
# What is sent now: kind, device, and how often both ends have negotiated.
SENDING = """
(kind) => testPeers.filter((p) => p.connectionState !== "closed").flatMap((p) => p.getSenders())
  .map((s) => s.track).filter((t) => t?.kind === kind && t.readyState === "live")
  .map((t) => ({ device: t.getSettings().deviceId, enabled: t.enabled }))
"""
COUNT_NEGOTIATIONS = """
() => {
  window.negotiated = 0;
  for (const p of testPeers) {
    p.addEventListener("signalingstatechange", () => { negotiated += 1; });
  }
}
"""


async def in_a_call(party: Party, room: Links) -> tuple[Person, Person]:
    """Mina, whose devices can be pulled out, and Jun."""
    mina, jun = await party.person(), await party.person()
    await mina.page.add_init_script(PLUGS)
    await mina.enter(room.guest, "Mina")
    await jun.enter(room.guest, "Jun")
    await jun.sees()
    await mina.sees()
    await at_rest(mina)
    return mina, jun


async def with_a_voice(party: Party, room: Links) -> tuple[Person, Person]:
    """Mina, who speaks when she is told to, and Jun, who only listens."""
    mina, jun = await party.person(), await party.person(devices=())
    await mina.page.add_init_script(VOICE)
    await mina.enter(room.guest, "Mina")
    await jun.open(room.guest)
    await jun.join("Jun")
    await jun.sees()
    return mina, jun


async def at_rest(person: Person) -> None:
    """Negotiation is over, so that what comes next is seen by itself."""

    async def stable() -> bool:
        states = await person.page.evaluate("() => testPeers.map((p) => p.signalingState)")
        # Where first offers crossed, one end has closed what it began with.
        return set(states) - {"closed"} == {"stable"}

    await until(stable, "stable connections")
    await person.page.evaluate(COUNT_NEGOTIATIONS)


async def device(person: Person, kind: str) -> str:
    sending = await person.page.evaluate(SENDING, kind)
    return sending[0]["device"] if len(sending) == 1 else ""


async def sends_from(person: Person, kind: str, wanted: str) -> None:
    async def so() -> bool:
        return await device(person, kind) == wanted

    await until(so, f"{kind} of the other device")


def notice(person: Person, text: str) -> Locator:
    return person.page.get_by_test_id("notice").filter(has_text=text)


def shows_on(person: Person, button: str, on: bool) -> Locator:
    return person.page.locator(f'[data-testid={button}][aria-pressed="{str(on).lower()}"]')


async def test_camera_and_microphone_are_switched_without_a_new_connection_or_negotiation(
    party: Party, room: Links
) -> None:
    mina, jun = await in_a_call(party, room)
    made = await mina.page.evaluate(MADE)
    for menu, kind in (("camera-menu", "video"), ("microphone-menu", "audio")):
        before = await device(mina, kind)
        await mina.page.get_by_test_id(menu).click()
        group = mina.page.get_by_role("menu").get_by_role("group").first
        other = group.locator('[role=menuitemradio][aria-checked="false"]').last
        await other.click()

        async def switched(kind: str = kind, before: str = before) -> bool:
            return await device(mina, kind) not in ("", before)

        await until(switched, f"the other {kind} device")
        await jun.sees()
        await jun.hears()
    assert await mina.page.evaluate(MADE) == made
    assert await mina.page.evaluate("() => negotiated") == 0


async def test_a_switch_while_muted_stays_muted(party: Party, room: Links) -> None:
    mina, jun = await in_a_call(party, room)
    await mina.page.get_by_test_id("mic-button").click()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    before = await device(mina, "audio")
    await mina.page.get_by_test_id("microphone-menu").click()
    group = mina.page.get_by_role("menu").get_by_role("group").first
    await group.locator('[role=menuitemradio][aria-checked="false"]').last.click()

    async def switched() -> bool:
        return await device(mina, "audio") not in ("", before)

    await until(switched, "the other microphone")
    assert [t["enabled"] for t in await mina.page.evaluate(SENDING, "audio")] == [False]
    assert await quiet(jun)


async def test_an_unplugged_device_falls_back_and_comes_back_each_with_a_word(
    party: Party, room: Links
) -> None:
    mina, jun = await in_a_call(party, room)
    made = await mina.page.evaluate(MADE)
    for kind in ("video", "audio"):
        former = await device(mina, kind)
        await mina.page.evaluate("(id) => unplug(id)", former)

        async def fallen_back(kind: str = kind, former: str = former) -> bool:
            return await device(mina, kind) not in ("", former)

        await until(fallen_back, f"another {kind} device")
        await expect(notice(mina, said("device_switched", device="")).first).to_be_visible()
        await jun.sees()
        await jun.hears()
    assert await mina.page.evaluate(MADE) == made
    assert await mina.page.evaluate("() => negotiated") == 0


async def test_a_chosen_device_is_taken_again_when_it_is_plugged_in_again(
    party: Party, room: Links
) -> None:
    mina, jun = await in_a_call(party, room)
    first = await device(mina, "video")
    await mina.page.get_by_test_id("camera-menu").click()
    await mina.page.locator('[role=menuitemradio][aria-checked="false"]').last.click()

    async def chosen() -> bool:
        return await device(mina, "video") not in ("", first)

    await until(chosen, "the chosen camera")
    camera = await device(mina, "video")
    await mina.page.evaluate("(id) => unplug(id)", camera)
    await sends_from(mina, "video", first)
    await mina.page.evaluate("(id) => plug(id)", camera)
    await sends_from(mina, "video", camera)
    await jun.sees()


async def test_a_device_that_nothing_replaces_is_off_for_all_and_says_so(
    party: Party, room: Links
) -> None:
    mina, jun = await in_a_call(party, room)
    ids: list[str] = await mina.page.evaluate(
        """async () => (await navigator.mediaDevices.enumerateDevices())
          .filter((d) => d.kind === "videoinput").map((d) => d.deviceId)"""
    )
    for camera in reversed(ids):
        await mina.page.evaluate("(id) => unplug(id)", camera)
    await expect(shows_on(mina, "camera-button", False)).to_be_visible()
    await expect(jun.tile("Mina").locator("video")).to_have_count(0)
    await expect(notice(mina, said("missing_camera"))).to_be_visible()
    await jun.hears()
    await mina.page.evaluate("(id) => plug(id)", ids[0])
    await notice(mina, said("missing_camera")).get_by_test_id("notice-button").click()
    await jun.sees()


async def test_a_ring_shows_who_speaks_to_the_others_and_to_oneself(
    party: Party, room: Links
) -> None:
    mina, jun = await with_a_voice(party, room)
    await mina.page.evaluate(SPEAK, True)
    for person in (mina, jun):
        await expect(person.tile("Mina")).to_have_attribute("data-speaking", "true")
        await expect(person.tile("Jun")).to_have_attribute("data-speaking", "false")
    await mina.page.evaluate(SPEAK, False)
    for person in (mina, jun):
        await expect(person.tile("Mina")).to_have_attribute("data-speaking", "false")
    # Nobody speaks with a muted microphone.
    await mina.page.evaluate(SPEAK, True)
    await expect(jun.tile("Mina")).to_have_attribute("data-speaking", "true")
    await mina.page.get_by_test_id("mic-button").click()
    for person in (mina, jun):
        await expect(person.tile("Mina")).to_have_attribute("data-speaking", "false")


async def test_who_talks_while_muted_is_told_and_can_unmute_at_once(
    party: Party, room: Links
) -> None:
    mina, jun = await with_a_voice(party, room)
    await mina.page.get_by_test_id("mic-button").click()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    await expect(notice(mina, said("talking_muted"))).to_have_count(0)
    await mina.page.evaluate(SPEAK, True)
    told = notice(mina, said("talking_muted"))
    await expect(told).to_be_visible()
    await told.get_by_test_id("notice-button").click()
    await expect(shows_on(mina, "mic-button", True)).to_be_visible()
    await expect(told).to_have_count(0)
    await jun.hears()


@pytest.mark.parametrize("end", ["keyup", "blur", "visibilitychange", "pagehide", "input"])
async def test_push_to_talk_ends_muted_however_it_ends(party: Party, room: Links, end: str) -> None:
    mina, jun = await two_in_a_call(party, room)
    await mina.page.get_by_test_id("mic-button").click()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    # A pressed button keeps the focus, and Space would press it again.
    await mina.page.evaluate("() => document.activeElement.blur()")
    await mina.page.keyboard.down("Space")
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "false")
    await jun.hears()
    match end:
        case "keyup":
            await mina.page.keyboard.up("Space")
        case "blur" | "pagehide":
            await mina.page.evaluate("(name) => window.dispatchEvent(new Event(name))", end)
        case "visibilitychange":
            await mina.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
        case "input":
            await mina.page.keyboard.press("c")
            await mina.page.get_by_test_id("chat-input").click()
    await expect(shows_on(mina, "mic-button", False)).to_be_visible()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    # The key is still down, and its repetitions open nothing.
    if end != "keyup":
        await mina.page.keyboard.down("Space")
        await expect(shows_on(mina, "mic-button", False)).to_be_visible()
    await until(lambda: quiet(jun), "silence")
    tracks = await mina.page.evaluate(SENDING, "audio")
    assert [track["enabled"] for track in tracks] == [False]


async def test_space_presses_a_button_and_writes_in_a_field_and_then_never_talks(
    party: Party, room: Links
) -> None:
    mina = await party.person()
    await mina.enter(room.guest, "Mina")
    await mina.page.keyboard.press("m")
    await expect(shows_on(mina, "mic-button", False)).to_be_visible()
    await mina.page.get_by_test_id("camera-button").focus()
    await mina.page.keyboard.press("Space")
    await expect(shows_on(mina, "camera-button", False)).to_be_visible()
    await mina.page.keyboard.press("c")
    await mina.page.get_by_test_id("chat-input").fill("")
    await mina.page.keyboard.down("Space")
    await expect(mina.page.get_by_test_id("chat-input")).to_have_value(" ")
    await expect(shows_on(mina, "mic-button", False)).to_be_visible()
    await mina.page.keyboard.up("Space")
    # Letters that are shortcuts elsewhere are letters here.
    await mina.page.keyboard.type("mvhcpw?")
    await expect(mina.page.get_by_test_id("chat-input")).to_have_value(" mvhcpw?")
    await expect(shows_on(mina, "mic-button", False)).to_be_visible()
    await expect(mina.page.get_by_test_id("panel-chat")).to_be_visible()


async def test_every_shortcut_does_what_the_sheet_says(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    keys = mina.page.keyboard
    await keys.press("m")
    await expect(shows_on(mina, "mic-button", False)).to_be_visible()
    await keys.press("Control+d")
    await expect(shows_on(mina, "mic-button", True)).to_be_visible()
    await keys.press("v")
    await expect(shows_on(mina, "camera-button", False)).to_be_visible()
    await keys.press("Meta+e")
    await expect(shows_on(mina, "camera-button", True)).to_be_visible()
    await keys.press("h")
    await expect(jun.tile("Mina").get_by_test_id("tile-hand")).to_be_visible()
    await keys.press("h")
    await expect(jun.tile("Mina").get_by_test_id("tile-hand")).to_have_count(0)
    await keys.press("p")
    await expect(mina.page.get_by_test_id("panel-people")).to_be_visible()
    await keys.press("p")
    await expect(mina.page.get_by_test_id("panel-people")).to_have_count(0)
    await keys.press("w")
    await expect(mina.page.get_by_test_id("live-region")).not_to_be_empty()
    await keys.press("Shift+Slash")
    sheet = mina.page.get_by_test_id("panel-shortcuts")
    for name in ("microphone", "camera", "hand", "chat", "people", "layout", "help", "talk"):
        await expect(sheet).to_contain_text(said(f"shortcut_{name}"))
    await keys.press("Escape")
    await expect(sheet).to_have_count(0)
    await keys.press("c")
    await expect(mina.page.get_by_test_id("panel-chat")).to_be_visible()


async def test_single_letters_can_be_switched_off_and_those_with_control_stay(
    party: Party, room: Links
) -> None:
    mina = await party.person()
    await mina.enter(room.guest, "Mina")
    await mina.page.keyboard.press("Shift+Slash")
    await mina.page.get_by_test_id("single-keys").click()
    await mina.page.get_by_test_id("panel-close").click()
    await mina.page.keyboard.press("v")
    await mina.page.keyboard.press("Control+d")
    await expect(shows_on(mina, "mic-button", False)).to_be_visible()
    await expect(shows_on(mina, "camera-button", True)).to_be_visible()
    await mina.page.keyboard.down("Space")
    await expect(shows_on(mina, "mic-button", False)).to_be_visible()
    await mina.page.keyboard.up("Space")
    await mina.page.reload()
    await expect(mina.leave_button).to_be_visible()
    await mina.page.keyboard.press("v")
    await mina.page.keyboard.press("Control+e")
    await expect(shows_on(mina, "camera-button", False)).to_be_visible()


async def test_a_browser_that_holds_sound_back_asks_once_for_a_tap(
    room: Links, moim_server: MoimServer
) -> None:
    async with async_playwright() as playwright:
        browser = await launch(
            playwright,
            "--autoplay-policy=document-user-activation-required",
            without="--autoplay-policy=no-user-gesture-required",
        )
        party = Party(browser, moim_server.origin)
        try:
            mina, jun = await party.person(), await party.person(devices=())
            await mina.enter(room.guest, "Mina")
            await jun.open(room.guest)
            await jun.join("Jun")
            await jun.hears()
            # The browser was closed and restores its tab: nobody has touched this page. A reload
            # by hand, and a page that captures, may play at once.
            storage = await jun.page.evaluate("() => JSON.stringify({ ...sessionStorage })")
            await jun.page.close()
            jun = Person(await jun.page.context.new_page())
            await jun.page.add_init_script(f"Object.assign(sessionStorage, {storage})")
            await jun.page.add_init_script(TELL_OF_BANNER)
            # Waited for in the console alone: to be asked anything counts as a touch of the page.
            async with jun.page.expect_console_message(lambda said: said.text == "held back"):
                await jun.open(room.guest)
            banner = jun.page.get_by_test_id("tap-to-hear")
            await expect(banner).to_have_count(1)
            await expect(banner).to_contain_text(said("tap_to_hear"))
            assert await jun.page.evaluate(HELD_BACK) == 1
            await jun.sees()
            await jun.page.get_by_test_id("tap-to-hear-button").click()
            await expect(banner).to_have_count(0)
            assert await jun.page.evaluate(HELD_BACK) == 0
            await jun.hears()
            assert await mina.page.evaluate(CONNECTIONS) == 1
        finally:
            await browser.close()
    party.troubles.check()
