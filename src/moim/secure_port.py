"""One port for HTTPS and HTTP: the first byte of a connection says which it is.

A person types `192.168.1.5:3000`, a browser tries plain HTTP, and a TLS port would answer with
nothing that means anything. Here such a request is sent on to the HTTPS address. Plain HTTP from
this machine itself is served: browsers count localhost as secure, without any certificate.

Source: RFC 8446 section 5.1 (a TLS connection starts with a handshake record, 22).
"""

import asyncio
import contextlib
import ipaddress
import re
import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

if TYPE_CHECKING:
    from moim.patience import PatientHTTP

TLS_HANDSHAKE: Final = 22
MAX_HEAD_BYTES: Final = 8192

_REQUEST_LINE = re.compile(rb"[A-Z]+ (/[!-~]*) HTTP/1\.[01]\r?\n")
_HOST = re.compile(rb"\r?\nhost:[ \t]*([A-Za-z0-9._:\[\]-]+)[ \t]*\r?\n", re.IGNORECASE)


def secure_port(
    context: Callable[[], ssl.SSLContext], http: "type[PatientHTTP]"
) -> type[asyncio.Protocol]:
    """Give what uvicorn takes as its `http` protocol: TLS and plain HTTP on the same sockets.

    `context` is asked at each handshake, so that a new certificate needs no new port. `http` takes
    over once a connection is secure, or from this machine; its patience holds for what is before.
    """
    return cast(type[asyncio.Protocol], partial(_SecurePort, context, http))


def redirect(head: bytes) -> bytes:
    """Answer a plain request with the same address over HTTPS, or with 400 when it has none."""
    line, host = _REQUEST_LINE.match(head), _HOST.search(head)
    if line and host:
        # Temporary: the same address may serve plain HTTP tomorrow, and browsers keep a 308.
        status = b"307 Temporary Redirect\r\nLocation: https://%b%b" % (host[1], line[1])
    else:
        status = b"400 Bad Request"
    rest = b"Content-Length: 0\r\nCache-Control: no-store\r\nConnection: close"
    return b"HTTP/1.1 %b\r\n%b\r\n\r\n" % (status, rest)


class _SecurePort(asyncio.Protocol):
    """Waits for the first bytes, then gives the connection to uvicorn's protocol and is gone."""

    def __init__(
        self,
        context: Callable[[], ssl.SSLContext],
        http: "type[PatientHTTP]",
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._context = context
        self._patience_s = http.head_s
        self._make_http: Callable[[], asyncio.Protocol] = lambda: http(
            config=config, server_state=server_state, app_state=app_state
        )
        # uvicorn closes at a stop what is in this set, and waits for it.
        self._connections = cast(set[object], server_state.connections)
        self._loop = _loop or asyncio.get_running_loop()
        self._received = bytearray()
        self._upgrade: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self._patience = self._loop.call_later(self._patience_s, self._transport.abort)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._let_go()

    def shutdown(self) -> None:
        """Close at a stop of the server (called by uvicorn)."""
        if self._upgrade is not None:
            self._upgrade.cancel()
        self._let_go()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._upgrade is not None:
            return
        if self._received[0] == TLS_HANDSHAKE:
            self._transport.pause_reading()
            self._upgrade = self._loop.create_task(self._secure())
        elif self._from_this_machine():
            self._let_go()
            self._hand_over(self._transport, bytes(self._received))
        elif b"\r\n\r\n" in self._received or len(self._received) > MAX_HEAD_BYTES:
            self._transport.write(redirect(bytes(self._received)))
            self._transport.close()

    def _let_go(self) -> None:
        self._patience.cancel()
        self._connections.discard(self)

    def _from_this_machine(self) -> bool:
        peer = self._transport.get_extra_info("peername")
        with contextlib.suppress(ValueError, TypeError):
            return bool(peer) and ipaddress.ip_address(peer[0].partition("%")[0]).is_loopback
        return False

    def _hand_over(self, transport: asyncio.Transport, received: bytes) -> None:
        http = self._make_http()
        transport.set_protocol(http)
        http.connection_made(transport)
        if received:
            http.data_received(received)

    async def _secure(self) -> None:
        waiting = _Waiting()
        handshake = self._loop.create_task(
            self._loop.start_tls(
                self._transport,
                waiting,
                self._context(),
                server_side=True,
                ssl_handshake_timeout=self._patience_s,
            )
        )
        # start_tls reads from the transport only, and the first bytes have been read already.
        # After one turn of the loop its protocol is on the transport, after another it is
        # connected; then it is given those bytes the way a transport would.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            tls = self._transport.get_protocol()
            if isinstance(tls, asyncio.BufferedProtocol) or hasattr(tls, "get_buffer"):
                _feed(cast(asyncio.BufferedProtocol, tls), bytes(self._received))
            secured = await handshake
        except (OSError, TimeoutError):
            # A browser that does not trust the certificate hangs up here; it is no news.
            self._transport.abort()
            return
        finally:
            self._let_go()
        if secured is not None and not waiting.lost:
            self._hand_over(secured, bytes(waiting.received))


class _Waiting(asyncio.Protocol):
    """Keeps what arrives between the end of the handshake and the hand-over."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost = False

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, _exc: Exception | None) -> None:
        self.lost = True


def _feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    while data:
        buffer = memoryview(protocol.get_buffer(len(data)))
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        protocol.buffer_updated(count)
        data = data[count:]
