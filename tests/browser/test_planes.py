"""One call over two planes: it grows, moves to the SFU, shrinks, moves back; nobody rejoins."""

import importlib.util
from pathlib import Path

import pytest
from livekit import rtc
from playwright.async_api import expect

from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer
from tests.browser.sharing import MIB, digest, file_of, give, received, saved, two_with_files
from tests.browser.test_call import become_host
from tests.browser.test_share import SCREEN, share
from tests.browser.visiting import WITH_SFU, BotDoor, act_on, identity_of, is_on, plane
from tests.sfu.clients.sdk import Picture, people

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
    ),
    pytest.mark.parametrize("moim_server", [WITH_SFU], indirect=True),
]
SPLIT = Picture(60, 200)
MICROPHONE = rtc.TrackSource.SOURCE_MICROPHONE


async def test_a_call_goes_from_two_to_six_and_back_with_picture_and_sound_on_every_page(
    party: Party, moim_server: MoimServer, room: Links
) -> None:
    mina, jun, sora = [await party.person() for _ in range(3)]
    await mina.enter(room.guest, "Mina")
    await jun.enter(room.guest, "Jun")
    await _all_see_and_hear(mina, jun)
    assert await plane(mina) == "mesh"
    order = await mina.order()
    async with people("ann", "bob", "cho") as (ann, *later):
        await ann.join(BotDoor(moim_server, room))  # type: ignore[arg-type]
        await ann.show(SPLIT)
        await ann.hum(440)
        await sora.enter(room.guest, "Sora")
        for person in (mina, jun, sora):
            await is_on(person, "sfu")
            await expect(person.tile("Ann")).to_be_visible()
        await _all_see_and_hear(mina, jun, sora, others=3)
        await sora.page.get_by_test_id("mic-button").click()
        for bot in later:
            # Ann looks and listens for all three.
            await bot.join(BotDoor(moim_server, room), auto_subscribe=False)  # type: ignore[arg-type]
            await bot.show(SPLIT)
            await bot.hum(440)
        for person in (mina, jun, sora):
            await person.sees(5)
        for person, voices in ((mina, 4), (jun, 4), (sora, 5)):
            await person.hears(voices)
        assert (await mina.order())[: len(order)] == order
        heard = await identity_of(mina)

        async def ann_hears_and_sees() -> bool:
            return heard in ann.seen and ann.seen[heard].frames > 5 and heard in ann.heard

        await until(ann_hears_and_sees, "Ann sees and hears Mina")
    await mina.leave()
    for person in (jun, sora):
        await is_on(person, "mesh")
        await person.sees(1)
    # Who was muted on the SFU is muted on the mesh, until they speak themselves.
    await sora.hears(1)
    await expect(jun.tile("Sora")).to_have_attribute("data-muted", "true")
    await sora.page.get_by_test_id("mic-button").click()
    await jun.hears(1)


async def test_a_muted_microphone_stays_muted_and_a_share_goes_on_over_a_move(
    party: Party, moim_server: MoimServer, room: Links
) -> None:
    mina, jun = [await party.person() for _ in range(2)]
    await jun.page.add_init_script(SCREEN)
    await become_host(mina, room)
    await mina.enter(room.guest, "Mina")
    await jun.enter(room.guest, "Jun")
    await _all_see_and_hear(mina, jun)
    await jun.page.get_by_test_id("mic-button").click()
    await expect(mina.tile("Jun").first).to_have_attribute("data-muted", "true")
    await share(jun)
    shared = mina.page.locator('[data-testid=tile][data-source="screen_share"] video')
    await mina.sees(2)
    async with people("bot") as (bot,):
        await bot.join(BotDoor(moim_server, room))  # type: ignore[arg-type]
        for person in (mina, jun):
            await is_on(person, "sfu")
        await expect(mina.tile("Jun").first).to_have_attribute("data-muted", "true")
        await expect(shared).to_be_visible()
        await mina.sees(2)
        await jun.hears(1)
        jun_there = bot.room.remote_participants[await identity_of(jun)]

        async def is_muted() -> bool:
            published = jun_there.track_publications.values()
            return any(p.muted for p in published if p.source == MICROPHONE)

        await until(is_muted, "Jun's microphone is muted on the SFU too")


async def test_a_bot_with_an_sdk_is_moderated_like_anybody_and_sees_hands_and_roles(
    party: Party, moim_server: MoimServer, room: Links
) -> None:
    mina = await party.person()
    await become_host(mina, room)
    await mina.enter(room.guest, "Mina")
    async with people("bot") as (bot,):
        await bot.join(BotDoor(moim_server, room))  # type: ignore[arg-type]
        await bot.show(SPLIT)
        await bot.hum(440)
        await is_on(mina, "sfu")
        await mina.sees(1)
        await mina.hears(1)
        there = bot.room.remote_participants[await identity_of(mina)]
        await mina.page.keyboard.press("h")

        async def knows(name: str, value: str) -> bool:
            return there.attributes.get(name) == value

        await until(lambda: knows("moim.role", "host"), "the bot knows the host")
        await until(lambda: knows("moim.hand", "1"), "the bot sees the hand")

        await act_on(mina, "Bot", "mute")
        await expect(mina.tile("Bot")).to_have_attribute("data-muted", "true")

        async def is_muted() -> bool:
            return bot.published["microphone"].muted

        await until(is_muted, "the bot's microphone is muted where it is")
        await act_on(mina, "Bot", "remove")
        await mina.page.get_by_test_id("question-yes").click()
        await expect(mina.tile("Bot")).to_have_count(0)

        async def is_out() -> bool:
            return "disconnected" in bot.events

        await until(is_out, "the bot is put out")


async def test_a_file_on_its_way_when_a_call_moves_arrives_whole_and_so_does_one_on_the_sfu(
    party: Party, moim_server: MoimServer, room: Links, tmp_path: Path
) -> None:
    mina, jun = await two_with_files(party, room)
    large = file_of(tmp_path, "film.mkv", 24 * MIB)
    await give(mina, large)
    await expect(received(jun, "offered")).to_have_count(1)
    async with people("bot") as (bot,):
        await bot.join(BotDoor(moim_server, room))  # type: ignore[arg-type]
        await jun.page.get_by_test_id("file-accept").click()
        for person in (mina, jun):
            await is_on(person, "sfu")
        await expect(received(jun, "done")).to_have_count(1, timeout=60_000)
        save = received(jun, "done").get_by_test_id("file-save")
        assert await saved(jun, save) == (large.name, digest(large))
        small = file_of(tmp_path, "plan.pdf", 2 * MIB)
        await give(mina, small)
        await expect(received(jun, "done")).to_have_count(2, timeout=60_000)
        save = received(jun, "done").filter(has_text="plan.pdf").get_by_test_id("file-save")
        assert await saved(jun, save) == (small.name, digest(small))


async def _all_see_and_hear(*persons: Person, others: int | None = None) -> None:
    for person in persons:
        await person.sees(len(persons) - 1 if others is None else others)
        await person.hears(len(persons) - 1 if others is None else others)
