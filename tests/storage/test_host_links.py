"""A host link is one person's, and only its hash is kept."""

import pytest
from sqlalchemy import select

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.ids import Identity, RoomId
from moim.storage.database import Database
from moim.storage.host_links import HostLinks
from moim.storage.tables import host_link, room

MINA, JUN = Identity("u_mina"), Identity("u_jun")
TEA = RoomId("RM_tea")


@pytest.fixture
async def links(database: Database) -> HostLinks:
    """For a room that exists."""
    row = {"id": TEA, "slug": "tea", "name": "Tea", "listed": True, "locked": False}
    numbers = {"people": 0, "created_ms": 1, "active_ms": 1, "seq": 1}
    async with database.writing() as connection:
        await connection.execute(room.insert().values(**row, **numbers))
    return HostLinks(database)


async def test_the_secret_itself_is_not_kept(links: HostLinks, database: Database) -> None:
    secret = await links.make(TEA, 1)
    async with database.reading() as connection:
        rows = (await connection.execute(select(host_link))).all()
    assert secret not in str(rows)
    assert len(secret) >= 22


async def test_a_link_is_the_first_persons_who_may_come_again(links: HostLinks) -> None:
    secret = await links.make(TEA, 1)
    first = await links.use(TEA, secret, MINA, 2)
    assert await links.use(TEA, secret, MINA, 3) == first
    with pytest.raises(Refused) as refused:
        await links.use(TEA, secret, JUN, 4)
    assert refused.value.code is ErrorCode.HOST_LINK_INVALID


async def test_a_secret_of_another_room_or_of_nobody_is_refused(links: HostLinks) -> None:
    secret = await links.make(TEA, 1)
    with pytest.raises(Refused):
        await links.use(RoomId("RM_coffee"), secret, MINA, 2)
    with pytest.raises(Refused):
        await links.use(TEA, "guessed", MINA, 2)
