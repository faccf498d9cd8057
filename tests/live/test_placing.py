"""Rooms of several servers' SFUs change hands: who judges whom, and who follows."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import ColumnElement, literal

from moim.live.placing import GAP_S, MOST_NAMED, STEADY_S, UNUSED_S, Placing
from moim.meeting.errors import Unavailable
from moim.storage.database import Database
from moim.storage.places import AT_ONCE, DEAD_S, QUIET_S, Places
from tests.laid_out import lay_out
from tests.waiting import until

ROOM = "friday-tea"


@dataclass
class FakeSfu:
    """A port: the rooms that are open, and which were closed with a word to come back."""

    api_url: str
    people: dict[str, list[str]] = field(default_factory=dict)
    joining: set[str] = field(default_factory=set)
    sent_back: list[str] = field(default_factory=list)

    def names(self) -> Collection[str]:
        return tuple(self.people)

    def identities(self, room: str) -> Collection[str]:
        return self.people.get(room, [])

    def arriving(self, room: str) -> bool:
        return room in self.joining

    def send_back(self, room: str) -> None:
        self.sent_back.append(room)
        self.people.pop(room, None)


class ClockedPlaces(Places):
    """Its database has the test's clock: a slow machine makes nobody older."""

    def __init__(self, database: Database, me: str, now_s: Callable[[], float]) -> None:
        super().__init__(database, me)
        self._now_s = now_s

    def _now(self) -> ColumnElement[int]:
        return literal(round(1000 * self._now_s()))


class Server:
    """One of several, whose clock is the test's."""

    def __init__(
        self, database: Database, name: str, now_s: Callable[[], float], address: str = ""
    ) -> None:
        self.sfu = FakeSfu(f"http://127.0.0.1/{name}")
        rows = ClockedPlaces(database, name, now_s)
        self.url = f"/livekit/n/{name}"
        url = address + self.url
        self.placing = Placing(rows, self.sfu, url, f"http://{name}", now_s, self.knock)
        self.followed: list[str] = []
        self.closed: set[str] = set()
        """Addresses at which nobody listens."""

    async def knock(self, url: str) -> bool:
        return url in self.closed

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


