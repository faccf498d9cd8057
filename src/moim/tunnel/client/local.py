"""The local server's side of a tunnel: one connection to it for each connection of a visitor."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from moim.tunnel.streams import WINDOW_BYTES, Quiet, Sink, Source, both_ways, carry

CONNECT_S: Final = 10
QUIET_S: Final = 24 * 3600
"""The other end says when a silent connection is too old; this only keeps none for ever."""


@dataclass
class LocalServer:
    """The server that visitors are brought to.

    `visitors` says who is behind a connection: the port that it comes from on this machine, and the
    visitor's address as the other end of the tunnel gave it.
    """

    host: str
    port: int
    visitors: dict[int, str] = field(default_factory=dict)

    async def serve(self, visitor: str, source: Source, sink: Sink) -> None:
        """Carry one visitor's connection until both sides have ended it.

        Raises: OSError when the local server does not answer, or whatever the streams raise.
        """
        async with self._connection(visitor) as (reader, writer):
            quiet = Quiet()
            there, back = carry(source, writer, quiet), carry(reader, sink, quiet)
            await both_ways(there, back, quiet, QUIET_S)

    @asynccontextmanager
    async def _connection(
        self, visitor: str
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(self.host, self.port, limit=WINDOW_BYTES)
        port: int = writer.get_extra_info("sockname")[1]
        self.visitors[port] = visitor
        try:
            yield reader, writer
        finally:
            del self.visitors[port]
            writer.transport.abort()
