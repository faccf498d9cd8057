"""Who hears what: each durable event goes to those who may see its stream, encoded once.

The last events are held, so that who has missed some can catch up without the database.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moim.live.draft import Placed
from moim.live.outgoing import Outgoing, Several, snapshot_for
from moim.live.seats import Connection, Seats
from moim.meeting.feature import Stored
from moim.meeting.ids import ROOM, Identity, Stream
from moim.meeting.membership import (
    MeetingEnded,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantResumed,
    RoleGranted,
)
from moim.meeting.model import Room
from moim.meeting.rules import dump_event, streams_of

EVENTS_HELD = 500


_MOVES = (MeetingEnded, ParticipantJoined, ParticipantLeft, ParticipantResumed, RoleGranted)


def moves_somebody(placed: Iterable[Placed]) -> bool:
    """Whether any of it changes who sits, or what somebody may see."""
    return any(isinstance(one.stored.event, _MOVES) for one in placed)


def frame_of(placed: Placed) -> dict[str, Any]:
    """A durable event as the wire has it (`moim.meeting.frames.Frame`)."""
    stored = placed.stored
    return {
        "stream": stored.stream,
        "seq": stored.seq,
        "prev": placed.prev,
        "at_ms": stored.at_ms,
        "actor": stored.actor,
        "command_id": stored.command_id,
        "v": stored.event.v,
        "payload": dump_event(stored.event),
    }


def message_of(placed: Placed) -> Outgoing:
    """A durable event as it is told, encoded at the first call."""
    if placed.message is None:
        placed.message = Outgoing(placed.stored.event.type, frame_of(placed))
    return placed.message


class Audience:
    """Tells the connections of a room what happens in it."""

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._held: deque[Placed] = deque(maxlen=EVENTS_HELD)
        self._since = 0
        """Everything after this number is held."""

    def hold(self, since: int, placed: Iterable[Placed]) -> None:
        """Begin with what the journal knows."""
        self._held.clear()
        self._since = since
        for one in placed:
            self._hold(one)

    def _hold(self, placed: Placed) -> None:
        if len(self._held) == EVENTS_HELD:
            self._since = self._held[0].stored.seq
        self._held.append(placed)
        event = placed.stored.event
        about = event.about_seq()
        if event.scrubs and about is not None:
            for one in self._held:
                if one.is_about(about):
                    one.stored = _scrubbed(one.stored)

    def publish(self, room: Room, placed: Sequence[Placed], *, moved: bool) -> int:
        """Tell what has happened; `room` is the fold after it all. Returns how many heard what.

        `moved` says that somebody sat down or may see something else now. Where nobody did, as
        with most messages, everybody sees what they saw.
        """
        if not moved and all(one.stored.stream == ROOM for one in placed):
            told = self._tell_all(placed)
        else:
            told = self._tell_each(room, placed, moved=moved)
        for one in placed:
            self._hold(one)
        return told

    def _tell_all(self, placed: Sequence[Placed]) -> int:
        """Everybody who sees the room hears the same: what happens most, and to most people."""
        hearers = [one.outlet for one in self._seats if ROOM in one.streams]
        if len(placed) == 1:
            message = message_of(placed[0])
            for outlet in hearers:
                outlet.send(message)
        elif placed:
            several = Several([message_of(one) for one in placed])
            for outlet in hearers:
                outlet.send_all(several)
        return len(hearers) * len(placed)

    def _tell_each(self, room: Room, placed: Sequence[Placed], *, moved: bool) -> int:
        told = 0
        together: dict[tuple[int, ...], Several] = {}
        for connection in self._seats:
            streams = _streams(room, connection) if moved else connection.streams
            visible = connection.streams & streams
            heard = tuple(n for n, one in enumerate(placed) if one.stored.stream in visible)
            told += len(heard)
            if len(heard) == 1:
                connection.outlet.send(message_of(placed[heard[0]]))
            elif heard:
                several = together.get(heard)
                if several is None:
                    several = Several([message_of(placed[n]) for n in heard])
                    together[heard] = several
                connection.outlet.send_all(several)
            self.show(connection, streams, room)
        return told

    def show(self, connection: Connection, streams: frozenset[Stream], room: Room) -> None:
        """Let a connection see exactly these streams from now on."""
        if streams == connection.streams:
            return
        seen_before, connection.streams = connection.streams, streams
        if seen_before and streams:
            connection.outlet.send(snapshot_for(room, connection.identity))

    def show_all_again(self, room: Room) -> None:
        """Something may have been missed: everybody gets the whole."""
        for connection in self._seats:
            connection.streams = _streams(room, connection)
            if connection.streams:
                connection.outlet.send(snapshot_for(room, connection.identity))

    def tail(
        self, room: Room, viewer: Identity, known: Mapping[Stream, int]
    ) -> list[dict[str, Any]] | None:
        """The frames that a viewer has missed, or None when a snapshot is the better answer."""
        visible = {s: seq for s, seq in room.streams.items() if s in streams_of(room, viewer)}
        if not known.keys() <= streams_of(room, viewer) or not visible.keys() <= known.keys():
            return None
        if any(seq > room.streams.get(stream, 0) for stream, seq in known.items()):
            return None  # from before a backup was put back
        behind = [known[stream] for stream, seq in visible.items() if known[stream] < seq]
        if not behind:
            return []
        if min(behind) < self._since:
            return None
        missed = [one for one in self._held if one.stored.seq > min(behind)]
        if any(_changes_view(one.stored, viewer) for one in missed):
            return None
        return [
            {"type": one.stored.event.type, **frame_of(one)}
            for one in missed
            if one.stored.seq > known.get(one.stored.stream, one.stored.seq)
        ]


def _streams(room: Room, connection: Connection) -> frozenset[Stream]:
    if connection.closed or not connection.holds_seat_of(room):
        return frozenset()
    return streams_of(room, connection.identity)


def _changes_view(stored: Stored, viewer: Identity) -> bool:
    match stored.event:
        case RoleGranted(identity=identity):
            return identity == viewer
        case ParticipantJoined(identity=identity) | ParticipantLeft(identity=identity):
            return identity == viewer
        case _:
            return False


def _scrubbed(stored: Stored) -> Stored:
    event = stored.event.scrubbed()
    return Stored(stored.seq, stored.at_ms, stored.actor, stored.command_id, event)