async def test_a_servers_own_address_is_told_beside_the_path_and_known_to_the_others(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    third = Server(
        deployment.database, "n_third", lambda: deployment.now_s, "https://third.example.org"
    )
    await third.placing.look()
    await third.placing.place(ROOM)
    for one in (third, first):
        where = await one.placing.place(ROOM)
        assert (where.address, where.url) == ("https://third.example.org", third.url)
    assert (await second.placing.place("another-room")).address is None
    assert not first.placing.addresses, "pages do without until it has looked"
    await first.placing._look_once(0)
    assert list(first.placing.addresses) == ["https://third.example.org"]
    await third.placing._rows.leave()
    await first.placing._look_once(4)
    assert list(first.placing.addresses) == []


async def test_no_more_addresses_are_named_than_a_proxy_takes(deployment: Deployment) -> None:
    first, _ = deployment.servers
    for n in range(MOST_NAMED + 2):
        url = f"https://moim-{n:03}.example.org/livekit/n/moim-{n}"
        await Places(deployment.database, f"n_{n}").beat(url, "http://x", draining=False)
    await first.placing.look_for_addresses()
    assert len(first.placing.addresses) == MOST_NAMED


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


async def one_is_killed(deployment: Deployment) -> Server:
    """It has a room, nobody listens there any more, and it has been quiet for a moment: gives the
    other one."""
    first, second = deployment.servers
    second.closed.add("http://n_first")
    await first.placing.place(ROOM)
    await deployment.passes(QUIET_S, second)
    return second


async def test_a_killed_servers_room_is_taken_as_soon_as_it_has_been_quiet_for_a_moment(
    deployment: Deployment,
) -> None:
    second = await one_is_killed(deployment)
    assert second.followed == [], "it may be a word that is late"
    await deployment.passes(0.5, second)
    await until(lambda: second.followed == [ROOM], "the meeting is told")
    assert second.placing.holds(ROOM)


async def test_who_asks_for_the_way_to_a_killed_server_has_its_room_taken(
    deployment: Deployment,
) -> None:
    second = await one_is_killed(deployment)
    await deployment.passes(0.1)
    assert (await second.placing.place(ROOM)).url == second.url


async def test_a_quiet_server_that_still_listens_is_waited_for(deployment: Deployment) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    await deployment.passes(DEAD_S - 0.5, second)
    assert second.followed == []
    assert (await second.placing.place(ROOM)).url == first.url


async def test_all_that_a_dead_server_has_left_is_taken_with_one_look(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    rooms = [f"room-{n}" for n in range(2 * AT_ONCE + 3)]
    for room in rooms:
        await first.placing.place(room)
    await deployment.passes(DEAD_S - 0.1, second)
    await deployment.passes(0.2)
    await second.placing._look_once(1)
    await until(lambda: sorted(second.followed) == sorted(rooms), "all of them")


async def test_who_wakes_is_sure_of_no_room_before_it_has_looked(deployment: Deployment) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    await deployment.passes(DEAD_S + 1, second)
    sure: list[bool] = []
    mine = first.placing._rows.mine

    async def looked() -> Mapping[str, int]:
        sure.append(first.placing.holds(ROOM))
        return await mine()

    first.placing._rows.mine = looked  # type: ignore[method-assign]
    await first.placing.look()
    assert sure == [False]
    assert not first.placing.holds(ROOM)


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


@asynccontextmanager
async def draining(server: Server) -> AsyncIterator["asyncio.Task[None]"]:
    """It is about to stop, and has told the others."""
    task = asyncio.create_task(server.placing.drain())
    try:
        await until(lambda: server.placing._drain.to_others, "it begins")
        yield task
    finally:
        task.cancel()


async def takes(server: Server, *rooms: str) -> None:
    """It looks until it has found what is left to it."""
    for _ in range(100):
        await server.placing.look()
        if server.placing.taken == len(rooms):
            break
    await until(lambda: sorted(server.followed) == sorted(rooms), "the meetings are told")


async def test_a_server_about_to_stop_waits_until_its_people_have_followed(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    first.sfu.people[ROOM] = ["u_mina", "bot"]
    async with draining(first) as task:
        await takes(second, ROOM)
        assert not task.done()
        await first.placing.look()
        assert first.sfu.sent_back == [], "they are still on it"
        first.sfu.people[ROOM] = ["bot"]
        await task
        assert first.sfu.sent_back == [], "that is for who closes the door first"
    first.placing.send_back()
    assert first.sfu.sent_back == [ROOM]
    assert (await first.placing.place(ROOM)).url == second.url


async def test_livekit_clients_are_told_when_another_has_their_room_and_who_joins_is_there(
    deployment: Deployment,
) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    first.sfu.people[ROOM] = ["bot"]
    first.sfu.joining = {ROOM}
    async with draining(first) as task:
        assert not task.done(), "the room is still here"
        await takes(second, ROOM)
        assert not task.done(), "somebody is only just coming"
        first.sfu.joining.clear()
        await task


async def test_nobody_is_let_in_where_a_server_is_about_to_stop(deployment: Deployment) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    first.sfu.people[ROOM] = ["bot"]
    async with draining(first):
        assert not first.placing.holds(ROOM)
        coming = asyncio.create_task(first.placing.place(ROOM))
        await takes(second, ROOM)
        assert (await coming).url == second.url
        assert (await first.placing.place("new-room")).url == second.url


async def test_the_last_server_waits_for_nobody(deployment: Deployment) -> None:
    first, second = deployment.servers
    await first.placing.place(ROOM)
    first.sfu.people[ROOM] = ["u_mina"]
    await second.placing._rows.leave()
    await first.placing.drain()
    assert (await first.placing.place(ROOM)).url == first.url, "there is no other"


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


async def test_a_server_about_to_stop_tells_the_address_and_the_path_of_another_apart(
    deployment: Deployment,
) -> None:
    first, _ = deployment.servers
    other = Server(
        deployment.database, "n_a", lambda: deployment.now_s, "https://other.example.org"
    )
    await other.placing.look()
    async with draining(first):
        where = await first.placing.place("new-room")
        assert (where.address, where.url) == ("https://other.example.org", other.url)
