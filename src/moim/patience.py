"""uvicorn's HTTP protocol, which does not wait for ever for the head of a request.

Who opens a connection and says nothing, or one letter a minute, holds a socket and its buffers for
as long as it likes (a "slowloris"); uvicorn itself looks at the clock only between two requests.
Bodies are bounded where they are read.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_S: Final = 15
"""A browser on a bad phone connection sends its head at once; it may open a connection ahead of
time, which it opens anew when it needs it."""


def patient_for(head_s: float) -> "type[PatientHTTP]":
    """Give the protocol that waits so long for a head."""
    return type("PatientHTTP", (PatientHTTP,), {"head_s": head_s})


class PatientHTTP(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """Ends a connection whose request does not begin, or whose head does not end, in time."""

    head_s: float = HEAD_S
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._wait(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._be_content()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle: Any = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if answering or self.transport.get_protocol() is not self:
            self._be_content()  # the head is whole, or a WebSocket has taken over
        elif self._late is None:
            self._wait(self.transport)

    def _wait(self, transport: asyncio.Transport) -> None:
        self._late = self.loop.call_later(self.head_s, transport.abort)

    def _be_content(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
