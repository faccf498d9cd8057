"""The chat: what is said arrives, stays, and is gone when it is taken back."""

import sqlite3
from contextlib import aclosing
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.chatting import (
    answer,
    choose,
    field,
    message,
    messages,
    open_chat,
    said,
    two_who_write,
    write,
    writer,
)
from tests.browser.party import Party
from tests.browser.person import until
from tests.browser.server import Links, MoimServer
from tests.browser.test_call import become_host
from tests.browser.troubles import SERVER_AWAY
from tests.chaos.caller import Caller, new_browser

LONGER = 130
"""More messages than one page of the history."""


async def test_a_message_reaches_the_other(party: Party, room: Links) -> None:
    mina, jun = await two_who_write(party, room)
    await expect(jun.page.get_by_test_id("chat-empty")).to_be_visible()
    await write(mina, "안녕하세요, Jun!")
    await expect(message(jun, "안녕하세요, Jun!")).to_contain_text("Mina")
    await expect(message(mina, "안녕하세요, Jun!")).to_have_count(1)
    await expect(field(mina)).to_have_value("")
    await expect(field(mina)).to_be_focused()


async def test_markup_stays_text_and_only_safe_addresses_are_links(
    party: Party, room: Links
) -> None:
    mina, jun = await two_who_write(party, room)
    hostile = (
        "<img src=x onerror=alert(1)> **<b>bold</b>** javascript:alert(1) "
        "data:text/html,<script>1</script> https://user:pass@evil.example/ {{7*7}}"
    )
    await write(mina, hostile)
    shown = message(jun, "bold")
    await expect(shown).to_have_count(1)
    assert await shown.locator(".text").inner_text() == hostile
    assert await shown.locator(".text *").count() == 0
    await write(mina, "see https://example.org/a?b=1&c=(d). or www.example.com, ok")
    links = message(jun, "see https").locator(".text a")
    await expect(links).to_have_count(2)
    addresses = [await link.get_attribute("href") for link in await links.all()]
    assert addresses == ["https://example.org/a?b=1&c=(d)", "https://www.example.com/"]
    for link in await links.all():
        assert await link.get_attribute("target") == "_blank"
        assert "noopener" in (await link.get_attribute("rel") or "")


