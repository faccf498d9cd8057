"""The plain WebSocket door, for clients without a Socket.IO library: JSON in text frames.

    client   {"id": "c1", "command": "chat.send", "data": {"text": "hi"}}
    server   {"ack": "c1", "ok": true, "seq": 7}
             {"event": "chat.sent", "data": {…}}

A refused connection gets `{"event": "connect_error", "data": {code, message}}` and is closed with
4403; one that was closed for good with 4000, one that should come back with 1012.
"""

import asyncio
from collections import deque
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from moim.live.outgoing import Outgoing, Several, encode
from moim.meeting.errors import ErrorCode, MoimError, ProtocolViolation, Unavailable
from moim.signalling import strict_json
from moim.signalling.commands import refusal
from moim.signalling.door import Door, Visit
from moim.signalling.frames import Frames, frames_of, text_frame
from moim.signalling.queues import USUAL, QueueBounds

CLOSED_FOR_GOOD = 4000
REFUSED = 4403
COME_BACK = 1012
UNSUPPORTED_DATA = 1003
MOST_AT_WORK = 200
_log = structlog.get_logger("moim.signalling")


class WebSocketOutlet:
    """A bounded queue of text frames with one writer."""

    def __init__(self, frames: Frames | None = None, bounds: QueueBounds = USUAL) -> None:
        """`frames` is where whole ones can be written at once."""
        self._frames = frames
        self._bounds = bounds
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self._something = asyncio.Event()
        self._close_code: int | None = None

    def send(self, message: Outgoing) -> None:
        """Queue an event; who takes them too slowly is closed and comes back to catch up."""
        free = not self._waiting and self._close_code is None
        frame = message.form("websocket-frame", _whole)
        if not (free and self._frames is not None and self._frames.write_frame(frame)):
            self.write(message.form("websocket", _frame))

    def send_all(self, several: Several) -> None:
        """Queue several events."""
        for message in several.messages:
            self.send(message)

    def write(self, text: str) -> None:
        """Queue a frame."""
        if self._close_code is not None:
            return
        most = self._bounds
        if len(self._waiting) >= most.messages or self._waiting_bytes > most.bytes:
            _log.info("slow_connection_closed")
            self._waiting.clear()
            self.close(for_good=False)
            return
        self._waiting.append(text)
        self._waiting_bytes += _size(text)
        self._something.set()

    def close(self, *, for_good: bool) -> None:
        """Close after what is queued."""
        if self._close_code is None:
            self._close_code = CLOSED_FOR_GOOD if for_good else COME_BACK
            self._something.set()

    async def pump(self, socket: WebSocket) -> None:
        """Write what is queued until it is closed."""
        while self._waiting or self._close_code is None:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                text = self._waiting.popleft()
                self._waiting_bytes -= _size(text)
                await socket.send_text(text)
        await socket.close(self._close_code)


def _frame(message: Outgoing) -> str:
    return f'{{"event":"{message.event}","data":{message.body}}}'


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _whole(message: Outgoing) -> bytes:
    return text_frame(_frame(message))


class WebSocketDoor:
    """The endpoint of `/ws`."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection until it ends."""
        await socket.accept()
        outlet = WebSocketOutlet(frames_of(socket.scope), self._door.limits.queue)
        try:
            visit = await self._door.open(socket, _auth(socket), outlet)
        except MoimError as error:
            await _refuse(socket, error)
            return
        except Exception:
            _log.exception("connect_failed")
            await _refuse(socket, Unavailable(ErrorCode.INTERNAL))
            return
        outlet.send(visit.hello)
        reading = asyncio.create_task(_read(socket, visit, outlet, self._door.limits.command_bytes))
        writing = asyncio.create_task(outlet.pump(socket))
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            visit.leave()
            for task in (reading, writing):
                task.cancel()
            for end in await asyncio.gather(reading, writing, return_exceptions=True):
                if isinstance(end, Exception) and not isinstance(end, _GONE):
                    _log.error("socket_failed", exc_info=end)


_GONE = (WebSocketDisconnect, RuntimeError, OSError)
"""What a socket that is gone raises, on reading and on writing."""


async def _refuse(socket: WebSocket, error: MoimError) -> None:
    if socket.client_state is WebSocketState.CONNECTED:
        try:
            await socket.send_text(encode({"event": "connect_error", "data": refusal(error)}))
            await socket.close(REFUSED)
        except _GONE:
            return


def _auth(socket: WebSocket) -> dict[str, Any]:
    """The room is in the address; the token is a header, since addresses end up in logs."""
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else None
    return {
        "room": socket.query_params.get("room"),
        "token": bearer or socket.query_params.get("token"),
    }


async def _read(socket: WebSocket, visit: Visit, outlet: WebSocketOutlet, most_bytes: int) -> None:
    at_work: set[asyncio.Task[None]] = set()
    try:
        while True:
            text = (await socket.receive()).get("text")
            if socket.client_state is not WebSocketState.CONNECTED:
                return
            task = asyncio.create_task(_answer(text, visit, outlet, most_bytes))
            at_work.add(task)
            task.add_done_callback(at_work.discard)
            if len(at_work) >= MOST_AT_WORK:
                await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if at_work:
            # what was asked before the socket closed is done all the same
            await asyncio.gather(*at_work)


async def _answer(text: str | None, visit: Visit, outlet: WebSocketOutlet, most_bytes: int) -> None:
    command_id: object = None
    try:
        if text is None:
            raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, "text frames only")
        if len(text) > 2 * most_bytes:
            raise ProtocolViolation(ErrorCode.FRAME_TOO_LARGE)
        command_id, name, fields = _parsed(text)
        if len(text) > most_bytes:
            raise ProtocolViolation(ErrorCode.FRAME_TOO_LARGE)
        said = await visit.ask(name, command_id, fields)
    except MoimError as error:
        said = {"ok": False, "error": refusal(error)}
    outlet.write(encode({"ack": command_id, **said}))


def _parsed(text: str) -> tuple[object, object, object]:
    try:
        asked = strict_json.loads(text)
    except ValueError as error:
        raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, str(error)) from None
    if not isinstance(asked, dict):
        raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, "{id, command, data}")
    command_id = asked.get("id")
    short = isinstance(command_id, str) and len(command_id) <= 64
    return (command_id if short else None, asked.get("command"), asked.get("data", {}))
