"""The front door: the ports that visitors come to, and how many may be inside."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Any

import structlog

from moim.household import household
from moim.tunnel.server.limits import Places
from moim.tunnel.server.visit import Door, Visit
from moim.tunnel.streams import WINDOW_BYTES

log = structlog.get_logger(__name__)


class FrontDoor:
    """Listens, and lets visits in."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._places = Places(door.limits.connections_per_address, door.limits.connections)
        self._servers: list[asyncio.Server] = []
        self._visits: set[asyncio.Task[None]] = set()

    async def listen(
        self, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None = None
    ) -> None:
        """Let visitors in by these sockets, which belong to the door from here on."""

        async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._visited(reader, writer, is_tls=tls is not None)

        for one in sockets:
            server = await asyncio.start_server(
                visited,
                sock=one,
                ssl=tls,
                limit=WINDOW_BYTES,
                ssl_handshake_timeout=self._door.limits.head_s if tls else None,
            )
            self._servers.append(server)

    async def _visited(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_tls: bool
    ) -> None:
        peer: Any = writer.get_extra_info("peername") or ("", 0)
        key = household(peer[0])
        # A proxy in front holds everybody's connections.
        counted = not self._door.trusted.holds(peer[0])
        if counted and not self._places.take(key):
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a callback of a stream server is a task
        self._visits.add(task)
        try:
            await Visit(self._door, reader, writer, peer[:2], is_tls=is_tls).serve()
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception:
            # A supervisor's edge: one visit that breaks is one visit.
            log.exception("visit.failed")
            writer.transport.abort()
        finally:
            self._visits.discard(task)
            if counted:
                self._places.give_back(key)

    async def close(self) -> None:
        """Close the ports and everybody's connection."""
        for server in self._servers:
            server.close()
        for visit in list(self._visits):
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)
