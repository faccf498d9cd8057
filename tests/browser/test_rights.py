"""What a host takes from somebody and gives back: on both planes, and from who does not obey."""

import asyncio
import importlib.util
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from livekit import rtc
from livekit.rtc.participant import PublishTrackError
from playwright.async_api import expect

from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer
from tests.browser.test_call import become_host
from tests.browser.test_hostile import KEEP_SENDING, LOUDNESS, audio_packets
from tests.browser.test_people import notice
from tests.browser.test_share import SCREEN, share
from tests.browser.visiting import WITH_SFU, BotDoor, act_on, identity_of, is_on
from tests.sfu.clients.sdk import Person as Bot
from tests.sfu.clients.sdk import Picture, people

SPLIT = Picture(60, 200)
REFUSED_S = 15
COMES_S = 30
SOURCES = {
    "microphone": rtc.TrackSource.SOURCE_MICROPHONE,
    "camera": rtc.TrackSource.SOURCE_CAMERA,
}
# A page that neither stops nor lets go of what it sends.
DISOBEY = """
() => {
  MediaStreamTrack.prototype.stop = () => undefined;
  RTCRtpSender.prototype.replaceTrack = async () => undefined;
  RTCPeerConnection.prototype.removeTrack = () => undefined;
  const { get } = Object.getOwnPropertyDescriptor(RTCRtpTransceiver.prototype, "direction");
  Object.defineProperty(RTCRtpTransceiver.prototype, "direction", { get, set: () => undefined });
}
"""
on_the_sfu = pytest.mark.parametrize("moim_server", [WITH_SFU], indirect=True)
needs_engine = pytest.mark.skipif(
    importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
)


async def host_and_guest(party: Party, room: Links) -> tuple[Person, Person]:
    """Mina, a host, and Jun, who see and hear each other."""
    mina, jun = [await party.person() for _ in range(2)]
    await jun.page.add_init_script(SCREEN)
    await become_host(mina, room)
    await mina.enter(room.guest, "Mina")
    await jun.enter(room.guest, "Jun")
    await mina.sees(1)
    await mina.hears(1)
    return mina, jun


async def test_what_a_host_takes_ends_at_once_and_begins_again_by_its_owner_alone(
    party: Party, room: Links
) -> None:
    mina, jun = await host_and_guest(party, room)
    microphone = jun.page.get_by_test_id("mic-button")
    await act_on(mina, "Jun", "right-microphone")
    await expect(microphone).to_have_attribute("aria-disabled", "true")
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "true")
    told = notice(jun, "A host has turned off your microphone").last
    await expect(told).to_be_visible()
    await microphone.click(force=True)
    await expect(told).to_be_visible()
    assert await mina.page.evaluate(LOUDNESS) == 0
    await mina.sees(1)

    await act_on(mina, "Jun", "right-microphone")
    await expect(microphone).to_have_attribute("aria-disabled", "false")
    await expect(microphone).to_have_attribute("aria-pressed", "false")
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "true")
    await microphone.click()
    await mina.hears(1)


async def test_what_is_taken_from_all_guests_is_shared_and_written_by_none_of_them(
    party: Party, room: Links
) -> None:
    mina, jun = await host_and_guest(party, room)
    await share(jun)
    await mina.sees(2)
    await mina.page.get_by_test_id("people-button").click()
    for right in ("share", "chat"):
        await mina.page.get_by_test_id(f"guests-{right}").click()
    screens = mina.page.locator('[data-testid=tile][data-source="screen_share"]')
    await expect(screens).to_have_count(0)
    button = jun.page.get_by_test_id("share-button")
    await expect(button).to_have_attribute("aria-disabled", "true")
    await jun.page.get_by_test_id("chat-button").click()
    await expect(jun.page.get_by_test_id("chat-reason")).to_contain_text("you can still read")
    await expect(jun.page.get_by_test_id("chat-input")).to_have_count(0)
    await mina.page.get_by_test_id("chat-button").click()
    await mina.page.get_by_test_id("chat-input").fill("Listen, please")
    await mina.page.get_by_test_id("chat-send").click()
    await expect(jun.page.get_by_test_id("chat-list")).to_contain_text("Listen, please")

    await act_on(mina, "Jun", "right-chat")
    await jun.page.get_by_test_id("chat-input").fill("Thank you")
    await jun.page.get_by_test_id("chat-send").click()
    await expect(mina.page.get_by_test_id("chat-list")).to_contain_text("Thank you")