@pytest.mark.parametrize("moim_server", [{"MOIM_COMMANDS_BURST": "1000"}], indirect=True)
async def test_who_comes_late_pages_back_through_what_was_said_before(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    sora = await new_browser(moim_server.origin)
    async with aclosing(sora), Caller(sora, room.slug, "Sora") as caller:
        for number in range(LONGER + 200):
            await caller.command("chat.send", text=f"number {number}.")
        mina = await writer(party, room, "Mina")
        await expect(message(mina, f"number {LONGER + 199}.")).to_be_in_viewport()
        page = mina.page.get_by_test_id("chat-list")
        shown = 200
        await expect(messages(mina)).to_have_count(shown)
        # A message that comes in the meantime pushes none out of sight.
        await caller.command("chat.send", text="and one more.")
        await expect(messages(mina)).to_have_count(shown + 1)
        while not await mina.page.get_by_text("This is where the room began").count():
            first = messages(mina).first
            top = await first.get_attribute("data-seq")
            await page.evaluate("(list) => { list.scrollTop = 0; }")
            await expect(first).not_to_have_attribute("data-seq", top or "")
        await expect(messages(mina)).to_have_count(LONGER + 201)
        numbers = [text for text in await said(mina) if text.startswith("number")]
        assert numbers == [f"number {number}." for number in range(LONGER + 200)]
        # Old messages follow what happens to them, though the fold holds them no longer.
        await page.evaluate("(list) => { list.scrollTop = 0; }")
        first_seq = int(await messages(mina).first.get_attribute("data-seq") or 0)
        await caller.command("chat.edit", seq=first_seq, text="the very first.")
        await expect(messages(mina).first).to_contain_text("the very first.")
        await caller.command("chat.delete", seq=first_seq)
        await expect(messages(mina).first).to_have_attribute("data-state", "deleted")


async def test_a_reply_quotes_what_it_answers(party: Party, room: Links) -> None:
    mina, jun = await two_who_write(party, room)
    await write(mina, "Tea or coffee?")
    await answer(jun, "Tea or coffee?")
    await expect(field(jun)).to_be_focused()
    await write(jun, "Barley tea")
    quote = message(mina, "Barley tea").locator("blockquote")
    await expect(quote).to_contain_text("Mina")
    await expect(quote).to_contain_text("Tea or coffee?")
    # Escape lets go of a reply, and keeps the panel and the text.
    await answer(jun, "Barley tea")
    await field(jun).fill("half a thought")
    await field(jun).press("Escape")
    await expect(jun.page.get_by_test_id("chat-cancel")).to_have_count(0)
    await expect(field(jun)).to_have_value("half a thought")


async def test_an_edited_message_says_so_to_everybody(party: Party, room: Links) -> None:
    mina, jun = await two_who_write(party, room)
    await write(mina, "Se you at five")
    await expect(message(jun, "Se you at five")).to_have_count(1)
    await field(mina).fill("a draft that waits")
    await choose(mina, "Se you at five", "message-edit")
    await expect(field(mina)).to_have_value("Se you at five")
    # What was begun is there again when the panel is.
    await field(mina).fill("See you")
    await mina.page.get_by_test_id("panel-close").click()
    await open_chat(mina)
    await expect(field(mina)).to_have_value("See you")
    await write(mina, "See you at five")
    for person in (mina, jun):
        await expect(message(person, "See you at five")).to_contain_text("edited")
        await expect(messages(person)).to_have_count(1)
    await expect(field(mina)).to_have_value("a draft that waits")
    # Somebody else's is not ours to change.
    await message(jun, "See you").hover()
    await message(jun, "See you").get_by_test_id("message-menu").click()
    await expect(jun.page.get_by_role("menuitem").first).to_be_visible()
    for entry in ("message-edit", "message-delete"):
        await expect(jun.page.get_by_test_id(entry)).to_have_count(0)


async def test_a_deleted_message_leaves_a_tombstone_and_is_gone_from_the_disk(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    mina, jun = await two_who_write(party, room)
    await write(mina, "the password is 망고스틴-xyzzy")
    await choose(mina, "xyzzy", "message-edit")
    await write(mina, "the password is 망고스틴-plugh")
    await expect(message(jun, "plugh")).to_have_count(1)
    await write(jun, "this one stays")
    await choose(mina, "plugh", "message-delete")
    await mina.page.get_by_test_id("question-yes").click()
    for person in (mina, jun):
        await expect(messages(person, "deleted")).to_have_count(1)
        await expect(messages(person)).to_have_count(2)

        async def forgotten(page: Page = person.page) -> bool:
            return "password" not in await page.content()

        await until(forgotten, "the words to be gone, from what was read aloud too")
    sora = await writer(party, room, "Sora")
    await expect(messages(sora, "deleted")).to_have_count(1)
    await moim_server.stop()
    party.troubles.allow(*SERVER_AWAY)
    words = words_in(moim_server.folder / "data")
    assert b"this one stays" in words
    assert b"xyzzy" not in words
    assert b"plugh" not in words


def words_in(folder: Path) -> bytes:
    """Everything in the data folder, once SQLite has written its log back."""
    for database in folder.rglob("*.db"):
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    files = [path for path in folder.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


async def test_a_host_takes_anybody_s_message_back(party: Party, room: Links) -> None:
    mina = await party.person(devices=())
    await become_host(mina, room)
    await mina.join("Mina")
    await open_chat(mina)
    jun = await writer(party, room, "Jun")
    await write(jun, "buy my things")
    await choose(mina, "buy my things", "message-delete")
    await mina.page.get_by_test_id("question-yes").click()
    for person in (mina, jun):
        await expect(messages(person, "deleted")).to_have_count(1)
        await expect(message(person, "buy my things", None)).to_have_count(0)


async def test_unread_messages_are_counted_in_the_title_and_on_the_button(
    party: Party, room: Links
) -> None:
    mina = await writer(party, room, "Mina")
    jun = await party.person(devices=())
    await jun.open(room.guest)
    await jun.join("Jun")
    for number in range(3):
        await write(mina, f"message {number}")
    button = jun.page.get_by_test_id("chat-button")
    await expect(button).to_contain_text("3")
    await expect(button).to_have_attribute("aria-label", "Chat, 3 new messages")
    assert (await jun.page.title()).startswith("(3) ")
    await button.click()
    await expect(message(jun, "message 2")).to_be_in_viewport()
    await expect(button).not_to_contain_text("3")
    await expect(jun.page).to_have_title("Friday tea · moim")
    assert not (await mina.page.title()).startswith("(")


async def test_the_chat_needs_no_pointer(party: Party, room: Links) -> None:
    mina = await writer(party, room, "Mina")
    await write(mina, "hello")
    jun = await party.person(devices=())
    await jun.open(room.guest)
    await jun.join("Jun")
    keys = jun.page.keyboard
    await keys.press("c")
    await expect(field(jun)).to_be_focused()
    await keys.type("cmhv?")  # no shortcut fires while one writes
    await expect(field(jun)).to_have_value("cmhv?")
    await keys.press("Enter")
    await expect(message(mina, "cmhv?")).to_have_count(1)
    # From the field back to the first message, and an answer to it.
    for _ in range(12):
        await keys.press("Shift+Tab")
        focused = jun.page.locator(":focus")
        if await focused.get_attribute("aria-label") == "Reply: Mina":
            break
    await keys.press("Enter")
    await expect(field(jun)).to_be_focused()
    await keys.type("good evening")
    await keys.press("Enter")
    await expect(message(mina, "good evening").locator("blockquote")).to_contain_text("hello")
    # One's own is deleted by its menu.
    await keys.press("Shift+Tab")
    for _ in range(12):
        if await jun.page.locator(":focus").get_attribute("data-testid") == "message-menu":
            break
        await keys.press("Shift+Tab")
    await keys.press("Enter")
    await expect(jun.page.get_by_role("menuitem").first).to_be_visible()
    await keys.press("End")
    await keys.press("Enter")
    await expect(jun.page.get_by_test_id("question")).to_be_visible()
    await jun.page.get_by_test_id("question-yes").focus()
    await keys.press("Enter")
    await expect(messages(jun, "deleted")).to_have_count(1)
    await expect(messages(mina, "deleted")).to_have_count(1)
    # Escape closes the panel and gives the focus back.
    await field(jun).focus()
    await keys.press("Escape")
    await expect(field(jun)).to_have_count(0)


async def test_enter_while_composing_hangul_does_not_send(party: Party, room: Links) -> None:
    mina, jun = await two_who_write(party, room)
    keyboard = await mina.page.context.new_cdp_session(mina.page)

    async def compose(text: str) -> None:
        await keyboard.send(
            "Input.imeSetComposition",
            {"text": text, "selectionStart": len(text), "selectionEnd": len(text)},
        )

    await field(mina).focus()
    for syllable in ("ㅎ", "하", "한"):
        await compose(syllable)
    # What a browser reports for Enter while an input method has the key.
    enter = {"key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    await keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await keyboard.send("Input.insertText", {"text": "한"})
    await keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    await expect(field(mina)).to_have_value("한")
    await expect(messages(mina)).to_have_count(0)
    # Chromium on a Mac reports the Enter that ends a composition as Enter, still composing.
    for syllable in ("ㄱ", "그", "글"):
        await compose(syllable)
    ending = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **ending})
    await keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **ending})
    await expect(messages(mina)).to_have_count(0)
    await keyboard.send("Input.insertText", {"text": "글"})
    await expect(field(mina)).to_have_value("한글")
    await field(mina).press("Shift+Enter")
    await mina.page.keyboard.type("second line")
    await expect(field(mina)).to_have_value("한글\nsecond line")
    await field(mina).press("Enter")
    await expect(message(jun, "한글")).to_have_count(1)
    assert await said(jun) == ["한글\nsecond line"]


@pytest.mark.parametrize("letter", ["a", "👨‍👩‍👧", "각"], ids=["latin", "family", "jamo"])
async def test_the_limit_counts_what_a_person_sees_as_a_letter(
    party: Party, room: Links, letter: str
) -> None:
    mina = await writer(party, room, "Mina")
    await field(mina).fill(letter * 4001)
    left = mina.page.locator("#chat-left")
    await expect(left).to_have_text("1 letter too long")
    await expect(mina.page.get_by_test_id("chat-send")).to_be_disabled()
    await field(mina).press("Enter")
    await expect(messages(mina)).to_have_count(0)
    await field(mina).fill(letter * 3990)
    await expect(left).to_have_text("10 letters left")
    await field(mina).fill(letter * 4000)
    await field(mina).press("Enter")
    await expect(messages(mina, "saved")).to_have_count(1)


async def test_typing_is_seen_by_the_others_until_it_is_sent(party: Party, room: Links) -> None:
    mina, jun = await two_who_write(party, room)
    await field(mina).press_sequentially("hm")
    note = jun.page.get_by_text("Mina is writing")
    await expect(note).to_be_visible()
    await field(mina).press("Enter")
    await expect(note).to_have_count(0)


async def test_text_that_was_typed_survives_a_closed_panel_and_a_reload(
    party: Party, room: Links
) -> None:
    mina = await writer(party, room, "Mina")
    await field(mina).fill("not finished")
    await mina.page.get_by_test_id("chat-button").click()
    await expect(field(mina)).to_have_count(0)
    await open_chat(mina)
    await expect(field(mina)).to_have_value("not finished")
    await mina.page.reload()
    await expect(mina.leave_button).to_be_visible()
    await open_chat(mina)
    await expect(field(mina)).to_have_value("not finished")
