"""Bytes carried from one stream to another, never faster than the slower side takes them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

CHUNK_BYTES: Final = 32 * 1024
WINDOW_BYTES: Final = 128 * 1024
"""What one connection may have on its way in one direction; SSH's own default of 2 MiB would let a
few hundred stuck readers fill the memory."""
LINGER_S: Final = 30
"""How long one direction may go on after the other one has ended."""

Take = Callable[[int], Awaitable[None]]


class Source(Protocol):
    """What `asyncio.StreamReader` and asyncssh's reader have in common."""

    async def read(self, n: int = -1, /) -> bytes:
        """Up to n bytes; none at the end."""


class Sink(Protocol):
    """What `asyncio.StreamWriter` and asyncssh's writer have in common."""

    def write(self, data: bytes, /) -> Any:
        """Put bytes into the buffer."""

    async def drain(self) -> None:
        """Wait until the buffer is low."""

    def can_write_eof(self) -> bool:
        """Whether the end of one direction can be said without closing both (TLS cannot)."""

    def write_eof(self) -> Any:
        """Say that nothing more comes."""

    def close(self) -> Any:
        """Close both directions."""


class Quiet:
    """How long nothing has moved on a connection, for all who carry its bytes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved_at = clock()

    def moved(self) -> None:
        """Something did."""
        self._moved_at = self._clock()

    def left_s(self, of_s: float) -> float:
        """How much of a time of silence is left."""
        return of_s - (self._clock() - self._moved_at)


async def carry(
    source: Source, sink: Sink, quiet: Quiet, take: Take | None = None, first: bytes = b""
) -> None:
    """Carry bytes until the source ends, and say the end to the sink. `take` slows it down.

    Over TLS the end of one direction is the end of both.
    """
    chunk = first or await source.read(CHUNK_BYTES)
    while chunk:
        quiet.moved()
        if take is not None:
            await take(len(chunk))
        sink.write(chunk)
        await sink.drain()
        quiet.moved()
        chunk = await source.read(CHUNK_BYTES)
    if sink.can_write_eof():
        sink.write_eof()
    else:
        sink.close()


async def both_ways(
    there: Awaitable[None], back: Awaitable[None], quiet: Quiet, of_s: float
) -> None:
    """Run both directions until both have ended, one has failed, or nothing moved for `of_s`."""
    both = {asyncio.ensure_future(there), asyncio.ensure_future(back)}
    running = both
    try:
        while running:
            done, running = await asyncio.wait(
                running, timeout=max(0.0, quiet.left_s(of_s)), return_when=asyncio.FIRST_COMPLETED
            )
            for one in done:
                one.result()
            if done:
                of_s = min(of_s, LINGER_S)
            elif quiet.left_s(of_s) <= 0:
                return
    finally:
        for one in both:
            one.cancel()
        await asyncio.gather(*both, return_exceptions=True)
