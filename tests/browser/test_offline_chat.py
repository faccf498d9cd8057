"""The chat while the server is away: said over data channels, saved once it is back."""

import json
import re
from collections.abc import Callable

from playwright.async_api import Page, WebSocketRoute, expect

from tests.browser.chatting import answer, field, message, messages, open_chat, said, write, writer
from tests.browser.party import Party
from tests.browser.person import Person, until
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


async def test_who_is_alone_without_a_server_is_told_and_nothing_vanishes(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    party.troubles.allow(*SERVER_AWAY)
    mina = await writer(party, room, "Mina")
    await moim_server.kill()
    await write(mina, "hello?")
    await expect(messages(mina, "failed")).to_have_count(1, timeout=20_000)
    await moim_server.start()
    await expect(message(mina, "hello?")).to_have_count(1, timeout=20_000)
    await expect(messages(mina)).to_have_count(1)


async def test_a_reply_quotes_before_it_is_saved(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    mina, jun = await two_who_write_in_a_call(party, room)
    await moim_server.kill()
    await answer(jun, "before")
    await write(jun, "after")
    for person in (mina, jun):
        waiting = message(person, "after", "unsaved")
        await expect(waiting.locator("blockquote")).to_contain_text("before")
        await expect(waiting).to_contain_text("Not saved yet")


async def test_an_author_who_comes_back_later_still_saves_what_was_said(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    mina, jun = await two_who_write_in_a_call(party, room)
    await moim_server.kill()
    await write(mina, "remember me")
    await expect(message(jun, "remember me", "unsaved")).to_have_count(1)
    # Her page goes before the server is back: only Jun's still knows what she said.
    await mina.page.goto("about:blank")
    await moim_server.start()
    await expect(jun.page.get_by_test_id("reconnect-bar")).to_have_count(0)
    await expect(message(jun, "remember me", "unsaved")).to_contain_text("Mina")
    # In a new tab: the old one was closed.
    again = await mina.second_tab()
    await mina.page.close()
    await again.open(room.guest)
    if await again.page.get_by_test_id("join-button").count():
        await again.join("Mina")
    await expect(message(jun, "remember me")).to_have_count(1)
    await expect(messages(jun)).to_have_count(2)
    await open_chat(again)
    await expect(messages(again)).to_have_count(2)


async def test_a_message_whose_answer_was_lost_is_saved_once(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    """The server dies between its commit and its answer."""
    party.troubles.allow(*SERVER_AWAY)
    jun = await writer(party, room, "Jun")
    mina = await party.person(devices=())
    deaf = False

    def listen(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def hear(told: str | bytes) -> None:
            if not deaf:
                socket.send(told)

        server.on_message(hear)

    await mina.page.route_web_socket("**/socket.io/**", listen)
    await mina.open(room.guest)
    await mina.join("Mina")
    await open_chat(mina)
    deaf = True
    await write(mina, "only once")
    await expect(message(jun, "only once")).to_have_count(1)
    await expect(message(mina, "only once", "sending")).to_have_count(1)
    await moim_server.kill()
    deaf = False
    await moim_server.start()
    await expect(message(mina, "only once")).to_have_count(1)
    for person in (mina, jun):
        await expect(person.page.get_by_test_id("reconnect-bar")).to_have_count(0)
        await expect(messages(person)).to_have_count(1)


async def refusing(
    page: Page, command: str, code: Callable[[], str | None]
) -> list[WebSocketRoute]:
    """Stands before the server and refuses a command as long as there is a code for it; gives the
    sockets that the page opens."""
    sockets: list[WebSocketRoute] = []

    def speak(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        sockets.append(socket)

        def say(told: str | bytes) -> None:
            asked = re.match(rf'42(\d+)\["{command}"', told) if isinstance(told, str) else None
            refusal = code() if asked else None
            if asked is None or refusal is None:
                server.send(told)
                return
            answer = [{"ok": False, "error": {"code": refusal, "message": "Not now."}}]
            socket.send(f"43{asked[1]}{json.dumps(answer)}")

        socket.on_message(say)

    await page.route_web_socket("**/socket.io/**", speak)
    return sockets


async def test_a_message_for_which_the_server_was_too_busy_is_sent_again_by_itself(
    party: Party, room: Links
) -> None:
    mina = await party.person(devices=())
    codes = ["busy", "busy"]
    await refusing(mina.page, "chat.send", lambda: codes.pop() if codes else None)
    await mina.open(room.guest)
    await mina.join("Mina")
    await open_chat(mina)
    await write(mina, "in the crowd")
    await expect(message(mina, "in the crowd")).to_have_count(1)
    assert codes == []
    await expect(messages(mina)).to_have_count(1)


async def test_who_cannot_have_their_seat_back_yet_stays_in_the_call_and_comes_back(
    party: Party, room: Links
) -> None:
    mina = await party.person(devices=())
    codes: list[str] = []
    sockets = await refusing(mina.page, "participant.join", lambda: codes.pop() if codes else None)
    await mina.open(room.guest)
    await mina.join("Mina")
    await open_chat(mina)
    await field(mina).fill("half a sentence")
    codes += ["storage_full", "internal", "rate_limited"]
    await sockets[0].close()

    async def refused_thrice() -> bool:
        return not codes

    await until(refused_thrice, "the seat was refused three times")
    await expect(field(mina)).to_have_value("half a sentence")
    await write(mina, "back again")
    await expect(message(mina, "back again")).to_have_count(1)
    await expect(mina.page.get_by_test_id("reconnect-bar")).to_have_count(0)


async def test_what_was_on_its_way_when_the_server_died_goes_to_those_present(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    mina, jun = await two_who_write_in_a_call(party, room)
    moim_server.pause()
    await write(mina, "in flight")
    await expect(message(mina, "in flight", "sending")).to_have_count(1)
    await moim_server.kill()
    await expect(message(jun, "in flight", "unsaved")).to_have_count(1)
    await moim_server.start()
    for person in (mina, jun):
        await expect(message(person, "in flight")).to_have_count(1)
        await expect(messages(person)).to_have_count(2)


KEEP_CHANNELS = """
const make = RTCPeerConnection.prototype.createDataChannel;
window.channels = [];
RTCPeerConnection.prototype.createDataChannel = function (...given) {
  const channel = make.apply(this, given);
  window.channels.push(channel);
  return channel;
};
"""
SPEAK = """
(payload) => window.channels.filter((c) => c.readyState === "open")
  .forEach((c) => c.send(typeof payload === "string" ? payload : JSON.stringify(payload)))
"""


async def test_nobody_speaks_for_another_over_a_data_channel(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    party.troubles.allow(*SERVER_AWAY)
    mina, mallory = await party.person(devices=()), await party.person(devices=())
    await mallory.page.add_init_script(KEEP_CHANNELS)
    for person, name in ((mina, "Mina"), (mallory, "Mallory")):
        await person.open(room.guest)
        await person.join(name)
        await open_chat(person)
    await write(mina, "I am Mina")
    await expect(message(mallory, "I am Mina")).to_have_count(1)
    author = await message(mallory, "I am Mina").get_attribute("data-author")
    await moim_server.kill()
    await expect(mina.page.get_by_test_id("reconnect-bar")).to_be_visible()
    claims = {"author": author, "from": author, "name": "Mina", "actor": author}
    forged = {"id": "x1", "text": "<b>send money</b>", "reply_to": None, "at_ms": 1, **claims}
    for nonsense in (
        "{",
        '{"topic": 3}',
        '{"topic": "chat"}',
        "[]",
        '{"topic":"chat","payload":7}',
    ):
        await mallory.page.evaluate(SPEAK, nonsense)
    for _ in range(3):
        await mallory.page.evaluate(SPEAK, {"topic": "chat", "payload": forged})
    shown = message(mina, "send money", "unsaved")
    await expect(shown).to_have_count(1)
    await expect(shown.locator("header")).to_have_text("Mallory")
    assert await shown.locator(".text *").count() == 0
    await expect(messages(mina)).to_have_count(2)
    # What its author never commits is never saved.
    await moim_server.start()
    await expect(mina.page.get_by_test_id("reconnect-bar")).to_have_count(0)
    await expect(messages(mina, "saved")).to_have_count(1)


async def test_an_outage_costs_no_typed_text(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    party.troubles.allow(*SERVER_AWAY)
    mina = await writer(party, room, "Mina")
    await write(mina, "first")
    await expect(messages(mina, "saved")).to_have_count(1)
    await field(mina).fill("half a sen")
    await moim_server.kill()
    await expect(mina.page.get_by_test_id("reconnect-bar")).to_be_visible()
    await field(mina).press_sequentially("tence")
    await moim_server.start()
    await expect(mina.page.get_by_test_id("reconnect-bar")).to_have_count(0)
    await expect(field(mina)).to_have_value("half a sentence")
    await field(mina).press("Enter")
    await expect(messages(mina, "saved")).to_have_count(2)


async def test_a_message_not_sent_is_retried_or_discarded_by_its_author(
    party: Party, room: Links, moim_server: MoimServer
) -> None:
    party.troubles.allow(*SERVER_AWAY)
    mina = await writer(party, room, "Mina")
    await moim_server.kill()
    for text in ("keep", "drop"):
        await write(mina, text)
        await expect(message(mina, text, "sending")).to_have_count(1)
    await expect(messages(mina, "failed")).to_have_count(2, timeout=10_000)
    await expect(message(mina, "keep", "failed")).to_contain_text("Not sent")
    await message(mina, "keep", "failed").get_by_test_id("message-retry").click()
    await expect(message(mina, "keep", "sending")).to_have_count(1)
    await message(mina, "drop", "failed").get_by_test_id("message-discard").click()
    await moim_server.start()
    await expect(message(mina, "keep")).to_have_count(1)
    await expect(messages(mina)).to_have_count(1)
