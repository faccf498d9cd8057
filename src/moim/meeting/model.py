"""The state of a room as everybody folds it: frozen values, the same in Python and on the wire.

A viewer's snapshot is a `Room` with what they may not see left out, so `apply` folds both.
"""

from pydantic import Field, SerializeAsAny

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Frozen, Slice
from moim.meeting.ids import (
    SYSTEM,
    Identity,
    MeetingId,
    Plane,
    PlaneChoice,
    Right,
    Role,
    RoomId,
    ShareMode,
    Sid,
    Source,
    Stream,
)


class Track(Frozen):
    """A published source. It stays listed while it is muted."""

    source: Source
    muted: bool
    by: Identity | None = None
    """Who muted it, when that was not its owner."""
    mode: ShareMode | None = None


class Participant(Frozen):
    """One seat in a meeting."""

    identity: Identity
    sid: Sid
    name: str
    role: Role
    joined_ms: int
    tracks: dict[Source, Track] = Field(default={})
    planes: tuple[Plane, ...] = tuple(Plane)
    """Which planes their program knows; none: they take no part in sound and picture."""
    livekit: str | None = None
    """What somebody who came with a LiveKit client, without moim's, is called on the SFU."""
    sfu: bool | None = None
    """Whether they have a way to the SFU; None before it was tried."""
    no_way: tuple[Identity, ...] = ()
    """With whom they found no direct way."""


class Move(Frozen):
    """A meeting on its way to another plane; the one that it is on still carries it."""

    to: Plane
    epoch: int
    """That of the signals on the new plane."""
    began_ms: int
    ready: tuple[Identity, ...] = ()
    """Who sends and receives there already."""


class Meeting(Frozen):
    """One live session, from the first join to the last leave."""

    id: MeetingId
    epoch: int
    """Grows with each meeting and each move to another media plane; signals carry it."""
    started_ms: int
    plane: Plane = Plane.MESH
    move: Move | None = None
    changed_ms: int = 0
    """When somebody last came or went, or a move last ended."""
    failures: int = 0
    """Moves in a row that ended where they began."""


class Barred(Frozen):
    """Somebody who was removed and may not come back until a host lets them."""

    identity: Identity
    name: str


class Room(Frozen):
    """The durable place with a link, and the meeting that may be going on in it."""

    id: RoomId
    slug: str = ""
    name: str = ""
    listed: bool = False
    locked: bool = False
    plane: PlaneChoice = PlaneChoice.AUTO
    denied: tuple[Right, ...] = ()
    """What guests may not do."""
    exceptions: dict[Identity, tuple[Right, ...]] = Field(default={})
    """For whom the opposite holds, and of which rights, until the meeting ends."""
    created_ms: int = 0
    owner: Identity = SYSTEM
    roles: dict[Identity, Role] = Field(default={})
    epoch: int = 0
    meeting: Meeting | None = None
    participants: tuple[Participant, ...] = ()
    """In the order of joining, which is the order of the tiles."""
    barred: tuple[Barred, ...] = ()
    """Only hosts see it."""
    slices: dict[str, SerializeAsAny[Slice]] = Field(default_factory=dict)
    streams: dict[Stream, int] = Field(default={})
    """The last seq of each stream that the viewer may see."""

    @property
    def seq(self) -> int:
        """The last number given in this room, as far as its holder can see."""
        return max(self.streams.values(), default=0)

    @property
    def epochs(self) -> tuple[int, ...]:
        """Of the plane that carries the meeting, and of the one that it moves to."""
        if self.meeting is None:
            return ()
        move = self.meeting.move
        return (self.meeting.epoch, *((move.epoch,) if move is not None else ()))

    def role_of(self, identity: Identity) -> Role:
        return self.roles.get(identity, Role.GUEST)

    def is_host(self, identity: Identity) -> bool:
        return identity == SYSTEM or self.role_of(identity) is Role.HOST

    def may(self, identity: Identity, right: Right) -> bool:
        """Whether somebody has a right here: hosts have all of them."""
        if self.is_host(identity):
            return True
        return (right in self.denied) == (right in self.exceptions.get(identity, ()))

    def sources_of(self, identity: Identity) -> tuple[Source, ...]:
        """What somebody may publish."""
        return tuple(source for source in Source if self.may(identity, source.right))

    def find(self, identity: Identity) -> Participant | None:
        return next((p for p in self.participants if p.identity == identity), None)

    def present(self, identity: Identity) -> Participant:
        """The actor's own seat. Raises: `not_present`."""
        found = self.find(identity)
        if found is None:
            raise Refused(ErrorCode.NOT_PRESENT)
        return found

    def target(self, identity: Identity) -> Participant:
        """Somebody else's seat. Raises: `participant_unknown`."""
        found = self.find(identity)
        if found is None:
            raise Refused(ErrorCode.PARTICIPANT_UNKNOWN)
        return found

    def demand_host(self, identity: Identity) -> None:
        """Raises: `not_present`, `not_host`."""
        if identity != SYSTEM:
            self.present(identity)
        if not self.is_host(identity):
            raise Refused(ErrorCode.NOT_HOST)

    def demand(self, identity: Identity, right: Right) -> Participant:
        """The seat of somebody who needs a right. Raises: `not_present`, `right_missing`."""
        seat = self.present(identity)
        if not self.may(identity, right):
            raise Refused(ErrorCode.RIGHT_MISSING)
        return seat

    def oneself_or_as_host(self, actor: Identity, whom: Identity) -> Participant:
        """The seat of `whom` for what everybody may do to themselves, and a host to others.

        Raises: `not_present`, `not_host`, `participant_unknown`.
        """
        if whom == actor:
            return self.present(actor)
        self.demand_host(actor)
        return self.target(whom)

    def with_participant(self, changed: Participant) -> "Room":
        """The room with one seat changed in its place."""
        seats = tuple(changed if p.identity == changed.identity else p for p in self.participants)
        return self.but(participants=seats)
