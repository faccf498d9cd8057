"""Raised hands, an ordered queue.

Everybody raises and lowers their own hand; a host may lower another's. Raising a raised
hand changes nothing, so nobody loses their place. A hand goes down when its owner leaves, and
all go down when the meeting ends.
"""

from collections.abc import Iterable
from typing import ClassVar

from moim.meeting.feature import Command, Context, Event, Feature, Slice, Stored
from moim.meeting.ids import Identity, SomeIdentity
from moim.meeting.membership import MeetingEnded, ParticipantLeft
from moim.meeting.model import Room


class RaiseHand(Command):
    """Ask for the word."""

    name_on_wire: ClassVar[str] = "hand.raise"


class LowerHand(Command):
    """Lower one's own hand, or another's as a host."""

    name_on_wire: ClassVar[str] = "hand.lower"
    identity: SomeIdentity | None = None


class HandRaised(Event):
    """Somebody stands at the end of the queue."""

    type: ClassVar[str] = "hand.raised"
    identity: Identity


class HandLowered(Event):
    """Somebody is out of the queue. `by` is themselves or a host."""

    type: ClassVar[str] = "hand.lowered"
    identity: Identity
    by: Identity


class HandState(Slice):
    """The queue, first come first."""

    queue: tuple[Identity, ...] = ()


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `not_present`, `not_host`, `participant_unknown`."""
    queue = hand.of(room).queue
    match command:
        case RaiseHand():
            room.present(actor)
            return () if actor in queue else (HandRaised(identity=actor),)
        case LowerHand(identity=identity):
            whom = identity or actor
            room.oneself_or_as_host(actor, whom)
            return (HandLowered(identity=whom, by=actor),) if whom in queue else ()
        case _:
            raise AssertionError(f"not a command of hands: {command!r}")


def apply(state: HandState, stored: Stored) -> HandState:
    """The queue after one event."""
    match stored.event:
        case HandRaised(identity=identity):
            return HandState(queue=(*_without(state, identity), identity))
        case HandLowered(identity=identity) | ParticipantLeft(identity=identity):
            return HandState(queue=_without(state, identity))
        case MeetingEnded():
            return HandState()
        case _:
            return state


def _without(state: HandState, identity: Identity) -> tuple[Identity, ...]:
    return tuple(i for i in state.queue if i != identity)


hand = Feature(
    name="hand",
    state=HandState,
    commands=(RaiseHand, LowerHand),
    events=(HandRaised, HandLowered),
    decide=decide,
    apply=apply,
)
