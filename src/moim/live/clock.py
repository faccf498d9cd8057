"""The time of the machine and the timers of the running loop."""

import asyncio
import time
from collections.abc import Callable


class SystemClock:
    """`Clock` for a real server."""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call once after some seconds of the loop's monotonic time."""
        return asyncio.get_running_loop().call_later(seconds, call)
