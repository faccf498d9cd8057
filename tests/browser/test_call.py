"""People in a call: they see and hear each other, peer to peer, whatever happens to the server."""

import time
from typing import Any

from playwright.async_api import expect

from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer
from tests.browser.troubles import SERVER_AWAY

TRACKS = """
() => testPeers.filter((p) => p.connectionState !== "closed").flatMap((p) => p.getSenders())
  .map((s) => s.track).filter(Boolean)
  .map(({kind, enabled, readyState}) => ({kind, enabled, readyState}))
"""
# Comfort noise in a second; the beep of the fake microphone has a thousand times as much.
SILENCE = 1e-5
# Chromium's meter lets go slowly: each 100 ms it shows a sixteenth of the energy before. What a
# loud beep leaves is below SILENCE after five of them, however still the track itself is.
METER_TAIL_MS = 500
CONNECTIONS = "() => testPeers.filter((p) => p.connectionState === 'connected').length"
MADE = "() => testPeers.length"


async def two_in_a_call(party: Party, room: Links) -> tuple[Person, Person]:
    """Mina, a host, and Jun, a guest."""
    mina, jun = await party.person(), await party.person()
    await become_host(mina, room)
    await mina.turn_on_devices()
    await mina.join("Mina")
    await jun.enter(room.guest, "Jun")
    await jun.sees()
    await mina.sees()
    return mina, jun


async def become_host(person: Person, room: Links) -> None:
    """Through the host link; afterwards the page before joining is open."""
    await person.open(room.host)
    await person.page.get_by_role("button").last.click()
    await person.page.wait_for_url(room.guest)


async def quiet(person: Person, seconds: float = 1.0) -> bool:
    """Whether nothing is heard for a while."""
    await person.page.wait_for_timeout(300 + METER_TAIL_MS)  # 300 for what was on its way
    before = await person.sound()
    await person.page.wait_for_timeout(seconds * 1000)
    after = await person.sound()
    return all(after[key] - energy < SILENCE for key, energy in before.items() if key in after)


