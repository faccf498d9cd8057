"""Keeps the media plane of one room as the room has it, and the room as the plane has it.

What comes by itself (a move, its end) is an ordinary command with an id made of the epoch, so that
two servers whose timers fire do one thing. What is done on the SFU is an errand: the meeting does
not wait for it, and what fails is tried again with the next look.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterable

import structlog

from moim.live.draft import Placed
from moim.live.mailbox import Answer
from moim.live.ports import Clock, Timer
from moim.live.seats import Seats
from moim.media.plane import Access, Entry, Plane, Present
from moim.meeting.errors import MoimError, Refused, Unavailable
from moim.meeting.feature import Command, Limits
from moim.meeting.features.hand import hand
from moim.meeting.ids import SYSTEM, CommandId, Identity, Right
from moim.meeting.ids import Plane as PlaneName
from moim.meeting.membership import LeaveReason, MeetingEnded, ParticipantLeft
from moim.meeting.model import Participant, Room
from moim.meeting.text import clean_name
from moim.meeting.topology import (
    Begin,
    Due,
    MoveBegun,
    MoveFailed,
    Relocate,
    Settle,
    WaysReported,
    due,
)
from moim.meeting.tracks import TrackMuted
from moim.meeting.visitors import Arrive, Depart, Show, identity_of

LOOK_S = 3.0
"""How often it is looked who is on the SFU, besides when a webhook says that something happened."""
AGAIN_S = 1.0
ASLEEP_S = 2.0
"""A look that is so late is one of a server that slept: it must first hear what happened."""
RELOCATION_S = 15.0
"""So long who came with a LiveKit client may take to come back when the SFU is another one: their
SDKs wait for five seconds between two attempts."""
_log = structlog.get_logger("moim.live")

Submit = Callable[[Identity, CommandId, Command], "asyncio.Future[Answer | MoimError]"]


class Planes:
    """The timers and errands of one room."""

    def __init__(
        self, plane: Plane, clock: Clock, limits: Limits, seats: Seats, submit: Submit
    ) -> None:
        self._plane = plane
        self._clock = clock
        self._limits = limits
        self._seats = seats
        self._submit = submit
        self._room: Room | None = None
        self._due: Due | None = None
        self._timer: Timer | None = None
        self._looking: Timer | None = None
        self._relocating: Timer | None = None
        self._relocated_ms: int | None = None
        """When the meeting began to move from one SFU to another."""
        self._entries: dict[Identity, Entry] = {}
        """What the SFU was told of each seat."""
        self._brought: dict[str, Present] = {}
        """What those who came with a LiveKit client may by their own token: never more."""
        self._running: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._stopped = False
        self._warned = False
        """That somebody cannot reach the SFU is said once to whoever runs it."""

    async def access(self, room: Room, identity: Identity, *, trial: bool) -> Access:
        """The way to the SFU for a seat. Raises: `sfu_missing`, `not_present`; Unavailable."""
        entry = self._entry(room, room.present(identity))
        return await self._plane.access(room.slug, entry, trial=trial)

    def follow(self, room: Room, placed: Iterable[Placed] = ()) -> None:
        """Do what follows from the room as it is, and from what has just happened."""
        before, self._room = self._room, room
        if not self._plane.available or self._stopped:
            return
        for one in placed:
            self._carry_out(room, before, one)
        self._schedule(room)
        if _on_sfu(room):
            self._tell(room)
            if self._looking is None:
                self._look_later(0 if before is None else LOOK_S)
        else:
            self._entries.clear()

    async def stop(self) -> None:
        """Leave what is under way."""
        self._stopped = True
        for timer in (self._timer, self._looking, self._relocating):
            if timer is not None:
                timer.cancel()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def relocate(self, place: int) -> None:
        """The room's SFU is another one since that epoch of its place: who is on it moves there."""
        if self._stopped:
            return
        command_id = CommandId(f"plane-relocate-{place}")
        try:
            reply = self._submit(SYSTEM, command_id, Relocate())
        except Unavailable:
            self._relocating = self._clock.later(AGAIN_S, lambda: self.relocate(place))
            return

        def answered(reply: "asyncio.Future[Answer | MoimError]") -> None:
            if isinstance(reply.result(), Unavailable) and not self._stopped:
                self._relocating = self._clock.later(AGAIN_S, lambda: self.relocate(place))

        reply.add_done_callback(answered)

    def look(self) -> None:
        """Something has happened on the SFU: look now."""
        if not self._stopped and self._plane.available:
            self._start(self._look())

    # What is due

    def _schedule(self, room: Room) -> None:
        found = due(room, self._limits)
        if found == self._due and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._timer = found, None
        if found is not None:
            self._fire_in(max(0.0, (found.at_ms - self._clock.now_ms()) / 1000), found)

    def _fire_in(self, seconds: float, what: Due) -> None:
        self._timer = self._clock.later(seconds, lambda: self._fire(what))

    def _fire(self, what: Due) -> None:
        self._timer = None
        room = self._room
        if self._stopped or room is None or self._due != what:
            return
        command: Command
        if what.to is not None:
            command = Begin(to=what.to, epoch=what.epoch)
            command_id = CommandId(f"plane-begin-{what.epoch}")
        else:
            here = tuple(p.identity for p in room.participants if not self._seats.waits(p))
            command = Settle(epoch=what.epoch, connected=here)
            command_id = CommandId(f"plane-settle-{what.epoch}")
        try:
            reply = self._submit(SYSTEM, command_id, command)
        except Unavailable:
            self._fire_in(AGAIN_S, what)
            return

        def answered(reply: "asyncio.Future[Answer | MoimError]") -> None:
            # Where nothing came of it (the disk is full), it is asked again.
            failed = isinstance(reply.result(), MoimError)
            if failed and not self._stopped and self._due == what and self._timer is None:
                self._fire_in(AGAIN_S, what)

        reply.add_done_callback(answered)

    # What the SFU is told

    def _carry_out(self, room: Room, before: Room | None, placed: Placed) -> None:
        event = placed.stored.event
        match event:
            case ParticipantLeft(identity=identity, reason=reason):
                seat = before.find(identity) if before is not None else None
                self._entries.pop(identity, None)
                self._brought.pop(_called(seat) if seat is not None else identity, None)
                visitor = seat is not None and seat.livekit is not None
                if visitor and reason is LeaveReason.LEFT:
                    return
                called = _called(seat) if seat is not None else identity
                self._start(self._plane.remove(room.slug, called))
            case TrackMuted(identity=identity, source=source, by=by) if by != identity:
                seat = room.find(identity)
                if seat is not None and _on_sfu(room):
                    self._start(self._plane.mute(room.slug, _called(seat), source))
            case MoveBegun(to=PlaneName.SFU) if before is not None and _carries(before):
                self._relocated_ms = self._clock.now_ms()
            case MeetingEnded():
                self._start(self._plane.close(room.slug))
            case MoveFailed(reason=why):
                _log.warning("plane_not_moved", room=room.id, reason=why.value)
            case WaysReported(sfu=False) if not self._warned:
                self._warned = True
                _log.warning("sfu_not_reached", room=room.id, hint="open its UDP port")
            case _:
                return

    def _tell(self, room: Room) -> None:
        for seat in room.participants:
            entry = self._entry(room, seat)
            old = self._entries.get(seat.identity)
            self._entries[seat.identity] = entry
            if old is not None and old != entry:
                self._start(self._plane.update(room.slug, entry))

    # What the SFU says

    def _look_later(self, seconds: float) -> None:
        due_ms = self._clock.now_ms() + 1000 * seconds

        def look() -> None:
            self._looking = None
            room = self._room
            if room is not None and _on_sfu(room) and not self._stopped:
                if self._clock.now_ms() - due_ms < 1000 * ASLEEP_S:
                    self._start(self._look())
                self._look_later(LOOK_S)

        self._looking = self._clock.later(seconds, look)

    async def _look(self) -> None:
        async with self._lock:
            room = self._room
            if room is None or not room.slug:
                return
            there = {one.identity: one for one in await self._plane.present(room.slug)}
            for seat in room.participants:
                if seat.livekit is not None and seat.livekit not in there and not self._on_the_way:
                    gone = Depart(identity=seat.identity, epoch=room.epoch)
                    self._say(f"gone-{seat.sid}", gone)
            for one in there.values():
                await self._meet(one)

    @property
    def _on_the_way(self) -> bool:
        """Whether who came with a LiveKit client may be between two SFUs."""
        since_ms = self._relocated_ms
        return since_ms is not None and self._clock.now_ms() - since_ms < 1000 * RELOCATION_S

    async def _meet(self, one: Present) -> None:
        """Seat who is there and has no seat, or put them out; and see what they publish."""
        room = self._room
        assert room is not None  # noqa: S101 - `_look` has one
        identity = identity_of(one.identity)
        seat = room.find(identity)
        arrived = seat is None
        if seat is None and identity == one.identity:
            # A token outlives its seat: who was removed, or whose seat expired, is put out.
            await self._plane.remove(room.slug, one.identity)
            return
        if seat is None:
            arrive = Arrive(identity=identity, livekit=one.identity, name=_name(one.name))
            try:
                # a fresh id each time: who was refused once may be welcome later
                said = await self._submit(SYSTEM, CommandId(self._fresh("arrive")), arrive)
            except Unavailable:
                return
            if isinstance(said, Refused):
                await self._plane.remove(room.slug, one.identity)
                return
        room = self._room
        seat = room.find(identity) if room is not None else None
        if room is None or seat is None:
            return
        if seat.livekit is not None:
            self._brought.setdefault(one.identity, one)
            self._show(identity, one)
        entry = self._entry(room, seat)
        # Who enters with a token of before has what was taken meanwhile: until now.
        if arrived or not _is_as(one, entry, only_more=seat.livekit is not None):
            await self._plane.update(room.slug, entry)

    def _show(self, identity: Identity, one: Present) -> None:
        room = self._room
        seat = room.find(identity) if room is not None else None
        if room is None or seat is None:
            return
        allowed = room.sources_of(identity)
        tracks = tuple(track for track in one.tracks if track.source in allowed)
        had = {(track.source, track.muted) for track in seat.tracks.values()}
        if had != {(track.source, track.muted) for track in tracks}:
            self._say(self._fresh("show"), Show(identity=identity, tracks=tracks))

    def _entry(self, room: Room, seat: Participant) -> Entry:
        """Somebody as they should be on the SFU."""
        queue = hand.of(room).queue
        place = queue.index(seat.identity) + 1 if seat.identity in queue else 0
        attributes = {"moim.role": seat.role.value, "moim.hand": str(place) if place else ""}
        sources, data = room.sources_of(seat.identity), room.may(seat.identity, Right.CHAT)
        brought = self._brought.get(_called(seat))
        if brought is not None:
            sources = tuple(source for source in sources if source in brought.sources)
            data = data and brought.data
        return Entry(_called(seat), seat.name, sources, data, attributes)

    def _fresh(self, what: str) -> str:
        return f"{what}-{self._clock.now_ms()}-{next(self._numbers)}"

    def _say(self, command_id: str, command: Command) -> None:
        try:
            self._submit(SYSTEM, CommandId(command_id[:64]), command)
        except Unavailable:
            return  # the next look says it again

    def _start(self, errand: Coroutine[object, object, None]) -> None:
        async def run() -> None:
            try:
                await errand
            except Unavailable as error:
                _log.warning("sfu_unreachable", cause=str(error))

        task = asyncio.create_task(run())
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _on_sfu(room: Room) -> bool:
    meeting = room.meeting
    if meeting is None:
        return False
    moving = meeting.move is not None and meeting.move.to is PlaneName.SFU
    return moving or meeting.plane is PlaneName.SFU


def _carries(room: Room) -> bool:
    """Whether the SFU carries the meeting, and not only soon."""
    return room.meeting is not None and room.meeting.plane is PlaneName.SFU


def _called(seat: Participant) -> str:
    return seat.identity if seat.livekit is None else seat.livekit


def _is_as(there: Present, entry: Entry, *, only_more: bool) -> bool:
    """Whether the SFU lets somebody do what they should be let; with `only_more`, or less: two
    servers may differ in what a visitor's token allows, and would correct each other for ever."""
    sources, wanted = set(there.sources), set(entry.sources)
    if only_more:
        return sources <= wanted and there.data <= entry.data
    return (sources, there.data) == (wanted, entry.data)


def _name(raw: str) -> str:
    try:
        return clean_name(raw[:40])
    except ValueError:
        return "LiveKit"
