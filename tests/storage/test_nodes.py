"""Which server lives, and which seats it holds; by the database's clock."""

import pytest
from sqlalchemy import text

from moim.meeting.ids import Sid
from moim.storage.database import Conflict, Database
from moim.storage.nodes import DEAD_S, FORGOTTEN_S, Hold, Nodes
from tests.storage.talk import TEA, Talk

ONE = Hold(TEA, Sid("PA_1"), "tab-number-1")
TWO = Hold(TEA, Sid("PA_2"), "tab-number-2")


@pytest.fixture
def first(database: Database) -> Nodes:
    return Nodes(database, "n_first")


@pytest.fixture
def second(database: Database) -> Nodes:
    return Nodes(database, "n_second")


async def silent(database: Database, name: str, seconds: float) -> None:
    """A server has not said for so long that it lives."""
    query = "UPDATE node SET seen_ms = seen_ms - :ms WHERE id = :name"
    async with database.writing() as connection:
        await connection.execute(text(query), {"ms": int(1000 * seconds), "name": name})


async def test_each_server_sees_what_the_others_hold(first: Nodes, second: Nodes) -> None:
    await first.beat([ONE])
    await second.beat([TWO])
    assert await first.alive() == ["n_first", "n_second"]
    assert await first.elsewhere([TEA]) == {TEA: {"PA_2": "tab-number-2"}}
    assert await second.elsewhere([TEA]) == {TEA: {"PA_1": "tab-number-1"}}
    assert await second.tab_of(ONE.sid) == ONE.tab
    assert await first.tab_of(ONE.sid) is None
    await first.beat(released=[ONE.sid])
    assert await second.elsewhere([TEA]) == {TEA: {}}


async def test_a_silent_server_holds_nothing(
    database: Database, first: Nodes, second: Nodes
) -> None:
    await first.beat([ONE])
    await second.beat()
    await silent(database, "n_first", DEAD_S - 3)
    assert await second.tab_of(ONE.sid) == ONE.tab
    await silent(database, "n_first", 4)
    assert await second.tab_of(ONE.sid) is None
    assert await second.alive() == ["n_second"]
    await silent(database, "n_first", FORGOTTEN_S)
    await second.forget_the_dead()
    await first.beat()
    assert await second.tab_of(ONE.sid) is None, "its rows are gone"
    await first.beat(kept=[ONE])
    assert await second.tab_of(ONE.sid) == ONE.tab


async def test_who_wakes_again_takes_no_seat_back_from_where_it_went(
    first: Nodes, second: Nodes
) -> None:
    await first.beat([ONE, TWO])
    await second.beat([ONE])
    await first.beat(kept=[ONE, TWO])
    assert await first.tab_of(ONE.sid) == ONE.tab, "the second server holds it"
    assert await second.tab_of(TWO.sid) == TWO.tab
    await first.beat(released=[ONE.sid])
    assert await first.tab_of(ONE.sid) == ONE.tab, "letting go of it lets nobody else go"


async def test_a_room_whose_seats_nobody_holds_is_found(
    database: Database, first: Nodes, second: Nodes
) -> None:
    await Talk(database).begin()
    await first.beat([ONE])
    await second.beat()
    assert await second.unattended() == []
    await silent(database, "n_first", DEAD_S + 1)
    assert await second.unattended() == [TEA]
    assert await second.seqs([TEA]) == {TEA: 5}


async def test_two_who_take_a_seat_at_once_leave_one_holder(first: Nodes, second: Nodes) -> None:
    await first.beat([ONE])
    try:
        await second.beat([ONE])
    except Conflict:
        await second.beat([ONE])
    holders = [await one.tab_of(ONE.sid) for one in (first, second)]
    assert holders == [ONE.tab, None]
