"""Retention: how long the messages of a room are kept.

Hosts set it, in days; nothing set keeps them until somebody deletes them. The server then deletes
older messages, private ones too, as their authors would: the words are scrubbed, a tombstone stays.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import Field

from moim.meeting.feature import Command, Context, Event, Feature, Slice, Stored
from moim.meeting.ids import Identity
from moim.meeting.model import Room

Days = Annotated[int, Field(ge=1, le=3650)]


class SetRetention(Command):
    """Keep messages for so many days; null keeps them."""

    name_on_wire: ClassVar[str] = "retention.set"
    days: Days | None


class RetentionChanged(Event):
    """Messages are kept for so many days from now on."""

    type: ClassVar[str] = "retention.changed"
    days: int | None


class RetentionState(Slice):
    """How long messages are kept."""

    days: int | None = None


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `not_present`, `not_host`."""
    match command:
        case SetRetention(days=days):
            room.demand_host(actor)
            return () if days == retention.of(room).days else (RetentionChanged(days=days),)
        case _:
            raise AssertionError(f"not a command of retention: {command!r}")


def apply(state: RetentionState, stored: Stored) -> RetentionState:
    """What is set after one event."""
    match stored.event:
        case RetentionChanged(days=days):
            return RetentionState(days=days)
        case _:
            return state


retention = Feature(
    name="retention",
    state=RetentionState,
    commands=(SetRetention,),
    events=(RetentionChanged,),
    decide=decide,
    apply=apply,
)
