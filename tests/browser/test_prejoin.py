"""Before joining: nothing is asked or opened before a click, no broken device blocks the door."""

from typing import Any

import pytest
from playwright.async_api import Page, Route, async_playwright, expect

from moim.http.text import TEXTS
from tests.browser.chromium import PREPARE, launch
from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer
from tests.browser.troubles import Troubles
from tests.browser.words import REGION, said

# Counts what a page asks of the browser; `refuse` makes it say no in a browser's own words.
WATCHED = """
(() => {
  window.asked = [];
  window.refusals = {};
  const devices = navigator.mediaDevices;
  if (!devices) return;
  for (const name of ["getUserMedia", "enumerateDevices", "getDisplayMedia"]) {
    const native = devices[name].bind(devices);
    devices[name] = (wish) => {
      asked.push(name);
      if (name !== "getUserMedia") return native(wish);
      const refusal = (wish.video && refusals.video) || (wish.audio && refusals.audio);
      return refusal ? Promise.reject(new DOMException(refusal[1], refusal[0])) : native(wish);
    };
  }
})();
"""
REFUSE = "(to) => { window.refusals = to; }"
DISMISSED = ("NotAllowedError", "Permission dismissed")
DENIED = ("NotAllowedError", "Permission denied")
MISSING = ("NotFoundError", "Requested device not found")
BUSY = ("NotReadableError", "Could not start video source")
SYSTEM = ("NotAllowedError", "Permission denied by system")


async def visitor(party: Party, room: Links, **options: Any) -> Person:
    """Somebody before the door, whose page counts what it asks for."""
    person = await party.person(**options)
    await person.page.add_init_script(WATCHED)
    await person.open(room.guest)
    return person


def trouble(page: Page) -> Any:
    return page.get_by_test_id("trouble")


async def test_nothing_is_asked_and_no_connection_is_made_before_a_click(
    party: Party, room: Links
) -> None:
    mina = await party.person(devices=())
    await mina.page.add_init_script(WATCHED)
    opened: list[str] = []
    mina.page.on("websocket", lambda socket: opened.append(socket.url))
    mina.page.on("request", lambda request: opened.append(request.url))
    await mina.open(room.guest)
    await expect(mina.page.get_by_test_id("join-button")).to_be_visible()
    await mina.page.get_by_test_id("name-input").fill("Mina")
    # The rest of the program is loaded ahead; after that the page is at rest.
    await mina.page.wait_for_load_state("networkidle")
    assert any("in_call" in url for url in opened), opened
    assert not [url for url in opened if "socket.io" in url or "/ws" in url]
    assert await mina.page.evaluate("() => asked") == []
    assert await mina.page.evaluate("() => testPeers.length") == 0


async def test_from_the_home_page_to_the_own_picture_in_two_clicks(
    party: Party, moim_server: MoimServer
) -> None:
    mina = await party.person()
    await mina.open(moim_server.url)
    await mina.page.get_by_label(TEXTS["en"].room_name).fill("Friday tea")
    await mina.page.get_by_role("button", name=TEXTS["en"].create).click()
    await mina.page.get_by_test_id("turn-on-devices").click()
    video = mina.page.get_by_test_id("own-video")
    await expect(video).to_be_visible()

    async def moving() -> bool:
        frames: int = await video.evaluate("(v) => v.getVideoPlaybackQuality().totalVideoFrames")
        return frames > 3

    await until(moving, "the own picture")
    mirrored = await video.evaluate("(v) => getComputedStyle(v).transform")
    assert mirrored.startswith("matrix(-1")


async def test_the_level_of_the_microphone_moves_and_rests_when_it_is_off(
    party: Party, room: Links
) -> None:
    mina = await visitor(party, room)
    await mina.turn_on_devices()
    meter = mina.page.get_by_test_id("mic-level").get_by_role("meter")
    levels: set[str] = set()

    async def moved() -> bool:
        levels.add(await meter.get_attribute("aria-valuenow") or "")
        return len(levels) >= 3

    await until(moved, "the level to move with the beeps")
    await mina.page.get_by_test_id("mic-button").click()
    await expect(mina.page.get_by_test_id("mic-button")).to_have_attribute("aria-pressed", "false")
    await expect(meter).to_have_attribute("aria-valuenow", "0")


