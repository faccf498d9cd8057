"""The people of a room: names, hands, roles, and who may come in."""

import pytest
from playwright.async_api import Locator, expect

from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import Links
from tests.browser.test_call import become_host


async def host_and_guest(party: Party, room: Links) -> tuple[Person, Person]:
    """Mina, a host with the list of people open, and Jun, a guest; both without devices."""
    mina = await party.person(devices=())
    await become_host(mina, room)
    await mina.join("Mina")
    await mina.page.get_by_test_id("people-button").click()
    jun = await guest(party, room, "Jun")
    return mina, jun


async def guest(party: Party, room: Links, name: str) -> Person:
    person = await party.person(devices=())
    await person.open(room.guest)
    await person.join(name)
    return person


def row(person: Person, name: str) -> Locator:
    """Somebody in the list of people."""
    listed = person.page.get_by_test_id("people-list").get_by_test_id("person")
    return listed.filter(has_text=name)


def notice(person: Person, text: str) -> Locator:
    return person.page.get_by_test_id("notice").filter(has_text=text)


async def do(person: Person, name: str, action: str) -> None:
    await row(person, name).get_by_test_id("person-menu").click()
    await person.page.get_by_test_id(f"action-{action}").click()


async def reply(person: Person, text: str) -> None:
    """To the question on the screen."""
    await person.page.get_by_test_id("question-input").fill(text)
    await person.page.get_by_test_id("question-yes").click()


@pytest.mark.parametrize(
    "name",
    ["<b>Mina</b>", "Mina\u202enuJ", "\u2066Mina", "Mina\u0007", "\u3164"],
    ids=["markup", "override", "isolate", "bell", "blank"],
)
async def test_a_name_that_could_deceive_is_refused_in_words(
    party: Party, room: Links, name: str
) -> None:
    mina = await party.person(devices=())
    await mina.open(room.guest)
    await mina.page.get_by_test_id("name-input").fill(name)
    await mina.page.get_by_test_id("join-button").click()
    said = mina.page.get_by_role("alert")
    await expect(said).to_have_text("That name cannot be used. Choose another one.")
    await expect(mina.page.get_by_test_id("name-input")).to_be_focused()
    await mina.join("Mina")


async def test_a_new_name_is_seen_by_the_others_and_kept_over_a_reload(
    party: Party, room: Links
) -> None:
    mina, jun = await host_and_guest(party, room)
    await jun.page.get_by_test_id("people-button").click()
    await do(jun, "Jun", "rename")
    await reply(jun, "  Jun   Kim ")
    await expect(mina.tile("Jun Kim")).to_have_count(1)
    await expect(row(mina, "Jun Kim")).to_have_count(1)
    await expect(notice(mina, "Jun is now Jun Kim")).to_be_visible()
    await jun.page.reload()
    await expect(jun.leave_button).to_be_visible()
    await expect(mina.tile("Jun Kim")).to_have_count(1)
    # A host renames others; a deceiving name is refused here too.
    await do(mina, "Jun Kim", "rename")
    await reply(mina, "<i>Jun</i>")
    await expect(notice(mina, "That name cannot be used")).to_be_visible()
    await do(mina, "Jun Kim", "rename")
    await reply(mina, "준")
    await expect(jun.tile("준")).to_have_count(1)


