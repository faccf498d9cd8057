"""The chat among several: reactions, mentions, private messages, what is new, and how far back."""

import json
from contextlib import aclosing

import pytest
from playwright.async_api import Locator, expect

from tests.browser.axe import assert_accessible
from tests.browser.chatting import (
    answer,
    choose,
    field,
    message,
    messages,
    open_chat,
    two_who_write,
    write,
    writer,
)
from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import Links, MoimServer
from tests.browser.test_call import become_host
from tests.chaos.caller import Caller, new_browser

MANY = 420
"""More messages than the fold and two pages hold."""
ROOMY = pytest.mark.parametrize(
    "moim_server", [{"MOIM_COMMANDS_BURST": "1000", "MOIM_COMMANDS_PER_S": "1000"}], indirect=True
)


async def host_who_writes(party: Party, room: Links) -> Person:
    """Mina, a host, with the chat open."""
    mina = await party.person(devices=())
    await become_host(mina, room)
    await mina.join("Mina")
    await open_chat(mina)
    return mina


def reaction(person: Person, text: str, emoji: str) -> Locator:
    return message(person, text).locator(f"[data-testid=reaction][data-emoji='{emoji}']")


async def react(person: Person, text: str, emoji: str) -> None:
    await message(person, text).hover()
    await message(person, text).get_by_test_id("message-react").click()
    await person.page.locator(f"[data-testid=react][data-emoji='{emoji}']:visible").click()


async def test_reactions_are_counted_say_whose_they_are_and_are_taken_back(
    party: Party, room: Links
) -> None:
    mina, jun = await two_who_write(party, room)
    await write(mina, "tea at four")
    await react(jun, "tea at four", "👍")
    seen = reaction(mina, "tea at four", "👍")
    await expect(seen).to_have_text("👍 1 Jun")
    await expect(seen).to_have_attribute("aria-pressed", "false")
    await seen.focus()
    await mina.page.keyboard.press("Enter")
    await expect(reaction(jun, "tea at four", "👍")).to_contain_text("👍 2")
    await assert_accessible(mina.page, "reactions")
    # Another one takes the place of the first; the same again takes it back.
    await react(jun, "tea at four", "🎉")
    await expect(reaction(mina, "tea at four", "👍")).to_contain_text("👍 1")
    await reaction(jun, "tea at four", "🎉").click()
    await expect(reaction(mina, "tea at four", "🎉")).to_have_count(0)
    await choose(mina, "tea at four", "message-delete")
    await mina.page.get_by_test_id("question-yes").click()
    await expect(jun.page.get_by_test_id("reaction")).to_have_count(0)


async def test_somebody_is_mentioned_by_the_keyboard_alone(party: Party, room: Links) -> None:
    mina = await writer(party, room, "Mina")
    jun = await party.person(devices=())
    await jun.open(room.guest)
    await jun.join("김준")
    sora = await writer(party, room, "Sora")
    await write(sora, "bye")
    await expect(message(mina, "bye")).to_have_count(1)
    await sora.leave_button.click()
    await expect(sora.leave_button).to_have_count(0)
    await field(mina).press_sequentially("hello @")
    picker = mina.page.get_by_test_id("mention-picker")
    await expect(picker.get_by_role("option")).to_have_count(2)
    await expect(picker.get_by_role("option").last).to_contain_text("not here now")
    await assert_accessible(mina.page, "the list of whom to mention")
    await field(mina).press_sequentially("준")
    await expect(picker.get_by_role("option")).to_have_count(1)
    await expect(field(mina)).to_have_attribute("aria-activedescendant", "chat-mentions-0")
    await field(mina).press("Enter")
    await expect(field(mina)).to_have_value("hello @김준 ")
    await expect(picker).to_have_count(0)
    await field(mina).press_sequentially("and @sor")
    await field(mina).press("Tab")
    await field(mina).press("Enter")
    marked = message(mina, "hello").get_by_test_id("mention")
    await expect(marked).to_have_text(["@김준", "@Sora"])
    notice = jun.page.get_by_test_id("notice").filter(has_text="Mina mentioned you")
    await expect(notice).to_have_count(1)
    await open_chat(jun)
    await expect(message(jun, "hello")).to_contain_text("Mentions you.")
    # Escape closes the list and nothing else.
    await field(mina).press_sequentially("@")
    await expect(picker).to_have_count(1)
    await field(mina).press("Escape")
    await expect(picker).to_have_count(0)
    await expect(field(mina)).to_have_value("@")