async def test_who_has_no_right_and_goes_on_sending_is_not_heard(party: Party, room: Links) -> None:
    mina, jun = await host_and_guest(party, room)
    await jun.page.evaluate(DISOBEY)
    await jun.page.evaluate(KEEP_SENDING)
    assert await mina.page.evaluate(LOUDNESS) > 0.01
    await act_on(mina, "Jun", "right-microphone")
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "true")
    before = await audio_packets(mina)
    assert await mina.page.evaluate(LOUDNESS) == 0
    assert await audio_packets(mina) > before + 20, "it did not keep sending"


@needs_engine
@on_the_sfu
async def test_the_sfu_itself_refuses_a_page_and_a_bot_what_was_taken_from_them(
    party: Party, moim_server: MoimServer, room: Links
) -> None:
    mina, jun = await host_and_guest(party, room)
    async with people("bot", "eye") as (bot, eye):
        door: Any = BotDoor(moim_server, room)
        await bot.join(door)
        await bot.show(SPLIT)
        await bot.hum(440)
        await eye.join(door)
        for person in (mina, jun):
            await is_on(person, "sfu")
        await mina.sees(2)
        jun_there = await identity_of(jun)
        everything = {"microphone", "camera"}
        for identity in (jun_there, "bot"):
            sending = partial(sends, eye, identity, everything)
            await until(sending, f"all that {identity} sends", COMES_S)

        await act_on(mina, "Bot", "right-camera")
        await act_on(mina, "Jun", "right-microphone")
        await until(
            lambda: sends(eye, "bot", {"microphone"}), "the bot's camera to be ended", COMES_S
        )
        await until(lambda: sends(eye, jun_there, {"camera"}), "Jun's sound to be ended", COMES_S)
        await mina.sees(1)
        with suppress(PublishTrackError, TimeoutError):
            await asyncio.wait_for(bot.show(SPLIT), REFUSED_S)
        assert await sends(eye, "bot", {"microphone"})
        await expect(mina.tile("Bot").locator("video")).to_have_count(0)

        await act_on(mina, "Bot", "right-camera")
        await act_on(mina, "Jun", "right-microphone")
        await until(lambda: may_publish(bot, "camera"), "the bot to hear of its camera", COMES_S)
        await bot.show(SPLIT)
        await mina.sees(2)
        await jun.page.get_by_test_id("mic-button").click()
        for identity in (jun_there, "bot"):
            sending = partial(sends, eye, identity, everything)
            await until(sending, f"{identity} to send again", COMES_S)


@needs_engine
@on_the_sfu
async def test_a_bot_that_comes_later_has_no_more_than_the_guests(
    party: Party, moim_server: MoimServer, room: Links
) -> None:
    mina = await party.person()
    await become_host(mina, room)
    await mina.enter(room.guest, "Mina")
    await mina.page.get_by_test_id("people-button").click()
    for right in ("microphone", "chat"):
        await mina.page.get_by_test_id(f"guests-{right}").click()
    async with people("bot", "other") as (bot, other):
        door: Any = BotDoor(moim_server, room)
        await bot.join(door)
        await bot.show(SPLIT)
        with suppress(PublishTrackError):  # refused where moim has looked already, ended where not
            await bot.hum(440)
        await other.join(door)
        await expect(mina.tile("Bot")).to_be_visible()
        await until(lambda: sends(other, "bot", {"camera"}), "the bot's sound to be ended", COMES_S)
        await is_on(mina, "sfu")
        await mina.sees(1)
        await until(lambda: may_write(bot, False), "the bot to hear that it may not write", COMES_S)
        before = len(other.data)
        await bot.room.local_participant.publish_data("hello", topic="words")
        await act_on(mina, "Bot", "right-chat")
        await until(lambda: may_write(bot, True), "the bot to hear that it may write", COMES_S)
        await bot.room.local_participant.publish_data("hello again", topic="words")
        await until(lambda: has_heard(other, before), "what the bot wrote", COMES_S)
        assert [packet.data for packet in other.data[before:]] == [b"hello again"]


async def sends(eye: Bot, identity: str, sources: set[str]) -> bool:
    """Whether these alone of somebody's are on the SFU, as a bot sees it."""
    found = eye.room.remote_participants.get(identity)
    there = found.track_publications.values() if found is not None else ()
    return {one.source for one in there} == {SOURCES[source] for source in sources}


async def may_publish(bot: Bot, source: str) -> bool:
    return SOURCES[source] in bot.room.local_participant.permissions.can_publish_sources


async def may_write(bot: Bot, wanted: bool) -> bool:
    return bool(bot.room.local_participant.permissions.can_publish_data) is wanted


async def has_heard(bot: Bot, before: int) -> bool:
    return len(bot.data) > before
