"""Keeps a tunnel: tells when it stands and when not, and tries again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from moim.tunnel.client.reach import Backoff, OnUp, Up
from moim.tunnel.errors import TunnelLost

log = structlog.get_logger(__name__)

Hold = Callable[[OnUp], Awaitable[None]]
Say = Callable[[str], None]
Pause = Callable[[float], Awaitable[None]]


async def keep(hold: Hold, on_up: OnUp, say: Say, pause: Pause = asyncio.sleep) -> None:
    """Hold a tunnel for ever, over as many connections as it takes.

    A first try that fails is said, so is the loss of a tunnel that stood; further tries are not.
    Raises: TunnelError for what trying again cannot change.
    """
    backoff = Backoff()
    told = False

    def up(reached: Up) -> None:
        nonlocal told
        told = False
        backoff.reset()
        log.info("tunnel.up")
        on_up(reached)

    while True:
        try:
            await hold(up)
        except TunnelLost as lost:
            log.info("tunnel.down", code=lost.code)
            if not told:
                say(f"{lost} Trying again.")
                told = True
        await pause(backoff.pause_s())
