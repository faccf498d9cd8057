"""What a slice is: commands in, events out, a state of its own, and who may see it.

A feature is one file: its docstring holds the rule in prose, then commands, events, state,
`decide`, `apply` and one `Feature(...)`. The doors, the journal and the wire types take it from
there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from moim.meeting.ids import (
    ROOM,
    CommandId,
    FileId,
    Identity,
    MeetingId,
    Role,
    Sid,
    Stream,
)

if TYPE_CHECKING:
    from moim.meeting.model import Room


class Frozen(BaseModel):
    """A value: it never changes, and it never holds what it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_serialization_defaults_required=True
    )

    def but(self, **changes: object) -> Self:
        """The same value with some fields changed."""
        return self.model_copy(update=changes)


class Command(Frozen):
    """Something that somebody wants, by an imperative name. The id travels beside it."""

    name_on_wire: ClassVar[str]
    internal: ClassVar[bool] = False
    """True for what only the server itself may say (an upload has finished, a grace is over)."""

    def about_seq(self) -> int | None:
        """The seq of an older event that `decide` must see, which the fold may have let go."""
        return None


class Event(Frozen):
    """Something that has happened, in the past tense. It never changes; older shapes are upcast."""

    type: ClassVar[str]
    v: ClassVar[int] = 1
    scrubs: ClassVar[bool] = False
    """True when what this event is about must disappear from the journal with it."""

    def stream(self) -> Stream:
        """Who may see it."""
        return ROOM

    def about_seq(self) -> int | None:
        """The seq of the older event that this one changes."""
        return None

    def scrubbed(self) -> Self:
        """What stays of this event in the journal when a later one scrubs it."""
        return self

    def file_ids(self) -> tuple[FileId, ...]:
        """The stored files that go from the disk when this event is scrubbed."""
        return ()


@dataclass(frozen=True, slots=True)
class Stored:
    """An event with its place: what the journal holds, and what `apply` folds."""

    seq: int
    at_ms: int
    actor: Identity
    command_id: CommandId
    event: Event

    @property
    def stream(self) -> Stream:
        return self.event.stream()


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a room that a deployment sets."""

    participants: int = 8
    mesh_most: int = 3
    """With more people than this a meeting goes to the SFU."""
    sfu: bool = False
    """Whether there is one."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may need and must not make: time, fresh ids, what the journal remembers."""

    now_ms: int
    sid: Sid
    meeting_id: MeetingId
    occupied: bool = False
    """The actor's seat is held by a connection of another page at this moment."""
    limits: Limits = field(default_factory=Limits)
    past: tuple[Stored, ...] = ()
    """The event of `Command.about_seq` and, of each type and actor, the last about it, which says
    all that theirs before it said; then what was decided with this command. Oldest first; else
    empty."""


class Slice(Frozen):
    """The state that a feature keeps in a room. It must be constructible without arguments."""


S = TypeVar("S", bound=Slice)


@dataclass(frozen=True, slots=True)
class Feature(Generic[S]):
    """One slice: everything that the rest of moim needs to know of it."""

    name: str
    state: type[S]
    commands: tuple[type[Command], ...]
    events: tuple[type[Event], ...]
    decide: Callable[["Room", Identity, Command, Context], Iterable[Event]]
    apply: Callable[[S, Stored], S]
    """Called with every event of the room, its own and others', so that it can let go with them."""
    view: Callable[[S, Identity, Role], S] = field(default=lambda state, viewer, role: state)
    """What one viewer may see of the state."""

    def of(self, room: "Room") -> S:
        """This feature's state in a room."""
        found = room.slices.get(self.name)
        return found if isinstance(found, self.state) else self.state()