async def test_the_test_sound_is_heard_through_the_chosen_speaker(
    party: Party, room: Links
) -> None:
    mina = await visitor(party, room)
    await mina.turn_on_devices()
    picker = mina.page.get_by_test_id("speaker-picker")
    chosen = await picker.locator("option").last.get_attribute("value")
    await picker.select_option(chosen)
    await mina.page.evaluate(
        """() => {
          const play = HTMLMediaElement.prototype.play;
          HTMLMediaElement.prototype.play = function () {
            if (!this.muted && this.srcObject) {
              const context = new AudioContext();
              const analyser = context.createAnalyser();
              context.createMediaStreamSource(this.srcObject).connect(analyser);
              const samples = new Float32Array(analyser.fftSize);
              window.tested = { sink: this.sinkId, loudest: 0 };
              setInterval(() => {
                analyser.getFloatTimeDomainData(samples);
                tested.loudest = Math.max(tested.loudest, ...samples.map(Math.abs));
              }, 20);
            }
            return play.call(this);
          };
        }"""
    )
    await mina.page.get_by_test_id("test-sound").click()
    await expect(mina.page.get_by_text(said("test_sound_playing"))).to_be_visible()

    async def heard() -> bool:
        return bool(await mina.page.evaluate("() => window.tested?.loudest > 0.05"))

    await until(heard, "the three notes")
    assert await mina.page.evaluate("() => tested.sink") == chosen
    await expect(mina.page.get_by_text(said("test_sound_playing"))).to_have_count(0)


async def test_the_pickers_list_the_devices_and_switch_them(party: Party, room: Links) -> None:
    mina = await visitor(party, room)
    await expect(mina.page.get_by_test_id("camera-picker")).to_be_disabled()
    await mina.turn_on_devices()
    for picker in ("camera-picker", "microphone-picker", "speaker-picker"):
        options = mina.page.get_by_test_id(picker).locator("option")
        await expect(options.nth(1)).to_be_attached()
        assert all(await options.all_inner_texts()), "a device without a name"
    camera = mina.page.get_by_test_id("camera-picker")
    shown = "(v) => v.srcObject.getVideoTracks()[0].getSettings().deviceId"
    first = await mina.page.get_by_test_id("own-video").evaluate(shown)
    await expect(camera).to_have_value(first)
    second = await camera.locator("option").nth(1).get_attribute("value")
    assert second not in (first, None)
    await camera.select_option(second)

    async def switched() -> bool:
        return bool(await mina.page.get_by_test_id("own-video").evaluate(shown) == second)

    await until(switched, "the picture of the other camera")
    microphone = mina.page.get_by_test_id("microphone-picker")
    other = await microphone.locator("option").last.get_attribute("value")
    await microphone.select_option(other)
    await expect(microphone).to_have_value(other or "")

    await mina.page.reload()
    await mina.turn_on_devices()
    await expect(camera).to_have_value(second or "")
    await expect(microphone).to_have_value(other or "")
    assert await mina.page.get_by_test_id("own-video").evaluate(shown) == second


async def test_a_name_is_asked_for_once_and_remembered(party: Party, room: Links) -> None:
    mina = await visitor(party, room)
    await mina.page.get_by_test_id("join-button").click()
    await expect(mina.page.get_by_role("alert")).to_have_text(said("name_needed"))
    await expect(mina.page.get_by_test_id("name-input")).to_be_focused()
    await mina.join("Mina")
    await mina.leave()
    await mina.open(room.guest)
    await expect(mina.page.get_by_test_id("name-input")).to_have_value("Mina")


async def test_what_was_switched_off_before_joining_is_off_in_the_call_and_the_next_time(
    party: Party, room: Links
) -> None:
    jun = await party.person()
    await jun.enter(room.guest, "Jun")
    mina = await visitor(party, room)
    await mina.turn_on_devices()
    await mina.page.get_by_test_id("mic-button").click()
    await mina.page.get_by_test_id("camera-button").click()
    await expect(mina.page.get_by_text(said("preview_camera_off"))).to_be_visible()
    await mina.join("Mina")
    for button in ("mic-button", "camera-button"):
        await expect(mina.page.get_by_test_id(button)).to_have_attribute("aria-pressed", "false")
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    await expect(jun.tile("Mina").locator("video")).to_have_count(0)
    await mina.sees()
    await mina.page.get_by_test_id("camera-button").click()
    await jun.sees()
    await mina.leave()
    await mina.open(room.guest)
    await mina.page.get_by_test_id("turn-on-devices").click()
    await expect(mina.page.get_by_test_id("mic-button")).to_have_attribute("aria-pressed", "false")
    await expect(mina.page.get_by_test_id("camera-button")).to_have_attribute(
        "aria-pressed", "true"
    )


