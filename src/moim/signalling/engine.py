"""The one place that reaches into python-socketio: queues, closing, and frames that are refused.

Its own `emit` makes a task for each recipient of each event; here a packet is encoded once and put
into the queues of those who hear it. Those queues have no bound, so theirs is kept here.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import socketio
from engineio import packet as engine_packet
from engineio.payload import Payload
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from moim.signalling.app_bus import AppBus
from moim.signalling.frames import Frames, frames_of, text_frame
from moim.signalling.packets import strict_packets
from moim.signalling.queues import USUAL, QueueBounds
from moim.signalling.rates import Places
from moim.signalling.sticky import Sticky, refusal

PING_INTERVAL_S = 5
PING_TIMEOUT_S = 5
"""A dead socket is found within 10 s, less than the grace of its seat."""
UNUSED_AT_FIRST_S = 20
UNUSED_S = 1
"""How long a transport may stay open that nobody has connected to, or everybody has left."""
MOST_QUEUED_PASSING = 200
# A client of the polling transport puts all that it has to say into one request; the library's
# own limit of 16 would drop the candidates of a mesh. It is an attribute of the class.
Payload.max_decode_packets = 1000

# What it logs is what clients sent: never ours to keep. What goes wrong in our handlers is logged
# by them.
_silent = logging.getLogger("moim.signalling.engine")
_silent.setLevel(logging.CRITICAL + 1)
_silent.propagate = False


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What one transport, and one address, may ask of the engine."""

    most_bytes: Mapping[str, int]
    """The largest packet of each namespace."""
    connections_per_address: int
    most_parts: int = 64
    """Binary parts of one packet."""
    queue: QueueBounds = USUAL
    post_s: float = 20
    """How long somebody may take to send the body of a poll."""


