"""The open rooms of this server: opened when somebody comes, closed when nobody is left.

At the start, rooms in which somebody had a seat are opened again, so that seats whose people do
not come back are given up in time.
"""

import asyncio
from collections.abc import Collection, Coroutine

import structlog

from moim.live.news import News
from moim.live.outgoing import goodbye
from moim.live.room import LiveRoom, Tools
from moim.meeting.conduct import Create
from moim.meeting.errors import ErrorCode, Refused, Unavailable
from moim.meeting.ids import SYSTEM, CommandId, FileId, Identity, RoomId
from moim.storage.rooms import Rooms

IDLE_S = 30
_log = structlog.get_logger("moim.live")


class Registry:
    """Finds, makes, opens and closes rooms. `start` before use, `stop` after."""

    def __init__(self, rooms: Rooms, tools: Tools) -> None:
        self._rooms = rooms
        self._tools = tools
        self._open: dict[RoomId, LiveRoom] = {}
        self._slugs: dict[str, RoomId] = {}
        self._opening: dict[RoomId, asyncio.Task[LiveRoom]] = {}
        self._closing: dict[RoomId, asyncio.Task[None]] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether nobody is let in any more."""
        return self._stopping

    @property
    def open_rooms(self) -> int:
        """How many rooms are open."""
        return len(self._open)

    async def start(self) -> None:
        """Open the rooms that were in use, and finish what was left undone, in the background."""
        self._chore(self._resume())

    async def _resume(self) -> None:
        try:
            for row in await self._rooms.occupied():
                await self._resume_room(row.id)
            for room_id, file_id in await self._tools.journal.doomed():
                await self._delete(room_id, file_id)
        except Unavailable as error:
            _log.warning("resume_failed", cause=str(error))

    async def _resume_room(self, room_id: RoomId) -> None:
        try:
            await self.open(room_id)
        except Unavailable as error:  # its own trouble, and no other room's
            _log.warning("room_not_resumed", room=room_id, cause=str(error))

    async def _delete(self, room_id: RoomId, file_id: FileId) -> None:
        try:
            await self._tools.files.delete(room_id, file_id)
            await self._tools.journal.gone(room_id, file_id)
        except (Unavailable, OSError) as error:
            _log.warning("file_not_deleted", room=room_id, cause=str(error))

    def say_goodbye(self) -> None:
        """Tell everybody that the server stops, and close their sockets. They will come back."""
        self._stopping = True
        message = goodbye("server_stopping")
        for room in self._open.values():
            for connection in room.seats:
                connection.outlet.send(message)
                connection.outlet.close(for_good=False)

    async def stop(self) -> None:
        """Answer what has been asked, then close every room. Seats stay for the next start."""
        self.say_goodbye()
        for chore in tuple(self._chores):
            chore.cancel()
        waiting = [*self._chores, *self._closing.values(), *self._opening.values()]
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.gather(*(room.stop() for room in self._open.values()))
        self._open.clear()
        self._slugs.clear()

    async def find(self, slug: str) -> LiveRoom:
        """The room with this address, open. Raises: `room_unknown`; Unavailable."""
        room_id = self._slugs.get(slug)
        if room_id is None:
            row = await self._rooms.find(slug)
            if row is None:
                raise Refused(ErrorCode.ROOM_UNKNOWN)
            room_id = row.id
        return await self.open(room_id)

    async def create(self, owner: Identity, name: str, *, listed: bool) -> LiveRoom:
        """A new room; `owner` is its first host. Raises: Unavailable."""
        ids = self._tools.ids
        room = await self.open(ids.room())
        create = Create(slug=ids.slug(), name=name, listed=listed, owner=owner)
        await room.ask(SYSTEM, CommandId("create"), create)
        self._slugs[room.fold.slug] = room.fold.id
        return room

    async def open(self, room_id: RoomId) -> LiveRoom:
        """A room's actor. Ask it something, or enter it, before awaiting anything else: an idle one
        may be closed. Raises: Unavailable."""
        if self._stopping:
            raise Unavailable(ErrorCode.SERVER_STOPPING)
        found = self._open.get(room_id)
        if found is not None:
            return found
        task = self._opening.get(room_id)
        if task is None:
            task = asyncio.create_task(self._opened(room_id))
            self._opening[room_id] = task
            task.add_done_callback(lambda done: self._forget_opening(room_id, done))
        return await asyncio.shield(task)

    def _forget_opening(self, room_id: RoomId, done: "asyncio.Task[LiveRoom]") -> None:
        self._opening.pop(room_id, None)
        if not done.cancelled():
            done.exception()  # whoever asked has it, unless they have gone away

    def opened(self, room_id: RoomId) -> LiveRoom | None:
        """A room's actor if it is open."""
        return self._open.get(room_id)

    def all_open(self) -> Collection[LiveRoom]:
        """The rooms that are open here."""
        return tuple(self._open.values())

    def hear(self, room_id: RoomId, news: News) -> None:
        """Another server says something of a room."""
        room = self._open.get(room_id)
        if room is not None:
            room.hear(news)

    async def _opened(self, room_id: RoomId) -> LiveRoom:
        closing = self._closing.get(room_id)
        if closing is not None:
            await closing
        room = LiveRoom(room_id, self._tools)
        await self._tools.bus.join(room_id)
        await room.open()
        self._open[room_id] = room
        if room.fold.slug:
            self._slugs[room.fold.slug] = room_id
        self._look_again(room)
        return room

    def _look_again(self, room: LiveRoom) -> None:
        """Every now and then: is anybody left? Twice in a row empty, and it is closed."""
        was_idle = False

        def look() -> None:
            nonlocal was_idle
            if self._stopping:
                return
            if was_idle and room.idle:
                self._close(room)
                return
            was_idle = room.idle
            self._tools.clock.later(IDLE_S, look)

        self._tools.clock.later(IDLE_S, look)

    def _close(self, room: LiveRoom) -> None:
        room_id = room.fold.id
        self._open.pop(room_id, None)
        self._slugs.pop(room.fold.slug, None)
        self._tools.bus.leave(room_id)
        task = asyncio.create_task(room.stop())
        self._closing[room_id] = task
        task.add_done_callback(lambda _: self._closing.pop(room_id, None))

    def _chore(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