async def test_who_turns_devices_on_gets_them_though_both_were_off_the_last_time(
    party: Party, room: Links
) -> None:
    mina = await visitor(party, room)
    await mina.turn_on_devices()
    await mina.page.get_by_test_id("mic-button").click()
    await mina.page.get_by_test_id("camera-button").click()
    await mina.page.reload()
    await mina.turn_on_devices()
    await expect(mina.page.get_by_test_id("mic-button")).to_have_attribute("aria-pressed", "true")


async def test_who_joins_to_listen_is_asked_for_nothing_and_sees_and_hears_the_others(
    party: Party, room: Links
) -> None:
    jun = await party.person()
    await jun.enter(room.guest, "Jun")
    mina = await visitor(party, room, devices=())
    await expect(mina.page.get_by_test_id("join-button")).to_have_text(said("join_listen"))
    await mina.join("Mina")
    await mina.sees()
    await mina.hears()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    assert "getUserMedia" not in await mina.page.evaluate("() => asked")


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("refusals", "message"),
    [
        ({"audio": DENIED, "video": DENIED}, "denied_both"),
        ({"audio": DISMISSED, "video": DISMISSED}, "dismissed_both"),
        ({"audio": MISSING, "video": MISSING}, "missing_both"),
        ({"audio": BUSY, "video": BUSY}, "busy_both"),
        ({"audio": SYSTEM, "video": SYSTEM}, "system_denied"),
        ({"video": MISSING}, "missing_camera"),
        ({"audio": MISSING}, "missing_microphone"),
        ({"video": BUSY}, "busy_camera"),
        ({"audio": BUSY}, "busy_microphone"),
    ],
)
async def test_a_device_that_cannot_be_had_says_why_and_does_not_block_the_door(
    party: Party, room: Links, language: str, refusals: dict[str, Any], message: str
) -> None:
    mina = await visitor(party, room, locale=REGION[language])
    # A person who said no: the browser then knows no other answer.
    if message == "denied_both":
        await mina.page.evaluate(
            "() => { navigator.permissions.query = async () => ({ state: 'denied' }) }"
        )
    await mina.page.evaluate(REFUSE, refusals)
    await mina.page.get_by_test_id("turn-on-devices").click()
    await expect(trouble(mina.page)).to_have_count(1)
    await expect(trouble(mina.page).locator("p")).to_have_text(said(message, language))
    again = "ask_again" if message.startswith("dismissed") else "retry"
    await expect(trouble(mina.page).get_by_role("button")).to_have_text(said(again, language))
    await mina.join("Mina")


async def test_trying_again_after_a_trouble_turns_the_devices_on(party: Party, room: Links) -> None:
    mina = await visitor(party, room)
    await mina.page.evaluate(REFUSE, {"audio": BUSY, "video": BUSY})
    await mina.page.get_by_test_id("turn-on-devices").click()
    await expect(trouble(mina.page)).to_be_visible()
    await mina.page.evaluate(REFUSE, {})
    await trouble(mina.page).get_by_role("button").click()
    await expect(mina.page.get_by_test_id("own-video")).to_be_visible()
    await expect(trouble(mina.page)).to_have_count(0)
    await expect(mina.page.get_by_test_id("mic-button")).to_have_attribute("aria-pressed", "true")


async def test_a_site_that_the_browser_truly_blocks_is_told_so(
    moim_server: MoimServer, room: Links
) -> None:
    async with async_playwright() as playwright:
        # Without the part of Chromium that says yes to everything.
        browser = await launch(playwright, without="--use-fake-ui-for-media-stream")
        try:
            context = await browser.new_context(locale=REGION["en"])
            mina = Person(await context.new_page())
            await mina.open(room.guest)
            developer = await context.new_cdp_session(mina.page)
            for name in ("camera", "microphone"):
                await developer.send(
                    "Browser.setPermission",
                    {
                        "permission": {"name": name},
                        "setting": "denied",
                        "origin": moim_server.origin,
                    },
                )
            await mina.page.get_by_test_id("turn-on-devices").click()
            await expect(trouble(mina.page).locator("p")).to_have_text(said("denied_both"))
            await mina.join("Mina")
            await mina.page.get_by_test_id("mic-button").click()
            await expect(mina.page.get_by_test_id("mic-button")).to_have_attribute(
                "aria-pressed", "false"
            )
        finally:
            await browser.close()


