"""moim with LiveKit's own server as its cluster: nothing in the browser is different."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import MoimServer, free_port
from tests.browser.test_call import become_host
from tests.browser.test_rights import sends
from tests.browser.visiting import act_on, identity_of, is_on
from tests.livekit_server import KEY, SECRET, LiveKitServer
from tests.sfu.clients.sdk import Picture, people

SPLIT = Picture(60, 200)


@dataclass
class Deployment:
    """Both servers, which know of each other by a key, an address and a webhook."""

    moim: MoimServer
    livekit: LiveKitServer
    room: str = ""

    @property
    def url(self) -> str:
        return self.livekit.url

    def token(self, identity: str, **grants: Any) -> str:
        return self.livekit.token(identity, self.room, **grants)


@pytest_asyncio.fixture(loop_scope="session")
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    port = free_port()
    livekit = LiveKitServer(tmp_path, f"http://127.0.0.1:{port}/api/livekit/webhook")
    cluster = {
        "MOIM_LIVEKIT_URL": livekit.url.replace("http", "ws"),
        "MOIM_LIVEKIT_API_KEY": KEY,
        "MOIM_LIVEKIT_API_SECRET": SECRET,
    }
    moim = MoimServer(tmp_path, cluster, port)
    for server in (livekit, moim):
        await server.start()
    yield Deployment(moim, livekit)
    for server in (livekit, moim):
        await server.kill()


async def test_a_call_moves_to_livekits_server_for_a_bot_is_moderated_there_and_comes_back(
    chromium: Browser, deployment: Deployment
) -> None:
    party = Party(chromium, deployment.moim.origin)
    party.troubles.trust(deployment.livekit.url)
    room = await deployment.moim.create_room()
    deployment.room = room.slug
    mina, jun = [await party.person() for _ in range(2)]
    await become_host(mina, room)
    await mina.enter(room.guest, "Mina")
    await jun.enter(room.guest, "Jun")
    await see_and_hear(mina, jun, others=1)
    async with people("bot") as (bot,):
        # While the call is on the mesh, moim hears of who comes there by the webhook alone.
        await bot.join(deployment)  # type: ignore[arg-type]
        await bot.show(SPLIT)
        await bot.hum(440)
        for person in (mina, jun):
            await is_on(person, "sfu")
            await expect(person.tile("Bot")).to_be_visible()
        await see_and_hear(mina, jun, others=2)
        jun_there = await identity_of(jun)

        async def bot_sees_and_hears_jun() -> bool:
            seen = bot.seen.get(jun_there)
            return seen is not None and seen.frames > 5 and jun_there in bot.heard

        await until(bot_sees_and_hears_jun, "the bot to see and hear Jun", 30)
        await act_on(mina, "Jun", "right-microphone")
        await until(lambda: sends(bot, jun_there, {"camera"}), "Jun's sound to be ended there", 30)
        await act_on(mina, "Bot", "mute")

        async def is_muted() -> bool:
            return bot.published["microphone"].muted

        await until(is_muted, "the bot to be muted there", 30)
        await expect(mina.tile("Bot")).to_have_attribute("data-muted", "true")
        await act_on(mina, "Jun", "right-microphone")
        await jun.page.get_by_test_id("mic-button").click()
        await act_on(mina, "Bot", "remove")
        await mina.page.get_by_test_id("question-yes").click()

        async def is_out() -> bool:
            return "disconnected" in bot.events

        await until(is_out, "the bot to be put out", 30)
    for person in (mina, jun):
        await is_on(person, "mesh")
    await see_and_hear(mina, jun, others=1)
    await party.close()
    party.troubles.check()


async def see_and_hear(*persons: Person, others: int) -> None:
    for person in persons:
        await person.sees(others)
        await person.hears(others)
