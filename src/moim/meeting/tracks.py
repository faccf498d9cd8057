"""What is published: microphone, camera, screen share and its sound.

The rules in prose:
- Everybody publishes, mutes and unmutes their own tracks, and nobody else's.
- A host can mute another's track, never unmute it: only its owner's own act does.
- Publishing again never unmutes: a reload or a reconnect comes back as it went.
- Who has no right to a source neither publishes nor unmutes it.
"""

from collections.abc import Iterable
from typing import ClassVar

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Stored
from moim.meeting.ids import Identity, ShareMode, SomeIdentity, Source
from moim.meeting.model import Participant, Room, Track


class Publish(Command):
    """Begin to send a source."""

    name_on_wire: ClassVar[str] = "track.publish"
    source: Source
    muted: bool
    mode: ShareMode | None = None


class Unpublish(Command):
    """Stop sending a source for good."""

    name_on_wire: ClassVar[str] = "track.unpublish"
    source: Source


class Mute(Command):
    """Mute one's own source."""

    name_on_wire: ClassVar[str] = "track.mute"
    source: Source


class Unmute(Command):
    """Unmute one's own source."""

    name_on_wire: ClassVar[str] = "track.unmute"
    source: Source


class MuteOther(Command):
    """A host mutes somebody. There is no way to unmute another."""

    name_on_wire: ClassVar[str] = "participant.mute"
    identity: SomeIdentity
    source: Source


class TrackPublished(Event):
    """A source is there, muted or not."""

    type: ClassVar[str] = "track.published"
    identity: Identity
    source: Source
    muted: bool
    mode: ShareMode | None = None


class TrackUnpublished(Event):
    """A source is gone."""

    type: ClassVar[str] = "track.unpublished"
    identity: Identity
    source: Source


class TrackMuted(Event):
    """A source is silent or dark. `by` is its owner or the host who did it."""

    type: ClassVar[str] = "track.muted"
    identity: Identity
    source: Source
    by: Identity


class TrackUnmuted(Event):
    """Its owner unmuted a source."""

    type: ClassVar[str] = "track.unmuted"
    identity: Identity
    source: Source


COMMANDS: tuple[type[Command], ...] = (Publish, Unpublish, Mute, Unmute, MuteOther)
EVENTS: tuple[type[Event], ...] = (TrackPublished, TrackUnpublished, TrackMuted, TrackUnmuted)


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """The events that a command of this part leads to. Raises: `Refused`."""
    match command:
        case Publish(source=source, muted=muted, mode=mode):
            old = room.demand(actor, source.right).tracks.get(source)
            muted = muted or (old is not None and old.muted)
            if old is not None and (old.muted, old.mode) == (muted, mode):
                return ()
            return (TrackPublished(identity=actor, source=source, muted=muted, mode=mode),)
        case Unpublish(source=source):
            if source not in room.present(actor).tracks:
                return ()
            return (TrackUnpublished(identity=actor, source=source),)
        case Mute(source=source):
            return _mute(room.present(actor), source, actor)
        case Unmute(source=source):
            if not _track(room.demand(actor, source.right), source).muted:
                return ()
            return (TrackUnmuted(identity=actor, source=source),)
        case MuteOther(identity=identity, source=source):
            room.demand_host(actor)
            return _mute(room.target(identity), source, actor)
        case _:
            raise AssertionError(f"not a command of tracks: {command!r}")


def withdraw(room: Room, seat: Participant) -> Iterable[Event]:
    """The end of each track to which its owner has no right in the room as it is."""
    for source in seat.tracks:
        if not room.may(seat.identity, source.right):
            yield TrackUnpublished(identity=seat.identity, source=source)


def _track(seat: Participant, source: Source) -> Track:
    track = seat.tracks.get(source)
    if track is None:
        raise Refused(ErrorCode.TRACK_UNKNOWN)
    return track


def _mute(seat: Participant, source: Source, by: Identity) -> Iterable[Event]:
    if _track(seat, source).muted:
        return ()
    return (TrackMuted(identity=seat.identity, source=source, by=by),)


def apply(room: Room, stored: Stored) -> Room:
    """The room after one event of this part."""
    match stored.event:
        case TrackPublished(identity=identity, source=source, muted=muted, mode=mode):
            old = _find(room, identity, source)
            by = old.by if old is not None and muted else None
            return _put(room, identity, Track(source=source, muted=muted, by=by, mode=mode))
        case TrackUnpublished(identity=identity, source=source):
            seat = room.find(identity)
            if seat is None:
                return room
            left = {s: t for s, t in seat.tracks.items() if s != source}
            return room.with_participant(seat.but(tracks=left))
        case TrackMuted(identity=identity, source=source, by=by):
            track = _find(room, identity, source)
            if track is None:
                return room
            other = by if by != identity else None
            return _put(room, identity, track.but(muted=True, by=other))
        case TrackUnmuted(identity=identity, source=source):
            track = _find(room, identity, source)
            return room if track is None else _put(room, identity, track.but(muted=False, by=None))
        case _:
            return room


def _find(room: Room, identity: Identity, source: Source) -> Track | None:
    seat = room.find(identity)
    return None if seat is None else seat.tracks.get(source)


def _put(room: Room, identity: Identity, track: Track) -> Room:
    seat = room.find(identity)
    if seat is None:
        return room
    return room.with_participant(seat.but(tracks={**seat.tracks, track.source: track}))
