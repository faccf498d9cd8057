"""A tunnel by `cloudflared`, where that program is installed: a quick tunnel without an account.

    2026-01-01T00:00:00Z INF +-----------------------------------------------------------+
    2026-01-01T00:00:00Z INF |  Your quick Tunnel has been created! Visit it at (…):      |
    2026-01-01T00:00:00Z INF |  https://some-plain-words.trycloudflare.com                |
    2026-01-01T00:00:00Z INF +-----------------------------------------------------------+
    2026-01-01T00:00:01Z INF Registered tunnel connection connIndex=0 …
    2026-01-01T00:00:00Z ERR …

cloudflared finds its way back after a change of network by itself, under the same name.
"""

import asyncio
import os
import re
import shutil
import sys
from contextlib import suppress
from typing import Final

from moim.tunnel.client.announcements import plain
from moim.tunnel.client.local import LocalServer
from moim.tunnel.client.reach import OnUp, Up
from moim.tunnel.errors import TunnelError, TunnelLost

PROGRAM: Final = "cloudflared"
END_S: Final = 8
LONGEST_LINE_BYTES: Final = 64 * 1024
# The service's own address stands in error lines; tunnels have names of several words.
_URL = re.compile(r"https://(?!api\.)[a-z0-9]+(?:-[a-z0-9]+)+\.trycloudflare\.com\b")
_CONNECTED = "Registered tunnel connection"
_ERROR = re.compile(r"\b(?:ERR|FTL)\s+(.+)")


def find() -> str | None:
    """Where the program is."""
    return shutil.which(PROGRAM)


class CloudflaredLines:
    """Reads what it writes; `url` and `error` are the last ones seen."""

    def __init__(self) -> None:
        self.url: str | None = None
        self.error: str | None = None
        self._connected = False

    def read(self, line: str) -> str | None:
        """The address, once: when it is known and the tunnel is connected to it."""
        text = plain(line)
        if found := _ERROR.search(text):
            self.error = found[1][:200]
        before = self.url is not None and self._connected
        if found := _URL.search(text):
            self.url = found[0]
        self._connected = self._connected or _CONNECTED in text
        return self.url if self._connected and not before else None


async def hold(local: LocalServer, on_up: OnUp) -> None:
    """Run the program until it ends: this returns by raising only.

    Raises: `cloudflared_missing`; TunnelLost when it has ended.
    """
    program = find()
    if program is None:
        raise TunnelError(
            "cloudflared_missing",
            "cloudflared is not installed here. Install it from "
            "https://github.com/cloudflare/cloudflared, or use --tunnel alone.",
        )
    # Without its own file of settings: one for other tunnels would send visitors elsewhere.
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "moim.tunnel.leash"),
        *(program, "tunnel", "--no-autoupdate", "--config", os.devnull),
        *("--url", f"http://{local.host}:{local.port}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE_BYTES,
    )
    assert running.stdin is not None  # noqa: S101 - asked for above
    assert running.stderr is not None  # noqa: S101 - asked for above
    lines = CloudflaredLines()
    try:
        while line := await _line(running.stderr):
            if url := lines.read(line):
                on_up(Up(url))
    finally:
        running.stdin.close()
        with suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(asyncio.shield(running.wait()), END_S)
        if running.returncode is None:
            running.kill()
            await running.wait()
    raise TunnelLost("tunnel_lost", f"cloudflared has ended: {lines.error or 'it said no reason'}.")


async def _line(stream: asyncio.StreamReader) -> str:
    while True:
        try:
            return (await stream.readline()).decode(errors="replace")
        except ValueError:
            continue  # a line longer than any of interest; asyncio has dropped it
