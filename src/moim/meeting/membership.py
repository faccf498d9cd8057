"""Who is in the room: joining, leaving, being removed, and who is a host.

The rules in prose:
- Whoever is not barred may join while the room is neither locked nor full; hosts always may.
- A seat belongs to an identity. The page that holds it keeps its sid over reconnects; another page
  of the same identity gets `seat_taken` until it says `take_over`, and then a new sid.
- Taking a seat again never raises media state: what was muted stays muted.
- A removed participant is barred until a host lets them back in. Nobody removes themselves.
- The last host of a room cannot step down. Who is a host no longer stops what they publish without
  a right to it.
- A meeting begins with the first join and ends with the last leave, or when a host ends it.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Stored
from moim.meeting.ids import (
    HOSTS,
    SYSTEM,
    Identity,
    MeetingId,
    Plane,
    PlaneChoice,
    Role,
    Sid,
    SomeIdentity,
    SomeSid,
    Stream,
)
from moim.meeting.model import Barred, Meeting, Participant, Room
from moim.meeting.text import Name
from moim.meeting.tracks import withdraw

Tab = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class LeaveReason(StrEnum):
    """Why a seat became free."""

    LEFT = "left"
    EXPIRED = "expired"
    """The connection did not come back in time."""
    REMOVED = "removed"
    ENDED = "ended"
    """A host ended the meeting for everybody."""


class Join(Command):
    """Take a seat, or take it again."""

    name_on_wire: ClassVar[str] = "participant.join"
    name: Name
    tab: Tab
    """Random, made by the page, kept over its reloads: tells a reload from a second tab."""
    sid: SomeSid | None = None
    """The seat that this page already holds, when its socket reconnects."""
    take_over: bool = False
    planes: tuple[Plane, ...] = Field(default=(Plane.MESH,), max_length=len(Plane))
    """Those that the page can carry sound and picture by; none, to take no part in them."""


class Leave(Command):
    """Give the seat up."""

    name_on_wire: ClassVar[str] = "participant.leave"


class Expire(Command):
    """A grace is over and the connection did not come back."""

    name_on_wire: ClassVar[str] = "participant.expire"
    internal: ClassVar[bool] = True
    identity: SomeIdentity
    sid: SomeSid


class Rename(Command):
    """Change a name: one's own, or another's as a host."""

    name_on_wire: ClassVar[str] = "participant.rename"
    name: Name
    identity: SomeIdentity | None = None


class Remove(Command):
    """Take somebody's seat away and keep them out."""

    name_on_wire: ClassVar[str] = "participant.remove"
    identity: SomeIdentity


class Readmit(Command):
    """Let somebody who was removed back in."""

    name_on_wire: ClassVar[str] = "participant.readmit"
    identity: SomeIdentity


class GrantRole(Command):
    """Make somebody host or guest. The server grants it for an exchanged host link."""

    name_on_wire: ClassVar[str] = "role.grant"
    identity: SomeIdentity
    role: Role


class EndMeeting(Command):
    """End the meeting for everybody."""

    name_on_wire: ClassVar[str] = "meeting.end"


class MeetingStarted(Event):
    """The first participant of a meeting is about to sit down."""

    type: ClassVar[str] = "meeting.started"
    meeting_id: MeetingId
    epoch: int
    plane: Plane = Plane.MESH


class MeetingEnded(Event):
    """The last seat is free. The room stays."""

    type: ClassVar[str] = "meeting.ended"
    meeting_id: MeetingId


class ParticipantJoined(Event):
    """Somebody took a seat."""

    type: ClassVar[str] = "participant.joined"
    v: ClassVar[int] = 2
    identity: Identity
    sid: Sid
    name: str
    role: Role
    livekit: str | None = None
    """What they are called on the SFU, when they came by it alone."""
    planes: tuple[Plane, ...] = tuple(Plane)


class ParticipantResumed(Event):
    """Somebody took their seat again from a new page. Tracks and mutes are as before."""

    type: ClassVar[str] = "participant.resumed"
    v: ClassVar[int] = 2
    identity: Identity
    sid: Sid
    planes: tuple[Plane, ...] = tuple(Plane)


class ParticipantLeft(Event):
    """A seat is free."""

    type: ClassVar[str] = "participant.left"
    identity: Identity
    sid: Sid
    reason: LeaveReason


