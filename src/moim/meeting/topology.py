"""Which plane carries a meeting: every browser to every other one, or all through an SFU.

The rules in prose:
- A meeting goes to the SFU when more people are present than a mesh bears (three unless set), when
  two of them find no direct way, when somebody came with a LiveKit client, or when a host wants it.
- It comes back when none of that holds, one person fewer is there than would just do, and nothing
  has changed for a while: a meeting never flaps.
- It moves make before break: everybody opens the new plane beside the old one and says so; once all
  are ready it has moved, and only then the old one is closed. When somebody cannot, or takes too
  long, everybody stays where they were, and it is tried again later, each time later.
- Nobody is moved to where they have no way: when somebody cannot reach the SFU, or came with a
  program that knows the mesh alone, it does not move for the number of people alone. When such a
  program comes to a meeting on the SFU, up to eight people go back to the mesh for its sake at
  once. Otherwise it hears nobody while the meeting is on the SFU, and everybody sees so by its
  `planes`; nobody waits for it to move along.
- Who takes no part in sound and picture (a bot that reads the chat) counts nowhere here.
- A room whose hosts chose the SFU begins there: nobody learns anybody's address.
- A host's choice needs no reason, and each move has an epoch of its own.
- When the room's SFU is another server's from now on, it moves from the one to the other just so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Limits, Stored
from moim.meeting.ids import Identity, Plane, PlaneChoice, SomeIdentity
from moim.meeting.membership import ParticipantJoined, ParticipantLeft
from moim.meeting.model import Meeting, Move, Participant, Room

PATIENCE_MS = 15_000
"""How long a move may take."""
CALM_MS = 10_000
"""So long nothing has changed before a meeting goes back to the mesh."""
AGAIN_MS = 15_000
"""After a first move that failed; doubled with each further one."""
LATEST_AGAIN_MS = 600_000
MESH_BEARS = 8
"""So many people go back to a mesh for the sake of one who cannot do without."""


class StayReason(StrEnum):
    """Why a move ended where it began."""

    NO_WAY = "no_way"
    """Somebody cannot reach the new plane."""
    LATE = "late"
    """Somebody was not ready in time."""
    FAILED = "failed"
    """Something else went wrong in somebody's browser."""


class ChoosePlane(Command):
    """Say how the media of this room are to travel."""

    name_on_wire: ClassVar[str] = "plane.choose"
    choice: PlaneChoice


class ReportWays(Command):
    """Say what one's own browser found out: whether it reaches the SFU, and whom it does not
    reach directly."""

    name_on_wire: ClassVar[str] = "plane.report"
    sfu: bool | None = None
    no_way: tuple[SomeIdentity, ...] = Field(default=(), max_length=64)


class Ready(Command):
    """One's own browser sends and receives on the plane that the meeting moves to."""

    name_on_wire: ClassVar[str] = "plane.ready"
    epoch: int = Field(ge=0)


class GiveUp(Command):
    """One's own browser cannot follow the move."""

    name_on_wire: ClassVar[str] = "plane.give_up"
    epoch: int = Field(ge=0)
    reason: StayReason


class Begin(Command):
    """The time for a move has come."""

    name_on_wire: ClassVar[str] = "plane.begin"
    internal: ClassVar[bool] = True
    to: Plane
    epoch: int


class Settle(Command):
    """Everybody is ready, or the time for a move is over."""

    name_on_wire: ClassVar[str] = "plane.settle"
    internal: ClassVar[bool] = True
    epoch: int
    connected: tuple[Identity, ...]
    """Nobody waits for the others: they find the plane when they are back."""


class Relocate(Command):
    """The room's SFU is another one: whoever is on it, or on the way to it, opens the new one."""

    name_on_wire: ClassVar[str] = "plane.relocate"
    internal: ClassVar[bool] = True


class PlaneChosen(Event):
    """The hosts want the media of this room to travel so."""

    type: ClassVar[str] = "plane.chosen"
    choice: PlaneChoice


class WaysReported(Event):
    """What somebody's browser found out of its ways."""

    type: ClassVar[str] = "plane.reported"
    identity: Identity
    sfu: bool | None
    no_way: tuple[Identity, ...]


class MoveBegun(Event):
    """Everybody opens the other plane, beside the one that carries the meeting."""

    type: ClassVar[str] = "plane.moving"
    to: Plane
    epoch: int


