"""The room itself: its name, whether it is listed, whether its door is locked.

The rules in prose: a room is created once, by the server, for its owner, its first host.
Hosts rename it, list it or take it off the list, lock and unlock it. A locked room lets nobody new
in but hosts; who sits in it stays.
"""

from collections.abc import Iterable
from typing import ClassVar

from moim.meeting.feature import Command, Context, Event, Stored
from moim.meeting.ids import Identity, Role, SomeIdentity
from moim.meeting.model import Room
from moim.meeting.text import Name


class Create(Command):
    """Make the room."""

    name_on_wire: ClassVar[str] = "room.create"
    internal: ClassVar[bool] = True
    slug: str
    name: Name
    listed: bool
    owner: SomeIdentity


class RenameRoom(Command):
    """Give the room another name."""

    name_on_wire: ClassVar[str] = "room.rename"
    name: Name


class ListRoom(Command):
    """Show the room on the home page, or take it off."""

    name_on_wire: ClassVar[str] = "room.list"
    listed: bool


class Lock(Command):
    """Let nobody new in."""

    name_on_wire: ClassVar[str] = "room.lock"


class Unlock(Command):
    """Open the door again."""

    name_on_wire: ClassVar[str] = "room.unlock"


class RoomCreated(Event):
    """The first event of every room."""

    type: ClassVar[str] = "room.created"
    slug: str
    name: str
    listed: bool
    owner: Identity


class RoomRenamed(Event):
    """The room has another name."""

    type: ClassVar[str] = "room.renamed"
    name: str


class ListingChanged(Event):
    """The room is on the home page now, or no longer."""

    type: ClassVar[str] = "room.listing_changed"
    listed: bool


class RoomLocked(Event):
    """Nobody new comes in but hosts."""

    type: ClassVar[str] = "room.locked"


class RoomUnlocked(Event):
    """The door is open again."""

    type: ClassVar[str] = "room.unlocked"


COMMANDS: tuple[type[Command], ...] = (Create, RenameRoom, ListRoom, Lock, Unlock)
EVENTS: tuple[type[Event], ...] = (
    RoomCreated,
    RoomRenamed,
    ListingChanged,
    RoomLocked,
    RoomUnlocked,
)


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """The events that a command of this part leads to. Raises: `Refused`."""
    if isinstance(command, Create):
        if room.seq:
            return ()
        created = RoomCreated(
            slug=command.slug, name=command.name, listed=command.listed, owner=command.owner
        )
        return (created,)
    room.demand_host(actor)
    match command:
        case RenameRoom(name=name):
            return () if name == room.name else (RoomRenamed(name=name),)
        case ListRoom(listed=listed):
            return () if listed == room.listed else (ListingChanged(listed=listed),)
        case Lock():
            return () if room.locked else (RoomLocked(),)
        case Unlock():
            return (RoomUnlocked(),) if room.locked else ()
        case _:
            raise AssertionError(f"not a command of conduct: {command!r}")


def apply(room: Room, stored: Stored) -> Room:
    """The room after one event of this part."""
    match stored.event:
        case RoomCreated(slug=slug, name=name, listed=listed, owner=owner):
            return room.but(
                slug=slug,
                name=name,
                listed=listed,
                owner=owner,
                roles={owner: Role.HOST},
                created_ms=stored.at_ms,
            )
        case RoomRenamed(name=name):
            return room.but(name=name)
        case ListingChanged(listed=listed):
            return room.but(listed=listed)
        case RoomLocked():
            return room.but(locked=True)
        case RoomUnlocked():
            return room.but(locked=False)
        case _:
            return room