class ParticipantRenamed(Event):
    """A participant has another name."""

    type: ClassVar[str] = "participant.renamed"
    identity: Identity
    name: str


class ParticipantBarred(Event):
    """A removed participant is kept out. Only hosts are told."""

    type: ClassVar[str] = "participant.barred"
    identity: Identity
    name: str

    def stream(self) -> Stream:
        return HOSTS


class ParticipantReadmitted(Event):
    """A removed participant may come back. Only hosts are told."""

    type: ClassVar[str] = "participant.readmitted"
    identity: Identity

    def stream(self) -> Stream:
        return HOSTS


class RoleGranted(Event):
    """Somebody's role in this room has changed."""

    type: ClassVar[str] = "role.granted"
    identity: Identity
    role: Role


COMMANDS: tuple[type[Command], ...] = (
    Join,
    Leave,
    Expire,
    Rename,
    Remove,
    Readmit,
    GrantRole,
    EndMeeting,
)
EVENTS: tuple[type[Event], ...] = (
    MeetingStarted,
    MeetingEnded,
    ParticipantJoined,
    ParticipantResumed,
    ParticipantLeft,
    ParticipantRenamed,
    ParticipantBarred,
    ParticipantReadmitted,
    RoleGranted,
)


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """The events that a command of this part leads to. Raises: `Refused`."""
    match command:
        case Join():
            return _join(room, actor, command, ctx)
        case Leave():
            return free_seat(room, room.present(actor), LeaveReason.LEFT)
        case Expire(identity=identity, sid=sid):
            seat = room.find(identity)
            if seat is None or seat.sid != sid:
                return ()
            return free_seat(room, seat, LeaveReason.EXPIRED)
        case Rename():
            return _rename(room, actor, command)
        case Remove(identity=identity):
            room.demand_host(actor)
            if identity == actor:
                raise Refused(ErrorCode.SELF_TARGET)
            seat = room.target(identity)
            barred = ParticipantBarred(identity=identity, name=seat.name)
            return (barred, *free_seat(room, seat, LeaveReason.REMOVED))
        case Readmit(identity=identity):
            room.demand_host(actor)
            if all(b.identity != identity for b in room.barred):
                raise Refused(ErrorCode.PARTICIPANT_UNKNOWN)
            return (ParticipantReadmitted(identity=identity),)
        case GrantRole():
            return _grant(room, actor, command)
        case EndMeeting():
            room.demand_host(actor)
            return _end(room)
        case _:
            raise AssertionError(f"not a command of membership: {command!r}")


def _join(room: Room, actor: Identity, join: Join, ctx: Context) -> Iterable[Event]:
    host = room.is_host(actor)
    if any(b.identity == actor for b in room.barred) and not host:
        raise Refused(ErrorCode.BARRED)
    seat = room.find(actor)
    if seat is not None:
        if join.sid == seat.sid:
            return ()
        if ctx.occupied and not join.take_over:
            raise Refused(ErrorCode.SEAT_TAKEN)
        resumed = ParticipantResumed(identity=actor, sid=ctx.sid, planes=_known(join.planes))
        if seat.name == join.name:
            return (resumed,)
        return (resumed, ParticipantRenamed(identity=actor, name=join.name))
    return seat_somebody(room, actor, join.name, ctx, planes=_known(join.planes))


def _known(planes: Iterable[Plane]) -> tuple[Plane, ...]:
    """In the order of `Plane`, each once."""
    said = set(planes)
    return tuple(plane for plane in Plane if plane in said)


def seat_somebody(
    room: Room,
    identity: Identity,
    name: str,
    ctx: Context,
    *,
    planes: tuple[Plane, ...],
    livekit: str | None = None,
) -> Iterable[Event]:
    """A new seat, and a meeting around it when it is the first.

    Raises: `room_locked`, `room_full`.
    """
    host = room.is_host(identity)
    if room.locked and not host:
        raise Refused(ErrorCode.ROOM_LOCKED)
    if len(room.participants) >= ctx.limits.participants and not host:
        raise Refused(ErrorCode.ROOM_FULL)
    joined = ParticipantJoined(
        identity=identity,
        sid=ctx.sid,
        name=name,
        role=room.role_of(identity),
        livekit=livekit,
        planes=planes,
    )
    if room.meeting is not None:
        return (joined,)
    # Where nobody is to learn an address, the mesh must not be begun with.
    hidden = room.plane is PlaneChoice.SFU and ctx.limits.sfu
    plane = Plane.SFU if hidden else Plane.MESH
    started = MeetingStarted(meeting_id=ctx.meeting_id, epoch=room.epoch + 1, plane=plane)
    return (started, joined)


