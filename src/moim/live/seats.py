"""Which connection holds which seat.

A seat belongs to an identity and is held by at most one connection. One without a connection
waits for its grace to end.
"""

from collections.abc import Iterator, Mapping

from moim.live.outgoing import goodbye
from moim.live.ports import Holders, Outlet
from moim.meeting.ids import Identity, RoomId, Sid, Stream
from moim.meeting.model import Participant, Room


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

    def __init__(self, room: RoomId, holders: Holders) -> None:
        self._room = room
        self._holders = holders
        self._connections: set[Connection] = set()
        self._held: dict[Identity, Connection] = {}
        self.elsewhere: Mapping[Sid, str] = {}
        """The seats that connections to other servers hold, each with its page's tab."""

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
            self._let_go(connection)
            return True
        return False

    def holder(self, identity: Identity) -> Connection | None:
        """Who holds an identity's seat at this moment."""
        return self._held.get(identity)

    def waits(self, seat: Participant) -> bool:
        """Whether nobody holds a seat, here or elsewhere; who came by the SFU alone needs none."""
        if seat.livekit is not None:
            return False
        return seat.identity not in self._held and seat.sid not in self.elsewhere

    def take(self, connection: Connection, tab: str, sid: Sid) -> None:
        """Sit down. Whoever held the seat before is told that it has moved."""
        before = self._held.get(connection.identity)
        if before is not None:
            self._let_go(before)
        connection.tab, connection.sid, connection.away = tab, sid, False
        if connection.closed:
            return
        self._held[connection.identity] = connection
        self._holders.hold(self._room, sid, tab)
        if before is not None and before is not connection:
            before.streams = frozenset()
            before.dismiss("seat_moved")

    def vacate(self, identity: Identity, sid: Sid) -> Connection | None:
        """A seat is given up; the connection that held it, if any."""
        holder = self._held.get(identity)
        if holder is None or holder.sid != sid:
            return None
        self._let_go(holder)
        holder.streams = frozenset()
        return holder

    def _let_go(self, holder: Connection) -> None:
        del self._held[holder.identity]
        if holder.sid is not None:
            self._holders.release(holder.sid)
