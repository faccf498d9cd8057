"""`moim tunnel`: a public address for any server on this machine, until Ctrl-C."""

import asyncio
from contextlib import suppress

from moim import logs, platform
from moim.settings import Settings
from moim.tunnel.client.keeper import keep
from moim.tunnel.client.local import LocalServer
from moim.tunnel.client.program import hold_of
from moim.tunnel.client.reach import Up
from moim.tunnel.client.words import Say, say_address


def run(settings: Settings, host: str, say: Say) -> None:
    """Keep the tunnel until somebody stops it. Raises: TunnelError."""
    logs.configure(settings.log_level, settings.log_format)
    hold = hold_of(settings, LocalServer(host, settings.port))
    url: str | None = None

    def up(reached: Up) -> None:
        nonlocal url
        back, url = url == reached.url, reached.url
        say_address(say, url, back=back)
        if not back:
            say(f"It leads to {host}:{settings.port}. Ctrl-C closes it.")

    async def until_stopped() -> None:
        loop = asyncio.get_running_loop()
        keeping = asyncio.ensure_future(keep(hold, up, say))

        # A signal handler runs between two steps of Python, perhaps while the loop sleeps.
        def stop() -> None:
            loop.call_soon_threadsafe(keeping.cancel)

        with platform.stop_signals(stop), suppress(asyncio.CancelledError):
            await keeping

    asyncio.run(until_stopped())