class ParticipantReady(Event):
    """Somebody sends and receives on the new plane."""

    type: ClassVar[str] = "plane.readied"
    identity: Identity
    epoch: int


class MoveDone(Event):
    """The new plane carries the meeting; the old one may be closed."""

    type: ClassVar[str] = "plane.moved"
    plane: Plane
    epoch: int


class MoveFailed(Event):
    """The meeting stays where it was; what was opened of the other plane is closed."""

    type: ClassVar[str] = "plane.stayed"
    epoch: int
    identity: Identity | None
    """Who could not follow."""
    reason: StayReason


COMMANDS: tuple[type[Command], ...] = (
    ChoosePlane,
    ReportWays,
    Ready,
    GiveUp,
    Begin,
    Settle,
    Relocate,
)
EVENTS: tuple[type[Event], ...] = (
    PlaneChosen,
    WaysReported,
    MoveBegun,
    ParticipantReady,
    MoveDone,
    MoveFailed,
)


# ------------------------------------------------------------------------------- what is wanted


def wanted(room: Room, meeting: Meeting, limits: Limits) -> Plane:
    """The plane that suits who is there; the one it is on where both do."""
    if not limits.sfu:
        return Plane.MESH
    if room.plane is PlaneChoice.SFU or any(p.livekit is not None for p in room.participants):
        return Plane.SFU
    if room.plane is PlaneChoice.MESH:
        return Plane.MESH
    seats = _taking_part(room)
    people = {p.identity for p in seats}
    if meeting.plane is Plane.MESH and any(p.sfu is False for p in seats):
        return Plane.MESH
    if _mesh_alone(room) and (meeting.plane is Plane.MESH or len(people) <= MESH_BEARS):
        return Plane.MESH
    if len(people) > limits.mesh_most:
        return Plane.SFU
    if any(other in people for p in seats for other in p.no_way):
        return Plane.SFU
    # One fewer than would just do: who comes and goes at the limit moves nobody.
    if meeting.plane is Plane.SFU and len(people) > max(1, limits.mesh_most - 1):
        return Plane.SFU
    return Plane.MESH


def _taking_part(room: Room) -> list[Participant]:
    return [p for p in room.participants if p.planes]


