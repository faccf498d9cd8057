"""One connection of a visitor's browser: request after request, each brought to its tunnel.

Both sides are read and written by h11, so that what arrives in the tunnel is one request, whatever
a visitor has sent, and limits hold for both. A WebSocket is bytes from its 101 on.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import asyncssh
import h11
import structlog

from moim.tunnel.server import answers
from moim.tunnel.server.answers import Answer
from moim.tunnel.server.headers import (
    Trusted,
    for_server,
    for_visitor,
    values,
    visitor_of,
)
from moim.tunnel.server.limits import Limits
from moim.tunnel.server.names import Doorplate, Found
from moim.tunnel.server.tunnels import Line, Tunnel, Tunnels
from moim.tunnel.streams import CHUNK_BYTES, LINGER_S, Quiet, both_ways, carry

REUSE_S: Final = 5
"""A line that was idle for longer may be closed by its server in the moment of the next request."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """What all visits share."""

    plate: Doorplate
    tunnels: Tunnels
    trusted: Trusted
    limits: Limits


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and who asks: `scheme` is how the browser came."""

    request: h11.Request
    headers: list[tuple[bytes, bytes]]
    visitor: str
    scheme: str
    host: str


class Refusal(Exception):
    """The front door answers itself, and closes."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.en)
        self.answer = answer


class Gone(Exception):
    """The visitor has closed the connection, or says what is no HTTP."""


@dataclass
class Held:
    """A line to a tunnel's server that may serve another request of the same visitor."""

    tunnel: Tunnel
    visitor: str
    line: Line
    http: h11.Connection
    quiet: Quiet


