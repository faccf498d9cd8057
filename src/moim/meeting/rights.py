"""What guests may do: use their microphone and camera, share, write in the chat.

The rules in prose:
- Hosts may do everything, and nobody takes that from them but with the role.
- A host takes a right from everybody who is no host, or from one of them, and gives it back. What
  holds for everybody belongs to the room and stays; what holds for one ends with the meeting, or
  when something is said to everybody about the same right.
- Who loses a right stops at once what it was for. Given back, it starts nothing: only its owner
  does.
- The chat is messages, pictures and files, and all else that goes from one browser to another as
  data: a game, and what mini-apps say. Reactions and raised hands are nobody's to take.
- On the SFU it is the SFU that refuses what somebody has no right to; on the mesh every browser
  plays and takes only what the room lists.
"""

from collections.abc import Iterable
from typing import ClassVar

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Stored
from moim.meeting.ids import Identity, Right, SomeIdentity
from moim.meeting.membership import MeetingEnded
from moim.meeting.model import Room
from moim.meeting.tracks import withdraw


class SetRight(Command):
    """Take a right from somebody, or give it back; without `identity`, for all who are no host."""

    name_on_wire: ClassVar[str] = "right.set"
    right: Right
    allowed: bool
    identity: SomeIdentity | None = None


class RightChanged(Event):
    """Somebody has a right now, or no longer; for null, all who are no host, without exceptions."""

    type: ClassVar[str] = "right.changed"
    right: Right
    allowed: bool
    identity: Identity | None = None


COMMANDS: tuple[type[Command], ...] = (SetRight,)
EVENTS: tuple[type[Event], ...] = (RightChanged,)


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `not_present`, `not_host`, `participant_unknown`, `right_of_host`."""
    match command:
        case SetRight(right=right, allowed=allowed, identity=identity):
            room.demand_host(actor)
            if identity is not None:
                room.target(identity)
                if room.is_host(identity):
                    raise Refused(ErrorCode.RIGHT_OF_HOST)
            changed = RightChanged(right=right, allowed=allowed, identity=identity)
            after = _changed(room, changed)
            if (after.denied, after.exceptions) == (room.denied, room.exceptions):
                return ()
            ended = (end for seat in room.participants for end in withdraw(after, seat))
            return (changed, *ended)
        case _:
            raise AssertionError(f"not a command of rights: {command!r}")


def apply(room: Room, stored: Stored) -> Room:
    """The room after one event of this part."""
    match stored.event:
        case RightChanged() as changed:
            return _changed(room, changed)
        case MeetingEnded():
            return room.but(exceptions={})
        case _:
            return room


def _changed(room: Room, changed: RightChanged) -> Room:
    right, allowed, identity = changed.right, changed.allowed, changed.identity
    if identity is None:
        kept = {i: _with(rights, right, on=False) for i, rights in room.exceptions.items()}
        return room.but(
            denied=_with(room.denied, right, on=not allowed),
            exceptions={i: rights for i, rights in kept.items() if rights},
        )
    own = _with(room.exceptions.get(identity, ()), right, on=allowed == (right in room.denied))
    others = {i: rights for i, rights in room.exceptions.items() if i != identity}
    return room.but(exceptions={**others, identity: own} if own else others)


def _with(rights: tuple[Right, ...], right: Right, *, on: bool) -> tuple[Right, ...]:
    """In the order of `Right`, so that the same rights are the same value."""
    return tuple(one for one in Right if (on if one is right else one in rights))
