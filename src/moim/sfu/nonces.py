"""Requests that were served already: a back end that repeats one does it once."""

from typing import Final

from moim.sfu.ports import Clock

KEPT_S: Final = 60
MOST: Final = 100_000


class Nonces:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, bytes], float] = {}  # in the order in which they came

    def is_new(self, room_sid: str, nonce: bytes) -> bool:
        """Say whether a nonce comes for the first time, and remember it for a while."""
        now_s = self._clock.now_s()
        while self._seen:
            oldest = next(iter(self._seen))
            if len(self._seen) <= MOST and now_s - self._seen[oldest] < KEPT_S:
                break
            del self._seen[oldest]
        if (room_sid, nonce) in self._seen:
            return False
        self._seen[room_sid, nonce] = now_s
        return True