async def test_hands_are_a_queue_in_the_order_of_raising(party: Party, room: Links) -> None:
    mina, jun = await host_and_guest(party, room)
    sora = await guest(party, room, "Sora")
    await sora.page.get_by_test_id("hand-button").click()
    queue = mina.page.get_by_test_id("hands").get_by_test_id("person")
    await expect(queue).to_have_count(1)
    await jun.page.get_by_test_id("hand-button").click()
    await expect(queue).to_have_count(2)
    await expect(queue.nth(0)).to_contain_text("Sora")
    await expect(queue.nth(1)).to_contain_text("Jun")
    # It survives a reload of who raised it; the host takes the first.
    await sora.page.reload()
    await expect(sora.leave_button).to_be_visible()
    await expect(queue.nth(0)).to_contain_text("Sora")
    await queue.nth(0).get_by_test_id("person-menu").click()
    await mina.page.get_by_test_id("action-lower-hand").click()
    await expect(queue).to_have_count(1)
    await expect(queue).to_contain_text("Jun")
    await expect(sora.page.get_by_test_id("hand-button")).to_have_attribute("aria-pressed", "false")
    await expect(notice(sora, "Mina lowered your hand")).to_be_visible()
    # A guest lowers no hand but their own.
    await sora.page.get_by_test_id("people-button").click()
    theirs = sora.page.get_by_test_id("hands").get_by_test_id("person")
    await expect(theirs).to_have_count(1)
    await expect(theirs.get_by_test_id("person-menu")).to_have_count(0)
    await jun.page.get_by_test_id("hand-button").click()
    await expect(mina.page.get_by_test_id("hands")).to_have_count(0)


async def test_a_locked_room_takes_no_new_guest_until_it_is_opened(
    party: Party, room: Links
) -> None:
    mina, jun = await host_and_guest(party, room)
    sora = await party.person(devices=())
    await sora.open(room.guest)
    await mina.page.get_by_test_id("lock-button").click()
    await expect(notice(jun, "The room is locked now")).to_be_visible()
    await sora.page.get_by_test_id("name-input").fill("Sora")
    await sora.page.get_by_test_id("join-button").click()
    over = sora.page.get_by_test_id("over")
    await expect(over).to_have_attribute("data-how", "room_locked")
    await expect(over).to_contain_text("The host has locked the room")
    # Who sits inside comes back.
    await jun.page.reload()
    await expect(jun.leave_button).to_be_visible()
    await mina.page.get_by_test_id("lock-button").click()
    await expect(notice(jun, "The room is open again")).to_be_visible()
    await sora.page.get_by_test_id("over-button").click()
    await sora.join("Sora")
    await expect(mina.tiles).to_have_count(3)


async def test_a_host_shares_the_role_and_takes_it_back(party: Party, room: Links) -> None:
    mina, jun = await host_and_guest(party, room)
    await jun.page.get_by_test_id("people-button").click()
    await expect(jun.page.get_by_test_id("lock-button")).to_have_count(0)
    await expect(row(jun, "Mina").get_by_test_id("person-menu")).to_have_count(0)
    await do(mina, "Jun", "role")
    await expect(jun.page.get_by_test_id("lock-button")).to_be_visible()
    await expect(row(mina, "Jun")).to_have_attribute("data-role", "host")
    await do(jun, "Mina", "role")
    await expect(mina.page.get_by_test_id("lock-button")).to_have_count(0)
    await expect(row(mina, "Jun").get_by_test_id("person-menu")).to_have_count(0)


async def test_who_was_removed_stays_out_until_a_host_lets_them_back(
    party: Party, room: Links
) -> None:
    mina, jun = await host_and_guest(party, room)
    await do(mina, "Jun", "remove")
    await mina.page.get_by_test_id("question-yes").click()
    await expect(jun.page.get_by_test_id("over")).to_have_attribute("data-how", "removed")
    await expect(mina.page.get_by_test_id("barred")).to_contain_text("Jun")
    await jun.open(room.guest)
    await jun.page.get_by_test_id("join-button").click()
    await expect(jun.page.get_by_test_id("over")).to_have_attribute("data-how", "barred")
    await mina.page.get_by_test_id("let-back").click()
    await expect(mina.page.get_by_test_id("barred")).to_have_count(0)
    await jun.open(room.guest)
    await jun.join("Jun")
    await expect(mina.tiles).to_have_count(2)


async def test_the_room_is_renamed_for_everybody(party: Party, room: Links) -> None:
    mina, jun = await host_and_guest(party, room)
    await mina.page.get_by_test_id("rename-room").click()
    await reply(mina, "Saturday coffee")
    await expect(jun.page).to_have_title("Saturday coffee · moim")