async def test_a_private_message_is_for_two_and_not_for_the_host(party: Party, room: Links) -> None:
    mina = await host_who_writes(party, room)
    jun, sora = await two_who_named(party, room, "Jun", "소라")
    await write(mina, "to everybody")
    await jun.page.get_by_test_id("chat-to").select_option(label="소라 only")
    await expect(field(jun)).to_have_attribute("aria-label", "Write to 소라 only")
    await expect(jun.page.get_by_test_id("chat-attach")).to_be_disabled()
    await assert_accessible(jun.page, "a private message")
    await write(jun, "귓속말이에요")
    for person, privacy in ((jun, "Only 소라 and you see this"), (sora, "Only you two see this")):
        await expect(message(person, "귓속말")).to_contain_text(privacy)
    # An answer to it goes back to its author alone.
    await answer(sora, "귓속말")
    await write(sora, "psst, I heard")
    await expect(message(jun, "I heard").locator("blockquote")).to_contain_text("귓속말")
    # Who comes again has them in their places, out of the store.
    await sora.leave()
    await sora.open(room.guest)
    await sora.join("소라")
    await open_chat(sora)
    await expect(messages(sora)).to_have_count(3)
    await expect(messages(sora).last).to_contain_text("I heard")
    await write(mina, "who said what?")
    await expect(message(sora, "who said what?")).to_have_count(1)
    await expect(messages(mina)).to_have_count(2)
    assert "귓속말" not in await mina.page.content()
    await choose(sora, "I heard", "message-delete")
    await sora.page.get_by_test_id("question-yes").click()
    await expect(messages(sora, "deleted")).to_have_count(1)


async def test_what_is_begun_for_one_goes_to_nobody_else_when_that_one_leaves(
    party: Party, room: Links
) -> None:
    mina, jun = await two_who_write(party, room)
    sora = await writer(party, room, "소라")
    await jun.page.get_by_test_id("chat-to").select_option(label="소라 only")
    await field(jun).press_sequentially("only you know")
    await sora.leave()
    gone = jun.page.get_by_role("status").filter(has_text="소라 is not here any more")
    await expect(gone).to_have_count(1)
    await field(jun).press("Enter")
    await expect(jun.page.get_by_test_id("chat-send")).to_be_disabled()
    # Nor after a reload, which keeps what was written.
    await jun.page.reload()
    await open_chat(jun)
    await expect(field(jun)).to_have_value("only you know")
    await field(jun).press("Enter")
    await expect(gone).to_have_count(1)
    await jun.page.get_by_test_id("chat-to").select_option(label="Mina only")
    await field(jun).press("Enter")
    await expect(messages(mina)).to_have_count(1)
    await expect(messages(mina).first).to_contain_text("Only you two see this")


async def two_who_named(party: Party, room: Links, one: str, other: str) -> tuple[Person, Person]:
    return await writer(party, room, one), await writer(party, room, other)


async def test_nobody_is_told_that_one_writes_who_does_not_want_it(
    party: Party, room: Links
) -> None:
    mina, jun = await two_who_write(party, room)
    await jun.page.evaluate(
        """() => {
          const line = document.querySelector(".typing");
          const seen = (window.seen = []);
          new MutationObserver(() => seen.push(line.textContent.trim())).observe(line, {
            childList: true, characterData: true, subtree: true,
          });
        }"""
    )
    # What is written to one alone is announced to nobody.
    await mina.page.get_by_test_id("chat-to").select_option(label="Jun only")
    await field(mina).press_sequentially("psst")
    await field(mina).fill("")
    await mina.page.get_by_test_id("chat-to").select_option(label="Everyone")
    await mina.page.get_by_test_id("more-button").click()
    await mina.page.get_by_test_id("settings-button").click()
    await mina.page.get_by_test_id("setting-typing").click()
    await open_chat(mina)
    await field(mina).press_sequentially("hm")
    await write(mina, "done")
    await expect(message(jun, "done")).to_have_count(1)
    assert not any("Mina" in text for text in await jun.page.evaluate("window.seen"))
    # And with the switch on it is told again.
    await mina.page.get_by_test_id("more-button").click()
    await mina.page.get_by_test_id("settings-button").click()
    await mina.page.get_by_test_id("setting-typing").click()
    await open_chat(mina)
    await field(mina).press_sequentially("hm")
    await expect(jun.page.get_by_text("Mina is writing")).to_be_visible()
    assert any("Mina" in text for text in await jun.page.evaluate("window.seen"))