def free_seat(room: Room, seat: Participant, reason: LeaveReason) -> Iterable[Event]:
    """A seat is given up, and the meeting with it when it was the last."""
    left = ParticipantLeft(identity=seat.identity, sid=seat.sid, reason=reason)
    if room.meeting is not None and len(room.participants) == 1:
        return (left, MeetingEnded(meeting_id=room.meeting.id))
    return (left,)


def _end(room: Room) -> Iterable[Event]:
    for seat in room.participants:
        yield ParticipantLeft(identity=seat.identity, sid=seat.sid, reason=LeaveReason.ENDED)
    if room.meeting is not None:
        yield MeetingEnded(meeting_id=room.meeting.id)


def _rename(room: Room, actor: Identity, rename: Rename) -> Iterable[Event]:
    whom = rename.identity or actor
    seat = room.oneself_or_as_host(actor, whom)
    if seat.name == rename.name:
        return ()
    return (ParticipantRenamed(identity=whom, name=rename.name),)


def _grant(room: Room, actor: Identity, grant: GrantRole) -> Iterable[Event]:
    room.demand_host(actor)
    if actor != SYSTEM:
        if grant.identity not in room.roles:
            room.target(grant.identity)
        hosts = [i for i, role in room.roles.items() if role is Role.HOST]
        if grant.role is not Role.HOST and hosts == [grant.identity]:
            raise Refused(ErrorCode.LAST_HOST)
    if room.role_of(grant.identity) is grant.role:
        return ()
    granted = RoleGranted(identity=grant.identity, role=grant.role)
    seat = room.find(grant.identity)
    if seat is None:
        return (granted,)
    return (granted, *withdraw(_with_role(room, granted), seat))


def apply(room: Room, stored: Stored) -> Room:
    """The room after one event of this part."""
    match stored.event:
        case MeetingStarted(meeting_id=meeting_id, epoch=epoch, plane=plane):
            meeting = Meeting(
                id=meeting_id,
                epoch=epoch,
                started_ms=stored.at_ms,
                plane=plane,
                changed_ms=stored.at_ms,
            )
            return room.but(meeting=meeting, epoch=epoch)
        case MeetingEnded():
            return room.but(meeting=None, participants=())
        case ParticipantJoined() as joined:
            seat = Participant(
                identity=joined.identity,
                sid=joined.sid,
                name=joined.name,
                role=joined.role,
                joined_ms=stored.at_ms,
                livekit=joined.livekit,
                planes=joined.planes,
            )
            return room.but(participants=(*_without(room, joined.identity), seat))
        case ParticipantResumed(identity=identity, sid=sid, planes=planes):
            return _change(room, identity, sid=sid, planes=planes)
        case ParticipantLeft(identity=identity):
            return room.but(participants=_without(room, identity))
        case ParticipantRenamed(identity=identity, name=name):
            return _change(room, identity, name=name)
        case ParticipantBarred(identity=identity, name=name):
            others = tuple(b for b in room.barred if b.identity != identity)
            return room.but(barred=(*others, Barred(identity=identity, name=name)))
        case ParticipantReadmitted(identity=identity):
            return room.but(barred=tuple(b for b in room.barred if b.identity != identity))
        case RoleGranted(identity=identity, role=role) as granted:
            return _change(_with_role(room, granted), identity, role=role)
        case _:
            return room


def _with_role(room: Room, granted: RoleGranted) -> Room:
    roles = {i: r for i, r in room.roles.items() if i != granted.identity}
    if granted.role is Role.HOST:
        roles[granted.identity] = granted.role
    return room.but(roles=roles)


def _without(room: Room, identity: Identity) -> tuple[Participant, ...]:
    return tuple(p for p in room.participants if p.identity != identity)


def _change(room: Room, identity: Identity, **changes: object) -> Room:
    seat = room.find(identity)
    return room if seat is None else room.with_participant(seat.but(**changes))
