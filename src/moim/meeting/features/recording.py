"""Who records the call in their own browser: everybody is told, always.

A recording is made and kept by a participant's browser, so it cannot be forbidden; what can be done
is to say it. Everybody says so of themselves; a host may end another's recording, and never begins
one. It ends when its owner leaves, and all end when the meeting does.
"""

from collections.abc import Iterable
from typing import ClassVar

from moim.meeting.feature import Command, Context, Event, Feature, Slice, Stored
from moim.meeting.ids import Identity, SomeIdentity
from moim.meeting.membership import MeetingEnded, ParticipantLeft
from moim.meeting.model import Room


class StartRecording(Command):
    """Tell everybody that one's own browser records from now on."""

    name_on_wire: ClassVar[str] = "recording.start"


class StopRecording(Command):
    """One's own recording has ended; or a host ends another's."""

    name_on_wire: ClassVar[str] = "recording.stop"
    identity: SomeIdentity | None = None


class RecordingStarted(Event):
    """Somebody's browser records."""

    type: ClassVar[str] = "recording.started"
    identity: Identity


class RecordingStopped(Event):
    """It no longer does. `by` is themselves or a host, whose word the recording browser obeys."""

    type: ClassVar[str] = "recording.stopped"
    identity: Identity
    by: Identity


class RecordingState(Slice):
    """Who records, first come first."""

    by: tuple[Identity, ...] = ()


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `not_present`, `not_host`, `participant_unknown`."""
    already = recording.of(room).by
    match command:
        case StartRecording():
            room.present(actor)
            return () if actor in already else (RecordingStarted(identity=actor),)
        case StopRecording(identity=identity):
            whom = identity or actor
            room.oneself_or_as_host(actor, whom)
            return (RecordingStopped(identity=whom, by=actor),) if whom in already else ()
        case _:
            raise AssertionError(f"not a command of recordings: {command!r}")


def apply(state: RecordingState, stored: Stored) -> RecordingState:
    """Who records after one event."""
    match stored.event:
        case RecordingStarted(identity=identity):
            return RecordingState(by=(*_without(state, identity), identity))
        case RecordingStopped(identity=identity) | ParticipantLeft(identity=identity):
            return RecordingState(by=_without(state, identity))
        case MeetingEnded():
            return RecordingState()
        case _:
            return state


def _without(state: RecordingState, identity: Identity) -> tuple[Identity, ...]:
    return tuple(i for i in state.by if i != identity)


recording = Feature(
    name="recording",
    state=RecordingState,
    commands=(StartRecording, StopRecording),
    events=(RecordingStarted, RecordingStopped),
    decide=decide,
    apply=apply,
)
