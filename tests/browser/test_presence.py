"""Reactions, recordings, the small window and invitations, each seen from both sides."""

import re
from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links
from tests.browser.test_call import become_host, two_in_a_call

# The picker of a real browser needs a person; without it the recording goes to the browser's disk.
NO_PICKER = "() => { delete window.showSaveFilePicker; }"
FILE = """
(bytes) => URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type: "video/webm" }))
"""
FILM = """
async (address) => {
  const video = document.createElement("video");
  video.muted = true;
  video.src = address;
  await new Promise((done, failed) => {
    video.onloadeddata = done;
    video.onerror = () => failed(new Error(video.error.message));
  });
  await video.play();
  await new Promise((done) => {
    const next = (_, { mediaTime }) =>
      mediaTime > 0.5 ? done() : video.requestVideoFrameCallback(next);
    video.requestVideoFrameCallback(next);
  });
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  for (let at = 0; at < data.length; at += 4 * 97) {
    colours.add((data[at] >> 4) * 256 + (data[at + 1] >> 4) * 16 + (data[at + 2] >> 4));
  }
  return { width: video.videoWidth, height: video.videoHeight, colours: colours.size };
}
"""


async def from_menu(page: Page, test_id: str) -> None:
    await page.get_by_test_id("more-button").click()
    await page.get_by_test_id(test_id).click()


