"""How much one tunnel, one visitor and one stranger may use, so that all others have the rest."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from moim.household import household

Clock = Callable[[], float]
Pause = Callable[[float], Awaitable[None]]
MOST_HOUSEHOLDS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The defaults hold a meeting of a mesh's size on a small machine."""

    tunnels_per_user: int = 3
    connections: int = 1000
    connections_per_tunnel: int = 200
    connections_per_address: int = 100
    bytes_per_s: int = 4 * 1024 * 1024
    """Of one tunnel, both directions together; what is more is slowed down, not cut off."""
    head_bytes: int = 32 * 1024
    """Request line and headers of a request, or of an answer."""
    head_s: float = 15
    """For a request to come in whole, from its first byte or from the connection's beginning."""
    keep_alive_s: float = 75
    quiet_s: float = 600
    """A connection on which nothing moves, an answer that is waited for included. Sockets of
    meetings say something every few seconds."""
    claim_s: float = 30
    """From the log-in to the wish for a tunnel."""
    unused_s: float = 24 * 3600
    """A tunnel that nobody visits; 0 keeps it."""
    refusals: int = 10
    """Wishes for what there is not, shells and further forwardings, before one is shown out."""
    logins_per_minute: int = 30
    """From one address, until a key has been accepted."""


class Meter:
    """Slows down whoever is faster than a rate, after a second's worth at once.

    Source: the virtual scheduling form of ITU-T I.371's generic cell rate algorithm.
    """

    def __init__(
        self, bytes_per_s: int, clock: Clock = time.monotonic, pause: Pause = asyncio.sleep
    ) -> None:
        self._rate = bytes_per_s
        self._clock = clock
        self._pause = pause
        self._due = clock()

    async def take(self, count: int) -> None:
        """Count bytes, and wait for as long as they are early."""
        now = self._clock()
        self._due = max(self._due, now - 1.0) + count / self._rate
        if self._due > now:
            await self._pause(self._due - now)


class Places:
    """A number of things that may be there at once, for each key and in all."""

    def __init__(self, per_key: int, in_all: int) -> None:
        self._per_key = per_key
        self._in_all = in_all
        self._taken: dict[str, int] = {}
        self._sum = 0

    def take(self, key: str) -> bool:
        """One more; false when there are too many."""
        taken = self._taken.get(key, 0)
        if taken >= self._per_key or self._sum >= self._in_all:
            return False
        self._taken[key] = taken + 1
        self._sum += 1
        return True

    def give_back(self, key: str) -> None:
        """One less."""
        left = self._taken[key] - 1
        self._sum -= 1
        if left:
            self._taken[key] = left
        else:
            del self._taken[key]


class Knocks:
    """How often an address may try to log in: so many at once, and so many in each minute."""

    def __init__(self, per_minute: int, clock: Clock = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, address: str) -> bool:
        """Count one; false when it is too many."""
        key, now = household(address), self._clock()
        left, at = self._seen.pop(key, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - at) * self._per_minute / 60)
        self._seen[key] = (left - 1 if left >= 1 else left, now)
        while len(self._seen) > MOST_HOUSEHOLDS:
            self._seen.popitem(last=False)
        return left >= 1

    def accepted(self, address: str) -> None:
        """It was somebody with a key: a laptop that comes back again and again is welcome."""
        self._seen.pop(household(address), None)
