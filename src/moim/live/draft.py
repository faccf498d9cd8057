"""A handful of commands decided one after the other, before any of it is written."""

from dataclasses import dataclass, field

from moim.live.mailbox import Answer, Ask
from moim.live.outgoing import Outgoing
from moim.live.seats import Connection
from moim.meeting.errors import ErrorCode, MoimError, Refused
from moim.meeting.feature import Event, Stored
from moim.meeting.ids import Identity
from moim.meeting.model import Room
from moim.meeting.rules import apply
from moim.storage.journal import Entry


@dataclass(slots=True)
class Placed:
    """An event with the number before it in its stream."""

    stored: Stored
    prev: int
    message: Outgoing | None = None
    """As browsers and other servers get it, once somebody does."""

    def is_about(self, seq: int) -> bool:
        """Whether it is that event, or about it."""
        return self.stored.seq == seq or self.stored.event.about_seq() == seq


@dataclass(frozen=True, slots=True)
class Joining:
    """A connection that is about to sit down."""

    ask: Ask
    connection: Connection
    tab: str


@dataclass(slots=True)
class Draft:
    """The fold as it will be, the events that lead there, and the answers to give then."""

    room: Room
    entries: list[Entry] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    answers: dict[Ask, Answer | MoimError] = field(default_factory=dict)
    doubtful: list[Ask] = field(default_factory=list)
    """They changed nothing now, but may have when they were first sent."""
    joining: dict[Identity, Joining] = field(default_factory=dict)

    def add(self, ask: Ask, events: tuple[Event, ...], now_ms: int) -> None:
        """Number the events of one command and fold them."""
        for n, event in enumerate(events):
            stored = Stored(self.room.seq + 1, now_ms, ask.actor, ask.command_id, event)
            self.placed.append(Placed(stored, self.room.streams.get(stored.stream, 0)))
            self.entries.append(Entry(stored, n))
            self.room = apply(self.room, stored)
        self.answers[ask] = Answer(self.room.seq)

    def sits(self, connection: Connection) -> bool:
        """Whether a connection holds its identity's seat, or will when this is written."""
        joining = self.joining.get(connection.identity)
        if joining is not None:
            return joining.connection is connection
        return connection.holds_seat_of(self.room)

    def demand_seat(self, connection: Connection) -> None:
        """Raises: `not_present`."""
        if not self.sits(connection):
            raise Refused(ErrorCode.NOT_PRESENT)
