"""uvicorn's WebSocket protocol, which also takes frames that are encoded already.

For `uvicorn.Config(ws=WireProtocol)`; under another server, or uvicorn with another protocol,
everything works through the queues.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from moim.signalling.frames import EXTENSION


class WireProtocol(WebSocketsSansIOProtocol):
    """`Frames` of one connection."""

    _sending = 0

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            # The application's task has not begun yet: it finds this in its scope.
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    async def send(self, message: Any) -> None:
        self._sending += 1
        try:
            await super().send(message)
        finally:
            self._sending -= 1

    def write_frame(self, frame: bytes) -> bool:
        """Write a whole frame, unless another waits for the network to take more."""
        ready = self.handshake_complete and not (self.close_sent or self.disconnected)
        if not ready or self._sending or not self.writable.is_set():
            return False
        self.transport.write(frame)
        return True
