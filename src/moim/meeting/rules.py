"""The rules of a room in three functions: `decide`, `apply` and `snapshot`.

    decide(room, actor, command, ctx) -> events      what a command leads to, or Refused
    apply(room, stored)               -> room        the fold, one event at a time
    snapshot(room, viewer)            -> room        the same room as one viewer may see it

The law: folding the events that a viewer may see over their snapshot gives their next snapshot.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from moim.meeting import conduct, membership, rights, topology, tracks, visitors
from moim.meeting.feature import Command, Context, Event, Slice, Stored
from moim.meeting.features import FEATURES
from moim.meeting.ids import HOSTS, ROOM, SYSTEM, CommandId, Identity, Stream, personal
from moim.meeting.model import Room

STATE_VERSION = 4
"""Of a stored snapshot. Another one is not read; the journal is folded instead."""

Decide = Callable[[Room, Identity, Command, Context], Iterable[Event]]

_PARTS: tuple[tuple[tuple[type[Command], ...], Decide], ...] = (
    (conduct.COMMANDS, conduct.decide),
    (membership.COMMANDS, membership.decide),
    (tracks.COMMANDS, tracks.decide),
    (rights.COMMANDS, rights.decide),
    (topology.COMMANDS, topology.decide),
    (visitors.COMMANDS, visitors.decide),
    *((feature.commands, feature.decide) for feature in FEATURES),
)
_DECIDE: Mapping[type[Command], Decide] = {
    command: decide for commands, decide in _PARTS for command in commands
}
_EVENT_TYPES: tuple[type[Event], ...] = (
    *conduct.EVENTS,
    *membership.EVENTS,
    *tracks.EVENTS,
    *rights.EVENTS,
    *topology.EVENTS,
    *(event for feature in FEATURES for event in feature.events),
)

COMMANDS: Mapping[str, type[Command]] = MappingProxyType({c.name_on_wire: c for c in _DECIDE})
"""Every durable command by its name on the wire; the internal ones are not for the doors."""
EVENTS: Mapping[str, type[Event]] = MappingProxyType({e.type: e for e in _EVENT_TYPES})
"""Every durable event by its type."""


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> tuple[Event, ...]:
    """What a command leads to. No event means that it is already so. Raises: `Refused`."""
    if command.internal and actor != SYSTEM:
        raise AssertionError(f"{command.name_on_wire} came from outside")
    return tuple(_DECIDE[type(command)](room, actor, command, ctx))


def apply(room: Room, stored: Stored) -> Room:
    """The room after one event."""
    room = conduct.apply(room, stored)
    room = membership.apply(room, stored)
    room = tracks.apply(room, stored)
    room = rights.apply(room, stored)
    room = topology.apply(room, stored)
    slices: dict[str, Slice] = {f.name: f.apply(f.of(room), stored) for f in FEATURES}
    streams = {**room.streams, stored.stream: stored.seq}
    return room.but(slices=slices, streams=streams)


def streams_of(room: Room, viewer: Identity) -> frozenset[Stream]:
    """The streams whose events a viewer may see: none without a seat."""
    if room.find(viewer) is None:
        return frozenset()
    mine = {ROOM, personal(viewer)}
    return frozenset(mine | {HOSTS}) if room.is_host(viewer) else frozenset(mine)


def snapshot(room: Room, viewer: Identity) -> Room:
    """The room as a viewer may see it. Empty but for its id when they have no seat."""
    visible = streams_of(room, viewer)
    if not visible:
        return Room(id=room.id)
    role = room.role_of(viewer)
    return room.but(
        barred=room.barred if HOSTS in visible else (),
        slices={f.name: f.view(f.of(room), viewer, role) for f in FEATURES},
        streams={s: seq for s, seq in room.streams.items() if s in visible},
    )


def dump_event(event: Event) -> dict[str, Any]:
    """The payload of an event, as the journal and the wire hold it."""
    return event.model_dump(mode="json")


def load_event(type_: str, v: int, payload: Mapping[str, Any]) -> Event:
    """An event from the journal, upcast to today's shape. Raises: KeyError for an unknown type."""
    kind = EVENTS[type_]
    if v > kind.v:
        raise KeyError(f"{type_} v{v} is newer than this moim")
    return kind.model_validate(payload)


def load_stored(
    seq: int, at_ms: int, actor: str, command_id: str, type_: str, v: int, payload: dict[str, Any]
) -> Stored:
    """A row of the journal as an event with its place."""
    event = load_event(type_, v, payload)
    return Stored(seq, at_ms, Identity(actor), CommandId(command_id), event)


def dump_room(room: Room) -> dict[str, Any]:
    """A room, or a viewer's snapshot of it, as JSON values."""
    return room.model_dump(mode="json")


def load_room(state: Mapping[str, Any]) -> Room:
    """What `dump_room` gave."""
    found = state.get("slices", {})
    slices = {f.name: f.state.model_validate(found[f.name]) for f in FEATURES if f.name in found}
    return Room.model_validate({**state, "slices": {}}).but(slices=slices)