async def test_a_reaction_floats_over_its_senders_picture_and_is_gone_again(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.page.keyboard.press("KeyR")
    await expect(jun.page.get_by_test_id("sign-thumbs_up")).to_be_focused()
    await jun.page.keyboard.press("ArrowRight")
    await jun.page.keyboard.press("Enter")
    sign = mina.page.get_by_test_id("floating-sign")
    await expect(sign).to_have_text("👏")
    await expect(sign).to_have_attribute("data-of", await identity_of(mina, "Jun"))
    await expect(mina.page.get_by_test_id("live-region")).to_have_text("Jun: Applause")
    await expect(sign).to_have_count(0)
    await jun.page.keyboard.press("Escape")
    await expect(jun.page.get_by_test_id("signs")).to_have_count(0)
    await expect(jun.page.get_by_test_id("react-button")).to_be_focused()


async def test_a_flood_of_reactions_is_drawn_a_few_at_a_time(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.page.get_by_test_id("react-button").click()
    await jun.page.evaluate(
        """() => {
          const button = document.querySelector('[data-testid="sign-heart"]');
          for (let n = 0; n < 200; n += 1) button.click();
        }"""
    )
    await expect(mina.page.get_by_test_id("floating-sign").first).to_be_visible()
    assert await mina.page.get_by_test_id("floating-sign").count() <= 4
    assert await jun.page.get_by_test_id("floating-sign").count() <= 4


async def test_a_reaction_does_not_move_where_motion_is_not_wanted(
    party: Party, room: Links
) -> None:
    mina = await party.person(devices=(), reduced_motion="reduce")
    await mina.open(room.guest)
    await mina.join("Mina")
    await mina.page.get_by_test_id("react-button").click()
    moved = await mina.page.evaluate(
        """async () => {
          document.querySelector('[data-testid="sign-heart"]').click();
          const places = new Set();
          for (let n = 0; n < 20; n += 1) {
            await new Promise((done) => requestAnimationFrame(done));
            const sign = document.querySelector('[data-testid="floating-sign"]');
            if (sign) places.add(Math.round(sign.getBoundingClientRect().top));
          }
          return [...places];
        }"""
    )
    assert len(moved) == 1


async def test_a_recording_is_told_to_everybody_and_ends_in_a_film(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.page.evaluate(NO_PICKER)
    await from_menu(jun.page, "record-button")
    for person, said in (
        (mina, "Jun is recording this call"),
        (jun, "You are recording this call"),
    ):
        await expect(person.page.get_by_test_id("recording-banner")).to_contain_text(said)
        await assert_accessible(person.page, "a call that is recorded")
    late = await party.person(devices=())
    await late.open(room.guest)
    await late.join("Sora")
    await expect(late.page.get_by_test_id("recording-banner")).to_contain_text("Jun is recording")
    await expect(late.page.get_by_test_id("recording-stop")).to_have_count(0)
    await mina.page.wait_for_timeout(2500)  # a film has a length

    async with jun.page.expect_download() as downloading:
        await jun.page.get_by_test_id("recording-stop").click()
    await expect(mina.page.get_by_test_id("recording-banner")).to_have_count(0)
    download = await downloading.value
    assert re.fullmatch(r"Friday tea \d{4}-\d\d-\d\d \d\d\.\d\d\.webm", download.suggested_filename)
    film = await watched(jun.page, await download.path())
    assert (film["width"], film["height"]) == (1280, 720)
    assert film["colours"] > 20, "the film shows one colour"


async def test_a_host_ends_a_guests_recording_and_what_was_recorded_is_kept(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.page.evaluate(NO_PICKER)
    await from_menu(jun.page, "record-button")
    await jun.page.wait_for_timeout(1500)
    async with jun.page.expect_download() as downloading:
        await mina.page.get_by_test_id("recording-stop").click()
    assert (await (await downloading.value).path()).stat().st_size > 0
    await expect(jun.page.get_by_test_id("notice").first).to_contain_text("stopped your recording")
    await expect(jun.page.get_by_test_id("recording-banner")).to_have_count(0)


async def test_a_reload_ends_the_recording_that_it_cut_off(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.page.evaluate(NO_PICKER)
    await from_menu(jun.page, "record-button")
    await expect(mina.page.get_by_test_id("recording-banner")).to_be_visible()
    # The browser asks first: what it has not closed is no film.
    async with jun.page.expect_event("dialog") as asking:
        await jun.page.evaluate("() => void setTimeout(() => location.reload())")
    assert (await asking.value).type == "beforeunload"
    await (await asking.value).accept()
    await expect(jun.leave_button).to_be_visible()
    await expect(mina.page.get_by_test_id("recording-banner")).to_have_count(0)


async def test_the_small_window_shows_the_other_and_mutes(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    async with mina.page.context.expect_page() as opening:
        await from_menu(mina.page, "small-window-button")
    small = await opening.value
    await expect(small.get_by_test_id("small-window")).to_contain_text("Jun")

    async def plays() -> bool:
        return bool(
            await small.evaluate("() => document.querySelector('video')?.currentTime > 0.2")
        )

    await until(plays, "the picture in the small window")
    await small.get_by_test_id("small-mic").click()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    await from_menu(mina.page, "small-window-button")
    await until(lambda: closed(small), "the small window to close")


async def test_an_invitation_for_later_is_a_calendar_file_and_a_letter(
    party: Party, room: Links
) -> None:
    mina = await party.person(devices=(), locale="ko-KR", timezone_id="Asia/Seoul")
    await become_host(mina, room)
    await mina.join("미나")
    await from_menu(mina.page, "invite-menu-button")
    await mina.page.get_by_test_id("invite-later").locator("summary").click()
    await mina.page.get_by_test_id("invite-when").fill("2026-12-01T15:30")
    await mina.page.get_by_test_id("invite-minutes").select_option("45")
    await assert_accessible(mina.page, "an invitation for later")
    async with mina.page.expect_download() as downloading:
        await mina.page.get_by_test_id("invite-calendar").click()
    path = await (await downloading.value).path()
    lines = path.read_bytes().decode("utf-8").replace("\r\n ", "").split("\r\n")
    assert "DTSTART:20261201T063000Z" in lines
    assert "DTEND:20261201T071500Z" in lines
    assert f"URL:{room.guest}" in lines
    letter = await mina.page.get_by_test_id("invite-letter").get_attribute("href")
    assert letter is not None
    assert letter.startswith("mailto:?subject=")


async def closed(page: Page) -> bool:
    return page.is_closed()


async def identity_of(person: Person, name: str) -> str:
    found = await person.tile(name).get_attribute("data-identity")
    assert found is not None
    return found


def bytes_of(path: Path) -> list[int]:
    return list(path.read_bytes())


async def watched(page: Page, path: Path) -> dict[str, int]:
    """What a browser shows of a film, played in a page of its own."""
    own = await page.context.new_page()
    await own.goto("about:blank")
    address = await own.evaluate(FILE, bytes_of(path))
    film: dict[str, int] = await own.evaluate(FILM, address)
    await own.close()
    return film
