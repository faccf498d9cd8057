"""Rooms on a real SQLite file, in virtual time, with browsers that fold what they hear."""

import heapq
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moim.live.graces import GraceTimes
from moim.live.mailbox import Answer
from moim.live.outgoing import Outgoing, Several
from moim.live.registry import Registry
from moim.live.room import LiveRoom, Tools
from moim.live.seats import Connection
from moim.meeting.conduct import Create
from moim.meeting.feature import Command, Limits
from moim.meeting.ids import (
    SYSTEM,
    CommandId,
    FileId,
    Identity,
    MeetingId,
    Plane,
    RoomId,
    Sid,
)
from moim.meeting.membership import Expire, Join
from moim.meeting.model import Room
from moim.meeting.rules import EVENTS, apply, load_room, load_stored
from moim.storage.database import Database
from moim.storage.journal import Journal
from moim.storage.messages import Messages
from moim.storage.rooms import Rooms
from tests.laid_out import lay_out

MINA = Identity("u_mina")
JUN = Identity("u_jun")
SORA = Identity("u_sora")
ROOM = RoomId("RM_tea00000")


@dataclass(order=True)
class VirtualTimer:
    """A timer that fires when a test moves time."""

    at_ms: float
    number: int
    call: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class VirtualClock:
    """Time stands still until `advance`."""

    def __init__(self) -> None:
        self._now_ms = 1_800_000_000_000.0
        self._timers: list[VirtualTimer] = []
        self._numbers = itertools.count()

    def now_ms(self) -> int:
        return int(self._now_ms)

    def later(self, seconds: float, call: Callable[[], None]) -> VirtualTimer:
        timer = VirtualTimer(self._now_ms + seconds * 1000, next(self._numbers), call)
        heapq.heappush(self._timers, timer)
        return timer

    def advance(self, seconds: float) -> None:
        end = self._now_ms + seconds * 1000
        while self._timers and self._timers[0].at_ms <= end:
            timer = heapq.heappop(self._timers)
            self._now_ms = max(self._now_ms, timer.at_ms)
            if not timer.cancelled:
                timer.call()
        self._now_ms = end

    def oversleep(self, seconds: float) -> None:
        """What was to happen meanwhile happens late."""
        self._now_ms += seconds * 1000
        self.advance(0)


class CountedIds:
    """Names that a test can foretell."""

    def __init__(self, server: str = "a") -> None:
        self._numbers = (f"{server}{n:08}" for n in itertools.count(1))

    def room(self) -> RoomId:
        return RoomId(f"RM_{next(self._numbers)}")

    def slug(self) -> str:
        return f"slug-{next(self._numbers)}"

    def sid(self) -> Sid:
        return Sid(f"PA_{next(self._numbers)}")

    def meeting(self) -> MeetingId:
        return MeetingId(f"MT_{next(self._numbers)}")

    def identity(self) -> Identity:
        return Identity(f"u_{next(self._numbers)}")

    def command(self) -> str:
        return next(self._numbers)


class DeletedFiles:
    """Remembers which files are gone."""

    def __init__(self) -> None:
        self.deleted: list[tuple[RoomId, FileId]] = []

    async def delete(self, room: RoomId, file_id: FileId) -> None:
        self.deleted.append((room, file_id))


class Browser:
    """Somebody's page: an outlet that folds what it hears over the snapshot that it has."""

    def __init__(self, room: LiveRoom, identity: Identity, tab: str = "tab-of-one") -> None:
        self.live = room
        self.identity = identity
        self.tab = tab
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.messages: list[Outgoing] = []
        self.closed_for_good: bool | None = None
        self.view: Room | None = None
        self.connection: Connection = room.enter(identity, self)
        self._commands = itertools.count(1)

    def send(self, message: Outgoing) -> None:
        body = json.loads(message.body)
        self.heard.append((message.event, body))
        self.messages.append(message)
        if message.event == "snapshot":
            self.view = load_room(body["snapshot"])
        elif message.event in EVENTS and self.view is not None:
            self._fold({"type": message.event, **body})

    def send_all(self, several: Several) -> None:
        for message in several.messages:
            self.send(message)

    def _fold(self, frame: dict[str, Any]) -> None:
        assert self.view is not None
        if frame["seq"] <= self.view.streams.get(frame["stream"], 0):
            return
        assert frame["prev"] == self.view.streams.get(frame["stream"], 0), "a gap"
        keys = ("seq", "at_ms", "actor", "command_id", "type", "v", "payload")
        self.view = apply(self.view, load_stored(*(frame[key] for key in keys)))

    def close(self, *, for_good: bool) -> None:
        self.closed_for_good = for_good
        self.hang_up()

    def hang_up(self) -> None:
        """The socket is gone."""
        self.live.leave(self.connection)

    def names(self) -> list[str]:
        """The events that it has heard."""
        return [name for name, _ in self.heard]

    async def ask(self, command: Command, command_id: str | None = None) -> Answer:
        """Send a command and wait for its answer."""
        made = CommandId(command_id or f"{self.tab}-{next(self._commands)}")
        return await self.live.ask(self.identity, made, command, self.connection)

    async def join(self, name: str = "Somebody", **fields: Any) -> Sid:
        """Take the seat; what is heard from now on is folded."""
        said = await self.ask(Join(name=name, tab=self.tab, **{"planes": tuple(Plane), **fields}))
        self.view = load_room(said.extra["snapshot"])
        return Sid(said.extra["sid"])


class House:
    """One server's storage and tools. Two on one file are two servers."""

    def __init__(
        self,
        folder: Path,
        clock: VirtualClock | None = None,
        *,
        participants: int = 8,
        server: str = "a",
        url: str | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.database = Database(url or f"sqlite+aiosqlite:///{folder / 'moim.db'}")
        self.files = DeletedFiles()
        self.journal = Journal(self.database)
        self.rooms = Rooms(self.database)
        self.tools = Tools(
            journal=self.journal,
            messages=Messages(self.database),
            files=self.files,
            clock=self.clock,
            ids=CountedIds(server),
            limits=Limits(participants=participants),
            graces=GraceTimes(),
        )
        self._open: list[LiveRoom] = []

    async def ready(self) -> None:
        """Today's schema."""
        await lay_out(self.database)

    async def room(self) -> LiveRoom:
        """Mina's room, made when it is not there."""
        await self.ready()
        room = LiveRoom(ROOM, self.tools)
        await room.open()
        self._open.append(room)
        create = Create(slug="tea", name="Friday tea", listed=True, owner=MINA)
        await room.ask(SYSTEM, CommandId("create"), create)
        return room

    async def registry(self) -> Registry:
        """All rooms, as a server has them."""
        await lay_out(self.database)
        registry = Registry(self.rooms, self.tools)
        await registry.start()
        return registry

    async def close(self) -> None:
        """Stop everything; the file stays."""
        for room in self._open:
            await room.stop()
        self._open.clear()
        await self.database.close()


async def settled(room: LiveRoom) -> None:
    """Wait until everything asked before is answered."""
    nobody = Expire(identity=Identity("u_nobody"), sid=Sid("PA_nobody"))
    await room.ask(SYSTEM, CommandId("settled"), nobody)
