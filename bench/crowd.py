"""Many Socket.IO connections to one server that do as little as possible, and what they cost it.

When a message arrived is what the kernel noted when it put it into the hearer's socket, not when
this program came to read it: two hundred hearers are two hundred machines in life, and one busy
process here. The server's CPU is what the kernel counts for its process.
"""

import asyncio
import json
import os
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_S = 60
TEXT, PING, PONG = 1, 9, 10
"""Source: RFC 6455, section 5.2."""
SO_TIMESTAMPNS = 35
"""Source: Linux, include/uapi/asm-generic/socket.h; not in Python's socket module."""
READ_BYTES = 256 * 1024


class Socket:
    """A Socket.IO connection over WebSocket. `open` before use."""

    def __init__(self, on_text: Callable[["Socket", str], None]) -> None:
        self._on_text = on_text
        self._buffer = b""
        self._upgraded = False
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self.closed = False
        self.arrived_s = 0.0
        """When the kernel had the last of what was read, as `time.time` counts."""
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def open(self, path: str, port: int) -> None:
        """Connect, and ask for a WebSocket."""
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        loop.add_reader(self._socket.fileno(), self._readable)
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version: 13",
        ]
        self._socket.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def close(self) -> None:
        """Once; what the server still sends is not read."""
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()

    def send(self, text: str) -> None:
        """A text frame."""
        self._write(TEXT, text.encode())

    def _write(self, kind: int, payload: bytes) -> None:
        """A frame with a mask of zeros."""
        length = len(payload)
        head = bytes((0x80 | kind, 0x80 | min(length, 126)))
        if length >= 126:
            head += length.to_bytes(2, "big")
        self._socket.send(head + bytes(4) + payload)

    def _readable(self) -> None:
        try:
            data, notes, _, _ = self._socket.recvmsg(READ_BYTES, 64)
        except BlockingIOError:
            return
        except OSError:
            data, notes = b"", []
        if not data:
            self.close()
            return
        for level, kind, note in notes:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("qq", note[:16])
                self.arrived_s = seconds + nanoseconds / 1e9
        self._take(data)

    def _take(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                raise RuntimeError(f"no WebSocket: {head!r}")
            self._upgraded, self._buffer = True, rest
        at = 0
        while (frame := _frame(self._buffer, at)) is not None:
            kind, payload, at = frame
            if kind == PING:
                self._write(PONG, payload)
            elif payload == b"2":
                self.send("3")
            else:
                self._on_text(self, payload.decode())
        self._buffer = self._buffer[at:]


def _frame(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    if len(data) < at + 2:
        return None
    length, start = data[at + 1] & 0x7F, at + 2
    for marker, size in ((126, 2), (127, 8)):
        if length == marker:
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
            break
    if len(data) < start + length:
        return None
    return data[at] & 0x0F, data[start : start + length], start + length


@dataclass
class Tally:
    """What one way of talking has cost a server, and how long each delivery took."""

    cpu_s: float = 0.0
    kernel_s: float = 0.0
    """Of that, what the kernel itself took: counted by ticks, so over many messages alone."""
    delays_ms: list[float] = field(default_factory=list)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.cpu_s + other.cpu_s,
            self.kernel_s + other.kernel_s,
            self.delays_ms + other.delays_ms,
        )


class Crowd:
    """Everybody in the room of one server."""

    def __init__(self, name: str, port: int, pid: int) -> None:
        self.name, self.port, self.pid = name, port, pid
        self.sockets: list[Socket] = []
        self.tallies: dict[int, Tally] = {}
        self._delays_ms: list[float] = []
        self._wanted = 0
        self._sent_at: dict[str, float] = {}
        self._all = asyncio.Event()

    async def enter(self, auth: dict[str, str], join: str | None) -> None:
        """One more connection."""
        steps = [f"40{json.dumps(auth)}"] + ([join] if join else [])

        def first(socket: Socket, text: str) -> None:
            if text[0] == "0" or (text[:2] == "40" and join):
                socket.send(steps.pop(0))
            elif text[:2] in ("40", "43") and not socket.ready.done():
                socket.ready.set_result(text)
            else:
                self._hear(socket, text)

        one = Socket(first)
        await one.open("/socket.io/?EIO=4&transport=websocket", self.port)
        await asyncio.wait_for(one.ready, PATIENCE_S)
        self.sockets.append(one)

    def leave(self) -> None:
        """Everybody goes."""
        for one in self.sockets:
            one.close()

    def _hear(self, socket: Socket, text: str) -> None:
        mark = text.find("@@")
        if mark < 0:
            return
        began = self._sent_at.get(text[mark : text.index("@", mark + 2)])
        if began is not None:
            self._delays_ms.append((socket.arrived_s - began) * 1000)
            self._wanted -= 1
            if self._wanted == 0:
                self._all.set()

    async def talk(self, times: int, at_once: int, say: Callable[[int, str], str]) -> None:
        """Some say something at once, and everybody hears it; so many times."""
        before, kernel_before, self._delays_ms = cpu_s(self.pid), kernel_s(self.pid), []
        for _ in range(times):
            self._all.clear()
            self._wanted = at_once * len(self.sockets)
            for n in range(at_once):
                word = f"@@{self.name}{len(self._sent_at)}"
                self._sent_at[word] = time.time()
                self.sockets[n].send(say(len(self._sent_at), f"{word}@ a word of usual length"))
            await asyncio.wait_for(self._all.wait(), PATIENCE_S)
        tally = self.tallies.setdefault(at_once, Tally())
        tally.cpu_s += cpu_s(self.pid) - before
        tally.kernel_s += kernel_s(self.pid) - kernel_before
        tally.delays_ms += self._delays_ms


def cpu_s(pid: int) -> float:
    """Processor time of a process and its threads so far. Source: proc(5), schedstat."""
    return (
        sum(
            int(one.read_text().split()[0]) for one in Path(f"/proc/{pid}/task").glob("*/schedstat")
        )
        / 1e9
    )


def kernel_s(pid: int) -> float:
    """What of it the kernel took. Source: proc(5), stat, the 15th field."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[12]) / os.sysconf("SC_CLK_TCK")


def memory_kib(pid: int) -> int:
    """What only this process has in memory. Source: proc(5), smaps_rollup."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    names = ("Private_Clean", "Private_Dirty")
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(names))


def moim_says(number: int, text: str) -> str:
    """A message as moim takes it."""
    return f'420["chat.send",{{"id":"c{number}","text":"{text}"}}]'


def plain_says(_number: int, text: str) -> str:
    """A message as the plain server takes it."""
    return f'42["say",{{"text":"{text}"}}]'