async def test_a_name_that_is_refused_costs_nothing_else_that_was_chosen(
    party: Party, room: Links
) -> None:
    mina = await visitor(party, room)
    await mina.turn_on_devices()
    await mina.page.get_by_test_id("name-input").fill("<Mina>")
    await mina.page.get_by_test_id("join-button").click()
    await expect(mina.page.get_by_role("alert")).to_have_text(said("refusal_name_invalid"))
    await expect(mina.page.get_by_test_id("name-input")).to_be_focused()
    await expect(mina.page.get_by_test_id("own-video")).to_be_visible()
    await mina.join("Mina")


@pytest.mark.parametrize("size", [(360, 640), (390, 844), (844, 390), (1280, 600)])
async def test_the_way_in_is_in_sight_on_every_screen(
    party: Party, room: Links, size: tuple[int, int]
) -> None:
    mina = await party.person()
    await mina.page.set_viewport_size({"width": size[0], "height": size[1]})
    await mina.open(room.guest)
    button = mina.page.get_by_test_id("join-button")
    await expect(button).to_be_in_viewport(ratio=1)
    last = mina.page.get_by_test_id("test-sound")
    await last.focus()
    above, below = await last.bounding_box(), await button.bounding_box()
    assert above
    assert below
    assert above["y"] + above["height"] <= below["y"], "what has the focus is not covered"


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_an_insecure_page_says_so_and_lets_people_in_to_listen(
    moim_server: MoimServer, room: Links, language: str
) -> None:
    origin = f"http://moim.test:{moim_server.port}"
    troubles = Troubles(origin)
    # A header that means nothing there, as the browser says itself.
    troubles.allow("Cross-Origin-Opener-Policy header has been ignored")
    async with async_playwright() as playwright:
        # A name that is not localhost, over http: no camera can work there.
        browser = await launch(playwright, "--host-resolver-rules=MAP moim.test 127.0.0.1")
        try:
            jun = Person(await browser.new_page())
            await jun.enter(room.guest, "Jun")
            context = await browser.new_context(locale=REGION[language])
            await context.add_init_script(PREPARE)
            troubles.watch(context)
            mina = Person(await context.new_page())
            await mina.open(f"{origin}/r/{room.slug}")
            await mina.page.get_by_test_id("turn-on-devices").click()
            await expect(trouble(mina.page).locator("p")).to_have_text(
                said("insecure_page", language)
            )
            await expect(trouble(mina.page).get_by_role("button")).to_have_count(0)
            await mina.join("Mina")
            await mina.sees()
            await mina.hears()
            await copies_and_invites(mina)
        finally:
            await browser.close()
    troubles.check()


async def copies_and_invites(person: Person) -> None:
    """Such a page has neither a clipboard nor random ids of the browser's own."""
    page = person.page
    await page.get_by_test_id("chat-button").click()
    await page.get_by_test_id("chat-input").fill("tea at four")
    await page.get_by_test_id("chat-input").press("Enter")
    await page.get_by_test_id("message").hover()
    await page.get_by_test_id("message-menu").click()
    await page.get_by_test_id("message-copy").click()
    await page.get_by_test_id("chat-input").press("ControlOrMeta+v")
    await expect(page.get_by_test_id("chat-input")).to_have_value("tea at four")
    await page.get_by_test_id("invite-button").click()
    await page.get_by_test_id("invite-later").locator("summary").click()
    async with page.expect_download():
        await page.get_by_test_id("invite-calendar").click()


async def test_a_call_whose_looks_did_not_come_before_joining_has_them_all_the_same(
    party: Party, room: Links
) -> None:
    party.troubles.allow(r"net::ERR_FAILED", r"Unable to preload CSS")
    person = await party.person(devices=())
    missed = 0

    async def miss(route: Route) -> None:
        nonlocal missed
        missed += 1
        await (route.abort() if missed == 1 else route.continue_())

    await person.page.route("**/static/app/assets/in_call-*.css", miss)
    await person.open(room.guest)

    async def is_missed() -> bool:
        return missed == 1

    await until(is_missed, "the call's looks to be asked for")
    await person.join("Mina")
    styled = "(button) => getComputedStyle(button).borderRadius !== '0px'"
    assert await person.leave_button.evaluate(styled), "the button that ends a call is round"
