"""Which server a room's media are on: one row each, by compare-and-set, with a fencing epoch."""

import asyncio

import pytest
from sqlalchemy import text

from moim.storage.database import Database
from moim.storage.places import DEAD_S, Health, Places

ROOM = "friday-tea"


@pytest.fixture
async def first(database: Database) -> Places:
    return await living(database, "n_first")


@pytest.fixture
async def second(database: Database) -> Places:
    return await living(database, "n_second")


async def living(database: Database, name: str) -> Places:
    one = Places(database, name)
    await say(one)
    return one


async def say(one: Places, *, draining: bool = False) -> None:
    await one.beat(f"/livekit/n/{one.me}", f"http://{one.me}", draining=draining)


async def silent(database: Database, name: str, seconds: float = DEAD_S + 1) -> None:
    """A server has not said for so long that its SFU lives."""
    query = "UPDATE sfu SET seen_ms = seen_ms - :ms WHERE node_id = :name"
    async with database.writing() as connection:
        await connection.execute(text(query), {"ms": int(1000 * seconds), "name": name})


async def test_a_room_is_where_it_was_put_first_and_everybody_reads_where(
    first: Places, second: Places
) -> None:
    assert await first.find(ROOM) is None
    epoch = await first.take(ROOM, None)
    assert epoch is not None
    assert await second.take(ROOM, None) is None, "it has a place"
    for one in (first, second):
        found = await one.find(ROOM)
        assert found is not None
        assert (found.node, found.epoch, found.health) == ("n_first", epoch, Health.ALIVE)
        assert (found.url, found.api_url) == ("/livekit/n/n_first", "http://n_first")
    assert await first.mine() == {ROOM: epoch}
    assert await second.mine() == {}


async def test_where_browsers_are_sent_is_read_of_all_servers(
    database: Database, first: Places, second: Places
) -> None:
    await silent(database, "n_second")
    assert sorted(await first.urls()) == ["/livekit/n/n_first", "/livekit/n/n_second"]
    await second.leave()
    assert await first.urls() == ["/livekit/n/n_first"]


async def test_of_those_who_take_a_room_at_once_one_has_it(database: Database) -> None:
    servers = [await living(database, f"n_{n}") for n in range(5)]
    took = await asyncio.gather(*(one.take(ROOM, None) for one in servers))
    assert len([epoch for epoch in took if epoch is not None]) == 1
    found = await servers[0].find(ROOM)
    assert found is not None
    await silent(database, found.node)
    took = await asyncio.gather(*(one.take(ROOM, found) for one in servers))
    epochs = [epoch for epoch in took if epoch is not None]
    assert len(epochs) == 1
    assert epochs[0] > found.epoch


async def test_a_silent_server_loses_its_rooms_and_sees_it_when_it_wakes(
    database: Database, first: Places, second: Places
) -> None:
    old = await first.take(ROOM, None)
    assert old is not None
    await silent(database, "n_first", DEAD_S - 2)
    assert await second.orphans() == []
    await silent(database, "n_first", 3)
    [orphan] = await second.orphans()
    assert (orphan.room, orphan.node, orphan.health) == (ROOM, "n_first", Health.DEAD)
    new = await second.take(ROOM, orphan)
    assert new is not None
    assert new > old
    await say(first)
    assert await first.mine() == {}, "another epoch, another server"
    await first.release(ROOM, old)
    assert await second.mine() == {ROOM: new}, "what was is no word on what is"


async def test_an_epoch_never_comes_back_even_where_the_clock_goes_back(
    database: Database, first: Places, second: Places
) -> None:
    epoch = await first.take(ROOM, None)
    ahead = "UPDATE place SET epoch = epoch + 3600000"
    async with database.writing() as connection:
        await connection.execute(text(ahead))
    found = await second.find(ROOM)
    assert found is not None
    assert epoch is not None
    assert found.epoch > epoch
    assert await second.take(ROOM, found) == found.epoch + 1


async def test_a_server_about_to_stop_gives_its_rooms_away(first: Places, second: Places) -> None:
    await first.take(ROOM, None)
    assert await first.others() == [("/livekit/n/n_second", "http://n_second")]
    await say(first, draining=True)
    [orphan] = await second.orphans()
    assert orphan.health is Health.DRAINING
    assert await first.orphans() == [], "not to itself"
    assert await second.others() == [], "who is about to stop takes nothing"
    assert await second.take(ROOM, orphan) is not None
    assert await second.orphans() == []


async def test_a_server_that_has_left_is_dead_at_once(first: Places, second: Places) -> None:
    await first.take(ROOM, None)
    await first.leave()
    found = await second.find(ROOM)
    assert found is not None
    assert found.health is Health.DEAD


async def test_a_room_that_ended_has_no_place(first: Places, second: Places) -> None:
    epoch = await first.take(ROOM, None)
    assert epoch is not None
    await first.release(ROOM, epoch)
    assert await second.find(ROOM) is None
    again = await second.take(ROOM, None)
    assert again is not None
    assert again >= epoch


async def test_the_long_dead_are_forgotten(
    database: Database, first: Places, second: Places
) -> None:
    await silent(database, "n_first", 61)
    await second.forget_the_dead()
    async with database.reading() as connection:
        left = (await connection.execute(text("SELECT node_id FROM sfu"))).scalars().all()
    assert left == ["n_second"]
    await say(first)
    assert len(await second.others()) == 1
