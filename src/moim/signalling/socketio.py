"""The Socket.IO door: any registered command by its name, answered by its acknowledgement.

Authentication is Socket.IO's own `auth` object; a refusal is a `connect_error` with `data.code`.
"""

import asyncio
from typing import Any

import structlog
from socketio import exceptions
from starlette.requests import HTTPConnection

from moim.live.outgoing import Outgoing, Several
from moim.meeting.errors import ErrorCode, MoimError, ProtocolViolation, Unavailable
from moim.signalling.commands import refusal
from moim.signalling.door import Door, Visit
from moim.signalling.engine import Engine, Line, message_frame, message_packets
from moim.signalling.packets import refusal_in

NAMESPACE = "/"
_log = structlog.get_logger("moim.signalling")


class SocketIoOutlet:
    """The way to one browser over Socket.IO."""

    def __init__(self, engine: Engine, sid: str, socket_id: str, line: Line) -> None:
        self._engine = engine
        self._sid = sid
        self._socket_id = socket_id
        self._line = line

    def send(self, message: Outgoing) -> None:
        """Queue an event; who takes them too slowly is closed and comes back to catch up."""
        if self._line.write(message.form("socketio-frame", _whole)):
            return
        packets = message.form("socketio", _packets)
        if not self._engine.push(self._socket_id, packets):
            _log.info("slow_connection_closed")
            self._engine.give_up(self._socket_id)

    def send_all(self, several: Several) -> None:
        """Queue several events; at best all of them are one write."""
        if not self._line.write(several.form("socketio-frame", _all_whole)):
            for message in several.messages:
                self.send(message)

    def close(self, *, for_good: bool) -> None:
        """Socket.IO clients reconnect when a transport closes, and not when a server says so."""
        if for_good:
            self._engine.disconnect(self._sid, NAMESPACE)
        else:
            self._engine.hang_up(self._socket_id)


def _whole(message: Outgoing) -> bytes:
    return message_frame(f'2["{message.event}",{message.body}]')


def _all_whole(several: Several) -> bytes:
    return b"".join(one.form("socketio-frame", _whole) for one in several.messages)


def _packets(message: Outgoing) -> list[Any]:
    return message_packets(f'2["{message.event}",{message.body}]')


class SocketIoDoor:
    """Registers itself with an engine; there is nothing else to call."""

    def __init__(self, engine: Engine, door: Door) -> None:
        self._engine = engine
        self._door = door
        self._visits: dict[str, Visit] = {}
        server = engine.server
        server.on("connect", self._connect, namespace=NAMESPACE)
        server.on("disconnect", self._disconnect, namespace=NAMESPACE)
        server.on("*", self._event, namespace=NAMESPACE)

    async def _connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        http = http_of(environ)
        socket_id = self._engine.socket_of(sid, NAMESPACE)
        try:
            line = self._engine.line_of(socket_id) if socket_id is not None else None
            if socket_id is None or line is None:
                raise Unavailable(ErrorCode.INTERNAL)
            outlet = SocketIoOutlet(self._engine, sid, socket_id, line)
            visit = await self._door.open(http, auth, outlet)
        except Exception as error:  # the library calls a handler twice that raises TypeError
            raise refused_connection(error) from None
        if not self._engine.alive(socket_id):
            # It has gone while it was let in, and the library will not tell us of that any more.
            visit.leave()
            raise refused_connection(Unavailable(ErrorCode.INTERNAL))
        self._visits[sid] = visit
        # after the packet that says "connected", which is queued when this handler returns
        asyncio.get_running_loop().call_soon(outlet.send, visit.hello)

    async def _disconnect(self, sid: str, _reason: str = "") -> None:
        self._engine.close_unused(self._engine.socket_of(sid, NAMESPACE))
        visit = self._visits.pop(sid, None)
        if visit is not None:
            visit.leave()

    async def _event(self, name: str, sid: str, *arguments: Any) -> dict[str, Any]:
        visit = self._visits.get(sid)
        code = refusal_in(name)
        if visit is None or code is not None:
            error = ProtocolViolation(code or ErrorCode.NOT_PRESENT)
            return {"ok": False, "error": refusal(error)}
        fields: object = arguments[0] if len(arguments) == 1 else None
        if not isinstance(fields, dict):
            return await visit.ask(name, None, None)
        command_id = fields.get("id")
        return await visit.ask(name, command_id, {k: v for k, v in fields.items() if k != "id"})


def http_of(environ: dict[str, Any]) -> HTTPConnection:
    """The request that opened a connection."""
    return HTTPConnection(environ["asgi.scope"])


def refused_connection(error: Exception) -> exceptions.ConnectionRefusedError:
    """A refusal as Socket.IO's `connect_error` carries it; a bug is logged here."""
    if not isinstance(error, MoimError):
        _log.error("connect_failed", exc_info=error)
        error = Unavailable(ErrorCode.INTERNAL)
    return exceptions.ConnectionRefusedError(str(error), {"code": error.code.value})
