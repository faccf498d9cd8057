"""What this server and the others know of each other, once a second.

Each time it says that it lives and which seats it holds, looks which rooms have moved on without a
word of the bus, which seats are held elsewhere, and whether a room with seats has nobody left who
would end them. It is by the database: what Redis loses is found here.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, Protocol

from moim.live.looking import look_again_and_again
from moim.live.room import LiveRoom
from moim.meeting.errors import Unavailable
from moim.meeting.ids import RoomId, Sid
from moim.storage.database import Conflict
from moim.storage.nodes import DEAD_S, Hold, Nodes

EVERY_S: Final = 1
RARELY: Final = DEAD_S
"""Of so many looks one is for what is seldom: rooms that a dead server has left."""


class OpenRooms(Protocol):
    """The registry, as far as it is asked here."""

    def all_open(self) -> Collection[LiveRoom]:
        """The rooms that are open on this server."""

    async def open(self, room_id: RoomId) -> LiveRoom:
        """A room's actor. Raises: Unavailable."""


class Neighbourhood:
    """`Holders` of several servers."""

    active = True

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._holds: dict[Sid, Hold] = {}
        self._taken: set[Sid] = set()
        self._released: set[Sid] = set()
        """What the database has not been told yet."""
        self._overslept = False
        """This process was stopped: it may have been taken for dead, and its rows be gone."""
        self._changed = asyncio.Event()
        self._asleep = False
        self.others: frozenset[str] = frozenset()
        """The other servers that live, as of the last look."""

    @asynccontextmanager
    async def watching(self, rooms: OpenRooms) -> AsyncIterator[None]:
        """Look for as long as the block lasts, then say that this server is gone."""
        looking = look_again_and_again(
            partial(self._look_once, rooms),
            self._pause,
            away="database_away",
            broke="neighbourhood_broke",
        )
        task = asyncio.create_task(looking, name="neighbourhood")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with suppress(Unavailable):
                await self._nodes.leave()

    # Holders

    def hold(self, room: RoomId, sid: Sid, tab: str) -> None:
        """A connection to this server sits on that seat now."""
        self._holds[sid] = Hold(room, sid, tab)
        self._taken.add(sid)
        self._released.discard(sid)
        self._changed.set()

    def release(self, sid: Sid) -> None:
        """It does no longer."""
        if self._holds.pop(sid, None) is not None:
            self._taken.discard(sid)
            self._released.add(sid)
            self._changed.set()

    async def tab_of(self, sid: Sid) -> str | None:
        """The page that holds a seat elsewhere. Raises: Unavailable."""
        return await self._nodes.tab_of(sid)

    async def elsewhere(self, room: RoomId) -> Mapping[Sid, str]:
        """The seats of a room that are held elsewhere. Raises: Unavailable."""
        return (await self._nodes.elsewhere([room]))[room]

    # Looking

    async def _look_once(self, rooms: OpenRooms, number: int) -> None:
        await self._beat()
        await self._look(rooms)
        if number % RARELY == 0:
            await self._look_after_the_dead(rooms)

    async def _pause(self) -> None:
        """Until the next look, or, when seats have changed hands, until they are told."""
        loop = asyncio.get_running_loop()
        until = loop.time() + EVERY_S
        while (left := until - loop.time()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)
                with suppress(Unavailable, Conflict):  # the next look tries again
                    await self._beat()
        self._overslept |= loop.time() - until > DEAD_S

    async def _beat(self) -> None:
        self._changed.clear()
        taken, self._taken = self._taken, set()
        released, self._released = self._released, set()
        try:
            holds = [self._holds[sid] for sid in taken if sid in self._holds]
            kept = [one for sid, one in self._holds.items() if sid not in taken]
            await self._nodes.beat(holds, released, kept if self._overslept else ())
            self._overslept = False
        except BaseException:
            self._taken |= taken
            self._released |= released - set(self._holds)
            raise

    async def _look(self, rooms: OpenRooms) -> None:
        opened = {room.fold.id: room for room in rooms.all_open()}
        if opened:
            for room_id, seq in (await self._nodes.seqs(list(opened))).items():
                opened[room_id].reached(seq)
            for room_id, held in (await self._nodes.elsewhere(list(opened))).items():
                opened[room_id].held_elsewhere(held)
        self.others = frozenset(await self._nodes.alive()) - {self._nodes.me}

    async def _look_after_the_dead(self, rooms: OpenRooms) -> None:
        await self._nodes.forget_the_dead()
        here = {room.fold.id for room in rooms.all_open()}
        for room_id in await self._nodes.unattended():
            if room_id not in here:
                await rooms.open(room_id)  # its graces begin, and end what nobody comes back to
