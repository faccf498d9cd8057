"""The port for plain HTTP (80): it answers certificate authorities and sends browsers to HTTPS.

Source: RFC 8555 section 8.3 (http-01), RFC 9110 section 15.4 (redirects).
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

MAX_HEAD_BYTES: Final = 8192
CHALLENGE_PATH: Final = b"/.well-known/acme-challenge/"

_REQUEST_LINE = re.compile(rb"(?P<method>[A-Z]+) (?P<path>/[!-~]*) HTTP/1\.[01]\r?\n")
_HOST = re.compile(
    rb"\r?\nhost:[ \t]*([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?[ \t]*\r?\n", re.IGNORECASE
)


@dataclass(frozen=True)
class PlainPort:
    """What is answered. `names` are ours, `answers` the open checks of an authority.

    `for_good` says whether browsers may remember the way to HTTPS: only once there is a
    certificate that they trust.
    """

    names: Sequence[str]
    answers: Mapping[str, str]
    https_port: int
    for_good: Callable[[], bool]
    head_s: float = 15
    """How long somebody may take for their request."""

    def protocol(self) -> asyncio.Protocol:
        """Give the protocol of one connection."""
        return _Connection(self)

    def answer(self, head: bytes) -> bytes:
        """Answer one request; the connection is closed after it."""
        line, host = _REQUEST_LINE.match(head), _HOST.search(head)
        if line is None:
            return _response(b"400 Bad Request")
        path = line["path"]
        if path.startswith(CHALLENGE_PATH):
            token = path.removeprefix(CHALLENGE_PATH).decode()
            known = self.answers.get(token)
            if known is None:
                return _response(b"404 Not Found")
            body = b"" if line["method"] == b"HEAD" else known.encode()
            return _response(
                b"200 OK", b"Content-Type: application/octet-stream\r\n", body, len(known)
            )
        place = self._place(host[1].decode().lower() if host else "")
        if place is None:
            return _response(b"400 Bad Request")
        status = b"308 Permanent Redirect" if self.for_good() else b"307 Temporary Redirect"
        return _response(status, b"Location: https://%b%b\r\n" % (place.encode(), path))

    def _place(self, host: str) -> str | None:
        # A visitor who came by another name, or by none, learns the one with a certificate.
        name = (
            host if host and (host in self.names or not self.names) else next(iter(self.names), "")
        )
        if not name:
            return None
        return name if self.https_port == 443 else f"{name}:{self.https_port}"


def _response(status: bytes, headers: bytes = b"", body: bytes = b"", length: int = 0) -> bytes:
    rest = b"Content-Length: %d\r\nCache-Control: no-store\r\nConnection: close" % length
    return b"HTTP/1.1 %b\r\n%b%b\r\n\r\n%b" % (status, headers, rest, body)


class _Connection(asyncio.Protocol):
    def __init__(self, port: PlainPort) -> None:
        self._port = port
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(self._port.head_s, self._transport.abort)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._patience.cancel()

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._received += data
        if b"\r\n\r\n" in self._received or len(self._received) > MAX_HEAD_BYTES:
            self._transport.write(self._port.answer(bytes(self._received)))
            self._transport.close()
