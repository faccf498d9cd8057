"""Table tennis in the call: by hand, on bad lines, with people who come, go and watch."""

import itertools
import math

from playwright.async_api import Locator, expect

from tests.browser.axe import assert_accessible
from tests.browser.party import Party
from tests.browser.person import until
from tests.browser.playing import (
    WATCH,
    board,
    in_order,
    open_table,
    phase,
    play,
    player,
    points,
    side_of,
    sit,
)
from tests.browser.server import Links
from tests.browser.words import said

# The fastest ball goes 1.5 widths a second, and a picture may correct half a ball at once.
TOP_SPEED = 1.5
CORRECTED = 0.025
POINTS_TO_WIN = 7


async def test_one_packet_in_ten_is_lost_and_nobody_sees_it(party: Party, room: Links) -> None:
    mina = await player(party, room, "Mina")
    jun = await player(party, room, "Jun")
    sora = await player(party, room, "Sora")
    await sit(mina, jun)
    await play(mina, jun)
    referee, other = await in_order(mina, jun)
    for person in (other, sora):
        await expect(phase(person, "rally")).to_be_visible()
        seen = await person.page.evaluate(WATCH, 150)
        assert len(seen) == 150, "the rally was over before it was watched"
        for before, after in itertools.pairwise(seen):
            went = math.hypot(after["x"] - before["x"], after["y"] - before["y"])
            could = TOP_SPEED * (after["ms"] - before["ms"]) / 1000
            assert went <= 1.5 * could + CORRECTED, (before, after)
        still = sum((a["x"], a["y"]) == (b["x"], b["y"]) for a, b in itertools.pairwise(seen))
        assert still <= 3, "the ball stood still"
    for person in (referee, other):
        lost = await person.page.evaluate("() => window.testLost")
        assert lost["lost"] >= lost["sent"] / 20 > 1, lost


async def test_seven_points_win_and_a_new_round_begins(party: Party, room: Links) -> None:
    mina = await player(party, room, "Mina")
    jun = await player(party, room, "Jun", locale="ko-KR")
    await sit(mina, jun)
    await play(mina)
    await play(jun, well=False)
    won = await side_of(mina)
    await expect(points(jun, won)).to_have_text("2", timeout=30_000)

    # A reload in the middle of it, of whoever is the referee: the points stay.
    referee, other = await in_order(mina, jun)
    await referee.page.reload()
    await expect(board(referee)).to_be_visible()
    await play(mina)
    await play(jun, well=False)
    await expect(points(other, won)).to_have_text("3", timeout=30_000)

    await expect(points(jun, won)).to_have_text(str(POINTS_TO_WIN), timeout=45_000)
    await expect(mina.page.get_by_test_id("game-said")).to_have_text(said("game_you_win"))
    await expect(jun.page.get_by_test_id("game-said")).to_have_text(
        said("game_wins", "ko", name="Mina")
    )
    await assert_accessible(jun.page, "a game that is won")
    await jun.page.get_by_test_id("game-again").click()
    for person in (mina, jun):
        await expect(points(person, won)).to_have_text("0")
        await expect(phase(person, "rally")).to_be_visible()


async def test_a_player_who_looks_away_is_waited_for_and_one_who_goes_makes_room(
    party: Party, room: Links
) -> None:
    mina = await player(party, room, "Mina")
    jun = await player(party, room, "Jun")
    sora = await player(party, room, "Sora")
    await sit(mina, jun)
    referee, other = await in_order(mina, jun)
    await play(mina, jun)
    await expect(phase(sora, "rally")).to_be_visible()

    for away, there in ((other, referee), (referee, other)):
        name = "Mina" if away is mina else "Jun"
        await away.page.get_by_test_id("panel-close").click()
        for person in (there, sora):
            await expect(person.page.get_by_test_id("game-said")).to_have_text(
                said("game_waits_for", name=name)
            )
        await open_table(away)
        await expect(phase(there, "rally")).to_be_visible()

    await referee.leave()
    await expect(other.page.get_by_test_id("game")).to_contain_text(said("game_alone"))
    await sora.page.get_by_test_id("game-sit").click()
    await play(sora)
    for person in (other, sora):
        await expect(phase(person, "rally")).to_be_visible()


async def test_the_paddle_follows_keys_and_fingers(party: Party, room: Links) -> None:
    mina = await player(party, room, "Mina")
    jun = await player(party, room, "Jun", phone=True)
    await sit(mina, jun)
    await expect(board(mina)).to_be_visible()
    own = mina.page.get_by_test_id(f"game-paddle-{await side_of(mina)}")
    seen_by_jun = jun.page.get_by_test_id(f"game-paddle-{await side_of(mina)}")
    before = await left_of(seen_by_jun)
    start = await left_of(own)
    await board(mina).focus()
    await mina.page.keyboard.down("ArrowRight")

    async def moved() -> bool:
        # Jun sits opposite: what is right for Mina is left for Jun.
        return await left_of(own) > start + 30 and await left_of(seen_by_jun) < before - 20

    await until(moved, "the paddle to follow the key at both ends")
    await mina.page.keyboard.up("ArrowRight")
    rest = await left_of(own)
    await mina.page.wait_for_timeout(200)
    assert abs(await left_of(own) - rest) < 20

    finger = jun.page.get_by_test_id(f"game-paddle-{await side_of(jun)}")
    box = await board(jun).bounding_box()
    assert box is not None
    await jun.page.touchscreen.tap(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.8)

    async def there() -> bool:
        at = await finger.bounding_box()
        assert at is not None
        return abs(at["x"] + at["width"] / 2 - (box["x"] + box["width"] * 0.8)) < 8

    await until(there, "the paddle to come to the finger")
    await assert_accessible(mina.page, "a game")
    await assert_accessible(jun.page, "a game on a phone")


async def test_somebody_who_waits_is_told_of_and_little_motion_is_kept_to(
    party: Party, room: Links
) -> None:
    mina = await player(party, room, "Mina")
    sora = await party.person(devices=(), locale="ko-KR", reduced_motion="reduce")
    await sora.open(room.guest)
    await sora.join("소라")
    await sit(mina)
    notice = sora.page.get_by_test_id("notice").filter(
        has_text=said("game_waits_for_you", "ko", name="Mina")
    )
    await notice.get_by_role("button", name=said("game_play", "ko")).click()
    await expect(sora.page.get_by_test_id("game-sit")).to_be_visible()
    await assert_accessible(sora.page, "a table with a free place")
    jun = await player(party, room, "Jun")
    await sit(jun)
    await expect(sora.page.get_by_text(said("game_show_ball", "ko"))).to_be_visible()
    await expect(sora.page.get_by_test_id("game-ball")).to_have_count(0)
    await assert_accessible(sora.page, "a game with a ball that stands still")
    await sora.page.get_by_text(said("game_show_ball", "ko")).click()
    await expect(sora.page.get_by_test_id("game-ball")).to_be_visible()


async def left_of(one: Locator) -> float:
    box = await one.bounding_box()
    assert box is not None
    return float(box["x"])