async def test_what_came_while_one_was_away_is_marked(party: Party, room: Links) -> None:
    mina, jun = await two_who_write(party, room)
    await write(mina, "known already")
    await expect(message(jun, "known already")).to_have_count(1)
    await jun.page.get_by_test_id("chat-button").click()
    await jun.page.reload()
    await expect(jun.leave_button).to_be_visible()
    await write(mina, "news one")
    await write(mina, "news two")
    await expect(jun.page).to_have_title("(2) Friday tea · moim")
    await jun.page.reload()
    await expect(jun.leave_button).to_be_visible()
    await expect(jun.page).to_have_title("(2) Friday tea · moim")
    await open_chat(jun)
    marker = jun.page.get_by_test_id("chat-new")
    await expect(marker).to_have_count(1)
    after = marker.locator("xpath=following-sibling::article[1]")
    await expect(after).to_contain_text("news one")
    await expect(jun.page).to_have_title("Friday tea · moim")
    await write(jun, "thank you")
    await expect(marker).to_have_count(0)


@ROOMY
async def test_a_korean_word_inside_another_is_found_far_back_and_shown_in_its_place(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    sora = await new_browser(moim_server.origin)
    async with aclosing(sora), Caller(sora, room.slug, "Sora") as caller:
        said = await caller.command("chat.send", text="다음주정기회의시간은 세 시예요")
        for number in range(MANY):
            await caller.command("chat.send", text=f"number {number}.")
        await caller.command("chat.send", text="well?", reply_to=said["seq"])
        mina = await writer(party, room, "Mina")
        await mina.page.get_by_test_id("chat-search-open").click()
        search = mina.page.get_by_test_id("chat-search")
        await expect(search).to_be_focused()
        await search.press_sequentially("회의")
        found = mina.page.get_by_test_id("chat-found")
        await expect(found).to_have_count(1)
        await assert_accessible(mina.page, "what was found")
        await mina.page.keyboard.press("Tab")
        await mina.page.keyboard.press("Tab")
        await mina.page.keyboard.press("Enter")
        await expect(message(mina, "정기회의")).to_be_in_viewport()
        await expect(message(mina, "정기회의")).to_be_focused()
        # From there on to the end, page by page or at once.
        list_ = mina.page.get_by_test_id("chat-list")
        await list_.evaluate("(list) => { list.scrollTop = list.scrollHeight; }")
        await expect(message(mina, "number 60.")).to_have_count(1)
        await mina.page.get_by_test_id("chat-newest").click()
        await expect(message(mina, "well?")).to_be_in_viewport()
        # The same by the quote of a reply, which is not loaded either.
        await message(mina, "well?").get_by_test_id("quote").click()
        await expect(message(mina, "정기회의")).to_be_focused()
        await write(mina, "here I am")
        await expect(message(mina, "here I am")).to_be_in_viewport()
        await expect(mina.page.get_by_test_id("chat-newest")).to_have_count(0)


async def test_a_host_reads_what_a_message_said_saves_the_chat_and_says_how_long_it_is_kept(
    party: Party, room: Links
) -> None:
    mina = await host_who_writes(party, room)
    jun = await writer(party, room, "Jun")
    await write(jun, "at three")
    await choose(jun, "at three", "message-edit")
    await write(jun, "at four")
    await expect(message(mina, "at four")).to_contain_text("edited")
    await message(jun, "at four").hover()
    await message(jun, "at four").get_by_test_id("message-menu").click()
    await expect(jun.page.get_by_test_id("message-delete")).to_be_visible()
    await expect(jun.page.get_by_test_id("message-revisions")).to_have_count(0)
    await jun.page.keyboard.press("Escape")
    await choose(mina, "at four", "message-revisions")
    await expect(mina.page.get_by_test_id("revisions")).to_contain_text("at three")
    await assert_accessible(mina.page, "what it said before")
    await mina.page.get_by_test_id("chat-more").click()
    async with mina.page.expect_download() as saving:
        await mina.page.get_by_test_id("chat-export-json").click()
    saved = await saving.value
    told = json.loads((await saved.path()).read_text(encoding="utf-8"))
    assert [one["text"] for one in told["messages"]] == ["at four"]
    assert saved.suggested_filename == f"{room.slug}.json"
    await mina.page.get_by_test_id("chat-more").click()
    await mina.page.get_by_test_id("chat-keep-30").click()
    await mina.page.get_by_test_id("question-yes").click()
    await expect(jun.page.get_by_text("Messages are kept for 30 days")).to_be_visible()
    await jun.page.get_by_test_id("chat-more").click()
    await expect(jun.page.get_by_test_id("chat-export-md")).to_be_visible()
    await expect(jun.page.get_by_test_id("chat-keep-30")).to_have_count(0)
