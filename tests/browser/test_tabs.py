"""One browser with two tabs, a reload, the door that is shut, and the end of a meeting."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import Links
from tests.browser.test_call import CONNECTIONS, become_host, open_person, quiet, two_in_a_call
from tests.browser.words import REGION, said

# The door is shut when two are inside.
pytestmark = pytest.mark.parametrize("moim_server", [{"MOIM_MAX_PARTICIPANTS": "2"}], indirect=True)
PLAYING = """
() => [...document.querySelectorAll("audio")].filter((a) => a.srcObject && !a.paused && !a.muted)
  .length
"""
LIVE = """
() => testPeers.flatMap((p) => p.getSenders()).filter((s) => s.track?.readyState === "live").length
"""


async def knocks(person: Person, room: Links, name: str) -> None:
    """Presses Join, whatever comes of it."""
    await person.open(room.guest)
    await person.page.get_by_test_id("name-input").fill(name)
    await person.page.get_by_test_id("join-button").click()


async def asked_twice(party: Party, room: Links) -> tuple[Person, Person]:
    """Mina in a call, and a second tab of hers that was asked what it is for."""
    mina = await party.person()
    await mina.enter(room.guest, "Mina")
    second = await mina.second_tab()
    await second.open(room.guest)
    await second.turn_on_devices()
    await second.page.get_by_test_id("join-button").click()
    await expect(second.page.get_by_test_id("second-tab")).to_be_visible()
    return mina, second


async def over(person: Person, how: str) -> None:
    """A page that says what happened, with exactly one button."""
    page = person.page.get_by_test_id("over")
    await expect(page).to_have_attribute("data-how", how)
    await expect(page.get_by_role("heading")).to_be_focused()
    await expect(page.get_by_role("button")).to_have_count(1)
    for words in (page.get_by_role("heading"), page.locator(".text")):
        await expect(words).not_to_be_empty()
    assert await person.page.evaluate(LIVE) == 0


async def test_a_second_tab_can_take_the_call_over_and_the_first_says_so_with_one_button(
    party: Party, room: Links
) -> None:
    jun = await party.person()
    await jun.enter(room.guest, "Jun")
    mina, second = await asked_twice(party, room)
    await expect(jun.tiles).to_have_count(2)
    await second.page.get_by_test_id("move-here").click()
    await expect(second.leave_button).to_be_visible()
    await over(mina, "moved")
    await expect(mina.page.get_by_role("heading")).to_have_text(said("moved_title"))
    await second.sees()
    await jun.sees()
    await jun.hears()
    await expect(jun.tiles).to_have_count(2)
    # And back again.
    await mina.page.get_by_test_id("over-button").click()
    await expect(mina.leave_button).to_be_visible()
    await over(second, "moved")
    await mina.sees()
    await jun.sees()
    await jun.hears()
    await expect(jun.tiles).to_have_count(2)


async def test_a_call_that_is_moved_brings_its_devices_as_muted_as_they_were(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    await mina.page.get_by_test_id("mic-button").click()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    second = await mina.second_tab()
    await second.open(room.guest)
    await second.page.get_by_test_id("join-button").click()
    await second.page.get_by_test_id("move-here").click()
    await expect(second.leave_button).to_be_visible()
    await expect(second.page.get_by_test_id("mic-button")).to_have_attribute(
        "aria-pressed", "false"
    )
    await jun.sees()
    await expect(jun.tile("Mina")).to_have_attribute("data-muted", "true")
    assert await quiet(jun)


async def test_a_second_tab_can_join_as_another_person_whose_speaker_is_silent(
    party: Party, room: Links
) -> None:
    mina, second = await asked_twice(party, room)
    await second.page.get_by_test_id("join-as-another").click()
    await expect(second.leave_button).to_be_visible()
    for person in (mina, second):
        await expect(person.tiles).to_have_count(2)
        await person.sees()
    await mina.hears()
    assert await quiet(second)
    identities = set(await mina.order())
    assert len(identities) == 2
    note = second.page.get_by_test_id("second-person")
    await expect(note).to_contain_text(said("second_person_note"))
    assert await second.page.evaluate(PLAYING) == 0
    assert await mina.page.evaluate(PLAYING) == 1
    # A reload is still that other person, and still silent.
    await second.page.reload()
    await expect(second.leave_button).to_be_visible()
    await expect(second.page.get_by_test_id("second-person")).to_be_visible()
    await expect(mina.tiles).to_have_count(2)
    assert set(await second.order()) == identities
    await second.page.get_by_test_id("second-person-button").click()
    await expect(note).to_have_count(0)
    await second.hears()
    assert await second.page.evaluate(PLAYING) == 1


async def test_a_duplicated_tab_is_asked_too_and_throws_nobody_out(
    party: Party, room: Links
) -> None:
    mina = await party.person()
    await mina.enter(room.guest, "Mina")
    # What "Duplicate tab" does: the same address with a copy of the tab's own storage.
    storage = await mina.page.evaluate("() => JSON.stringify({ ...sessionStorage })")
    assert len(json.loads(storage)) >= 2
    copy = await mina.second_tab()
    await copy.page.add_init_script(
        f"if (!sessionStorage.length) Object.assign(sessionStorage, {storage})"
    )
    await copy.open(room.guest)
    await expect(copy.page.get_by_test_id("second-tab")).to_be_visible()
    await expect(mina.leave_button).to_be_visible()
    await copy.page.get_by_test_id("join-as-another").click()
    await expect(copy.leave_button).to_be_visible()
    await copy.sees()
    await expect(mina.tiles).to_have_count(2)


async def test_a_reload_returns_without_the_page_before_joining(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.page.get_by_test_id("mic-button").click()
    await jun.page.get_by_test_id("camera-button").click()
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "true")
    await jun.page.add_init_script(
        """addEventListener("DOMContentLoaded", () => {
          const look = new MutationObserver(() => {
            if (document.querySelector("[data-testid=join-button]")) window.sawDoor = true;
          });
          look.observe(document.documentElement, { childList: true, subtree: true });
        })"""
    )
    await jun.page.reload()
    await expect(jun.leave_button).to_be_visible()
    assert await jun.page.evaluate("() => window.sawDoor") is None
    for button in ("mic-button", "camera-button"):
        await expect(jun.page.get_by_test_id(button)).to_have_attribute("aria-pressed", "false")
    await jun.sees()
    await jun.hears()
    await expect(mina.tile("Jun").locator("video")).to_have_count(0)
    assert await quiet(mina)
    await jun.page.get_by_test_id("mic-button").click()
    await mina.hears()


async def test_who_left_can_join_again_from_the_page_that_says_so(
    party: Party, room: Links
) -> None:
    mina = await party.person()
    await mina.enter(room.guest, "Mina")
    await mina.leave()
    await over(mina, "left")
    await mina.page.reload()
    await expect(mina.page.get_by_test_id("join-button")).to_be_visible()
    await mina.join("Mina")
    await mina.leave()
    await mina.page.get_by_test_id("over-button").click()
    await mina.join("Mina")


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_a_locked_room_says_so_with_one_button_that_works_once_it_is_open(
    party: Party, room: Links, language: str
) -> None:
    mina, jun = await party.person(), await party.person(locale=REGION[language])
    await become_host(mina, room)
    await mina.join("Mina")
    await mina.page.keyboard.press("p")
    await mina.page.get_by_test_id("lock-button").click()
    await expect(mina.page.get_by_test_id("lock-button")).to_have_attribute("aria-pressed", "true")
    await knocks(jun, room, "Jun")
    await over(jun, "room_locked")
    await expect(jun.page.get_by_role("heading")).to_have_text(said("locked_title", language))
    await expect(jun.page.locator(".text")).to_have_text(said("refusal_room_locked", language))
    await mina.page.get_by_test_id("lock-button").click()
    await expect(mina.page.get_by_test_id("lock-button")).to_have_attribute("aria-pressed", "false")
    await jun.page.get_by_test_id("over-button").click()
    await jun.join("Jun")
    await expect(mina.tiles).to_have_count(2)


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_a_full_room_says_so_with_one_button_that_works_once_there_is_a_seat(
    party: Party, room: Links, language: str
) -> None:
    mina, jun = await party.person(), await party.person()
    sora = await party.person(locale=REGION[language])
    await mina.open(room.guest)
    await mina.join("Mina")
    await sora.open(room.guest)
    await jun.open(room.guest)
    await jun.join("Jun")
    await sora.page.get_by_test_id("name-input").fill("Sora")
    await sora.page.get_by_test_id("join-button").click()
    await over(sora, "room_full")
    await expect(sora.page.get_by_role("heading")).to_have_text(said("full_title", language))
    await jun.leave()
    await expect(mina.tiles).to_have_count(1)
    await sora.page.get_by_test_id("over-button").click()
    await sora.join("Sora")
    await expect(mina.tiles).to_have_count(2)


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_who_was_removed_is_told_and_finds_the_door_shut(
    party: Party, room: Links, language: str
) -> None:
    mina, jun = await party.person(), await party.person(locale=REGION[language])
    await become_host(mina, room)
    await mina.join("Mina")
    await jun.open(room.guest)
    await jun.join("Jun")
    await open_person(mina, "Jun")
    await mina.page.get_by_test_id("action-remove").click()
    await mina.page.get_by_test_id("question-yes").click()
    await over(jun, "removed")
    await expect(jun.page.get_by_role("heading")).to_have_text(said("removed_title", language))
    await knocks(jun, room, "Jun")
    await over(jun, "barred")
    await expect(jun.page.get_by_role("heading")).to_have_text(said("barred_title", language))
    await jun.page.get_by_test_id("over-button").click()
    await expect(jun.page).to_have_url(room.guest.partition("/r/")[0] + "/")
    await mina.page.keyboard.press("p")
    await mina.page.get_by_test_id("let-back").click()
    await expect(mina.page.get_by_test_id("barred")).to_have_count(0)
    await jun.open(room.guest)
    await jun.join("Jun")


async def test_a_host_ends_the_meeting_for_all_and_a_new_one_can_begin(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    await mina.leave_button.click()
    await mina.page.get_by_test_id("leave-all").click()
    await mina.page.get_by_test_id("question-yes").click()
    for person in (mina, jun):
        await over(person, "ended")
        await expect(person.page.get_by_role("heading")).to_have_text(said("ended_title"))
        assert await person.page.evaluate(CONNECTIONS) == 0
    for person in (mina, jun):
        await person.page.get_by_test_id("over-button").click()
        await person.turn_on_devices()
        await person.page.get_by_test_id("join-button").click()
        await expect(person.leave_button).to_be_visible()
    await mina.sees()
    await jun.sees()


async def test_a_host_who_only_leaves_leaves_the_others_in(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await mina.leave_button.click()
    await mina.page.get_by_test_id("leave-me").click()
    await over(mina, "left")
    await expect(jun.page.get_by_test_id("alone")).to_be_visible()
    await expect(jun.leave_button).to_be_visible()
