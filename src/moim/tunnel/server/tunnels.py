"""The tunnels that stand, by name. Nothing here knows SSH or HTTP."""

from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from typing import Protocol

from moim.tunnel.server.limits import Clock, Limits, Meter, Places
from moim.tunnel.streams import Sink, Source
from moim.tunnel.wire import Why


@dataclass(frozen=True, slots=True)
class Line:
    """A connection through a tunnel, to the server at its other end."""

    source: Source
    sink: Sink
    abort: Callable[[], None]
    """Closes it at once, whatever is still on its way to a laptop that does not read."""


class Owner(Protocol):
    """The connection of the person whose tunnel it is."""

    @property
    def user(self) -> str:
        """Their name."""

    @property
    def fingerprint(self) -> str:
        """The key that let them in."""

    def end(self, why: Why) -> None:
        """Say goodbye, and close."""


OpenLine = Callable[[str, int], Awaitable[Line]]


@dataclass(eq=False)
class Tunnel:
    """One of them. `open_line` takes a visitor's address and port."""

    name: str
    owner: Owner
    open_line: OpenLine
    meter: Meter
    visited_at: float
    connections: int = 0


class Tunnels:
    """Everything that stands, and the rules of who may have what."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._by_name: dict[str, Tunnel] = {}
        self._visits = Places(limits.connections_per_tunnel, limits.connections)

    def find(self, name: str) -> Tunnel | None:
        """The tunnel of a name."""
        return self._by_name.get(name)

    def __len__(self) -> int:
        return len(self._by_name)

    def claim(self, name: str, owner: Owner, open_line: OpenLine) -> Tunnel | None:
        """Give a name to a connection; None when its user has too many.

        The newest wins: after a broken link the old connection may still look alive from here, and
        the laptop that comes back must not wait until it does not.
        """
        held = self._by_name.get(name)
        others = [
            one
            for one in self._by_name.values()
            if one.owner.user == owner.user and one.name != name
        ]
        if len(others) >= self._limits.tunnels_per_user:
            return None
        if held is not None:
            self.release(held)
            if held.owner is not owner:
                held.owner.end("replaced")
        meter = Meter(self._limits.bytes_per_s, self._clock)
        made = Tunnel(name, owner, open_line, meter, self._clock())
        self._by_name[name] = made
        return made

    def release(self, tunnel: Tunnel) -> None:
        """It stands no more; nothing happens when another one has its name."""
        if self._by_name.get(tunnel.name) is tunnel:
            del self._by_name[tunnel.name]

    def enter(self, tunnel: Tunnel) -> bool:
        """A visitor comes; false when there is no room."""
        if not self._visits.take(tunnel.name):
            return False
        tunnel.connections += 1
        tunnel.visited_at = self._clock()
        return True

    def leave(self, tunnel: Tunnel) -> None:
        """A visitor has gone."""
        tunnel.connections -= 1
        tunnel.visited_at = self._clock()
        self._visits.give_back(tunnel.name)

    def sweep(self, allowed: Container[str]) -> None:
        """End what nobody visits, and what was opened with a key that is not allowed any more."""
        unused_since = self._clock() - self._limits.unused_s
        for tunnel in list(self._by_name.values()):
            if tunnel.owner.fingerprint not in allowed:
                self._end(tunnel, "removed")
            elif (
                self._limits.unused_s
                and not tunnel.connections
                and tunnel.visited_at <= unused_since
            ):
                self._end(tunnel, "unused")

    def end_all(self) -> None:
        """The server stops."""
        for tunnel in list(self._by_name.values()):
            self._end(tunnel, "stopping")

    def _end(self, tunnel: Tunnel, why: Why) -> None:
        self.release(tunnel)
        tunnel.owner.end(why)
