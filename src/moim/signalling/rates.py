"""How much somebody may ask: a bucket of tokens that fills again with time."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from moim.household import household

KEYS_HELD = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second for long, and so many at once."""

    per_s: float
    burst: float


class Bucket:
    """Counts against a rate, by a monotonic clock in seconds."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._tokens = rate.burst
        self._filled_at = clock()

    def take(self) -> bool:
        """Count one; false when it is too many."""
        now = self._clock()
        filled = self._tokens + (now - self._filled_at) * self._rate.per_s
        self._tokens = min(self._rate.burst, filled)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Buckets:
    """A bucket for each key, which outlasts its connections: who comes back finds it as it was.

    Of so many keys that only an attack makes them, those that were used last are kept.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def of(self, key: str) -> Bucket:
        """The bucket of a key."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, self._clock)
            if len(self._buckets) > KEYS_HELD:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket


class Places:
    """How many connections each household, or each participant, has open."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: dict[str, int] = {}
        self.emptied = asyncio.Event()
        """Set while nobody is connected."""
        self.emptied.set()

    def take(self, host: str) -> bool:
        """Count one more; false when there are too many already."""
        address = household(host)
        taken = self._taken.get(address, 0)
        if taken >= self._most:
            return False
        self._taken[address] = taken + 1
        self.emptied.clear()
        return True

    def give_back(self, host: str) -> None:
        """One less."""
        address = household(host)
        left = self._taken.get(address, 0) - 1
        if left > 0:
            self._taken[address] = left
        else:
            self._taken.pop(address, None)
        if not self._taken:
            self.emptied.set()
