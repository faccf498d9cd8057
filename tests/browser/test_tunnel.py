"""A call between somebody on the laptop itself and somebody who came through its tunnel."""

from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browser.party import Party
from tests.browser.server import free_port
from tests.tunnel.running import tunnelled
from tests.tunnel.world import tunnel_server


async def test_a_friend_joins_by_the_link_of_the_laptop_and_both_see_and_hear(
    chromium: Browser, tmp_path: Path
) -> None:
    # Browsers count every name below localhost as secure, and as this machine.
    port = free_port()
    public = f"http://mina.localhost:{port}"
    (tmp_path / "moim").mkdir()
    async with (
        tunnel_server(tmp_path / "server", url=f"http://localhost:{port}", port=port) as server,
        tunnelled(tmp_path / "moim", server) as moim,
    ):
        here, there = Party(chromium, moim.origin), Party(chromium, public)
        try:
            room = await moim.create_room()
            mina, joon = await here.person(), await there.person()
            await mina.open(room.guest)
            link = await mina.page.evaluate(
                """() => JSON.parse(document.getElementById("moim-start").textContent).guest_link"""
            )
            assert link == f"{public}/r/{room.slug}"
            await mina.turn_on_devices()
            await mina.join("Mina")
            await joon.enter(link, "Joon")
            for person, other in ((mina, "Joon"), (joon, "Mina")):
                await expect(person.tile(other)).to_be_visible()
                await person.sees()
                await person.hears()
        finally:
            await here.close()
            await there.close()
        here.troubles.check()
        there.troubles.check()
