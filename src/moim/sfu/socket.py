"""The WebSocket of one participant: frames in, frames out, and refusals before the upgrade.

A client cannot tell a refusal from a broken network by a close code, so everything that can be
refused is refused with a status and a text instead of the upgrade (ASGI's denial response).
"""

import asyncio
from collections import deque
from typing import Final

import structlog
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from moim.sfu.config import SfuConfig
from moim.sfu.frames import BadFrame, Frame, read
from moim.sfu.hub import Hub
from moim.sfu.joining import read_wish
from moim.sfu.refusals import BAD_HEADER, Refusal
from moim.sfu.session import Session
from moim.sfu.tokens import Claims, Keys

MOST_QUEUED_BYTES: Final = 8 * 1024 * 1024
NORMAL: Final = 1000
UNREADABLE: Final = 1003
TOO_SLOW: Final = 1013
_log = structlog.get_logger("moim.sfu")


class Outlet:
    """The frames that wait for one client, bounded: who reads too slowly is closed, and resumes."""

    def __init__(self) -> None:
        self.as_text = False
        self._waiting: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._something = asyncio.Event()
        self._close_code: int | None = None

    def send(self, frame: Frame) -> None:
        if self._close_code is not None:
            return
        if self._waiting_bytes > MOST_QUEUED_BYTES:
            _log.info("slow_reader_closed")
            self._waiting.clear()
            self.close(TOO_SLOW)
            return
        self._waiting.append(frame)
        self._waiting_bytes += len(frame.binary)
        self._something.set()

    def close(self, code: int = NORMAL) -> None:
        if self._close_code is None:
            self._close_code = code
            self._something.set()

    async def pump(self, socket: WebSocket) -> None:
        """Write what waits until it is closed."""
        while self._waiting or self._close_code is None:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                frame = self._waiting.popleft()
                self._waiting_bytes -= len(frame.binary)
                if self.as_text:
                    await socket.send_text(frame.text)
                else:
                    await socket.send_bytes(frame.binary)
        await socket.close(self._close_code)


def claims_of(keys: Keys, token: str, authorization: str) -> Claims | None:
    """Read who asks, from the query's token or the header; None when there is neither.

    Raises: Refusal BAD_HEADER, BAD_TOKEN, BAD_KEY
    """
    if authorization:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer" or not value:
            raise Refusal(BAD_HEADER)
        return keys.verify(value.strip())
    return keys.verify(token) if token else None


async def serve_socket(
    socket: WebSocket, hub: Hub, config: SfuConfig, *, needs_join_request: bool
) -> None:
    """Serve one client from its request line to its last frame."""
    outlet = Outlet()
    try:
        claims = claims_of(
            hub.world.keys,
            socket.query_params.get("access_token", ""),
            socket.headers.get("authorization", ""),
        )
        wish = read_wish(
            claims, socket.query_params, config.limit, needs_join_request=needs_join_request
        )
        session = hub.enter(wish, outlet)
    except Refusal as refusal:
        reason = refusal.reason
        _log.info("join_refused", why=reason.text, status=reason.status)
        await socket.send_denial_response(PlainTextResponse(reason.text, reason.status))
        return
    try:
        await socket.accept()
        await _converse(socket, outlet, session)
    finally:
        if session is not None:
            session.lost()


async def _converse(socket: WebSocket, outlet: Outlet, session: Session | None) -> None:
    writing = asyncio.create_task(outlet.pump(socket))
    reading = asyncio.create_task(_listen(socket, outlet, session))
    try:
        await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
        if reading.done() and not writing.done():
            outlet.close()
            if socket.client_state is not WebSocketState.DISCONNECTED:
                await writing
    finally:
        for task in (writing, reading):
            task.cancel()
        results = await asyncio.gather(writing, reading, return_exceptions=True)
        for result in results:
            # A connection that breaks while we write is the ordinary end of one.
            if isinstance(result, Exception) and not isinstance(
                result, WebSocketDisconnect | RuntimeError | OSError
            ):
                raise result


async def _listen(socket: WebSocket, outlet: Outlet, session: Session | None) -> None:
    """Read frames until the client closes, or sends one that is none."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        data: bytes | str | None = message.get("bytes")
        if data is None:
            data = str(message.get("text") or "")
            outlet.as_text = True
        try:
            request = read(data)
        except BadFrame as error:
            _log.info("frame_unreadable", why=str(error))
            if session is not None:
                session.out_of_step()
            outlet.close(UNREADABLE)
            return
        if session is not None:
            session.handle(request)