async def test_two_people_see_and_hear_each_other_without_anybody_between(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    for person in (mina, jun):
        await person.sees()
        await person.hears()
        await expect(person.tiles).to_have_count(2)


async def test_three_people_are_a_mesh_and_the_order_of_joining_is_the_order_of_tiles(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    sora = await party.person()
    await sora.enter(room.guest, "Sora")
    for person in (mina, jun, sora):
        await person.sees(2)
        await person.hears(2)
        assert await person.page.evaluate(CONNECTIONS) == 2
    names = await jun.tiles.all_inner_texts()
    assert ["Mina" in names[0], "Jun" in names[1], "Sora" in names[2]] == [True] * 3


async def test_the_first_picture_comes_within_two_seconds_of_joining(
    party: Party, room: Links
) -> None:
    mina, jun = await party.person(), await party.person()
    await mina.enter(room.guest, "Mina")
    await jun.open(room.guest)
    await jun.turn_on_devices()
    await jun.page.get_by_test_id("name-input").fill("Jun")
    await jun.page.evaluate("() => { window.firstFrame = null }")
    await jun.page.evaluate(
        """() => {
          const began = performance.now();
          const look = () => {
            for (const video of document.querySelectorAll('[data-testid=tile] video')) {
              const own = video.closest('[data-testid=tile]').dataset.state === undefined;
              if (!own && video.getVideoPlaybackQuality().totalVideoFrames > 0) {
                window.firstFrame = performance.now() - began;
                return;
              }
            }
            requestAnimationFrame(look);
          };
          document.querySelector('[data-testid=join-button]')
            .addEventListener('click', look, { once: true });
        }"""
    )
    await jun.page.get_by_test_id("join-button").click()

    async def seen() -> bool:
        return bool(await jun.page.evaluate("() => window.firstFrame !== null"))

    await until(seen, "the first frame")
    first_ms = await jun.page.evaluate("() => window.firstFrame")
    assert first_ms < 2000, f"{first_ms:.0f} ms"


async def test_muting_is_believed_at_once_and_leaves_silence(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.hears()
    button = mina.page.get_by_test_id("mic-button")
    began = time.monotonic()
    await button.click()
    await expect(button).to_have_attribute("aria-pressed", "false")
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    assert time.monotonic() - began < 2.0
    assert await quiet(jun)
    tracks = await mina.page.evaluate(TRACKS)
    assert [t["enabled"] for t in tracks if t["kind"] == "audio"] == [False]
    await button.click()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "false")
    await jun.hears()


async def test_a_camera_that_is_off_is_dark_for_its_owner_too(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await mina.page.get_by_test_id("camera-button").click()
    await expect(jun.tile("Mina").locator("video")).to_have_count(0)

    async def dark() -> bool:
        tracks = await mina.page.evaluate(TRACKS)
        return not any(t["kind"] == "video" and t["readyState"] == "live" for t in tracks)

    await until(dark, "the camera's light to go out")
    made = await mina.page.evaluate(MADE)
    await mina.page.get_by_test_id("camera-button").click()
    await expect(jun.tile("Mina").locator("video")).to_have_count(1)
    await jun.sees()
    assert await mina.page.evaluate(MADE) == made


async def test_a_killed_server_costs_neither_picture_nor_sound_nor_seat(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    party.troubles.allow(*SERVER_AWAY)
    mina, jun = await two_in_a_call(party, room)
    await mina.page.get_by_test_id("mic-button").click()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    made = [await person.page.evaluate(MADE) for person in (mina, jun)]
    await moim_server.kill()
    await expect(jun.page.get_by_test_id("reconnect-bar")).to_be_visible()
    await jun.sees()
    await mina.sees()
    await mina.hears()
    await moim_server.start()
    for person in (mina, jun):
        await expect(person.page.get_by_test_id("reconnect-bar")).to_have_count(0)
        await person.sees()
        await expect(person.tiles).to_have_count(2)
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    assert [await person.page.evaluate(MADE) for person in (mina, jun)] == made
    await mina.page.get_by_test_id("mic-button").click()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "false")
    await jun.hears()


async def test_a_reload_returns_to_the_seat_as_muted_as_before(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.page.get_by_test_id("mic-button").click()
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "true")
    await jun.page.reload()
    await expect(jun.leave_button).to_be_visible()
    await jun.sees()
    await mina.sees()
    await expect(mina.tiles).to_have_count(2)
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "true")
    assert await quiet(mina)


async def test_who_leaves_is_gone_and_who_stays_is_told_that_they_are_alone(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.leave()
    await expect(mina.tiles).to_have_count(1)
    await expect(mina.page.get_by_test_id("alone")).to_be_visible()
    tracks: list[dict[str, Any]] = await jun.page.evaluate(TRACKS)
    assert {track["readyState"] for track in tracks} <= {"ended"}


async def test_a_host_mutes_and_only_the_muted_unmute(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.hears()
    await open_person(mina, "Jun")
    await mina.page.get_by_test_id("action-mute").click()
    await expect(jun.page.get_by_test_id("mic-button")).to_have_attribute("aria-pressed", "false")
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "true")
    assert await quiet(mina)
    await jun.page.get_by_test_id("mic-button").click()
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "false")
    await mina.hears()


async def test_a_removed_participant_is_out_and_cannot_come_back(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await open_person(mina, "Jun")
    await mina.page.get_by_test_id("action-remove").click()
    await mina.page.get_by_test_id("question-yes").click()
    await expect(jun.page.get_by_test_id("over")).to_have_attribute("data-how", "removed")
    await expect(mina.tiles).to_have_count(1)
    assert await mina.page.evaluate(CONNECTIONS) == 0
    await jun.open(room.guest)
    await jun.page.get_by_test_id("name-input").fill("Jun")
    await jun.page.get_by_test_id("join-button").click()
    await expect(jun.leave_button).to_have_count(0)


async def open_person(person: Person, name: str) -> None:
    """The menu of a participant's tile."""
    await person.tile(name).hover()
    await person.tile(name).get_by_test_id("person-menu").click()
