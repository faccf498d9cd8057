"""A shared screen: seen on the stage, with its sound, sharp or smooth, and over when it is over."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links
from tests.browser.test_call import MADE, two_in_a_call
from tests.browser.words import said

# A screen that needs no screen: a canvas that moves, and a tone. `stopSharing` is what the
# browser's own bar does.
SCREEN = """
(() => {
  window.shares = [];
  navigator.mediaDevices.getDisplayMedia = async () => {
    if (window.screenRefusal) throw new DOMException(...screenRefusal);
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
    const pen = canvas.getContext("2d");
    let step = 0;
    setInterval(() => {
      pen.fillStyle = `hsl(${(step += 5) % 360} 80% 50%)`;
      pen.fillRect(0, 0, 640, 360);
    }, 100);
    const stream = canvas.captureStream(10);
    if (!window.silentScreen) {
      const context = new AudioContext();
      const out = context.createMediaStreamDestination();
      const tone = new OscillatorNode(context, { frequency: 440 });
      tone.connect(out);
      tone.start();
      stream.addTrack(out.stream.getAudioTracks()[0]);
    }
    shares.push(stream);
    return stream;
  };
  window.stopSharing = () => {
    for (const track of shares.at(-1).getTracks()) {
      track.stop();
      track.dispatchEvent(new Event("ended"));
    }
  };
})();
"""
HINTS = """
() => [...shares.at(-1).getVideoTracks(), ...shares.at(-1).getAudioTracks()]
  .map((t) => [t.kind, t.contentHint, t.readyState])
"""
# How the shared picture is sent: its bounds and what the encoder keeps when it must give way.
SENT = """
() => {
  const sender = testPeers.flatMap((p) => p.getSenders())
    .find((s) => s.track && s.track === shares.at(-1).getVideoTracks()[0]);
  const { encodings, degradationPreference } = sender.getParameters();
  return { fps: encodings[0].maxFramerate, keeps: degradationPreference };
}
"""
INBOUND_SIZES = """
async () => {
  const sizes = [];
  for (const peer of testPeers) {
    for (const stat of (await peer.getStats()).values()) {
      if (stat.type === "inbound-rtp" && stat.kind === "video") sizes.push(stat.frameWidth ?? 0);
    }
  }
  return sizes;
}
"""


async def two_with_screens(party: Party, room: Links) -> tuple[Person, Person]:
    """Mina, a host, and Jun; both have a screen to share."""
    mina, jun = await two_in_a_call(party, room)
    for person in (mina, jun):
        await person.page.evaluate(SCREEN)
    return mina, jun


async def share(person: Person, mode: str = "text") -> None:
    await person.page.get_by_test_id("share-button").click()
    await person.page.get_by_test_id(f"share-{mode}").click()
    await expect(person.page.get_by_test_id("own-share")).to_be_visible()


def screen_of(person: Person, name: str) -> Any:
    """The shared screen of somebody, on this person's page."""
    return person.page.locator('[data-testid=tile][data-source="screen_share"]').filter(
        has_text=name
    )


async def is_large(person: Person, name: str) -> None:
    """The share has the stage: it moves, and it is larger than everything else together."""
    screen = screen_of(person, name)
    await expect(screen).to_be_visible()
    await expect(person.page.get_by_test_id("stage")).to_have_attribute("data-layout", "stage")

    async def large_and_moving() -> bool:
        *others, (words, area) = sorted(await person.areas(), key=lambda one: one[1])
        frames: list[int] = await screen.locator("video").evaluate_all(
            "(videos) => videos.map((v) => v.getVideoPlaybackQuality().totalVideoFrames)"
        )
        title = said("tile_screen", name=name)
        return title in words and area > sum(one for _, one in others) and any(frames)

    await until(large_and_moving, "the shared screen on the stage")


async def test_a_shared_screen_takes_the_others_stage_with_its_sound(
    party: Party, room: Links
) -> None:
    mina, jun = await two_with_screens(party, room)
    made = await mina.page.evaluate(MADE)
    await share(mina)
    await is_large(jun, "Mina")
    await jun.sees(2)
    await jun.hears(2)

    async def sharp() -> bool:
        return 640 in await jun.page.evaluate(INBOUND_SIZES)

    await until(sharp, "the screen in its full size")
    await expect(
        jun.page.get_by_test_id("notice").filter(has_text=said("someone_shares", name="Mina"))
    ).to_be_visible()
    assert await mina.page.evaluate(MADE) == made