class Visit:
    """Serves one connection until it ends."""

    def __init__(
        self,
        door: Door,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: tuple[str, int],
        *,
        is_tls: bool,
    ) -> None:
        self._door = door
        self._reader = reader
        self._writer = writer
        self._peer = peer
        self._is_tls = is_tls
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=door.limits.head_bytes)
        self._held: Held | None = None

    async def serve(self) -> None:
        """Request after request."""
        try:
            first = True
            while await self._one(first=first):
                first = False
        except (OSError, TimeoutError, h11.ProtocolError, asyncssh.Error) as error:
            log.debug("visit.broke", why=type(error).__name__)
        finally:
            self._drop()
            self._writer.close()
            # What is still in the buffer gets some time to be read.
            asyncio.get_running_loop().call_later(LINGER_S, self._writer.transport.abort)

    async def _one(self, *, first: bool) -> bool:
        """One request; whether another may follow."""
        try:
            asked = await self._asked(first=first)
            if asked is None:
                return False
            found = self._found(asked)
            held = await self._line(asked, found)
        except Refusal as refusal:
            await self._answer(refusal.answer)
            return False
        return await self._exchange(asked, found, held)

    async def _asked(self, *, first: bool) -> Asked | None:
        limits = self._door.limits
        try:
            if not first:
                # Between requests a browser may be silent for longer than inside of one.
                async with asyncio.timeout(limits.keep_alive_s):
                    if not await self._more():
                        return None
            async with asyncio.timeout(limits.head_s):
                request = await self._event()
        except TimeoutError:
            if self._http.their_state is h11.IDLE and not self._http.trailing_data[0]:
                return None
            raise Refusal(answers.TOO_SLOW) from None
        except h11.RemoteProtocolError as error:
            large = error.error_status_hint == 431
            raise Refusal(answers.TOO_LARGE if large else answers.NOT_UNDERSTOOD) from None
        if not isinstance(request, h11.Request):
            return None
        return self._understood(request)

    async def _more(self) -> bool:
        if self._http.trailing_data[0]:
            return True
        data = await self._reader.read(CHUNK_BYTES)
        self._http.receive_data(data)
        return bool(data)

    async def _event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._reader.read(CHUNK_BYTES))
        return event

    def _understood(self, request: h11.Request) -> Asked:
        headers = _plain(request.headers)
        size = len(request.target) + sum(len(name) + len(value) + 4 for name, value in headers)
        if size > self._door.limits.head_bytes:  # h11 counts what is incomplete only
            raise Refusal(answers.TOO_LARGE)
        trusted = self._door.trusted
        peer = self._peer[0]
        visitor = visitor_of(peer, values(headers, b"x-forwarded-for"), trusted)
        scheme = "https" if self._is_tls else "http"
        if not self._is_tls and trusted.holds(peer):
            # A proxy that says nothing is one for the address that visitors are told.
            told = values(headers, b"x-forwarded-proto")
            scheme = told[-1].rpartition(",")[2].strip() if told else self._door.plate.scheme
        host = (values(headers, b"host") or [""])[0]
        return Asked(request, headers, visitor, scheme, host)

    def _found(self, asked: Asked) -> Found:
        plate, target = self._door.plate, asked.request.target.decode("latin-1")
        found = plate.find(asked.host, target)
        if found is None or self._door.tunnels.find(found.name) is None:
            raise Refusal(answers.NOBODY_HERE)
        if plate.is_secure and asked.scheme != "https":
            whole = plate.url(found.name) + (found.target if plate.by_path else target)
            raise Refusal(answers.elsewhere(whole))
        if found.prefix and target.partition("?")[0] == found.prefix:
            # Without its slash, relative addresses in the page would miss the path.
            _, query, more = target.partition("?")
            raise Refusal(answers.elsewhere(f"{found.prefix}/{query}{more}"))
        return found

    async def _line(self, asked: Asked, found: Found) -> Held:
        """A line to the tunnel's server: the last one, if it is for the same visitor."""
        tunnel = self._door.tunnels.find(found.name)
        if tunnel is None:
            raise Refusal(answers.NOBODY_HERE)
        held = self._held
        if (
            held is not None
            and held.tunnel is tunnel
            and held.visitor == asked.visitor
            and held.http.our_state is h11.IDLE
            and held.quiet.left_s(REUSE_S) > 0
        ):
            return held
        self._drop()
        if not self._door.tunnels.enter(tunnel):
            raise Refusal(answers.TOO_MANY)
        try:
            line = await tunnel.open_line(asked.visitor, self._peer[1])
        except (OSError, TimeoutError, asyncssh.Error):
            self._door.tunnels.leave(tunnel)
            raise Refusal(answers.NO_ANSWER) from None
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=self._door.limits.head_bytes)
        self._held = Held(tunnel, asked.visitor, line, http, Quiet())
        return self._held

    def _drop(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._door.tunnels.leave(held.tunnel)
            held.line.abort()

    async def _exchange(self, asked: Asked, found: Found, held: Held) -> bool:
        """The request to the server, the answer back."""
        sending = asyncio.ensure_future(self._pass_on(asked, found, held))
        answering = asyncio.ensure_future(self._pass_back(held))
        try:
            await asyncio.wait({sending, answering}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and isinstance(sending.exception(), Gone):
                return False
            # A server may answer before it has heard everything; the rest then goes nowhere.
            upgraded = await answering
        except (OSError, TimeoutError, h11.RemoteProtocolError, asyncssh.Error):
            if self._http.our_state is not h11.SEND_RESPONSE:
                raise
            await self._answer(answers.NO_ANSWER)
            return False
        finally:
            for one in (sending, answering):
                one.cancel()
            await asyncio.gather(sending, answering, return_exceptions=True)
        if upgraded:
            await self._websocket(held)
            return False
        held.quiet.moved()
        if held.http.our_state is h11.DONE and held.http.their_state is h11.DONE:
            held.http.start_next_cycle()
        else:
            self._drop()
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def _pass_on(self, asked: Asked, found: Found, held: Held) -> None:
        request = h11.Request(
            method=asked.request.method,
            target=found.target.encode("latin-1"),
            headers=for_server(
                asked.headers,
                visitor=asked.visitor,
                scheme=asked.scheme,
                host=asked.host,
                prefix=found.prefix,
            ),
        )
        await self._give(held, request)
        while True:
            try:
                async with asyncio.timeout(self._door.limits.quiet_s):
                    event = await self._event()
            except (OSError, TimeoutError, h11.RemoteProtocolError):
                raise Gone from None
            match event:
                case h11.Data():
                    await self._give(held, event)
                case h11.EndOfMessage():
                    # Trailers would need the header that was dropped.
                    await self._give(held, h11.EndOfMessage())
                    await self._next_word()
                    return
                case _:
                    raise Gone

    async def _next_word(self) -> None:
        """Notice a visitor who goes while the answer is on its way. What else comes is kept."""
        data = await self._reader.read(CHUNK_BYTES)
        if not data:
            raise Gone
        self._http.receive_data(data)

    async def _give(self, held: Held, event: Any) -> None:
        data = held.http.send(event)
        if data:
            await held.tunnel.meter.take(len(data))
            held.line.sink.write(data)
            async with asyncio.timeout(self._door.limits.quiet_s):
                await held.line.sink.drain()

    async def _pass_back(self, held: Held) -> bool:
        """The whole answer; true when it was the beginning of a WebSocket."""
        while True:
            event = held.http.next_event()
            if event is h11.NEED_DATA:
                async with asyncio.timeout(self._door.limits.quiet_s):
                    data = await held.line.source.read(CHUNK_BYTES)
                await held.tunnel.meter.take(len(data))
                held.http.receive_data(data)
                continue
            match event:
                case h11.InformationalResponse(status_code=101):
                    headers = for_visitor(_plain(event.headers), upgraded=True)
                    await self._send(h11.InformationalResponse(status_code=101, headers=headers))
                    return True
                case h11.InformationalResponse():
                    pass
                case h11.Response():
                    headers = for_visitor(_plain(event.headers))
                    status, reason = event.status_code, event.reason
                    await self._send(
                        h11.Response(status_code=status, headers=headers, reason=reason)
                    )
                case h11.Data():
                    await self._send(event)
                case h11.EndOfMessage():
                    await self._send(h11.EndOfMessage())
                    return False
                case _:
                    raise ConnectionError("the server has gone")

    async def _websocket(self, held: Held) -> None:
        from_visitor, from_server = self._http.trailing_data[0], held.http.trailing_data[0]
        quiet, take = Quiet(), held.tunnel.meter.take
        await both_ways(
            carry(self._reader, held.line.sink, quiet, take, from_visitor),
            carry(held.line.source, self._writer, quiet, take, from_server),
            quiet,
            self._door.limits.quiet_s,
        )

    async def _send(self, event: Any) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            async with asyncio.timeout(self._door.limits.quiet_s):
                await self._writer.drain()

    async def _answer(self, answer: Answer) -> None:
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        for event in answer.events():
            await self._send(event)


def _plain(headers: Any) -> list[tuple[bytes, bytes]]:
    return [(bytes(name), bytes(value)) for name, value in headers]
