"""How often somebody may do what costs the server something: token buckets, bounded in number."""

import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import HTTPConnection

from moim.household import household
from moim.meeting.errors import ErrorCode, Refused

MOST_KEYS = 10_000


class Rate:
    """`burst` at once, refilled evenly over `per_s` seconds, for each key."""

    def __init__(self, burst: int, per_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._burst = float(burst)
        self._refill = burst / per_s
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, *keys: str) -> None:
        """Take one from the bucket of each key. Raises: `rate_limited`, and takes nothing."""
        now = self._now()
        levels = {key: self._level(key, now) for key in keys}
        if min(levels.values()) < 1:
            raise Refused(ErrorCode.RATE_LIMITED)
        for key, level in levels.items():
            self._left[key] = (level - 1, now)
            self._left.move_to_end(key)
        while len(self._left) > MOST_KEYS:
            self._left.popitem(last=False)

    def _level(self, key: str, now: float) -> float:
        level, at = self._left.get(key, (self._burst, now))
        return min(self._burst, level + (now - at) * self._refill)


def address_of(connection: HTTPConnection) -> str:
    """The address that limits count by: an IPv6 customer has a whole /64. Proxies that are not
    trusted never get this far, see `wiring`."""
    return household(connection.client.host if connection.client else "")
