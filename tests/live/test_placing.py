"""Rooms of several servers' SFUs change hands: who judges whom, and who follows."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from moim.live.placing import GAP_S, STEADY_S, UNUSED_S, Placing
from moim.meeting.errors import Unavailable
from moim.storage.database import Database
from moim.storage.places import DEAD_S, Places
from tests.laid_out import lay_out
from tests.waiting import until

ROOM = "friday-tea"


@dataclass
class FakeSfu:
    """A port: the rooms that are open, and which were closed with a word to come back."""

    api_url: str
    people: dict[str, list[str]] = field(default_factory=dict)
    sent_back: list[str] = field(default_factory=list)

    def names(self) -> Collection[str]:
        return tuple(self.people)

    def identities(self, room: str) -> Collection[str]:
        return self.people.get(room, [])

    def send_back(self, room: str) -> None:
        self.sent_back.append(room)
        self.people.pop(room, None)


class Server:
    """One of several, whose clock is the test's."""

    def __init__(self, database: Database, name: str, now_s: Callable[[], float]) -> None:
        self.sfu = FakeSfu(f"http://127.0.0.1/{name}")
        rows = Places(database, name)
        self.url = f"/livekit/n/{name}"
        self.placing = Placing(rows, self.sfu, self.url, f"http://{name}", now_s)
        self.followed: list[str] = []

    async def follow(self, room: str, epoch: int) -> None:
        assert epoch > 0
        self.followed.append(room)


@dataclass
class Deployment:
    database: Database
    servers: list[Server]
    now_s: float = 1000.0

    async def passes(self, seconds: float, *awake: Server) -> None:
        """Time passes for the database too; only who is awake says that it lives."""
        while seconds > 0:
            step = min(0.5, seconds)
            seconds -= step
            self.now_s += step
            query = "UPDATE sfu SET seen_ms = seen_ms - :ms"
            async with self.database.writing() as connection:
                await connection.execute(text(query), {"ms": int(1000 * step)})
            for server in awake:
                await server.placing.look()


@asynccontextmanager
async def deployed(folder: Path) -> AsyncIterator[Deployment]:
    database = Database(f"sqlite+aiosqlite:///{folder / 'moim.db'}")
    one = Deployment(database, [])
    try:
        await lay_out(database)
        for name in ("n_first", "n_second"):
            server = Server(database, name, lambda: one.now_s)
            server.placing._tell = server.follow
            one.servers.append(server)
            await server.placing.look()
        await one.passes(STEADY_S, *one.servers)
        yield one
    finally:
        await database.close()


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path) as one:
        yield one


async def test_both_send_everybody_to_where_the_room_was_put_first(deployment: Deployment) -> None:
    first, second = deployment.servers
    assert await second.placing.find(ROOM) is None
    assert (await first.placing.place(ROOM)).url == first.url
    there = await second.placing.place(ROOM)
    assert (there.url, there.api_url) == (first.url, "http://n_first")
    assert (await first.placing.place(ROOM)).api_url == first.sfu.api_url, "its own, past the proxy"
    assert first.placing.holds(ROOM)
    assert not second.placing.holds(ROOM)


async def test_a_dead_servers_room_is_taken_and_its_meeting_is_told(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    await deployment.passes(DEAD_S - 0.5, second)
    await deployment.passes(0.6)
    with pytest.raises(Unavailable):
        await second.placing.find(ROOM)  # nobody is there, but nobody has left it either
    await deployment.passes(0.5, second)
    await until(lambda: second.followed == [ROOM], "the meeting is told")
    assert second.placing.holds(ROOM)
    assert (await second.placing.place(ROOM)).url == second.url


async def test_who_wakes_closes_what_is_not_its_own_any_more(deployment: Deployment) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    first.sfu.people[ROOM] = ["u_mina", "bot"]
    await deployment.passes(DEAD_S + 0.5, second)
    assert not first.placing.holds(ROOM), "it has not said for long that it lives"
    await deployment.passes(0.5, first, second)
    assert first.sfu.sent_back == [ROOM]
    assert (await first.placing.place(ROOM)).url == second.url


async def test_who_could_not_write_itself_judges_nobody(deployment: Deployment) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    first.sfu.people[ROOM] = ["u_mina"]
    await deployment.passes(60)  # the database was away for both
    await deployment.passes(0.5, second)
    with pytest.raises(Unavailable):
        await second.placing.place(ROOM)
    await deployment.passes(1, first, second)
    await deployment.passes(STEADY_S, first, second)
    assert second.followed == []
    assert first.sfu.sent_back == []
    assert (await second.placing.place(ROOM)).url == first.url


async def test_a_short_pause_of_ones_own_takes_nothing_from_anybody(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    await deployment.passes(GAP_S - 0.5)
    await deployment.passes(5, first, second)
    assert (await second.placing.place(ROOM)).url == first.url
    assert first.sfu.sent_back == []


async def test_a_server_about_to_stop_waits_until_its_people_have_followed(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    first.sfu.people[ROOM] = ["u_mina", "bot"]
    draining = asyncio.create_task(first.placing.drain())
    await until(lambda: first.placing._draining, "it begins")

    async def taken() -> bool:
        await second.placing.look()
        return second.followed == [ROOM]

    for _ in range(100):
        if await taken():
            break
    assert second.followed == [ROOM]
    assert not draining.done()
    await first.placing.look()
    assert first.sfu.sent_back == [], "they are still on it"
    first.sfu.people[ROOM] = ["bot"]
    await draining
    assert first.sfu.sent_back == [ROOM]
    assert (await first.placing.place(ROOM)).url == second.url


async def test_the_last_server_waits_for_nobody(deployment: Deployment) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    first.sfu.people[ROOM] = ["u_mina"]
    await second.placing._rows.leave()
    await first.placing.drain()
    assert first.sfu.sent_back == [ROOM]


async def test_a_room_that_nobody_entered_or_that_ended_has_no_place(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    first.sfu.people[ROOM] = ["u_mina"]
    await deployment.passes(UNUSED_S + 1, first, second)
    assert await second.placing.find(ROOM) is not None
    del first.sfu.people[ROOM]
    await deployment.passes(1, first, second)
    assert await second.placing.find(ROOM) is None