class Engine:
    """A Socket.IO server as an ASGI app to be mounted; it does not look at its path."""

    def __init__(
        self,
        limits: EngineLimits,
        *,
        apps: AppBus | None = None,
        sticky: Sticky | None = None,
    ) -> None:
        """`apps` and `sticky` are for a deployment of several servers."""
        self.apps = apps
        self._sticky = sticky
        self._limits = limits
        most_bytes = limits.most_bytes
        self.server = _Server(
            self._send,
            client_manager=apps,
            async_mode="asgi",
            # Origins are checked at `connect`, where a refusal has a code.
            cors_allowed_origins=[],
            serializer=strict_packets(most_bytes, limits.most_parts),
            # A frame over the soft limit gets an answer; only what is far over it ends the socket.
            max_http_buffer_size=4 * max(most_bytes.values()),
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            namespaces=list(most_bytes),
            logger=_silent,
            engineio_logger=_silent,
        )
        self._errands: set[asyncio.Task[None]] = set()
        # Doors count who has come in, and say so when there are too many. These stand outside, and
        # are twice as many for those who are on their way in or out.
        self._places = Places(2 * limits.connections_per_address)
        self._hosts: dict[str, str] = {}
        """By transport: who opened it."""
        self._lines: dict[str, Line] = {}
        self._library = dict(self.server.eio.handlers)
        if sticky is not None:
            made = self.server.eio.generate_id
            self.server.eio.generate_id = lambda: sticky.name(made())
        self.server.eio.on("connect", self._connected)
        self.server.eio.on("disconnect", self._disconnected)

    async def _connected(self, socket_id: str, environ: dict[str, Any]) -> Any:
        host, _ = environ["asgi.scope"].get("client") or ("", 0)
        if not self._places.take(host):
            return False
        self._hosts[socket_id] = host
        line = self._lines[socket_id] = Line(self.server.eio.sockets[socket_id])
        line.offer(environ["asgi.scope"])
        self.close_unused(socket_id, UNUSED_AT_FIRST_S)
        return await self._library["connect"](socket_id, environ)

    async def _disconnected(self, socket_id: str, reason: str) -> None:
        host = self._hosts.pop(socket_id, None)
        if host is not None:
            self._places.give_back(host)
        await self._library["disconnect"](socket_id, reason)
        line = self._lines.pop(socket_id, None)
        if line is not None:
            # A long poll of a client that has said goodbye would hang until its ping is due.
            line.socket.queue.put_nowait(engine_packet.Packet(engine_packet.NOOP))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "websocket":
            receive = _careful(receive)
            asked = parse_qs(scope["query_string"].decode("latin-1")).get("sid", [""])[0]
            if asked in self._lines:  # it was a long poll until now
                self._lines[asked].offer(scope)
        if self._sticky is not None and (misled := self._sticky.is_misled(scope)):
            await self._sticky.refuse(misled, scope, receive, send)
            return
        if scope["type"] == "http" and scope["method"] == "POST":
            await self._take_post(scope, receive, send)
        else:
            await self.server.handle_request(scope, receive, send)

    async def _take_post(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The library would wait for ever for the body of a poll."""
        try:
            async with asyncio.timeout(self._limits.post_s):
                body = await _body(receive, self.server.eio.max_http_buffer_size)
        except TimeoutError:
            await PlainTextResponse("too slow", 408)(scope, receive, send)
            return
        if body is None:
            await PlainTextResponse("too large", 413)(scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self.server.handle_request(scope, replay, send)

    def socket_of(self, sid: str, namespace: str) -> str | None:
        """The transport under a namespace's connection."""
        found: str | None = self.server.manager.eio_sid_from_sid(sid, namespace)
        return found

    def alive(self, socket_id: str | None) -> bool:
        """Whether a transport is open."""
        socket = self.server.eio.sockets.get(socket_id)
        return socket is not None and not socket.closed and not socket.closing

    def line_of(self, socket_id: str) -> "Line | None":
        """The way to a transport, for who writes to it often."""
        return self._lines.get(socket_id)

    def push(
        self, socket_id: str, packets: Sequence[engine_packet.Packet], most: int | None = None
    ) -> bool:
        """Queue packets for one browser; false when too much waits for it already."""
        line = self._lines.get(socket_id)
        if line is None:
            return True
        bounds = self._limits.queue
        return line.push(packets, most or bounds.messages, bounds.bytes)

    def _send(self, socket_id: str, packet: socketio.packet.Packet) -> None:
        """What the library itself sends: answers, mostly."""
        encoded = packet.encode()
        line = self._lines.get(socket_id)
        if line is not None and isinstance(encoded, str) and line.write(message_frame(encoded)):
            return
        if not self.push(socket_id, message_packets(encoded)):
            self.give_up(socket_id)

    def give_up(self, socket_id: str) -> None:
        """Close the transport of somebody who takes too little; what waits is forgotten at once,
        for a network that is stuck may stay so for long."""
        socket = self.server.eio.sockets.get(socket_id)
        while socket is not None and not socket.queue.empty():
            socket.queue.get_nowait()
        self.hang_up(socket_id)

    def refuse_misled(self, socket_id: str) -> None:
        """A long poll of this session came to another server: it cannot go on so."""
        socket = self.server.eio.sockets.get(socket_id)
        if socket is not None and not socket.upgraded:
            self.push(socket_id, refusal()[:1])  # the end comes with hanging up
            self.hang_up(socket_id)

    def hang_up(self, socket_id: str) -> None:
        """Close a transport after what is queued; its client will try again."""
        self._errand(self._hang_up(socket_id))

    async def _hang_up(self, socket_id: str) -> None:
        socket = self.server.eio.sockets.get(socket_id)
        if socket is not None and not socket.closed:
            await socket.close(wait=False)
            # the library tells the client to close, and waits for it; this ends its writer
            socket.queue.put_nowait(None)

    def close_unused(self, socket_id: str | None, after_s: float = UNUSED_S) -> None:
        """Close a transport some time later unless a namespace is connected over it then."""

        def look() -> None:
            manager = self.server.manager
            if socket_id is not None and not any(
                manager.sid_from_eio_sid(socket_id, namespace)
                for namespace in self.server.namespaces
            ):
                self.hang_up(socket_id)

        asyncio.get_running_loop().call_later(after_s, look)

    def disconnect(self, sid: str, namespace: str) -> None:
        """End a namespace's connection for good, after what is queued."""
        self._errand(self.server.disconnect(sid, namespace=namespace))

    def _errand(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def hang_up_all(self) -> None:
        """Close every transport after what is queued."""
        for socket_id in tuple(self.server.eio.sockets):
            self.hang_up(socket_id)
        while self._errands:
            await asyncio.wait(tuple(self._errands))

    async def stop(self) -> None:
        """Close what is still open and end the library's own tasks."""
        await self.hang_up_all()
        await self.server.shutdown()
        if self.apps is not None:
            await self.apps.close()


class _Server(socketio.AsyncServer):  # type: ignore[misc]
    """The library's server, whose own packets go into the same bounded queues: who asks for much
    and reads nothing would fill the memory with answers."""

    def __init__(self, send: Callable[[str, socketio.packet.Packet], None], **options: Any) -> None:
        super().__init__(**options)
        self._bounded = send

    async def _send_packet(self, eio_sid: str, pkt: socketio.packet.Packet) -> None:
        self._bounded(eio_sid, pkt)


class Line:
    """One transport: whole frames go out at once where that can be, and else through its queue."""

    __slots__ = ("_frames", "_queued_bytes", "socket")

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self._frames: Frames | None = None
        self._queued_bytes = 0
        """What was queued since the queue was empty last."""

    def offer(self, scope: Scope) -> None:
        """It has a WebSocket now."""
        if scope["type"] == "websocket":
            self._frames = frames_of(scope) or self._frames

    def write(self, frame: bytes) -> bool:
        """Write a whole WebSocket frame at once. False when something waits before it, or the
        transport is none that can: then `push` is the way."""
        socket, frames = self.socket, self._frames
        return (
            frames is not None
            and socket.upgraded
            and not (socket.closed or socket.closing)
            # What was taken out of the queue is not written for a moment yet: it counts until then.
            and not socket.queue._unfinished_tasks  # noqa: SLF001
            and frames.write_frame(frame)
        )

    def push(self, packets: Sequence[engine_packet.Packet], most: int, most_bytes: int) -> bool:
        """Queue packets; false when too much waits already."""
        socket = self.socket
        if socket.closed:
            return True
        before = 0 if socket.queue.empty() else self._queued_bytes
        queued = before + sum(len(one.data) for one in packets)
        # What is too large by itself must pass, or it would never arrive.
        if socket.queue.qsize() >= most or (before and queued > most_bytes):
            return False
        self._queued_bytes = queued
        for one in packets:
            socket.queue.put_nowait(one)
        return True


def message_frame(encoded: str) -> bytes:
    """A Socket.IO packet without attachments as a whole WebSocket frame."""
    return text_frame(f"{engine_packet.MESSAGE}{encoded}")


def message_packets(encoded: str | Iterable[Any]) -> list[engine_packet.Packet]:
    """A Socket.IO packet, and its attachments, as the transport carries them."""
    parts = [encoded] if isinstance(encoded, str) else encoded
    return [engine_packet.Packet(engine_packet.MESSAGE, part) for part in parts]


async def _body(receive: Receive, most_bytes: int) -> bytes | None:
    """All of a request's body; None when it is too large, or its sender has gone."""
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most_bytes or message["type"] != "http.request":
            return None
        if not message.get("more_body", False):
            return body


def _careful(receive: Receive) -> Receive:
    """Ends a socket whose frames the library cannot parse: it would leave its reader and its
    handlers behind with an error."""

    async def careful() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive" and not _sound(message):
            return {"type": "websocket.disconnect", "code": 1002}
        return message

    return careful


def _sound(message: Message) -> bool:
    text: str | None = message.get("text")
    if text is None:
        return bool(message.get("bytes"))
    if text[:1] == "4":  # a message: Socket.IO begins with its packet type
        return text[1:2].isdigit() and text[1:2].isascii()
    return text in ("2probe", "3", "5", "1")
