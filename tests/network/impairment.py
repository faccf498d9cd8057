"""What a bad network does to packets, decided without a socket or a clock.

A `Line` takes packets in one direction and says when each comes out, or that it is lost. Its dice
are seeded: the same packets at the same times have the same fate, always.

    line = Line(Conditions(loss=0.05, burst=3, delay_ms=40, jitter_ms=10), seed=1)
    line.carry(size_bytes=1200, now_s=0.0)   # -> when it arrives, or None

Source: Gilbert, "Capacity of a Burst-Noise Channel" (1960), and Elliott (1963), for the bursts.
"""

import random
from dataclasses import dataclass

# Ethernet's and IP's own bytes count on a slow line as well.
HEADER_BYTES = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """One direction of a line; the defaults are a perfect one."""

    loss: float = 0.0
    """Of all packets, 0..1, in the long run."""
    burst: float = 1.0
    """Packets that are lost in a row, on average. 1 is loss without memory, where packets have
    no influence on each other."""
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Up to so much more delay, evenly; packets keep their order all the same."""
    reorder: float = 0.0
    """Of all packets, 0..1: these are held back by `reorder_ms`, and overtaken."""
    reorder_ms: float = 20.0
    rate_bps: float | None = None
    """What passes in a second at most; None is without limit."""
    queue_ms: float = 200.0
    """How long a packet waits for its turn on a line with a rate; what would wait longer is
    dropped, as a router with a small buffer does."""

    def __post_init__(self) -> None:
        if not 0 <= self.loss < 1 or not 0 <= self.reorder <= 1:
            raise ValueError("loss and reorder are parts of one")
        if self.burst < 1 or (self.burst > 1 and self.loss and self.burst < 1 / (1 - self.loss)):
            raise ValueError("bursts of that length cannot make up that loss")
        if self.rate_bps is not None and self.rate_bps <= 0:
            raise ValueError("a rate is more than nothing")


PERFECT = Conditions()


class Line:
    """One direction of a bad network."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self.conditions = conditions
        self.lost = 0
        self.carried = 0
        # Dice of their own, so that a change of one thing leaves the fate in the others.
        self._loss = random.Random(f"loss {seed}")
        self._jitter = random.Random(f"jitter {seed}")
        self._order = random.Random(f"order {seed}")
        self._bad = False
        self._free_s = 0.0
        self._last_s = 0.0

    def carry(self, size_bytes: int, now_s: float) -> float | None:
        """When a packet of this size that is sent now arrives, in seconds; None when it does not.

        Times must not go backwards.
        """
        sent_s = self._queued(size_bytes, now_s)
        if sent_s is None or self._loses():
            self.lost += 1
            return None
        self.carried += 1
        c = self.conditions
        arrives_s = sent_s + (c.delay_ms + self._jitter.random() * c.jitter_ms) / 1000
        if self._order.random() < c.reorder:
            return arrives_s + c.reorder_ms / 1000
        self._last_s = max(self._last_s, arrives_s)
        return self._last_s

    def _queued(self, size_bytes: int, now_s: float) -> float | None:
        """When its last bit is on the line; None when there is no room to wait for that."""
        c = self.conditions
        if c.rate_bps is None:
            return now_s
        begins_s = max(self._free_s, now_s)
        if begins_s - now_s > c.queue_ms / 1000:
            return None
        self._free_s = begins_s + (size_bytes + HEADER_BYTES) * 8 / c.rate_bps
        return self._free_s

    def _loses(self) -> bool:
        """Gilbert's model: in the bad state everything is lost, in the good one nothing."""
        c = self.conditions
        if c.burst == 1:
            return self._loss.random() < c.loss
        leave = 1 / c.burst
        enter = leave * c.loss / (1 - c.loss)
        self._bad = self._loss.random() < ((1 - leave) if self._bad else enter)
        return self._bad
