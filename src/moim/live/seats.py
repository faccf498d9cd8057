"""Which connection holds which seat.

A seat belongs to an identity and is held by at most one connection. One without a connection
waits for its grace to end.
"""

from collections.abc import Iterator

from moim.live.outgoing import goodbye
from moim.live.ports import Outlet
from moim.meeting.ids import Identity, Sid, Stream
from moim.meeting.model import Room


class Connection:
    """One browser's way into one room. It sees nothing until it takes a seat."""

    def __init__(self, identity: Identity, outlet: Outlet) -> None:
        self.identity = identity
        self.outlet = outlet
        self.tab: str | None = None
        self.sid: Sid | None = None
        """The seat that it holds or held last."""
        self.streams: frozenset[Stream] = frozenset()
        self.away = False
        """Its page said that it is closing."""
        self.closed = False

    def holds_seat_of(self, room: Room) -> bool:
        """Whether the seat that it took is still the one of its identity."""
        seat = room.find(self.identity)
        return seat is not None and seat.sid == self.sid

    def dismiss(self, code: str) -> None:
        """Say why, and close for good."""
        self.outlet.send(goodbye(code))
        self.outlet.close(for_good=True)


class Seats:
    """All connections of a room, and who of them sits."""

    def __init__(self) -> None:
        self._connections: set[Connection] = set()
        self._held: dict[Identity, Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._connections))

    def add(self, connection: Connection) -> None:
        """Somebody is at the door."""
        self._connections.add(connection)

    def discard(self, connection: Connection) -> bool:
        """A connection is gone. True when a seat has lost its holder."""
        connection.closed = True
        connection.streams = frozenset()
        self._connections.discard(connection)
        if self._held.get(connection.identity) is connection:
            del self._held[connection.identity]
            return True
        return False

    def holder(self, identity: Identity) -> Connection | None:
        """Who holds an identity's seat at this moment."""
        return self._held.get(identity)

    def occupied(self, identity: Identity, tab: str) -> bool:
        """Whether another page than this one holds the seat."""
        holder = self._held.get(identity)
        return holder is not None and holder.tab != tab

    def take(self, connection: Connection, tab: str, sid: Sid) -> None:
        """Sit down. Whoever held the seat before is told that it has moved."""
        before = self._held.get(connection.identity)
        connection.tab, connection.sid, connection.away = tab, sid, False
        if connection.closed:
            return
        self._held[connection.identity] = connection
        if before is not None and before is not connection:
            before.streams = frozenset()
            before.dismiss("seat_moved")

    def vacate(self, identity: Identity, sid: Sid) -> Connection | None:
        """A seat is given up; the connection that held it, if any."""
        holder = self._held.get(identity)
        if holder is None or holder.sid != sid:
            return None
        del self._held[identity]
        holder.streams = frozenset()
        return holder
