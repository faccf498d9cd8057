"""The event loop's time as the rooms' clock."""

import asyncio
import time
from collections.abc import Callable

from moim.sfu.ports import Timer


class LoopClock:
    """Made inside a running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now_s(self) -> float:
        return self._loop.time()

    def wall_s(self) -> float:
        return time.time()

    def later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        return self._loop.call_later(delay_s, action)
