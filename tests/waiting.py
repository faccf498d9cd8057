"""Waiting for what must come, with a deadline."""

import asyncio
import time
from collections.abc import Callable


async def until(true: Callable[[], object], what: str, patience_s: float = 10) -> None:
    """Look again and again; fails with what was waited for."""
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(0.02)
