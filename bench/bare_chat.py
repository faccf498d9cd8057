"""The least that any server of this kind can do: the same bytes, written to every socket by uvloop.

No parsing, no rules, no disk. What it costs is the kernel's: what a server's figure is above it is
that server's own.
"""

import asyncio
from base64 import b64encode
from hashlib import sha1
from typing import ClassVar, cast

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Source: RFC 6455, section 1.3."""


class Bare(asyncio.Protocol):
    """One connection: whatever it says once it has said its Socket.IO hello goes to all."""

    everybody: ClassVar["set[Bare]"] = set()
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._upgraded = False

    def connection_lost(self, _exc: Exception | None) -> None:
        self.everybody.discard(self)

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            self._upgrade(data)
            return
        # The client's mask is zeros, and it sends a frame at a time or several whole ones.
        told = b""
        while data:
            length, start = data[1] & 0x7F, 6
            if length == 126:
                length, start = int.from_bytes(data[2:4], "big"), 8
            payload, data = data[start : start + length], data[start + length :]
            if payload.startswith(b"40"):
                self.transport.write(_text(b'40{"sid":"s"}'))
                self.everybody.add(self)
            elif payload.startswith(b"42"):
                told += _text(payload)
        if told:
            for one in self.everybody:
                one.transport.write(told)

    def _upgrade(self, data: bytes) -> None:
        key = data.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        accept = b64encode(sha1(key + GUID).digest())  # noqa: S324 - RFC 6455 asks for SHA-1
        self._upgraded = True
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.transport.write(_text(b'0{"sid":"s"}'))


def _text(payload: bytes) -> bytes:
    if len(payload) < 126:
        return bytes((0x81, len(payload))) + payload
    return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload
