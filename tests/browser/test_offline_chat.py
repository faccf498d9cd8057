"""The chat while the server is away: said over data channels, saved once it is back."""

from playwright.async_api import expect

from tests.browser.chatting import answer, field, message, messages, open_chat, said, write, writer
from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import Links, MoimServer
from tests.browser.test_call import two_in_a_call
from tests.browser.troubles import SERVER_AWAY


async def two_who_write_in_a_call(party: Party, room: Links) -> tuple[Person, Person]:
    party.troubles.allow(*SERVER_AWAY)
    mina, jun = await two_in_a_call(party, room)
    for person in (mina, jun):
        await open_chat(person)
    await write(mina, "before")
    await expect(message(jun, "before")).to_have_count(1)
    return mina, jun


async def test_what_both_say_while_the_server_is_away_is_saved_once_and_in_one_order(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    mina, jun = await two_who_write_in_a_call(party, room)
    await moim_server.kill()
    await write(mina, "are you there?")
    await expect(message(jun, "are you there?", "unsaved")).to_have_count(1)
    await expect(message(jun, "are you there?", "unsaved")).to_contain_text("Not saved yet")
    await answer(jun, "before")
    await write(jun, "yes, I hear you")
    await expect(message(mina, "yes, I hear you", "unsaved")).to_have_count(1)
    await moim_server.start()
    for person in (mina, jun):
        await expect(messages(person, "saved")).to_have_count(3)
        await expect(messages(person)).to_have_count(3)
    assert await said(mina) == await said(jun)
    await expect(message(mina, "yes, I hear you").locator("blockquote")).to_contain_text("before")
    # Who comes later reads the same, once.
    sora = await writer(party, room, "Sora")
    await expect(messages(sora, "saved")).to_have_count(3)
    assert await said(sora) == await said(mina)


async def test_a_reload_while_the_server_is_away_loses_nothing_that_was_written(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    mina, jun = await two_who_write_in_a_call(party, room)
    await moim_server.kill()
    await write(mina, "keep this")
    await expect(message(jun, "keep this", "unsaved")).to_have_count(1)
    await field(mina).fill("half a sentence")
    await moim_server.start()
    await mina.page.reload()
    await expect(mina.leave_button).to_be_visible()
    await open_chat(mina)
    await expect(field(mina)).to_have_value("half a sentence")
    for person in (mina, jun):
        await expect(message(person, "keep this")).to_have_count(1)
        await expect(messages(person)).to_have_count(2)