def _mesh_alone(room: Room) -> bool:
    """Whether somebody's program knows the mesh and nothing else."""
    return any(p.planes == (Plane.MESH,) for p in room.participants)


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done by itself, and when."""

    at_ms: int
    epoch: int
    to: Plane | None
    """The plane to begin to move to; None to settle the move that is under way."""


def due(room: Room, limits: Limits) -> Due | None:
    """What comes next by itself, if nothing changes before."""
    meeting = room.meeting
    if meeting is None:
        return None
    move = meeting.move
    if move is not None:
        at_ms = move.began_ms + (0 if not _awaited(room, move) else PATIENCE_MS)
        return Due(at_ms, move.epoch, None)
    to = wanted(room, meeting, limits)
    if to is meeting.plane:
        return None
    # A host's choice is not something that flaps, and who hears nobody is not kept waiting.
    calm = to is Plane.MESH and limits.sfu and room.plane is not PlaneChoice.MESH
    calm = calm and not _mesh_alone(room)
    wait_ms = CALM_MS if calm else 0
    if meeting.failures:
        wait_ms = min(LATEST_AGAIN_MS, AGAIN_MS * 2 ** (meeting.failures - 1))
    return Due(meeting.changed_ms + wait_ms, room.epoch + 1, to)


def _awaited(room: Room, move: Move) -> list[Identity]:
    """Who is not ready yet, of those who know both planes. Who came with a LiveKit client is on the
    SFU already."""
    return [
        p.identity
        for p in room.participants
        if p.livekit is None and p.planes == tuple(Plane) and p.identity not in move.ready
    ]


# ------------------------------------------------------------------------------------- deciding


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """The events that a command of this part leads to. Raises: `Refused`."""
    match command:
        case ChoosePlane(choice=choice):
            room.demand_host(actor)
            if choice is PlaneChoice.SFU and not ctx.limits.sfu:
                raise Refused(ErrorCode.SFU_MISSING)
            return () if choice is room.plane else (PlaneChosen(choice=choice),)
        case ReportWays():
            return _report(room, actor, command)
        case Ready(epoch=epoch):
            move = _move(room, epoch)
            room.present(actor)
            if move is None or actor in move.ready:
                return ()
            return (ParticipantReady(identity=actor, epoch=epoch),)
        case GiveUp(epoch=epoch, reason=reason):
            room.present(actor)
            if _move(room, epoch) is None:
                return ()
            return (MoveFailed(epoch=epoch, identity=actor, reason=reason),)
        case Begin(to=to, epoch=epoch):
            meeting = room.meeting
            stale = meeting is None or meeting.move is not None or epoch != room.epoch + 1
            if stale or meeting is None or wanted(room, meeting, ctx.limits) is not to:
                return ()
            return () if to is meeting.plane else (MoveBegun(to=to, epoch=epoch),)
        case Settle():
            return _settle(room, command)
        case Relocate():
            return _relocate(room)
        case _:
            raise AssertionError(f"not a command of topology: {command!r}")


def _move(room: Room, epoch: int) -> Move | None:
    move = room.meeting.move if room.meeting is not None else None
    return move if move is not None and move.epoch == epoch else None


def _report(room: Room, actor: Identity, report: ReportWays) -> Iterable[Event]:
    seat = room.present(actor)
    present = {p.identity for p in room.participants} - {actor}
    no_way = tuple(dict.fromkeys(i for i in report.no_way if i in present))
    if (seat.sfu, seat.no_way) == (report.sfu, no_way):
        return ()
    return (WaysReported(identity=actor, sfu=report.sfu, no_way=no_way),)


def _settle(room: Room, settle: Settle) -> Iterable[Event]:
    move = _move(room, settle.epoch)
    if move is None:
        return ()
    late = [identity for identity in _awaited(room, move) if identity in settle.connected]
    if late:
        failed = MoveFailed(epoch=move.epoch, identity=late[0], reason=StayReason.LATE)
        return (failed,)
    return (MoveDone(plane=move.to, epoch=move.epoch),)


def _relocate(room: Room) -> Iterable[Event]:
    meeting = room.meeting
    move = meeting.move if meeting is not None else None
    # Who is on the way to the mesh goes on: it needs no SFU.
    if meeting is None or Plane.SFU is not (meeting.plane if move is None else move.to):
        return
    if move is not None:
        yield MoveFailed(epoch=move.epoch, identity=None, reason=StayReason.FAILED)
    yield MoveBegun(to=Plane.SFU, epoch=room.epoch + 1)


# -------------------------------------------------------------------------------------- folding


def apply(room: Room, stored: Stored) -> Room:
    """The room after one event of this part."""
    match stored.event:
        case PlaneChosen(choice=choice):
            # What failed before was for another reason.
            return _change(room.but(plane=choice), failures=0)
        case WaysReported(identity=identity, sfu=sfu, no_way=no_way):
            seat = room.find(identity)
            return room if seat is None else room.with_participant(seat.but(sfu=sfu, no_way=no_way))
        case MoveBegun(to=to, epoch=epoch):
            move = Move(to=to, epoch=epoch, began_ms=stored.at_ms)
            return _change(room.but(epoch=epoch), move=move)
        case ParticipantReady(identity=identity, epoch=epoch):
            old = _move(room, epoch)
            return (
                room if old is None else _change(room, move=old.but(ready=(*old.ready, identity)))
            )
        case MoveDone(plane=plane, epoch=epoch):
            settled = {"move": None, "changed_ms": stored.at_ms, "failures": 0}
            return _change(room, plane=plane, epoch=epoch, **settled)
        case MoveFailed(identity=identity, reason=reason):
            failures = room.meeting.failures + 1 if room.meeting is not None else 0
            room = _change(room, move=None, changed_ms=stored.at_ms, failures=failures)
            seat = room.find(identity) if identity is not None else None
            if seat is None or reason is not StayReason.NO_WAY:
                return room
            return room.with_participant(seat.but(sfu=False))
        case ParticipantJoined() | ParticipantLeft():
            return _change(room, changed_ms=stored.at_ms)
        case _:
            return room


def _change(room: Room, **changes: object) -> Room:
    meeting = room.meeting
    return room if meeting is None else room.but(meeting=meeting.but(**changes))