async def test_the_browsers_own_question_leads_to_a_share(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await share(mina)
    await is_large(jun, "Mina")
    await jun.sees(2)


@pytest.mark.parametrize(
    ("mode", "fps", "keeps"),
    [("text", 10, "maintain-resolution"), ("motion", 30, "maintain-framerate")],
)
async def test_text_is_kept_sharp_and_motion_smooth(
    party: Party, room: Links, mode: str, fps: int, keeps: str
) -> None:
    mina, jun = await two_with_screens(party, room)
    await share(mina, mode)
    await is_large(jun, "Mina")
    assert await mina.page.evaluate(HINTS) == [["video", mode, "live"], ["audio", "music", "live"]]

    async def bounded() -> bool:
        return bool(await mina.page.evaluate(SENT) == {"fps": fps, "keeps": keeps})

    await until(bounded, f"an encoder set for {mode}")


async def test_a_share_can_be_changed_from_text_to_motion_while_it_runs(
    party: Party, room: Links
) -> None:
    mina, jun = await two_with_screens(party, room)
    await share(mina, "text")
    await is_large(jun, "Mina")
    made = await mina.page.evaluate(MADE)
    await mina.page.get_by_test_id("share-mode").click()

    async def smooth() -> bool:
        sent = await mina.page.evaluate(SENT)
        return bool(sent == {"fps": 30, "keeps": "maintain-framerate"})

    await until(smooth, "an encoder set for motion")
    assert (await mina.page.evaluate(HINTS))[0] == ["video", "motion", "live"]
    assert await mina.page.evaluate(MADE) == made
    assert len(await mina.page.evaluate("() => shares")) == 1
    await jun.sees(2)


@pytest.mark.parametrize("how", ["bar", "pill", "button", "key"])
async def test_a_share_ends_for_everyone_however_it_is_stopped(
    party: Party, room: Links, how: str
) -> None:
    mina, jun = await two_with_screens(party, room)
    await share(mina)
    await is_large(jun, "Mina")
    match how:
        case "bar":
            await mina.page.evaluate("() => stopSharing()")
        case "pill":
            await mina.page.get_by_test_id("own-share-button").click()
        case "button":
            await mina.page.get_by_test_id("share-button").click()
        case "key":
            await mina.page.keyboard.press("d")
    await expect(mina.page.get_by_test_id("own-share")).to_have_count(0)
    await expect(screen_of(jun, "Mina")).to_have_count(0)
    await expect(jun.page.get_by_test_id("stage")).to_have_attribute("data-layout", "pair")
    assert {state for _, _, state in await mina.page.evaluate(HINTS)} == {"ended"}
    await jun.sees()
    # And once more: what was stopped can begin again.
    await share(mina)
    await is_large(jun, "Mina")
    await jun.hears(2)


async def test_two_share_at_once_and_the_newer_one_has_the_stage(party: Party, room: Links) -> None:
    mina, jun = await two_with_screens(party, room)
    sora = await party.person(devices=())
    await sora.open(room.guest)
    await sora.join("Sora")
    await share(mina)
    await is_large(sora, "Mina")
    await share(jun)
    await is_large(sora, "Jun")
    await expect(screen_of(sora, "Mina")).to_be_visible()
    await sora.sees(4)
    await sora.hears(4)
    await is_large(mina, "Jun")
    await is_large(jun, "Mina")
    await jun.page.get_by_test_id("own-share-button").click()
    await is_large(sora, "Mina")
    await expect(screen_of(sora, "Jun")).to_have_count(0)


async def test_who_comes_later_sees_what_is_shared(party: Party, room: Links) -> None:
    mina, jun = await two_with_screens(party, room)
    await share(mina)
    await is_large(jun, "Mina")
    sora = await party.person(devices=())
    await sora.open(room.guest)
    await sora.join("Sora")
    await is_large(sora, "Mina")
    await sora.hears(3)


async def test_a_host_stops_a_share_for_everyone(party: Party, room: Links) -> None:
    mina, jun = await two_with_screens(party, room)
    await share(jun)
    await is_large(mina, "Jun")
    face = mina.page.locator('[data-testid=tile][data-source="camera"]').filter(has_text="Jun")
    await face.hover()
    await face.get_by_test_id("person-menu").click()
    await mina.page.get_by_test_id("action-stop-share").click()
    await expect(jun.page.get_by_test_id("own-share")).to_have_count(0)
    await expect(screen_of(mina, "Jun")).to_have_count(0)
    assert {state for _, _, state in await jun.page.evaluate(HINTS)} == {"ended"}


async def test_a_closed_question_shares_nothing_and_says_nothing(party: Party, room: Links) -> None:
    mina, jun = await two_with_screens(party, room)
    await mina.page.evaluate(
        "() => { window.screenRefusal = ['Permission denied', 'NotAllowedError'] }"
    )
    await mina.page.keyboard.press("d")
    await mina.page.wait_for_load_state("networkidle")
    await expect(mina.page.locator("[data-testid=notice][data-tone=error]")).to_have_count(0)
    await expect(mina.page.get_by_test_id("own-share")).to_have_count(0)
    await expect(jun.tiles).to_have_count(2)


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (["Permission denied by system", "NotAllowedError"], "share_system_denied"),
        (["Could not start", "NotReadableError"], "share_failed"),
    ],
)
async def test_a_screen_that_cannot_be_shared_says_why_and_can_be_tried_again(
    party: Party, room: Links, refusal: list[str], message: str
) -> None:
    mina, jun = await two_with_screens(party, room)
    await mina.page.evaluate("(refusal) => { window.screenRefusal = refusal }", refusal)
    await mina.page.keyboard.press("d")
    told = mina.page.get_by_test_id("notice").filter(has_text=said(message))
    await expect(told).to_be_visible()
    await mina.page.evaluate("() => { window.screenRefusal = null }")
    await told.get_by_test_id("notice-button").click()
    await is_large(jun, "Mina")
