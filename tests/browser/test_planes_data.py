"""What features say to each other straight, in a call through the SFU: a game and mini-apps."""

import importlib.util
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.party import Party
from tests.browser.person import until
from tests.browser.playing import WATCH, in_order, open_table, phase, play, sit
from tests.browser.server import Links
from tests.browser.sharing import MIB, digest, file_of, give, got_bytes, open_files, received, saved
from tests.browser.test_apps import add, draw, guest, open_apps, run
from tests.browser.test_call import become_host
from tests.browser.visiting import WITH_SFU, Signals, choose, is_on

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("moim_engine") is None, reason="the media engine is not built"
    ),
    pytest.mark.parametrize("moim_server", [WITH_SFU], indirect=True),
]


async def test_a_game_and_a_stroke_while_it_is_drawn_go_through_the_sfu(
    party: Party, room: Links
) -> None:
    mina = await party.person(devices=())
    await become_host(mina, room)
    await mina.join("Mina")
    await choose(mina, "sfu")
    jun = await guest(party, room, "Jun")
    for person in (mina, jun):
        await is_on(person, "sfu")
        await open_table(person)
    await sit(mina, jun)
    await play(mina, jun)
    _, other = await in_order(mina, jun)
    await expect(phase(other, "rally")).to_be_visible()
    # The ball is the referee's: who is not sees it by what was sent.
    seen = await other.page.evaluate(WATCH, 40)
    assert len({(at["x"], at["y"]) for at in seen}) > 20, "the ball stood still"

    await open_apps(mina)
    await add(mina, "whiteboard")
    await open_apps(jun)
    mine = (await run(mina, "whiteboard")).locator("canvas")
    theirs = (await run(jun, "whiteboard")).locator("canvas")
    await expect(theirs).to_be_visible()
    await draw(mina, mine, theirs)
    for person in (mina, jun):
        await is_on(person, "sfu")


@pytest.mark.parametrize("who", ["sender", "receiver"])
async def test_a_file_on_its_way_arrives_whole_when_an_end_of_it_starts_anew_on_the_sfu(
    party: Party, room: Links, tmp_path: Path, who: str
) -> None:
    signals = Signals()
    mina, jun = await party.person(devices=()), await party.person(devices=())
    await signals.listen(mina if who == "sender" else jun)
    await become_host(mina, room)
    await mina.join("Mina")
    await jun.open(room.guest)
    await jun.join("Jun")
    await choose(mina, "sfu")
    for person in (mina, jun):
        await is_on(person, "sfu")
        await open_files(person)
    film = file_of(tmp_path, "film.mkv", 32 * MIB)
    await give(mina, film)
    await jun.page.get_by_test_id("file-accept").click()

    async def moves() -> bool:
        return await got_bytes(received(jun)) > MIB

    await until(moves, "the first bytes")
    # What passes through the test is late for the connection that they leave.
    party.troubles.allow("WebSocket is already in CLOSING or CLOSED state")
    signals.start_anew()
    assert await received(jun, "done").count() == 0, "it was too late"
    await expect(received(jun, "done")).to_have_count(1, timeout=60_000)
    save = received(jun, "done").get_by_test_id("file-save")
    assert await saved(jun, save) == (film.name, digest(film))
