"""Who comes with a LiveKit client of their own, such as a bot, and not through moim's pages.

The rules in prose:
- The server seats who appears on the SFU of a room, under an identity made of their name there;
  bars, locks and the number of seats hold for them as for everybody.
- Their tracks are what the SFU says, but for what they have no right to: that is not shown, and the
  SFU ends it. What a host mutes is muted there.
- Their seat is free when they leave the SFU. Who sees that while the room moves to another SFU, or
  before having heard that it does, has seen nothing.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import ClassVar

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event
from moim.meeting.ids import Identity, Plane, SomeIdentity, Source
from moim.meeting.membership import LeaveReason, free_seat, seat_somebody
from moim.meeting.model import Participant, Room, Track
from moim.meeting.tracks import TrackMuted, TrackPublished, TrackUnmuted, TrackUnpublished

LONGEST = 62
PREFIX = "u_lk-"


class Arrive(Command):
    """Somebody has appeared on the SFU."""

    name_on_wire: ClassVar[str] = "visitor.arrive"
    internal: ClassVar[bool] = True
    identity: SomeIdentity
    livekit: str
    name: str


class Depart(Command):
    """They are no longer there, as far as was seen in that epoch of the room's planes."""

    name_on_wire: ClassVar[str] = "visitor.depart"
    internal: ClassVar[bool] = True
    identity: SomeIdentity
    epoch: int


class Show(Command):
    """What they publish there now."""

    name_on_wire: ClassVar[str] = "visitor.show"
    internal: ClassVar[bool] = True
    identity: SomeIdentity
    tracks: tuple[Track, ...]


COMMANDS: tuple[type[Command], ...] = (Arrive, Depart, Show)


def identity_of(livekit: str) -> Identity:
    """The identity in moim of who has this one on the SFU; theirs where it is one of ours."""
    if livekit.startswith("u_") and not livekit.startswith(PREFIX):
        return Identity(livekit)
    packed = base64.urlsafe_b64encode(livekit.encode()).decode().rstrip("=")
    if len(PREFIX) + len(packed) > LONGEST:
        packed = hashlib.sha256(livekit.encode()).hexdigest()[:40]
    return Identity(PREFIX + packed)


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """The events that a command of this part leads to. Raises: `Refused`."""
    match command:
        case Arrive(identity=identity, livekit=livekit, name=name):
            if any(b.identity == identity for b in room.barred):
                raise Refused(ErrorCode.BARRED)
            if room.find(identity) is not None:
                return ()
            return seat_somebody(room, identity, name, ctx, planes=(Plane.SFU,), livekit=livekit)
        case Depart(identity=identity, epoch=epoch):
            seat = _visitor(room, identity)
            return (
                ()
                if seat is None or epoch != room.epoch
                else free_seat(room, seat, LeaveReason.LEFT)
            )
        case Show(identity=identity, tracks=tracks):
            seat = _visitor(room, identity)
            if seat is None:
                return ()
            allowed = room.sources_of(identity)
            return _differences(seat, (track for track in tracks if track.source in allowed))
        case _:
            raise AssertionError(f"not a command of visitors: {command!r}")


def _visitor(room: Room, identity: Identity) -> Participant | None:
    seat = room.find(identity)
    return seat if seat is not None and seat.livekit is not None else None


def _differences(seat: Participant, tracks: Iterable[Track]) -> Iterable[Event]:
    who = seat.identity
    now: dict[Source, Track] = {track.source: track for track in tracks}
    for source in seat.tracks.keys() - now.keys():
        yield TrackUnpublished(identity=who, source=source)
    for source, track in now.items():
        old = seat.tracks.get(source)
        if old is None:
            yield TrackPublished(identity=who, source=source, muted=track.muted)
        elif track.muted and not old.muted:
            yield TrackMuted(identity=who, source=source, by=who)
        elif old.muted and not track.muted:
            yield TrackUnmuted(identity=who, source=source)
