"""What a chat message costs: `make bench-chat`, or `python -m bench.chat [--sockets N]`.

moim and a plain python-socketio server, each a process of its own with uvloop, hold the same
number of Socket.IO connections in one room. In turns, some of them say something at the same time
and everybody hears it: moim decides, commits (SQLite, synchronous=FULL) and tells; the plain one
emits. The server's CPU is what the kernel counts for its process, divided by the messages that
arrived; the time is that from sending until a recipient has the frame, all in this process.

It ends with a line of JSON for one who speaks alone and one for five who speak at the same time:
`{"cpu_us_per_delivery", "plain_cpu_us_per_delivery", "p99_ms", "plain_p99_ms", "idle_kib",
"polling_idle_kib", ...}`; the last two are the memory of one more seat, and of one more connection
by long polls that has no seat yet.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp

ROUNDS = 12
PER_ROUND = 10
AT_ONCE = (1, 5)
"""How many say something at the same time: alone, and in a lively room."""
SECRET = "only for this measurement, and nothing else"  # noqa: S105 - of no server anywhere
PATIENCE_S = 60
LINE_BYTES = 2**24
TEXT, PING, PONG = 1, 9, 10
"""Source: RFC 6455, section 5.2."""


class Socket(asyncio.Protocol):
    """A Socket.IO connection over WebSocket that does as little as possible."""

    def __init__(self, path: str, on_text: Callable[["Socket", str], None]) -> None:
        self._path = path
        self._on_text = on_text
        self._buffer = b""
        self._upgraded = False
        self.transport: asyncio.Transport
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        lines = [
            f"GET {self._path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version: 13",
        ]
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, text: str) -> None:
        """A text frame."""
        self._write(TEXT, text.encode())

    def _write(self, kind: int, payload: bytes) -> None:
        """A frame with a mask of zeros."""
        length = len(payload)
        head = bytes((0x80 | kind, 0x80 | min(length, 126)))
        if length >= 126:
            head += length.to_bytes(2, "big")
        self.transport.write(head + bytes(4) + payload)

    def data_received(self, data: bytes) -> None:
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
    delays_ms: list[float] = field(default_factory=list)


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
        path = "/socket.io/?EIO=4&transport=websocket"
        loop = asyncio.get_running_loop()
        steps = [f"40{json.dumps(auth)}"] + ([join] if join else [])

        def first(socket: Socket, text: str) -> None:
            if text[0] == "0" or (text[:2] == "40" and join):
                socket.send(steps.pop(0))
            elif text[:2] in ("40", "43") and not socket.ready.done():
                socket.ready.set_result(text)
            else:
                self._hear(socket, text)

        _, socket = await loop.create_connection(
            lambda: Socket(path, first), "127.0.0.1", self.port
        )
        await asyncio.wait_for(socket.ready, PATIENCE_S)
        self.sockets.append(socket)

    def _hear(self, _socket: Socket, text: str) -> None:
        mark = text.find("@@")
        if mark < 0:
            return
        word = text[mark : text.index("@", mark + 2)]
        began = self._sent_at.get(word)
        if began is not None:
            self._delays_ms.append((time.perf_counter() - began) * 1000)
            self._wanted -= 1
            if self._wanted == 0:
                self._all.set()

    async def talk(self, times: int, at_once: int, say: Callable[[int, str], str]) -> None:
        """Some say something at once, and everybody hears it; so many times."""
        before, self._delays_ms = cpu_s(self.pid), []
        for _ in range(times):
            self._all.clear()
            self._wanted = at_once * len(self.sockets)
            for n in range(at_once):
                word = f"@@{self.name}{len(self._sent_at)}"
                self._sent_at[word] = time.perf_counter()
                self.sockets[n].send(say(len(self._sent_at), f"{word}@ a word of usual length"))
            await asyncio.wait_for(self._all.wait(), PATIENCE_S)
        tally = self.tallies.setdefault(at_once, Tally())
        tally.cpu_s += cpu_s(self.pid) - before
        tally.delays_ms += self._delays_ms


def cpu_s(pid: int) -> float:
    """Processor time of a process and its threads so far. Source: proc(5), schedstat."""
    return (
        sum(
            int(one.read_text().split()[0]) for one in Path(f"/proc/{pid}/task").glob("*/schedstat")
        )
        / 1e9
    )


def memory_kib(pid: int) -> int:
    """What only this process has in memory. Source: proc(5), smaps_rollup."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    names = ("Private_Clean", "Private_Dirty")
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(names))


def moim_says(number: int, text: str) -> str:
    return f'420["chat.send",{{"id":"c{number}","text":"{text}"}}]'


def plain_says(_number: int, text: str) -> str:
    return f'42["say",{{"text":"{text}"}}]'


@asynccontextmanager
async def served(kind: str, folder: Path) -> Any:
    """A server in a process of its own; gives its port, its process and what else it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.chat", "--serve", kind, "--folder", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        said = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE_S))
        yield said["port"], process.pid, said
    finally:
        process.kill()
        await process.wait()


async def measure(sockets: int) -> None:
    """Everything, in turns; a line for each number of people who speak at the same time."""
    with tempfile.TemporaryDirectory() as folder:
        async with served("moim", Path(folder)) as ours, served("plain", Path(folder)) as theirs:
            moim, plain = Crowd("m", *ours[:2]), Crowd("p", *theirs[:2])
            idle = await fill(moim, plain, sockets, ours[2])
            for turn in range(ROUNDS + 1):
                both = [(moim, moim_says), (plain, plain_says)]
                for at_once in AT_ONCE:
                    for crowd, says in both if turn % 2 else reversed(both):
                        await crowd.talk(PER_ROUND, at_once, says)
                if turn == 0:  # the first one warms up
                    moim.tallies.clear()
                    plain.tallies.clear()
            memory = {
                "idle_kib": round(idle, 1),
                "polling_idle_kib": round(await polling_memory(ours[0], ours[1], ours[2]), 1),
            }
    for at_once in AT_ONCE:
        line: dict[str, object] = {"sockets": sockets, "at_once": at_once}
        for crowd, prefix in ((moim, ""), (plain, "plain_")):
            tally = crowd.tallies[at_once]
            ordered = sorted(tally.delays_ms)
            cpu_us = 1e6 * tally.cpu_s / len(ordered)
            line[f"{prefix}cpu_us_per_delivery"] = round(cpu_us, 1)
            line[f"{prefix}p50_ms"] = round(statistics.median(ordered), 1)
            line[f"{prefix}p99_ms"] = round(ordered[int(len(ordered) * 0.99)], 1)
        print(json.dumps({**line, **memory, "load": round(os.getloadavg()[0], 1)}))


async def fill(moim: Crowd, plain: Crowd, sockets: int, said: dict[str, Any]) -> float:
    """Everybody comes in. Returns the memory of one more seat, in KiB."""
    before = 0
    for n in range(sockets):
        token = said["tokens"][n]
        join = {"id": f"j{n}", "name": f"P{n}", "tab": f"tab-number-{n}"}
        await moim.enter(
            {"room": said["slug"], "token": token},
            f'420["participant.join",{json.dumps(join)}]',
        )
        await plain.enter({}, None)
        if n == sockets // 10:
            before = memory_kib(moim.pid)
    await asyncio.sleep(1)  # what their coming caused is told
    return (memory_kib(moim.pid) - before) / (sockets - sockets // 10 - 1)


async def polling_memory(port: int, pid: int, said: dict[str, Any], more: int = 100) -> float:
    """The memory of one more connection by long polls, at the door of the room, in KiB."""
    base = f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling"
    before = memory_kib(pid)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        polls = []
        for n in range(more):
            opened = await (await http.get(base)).text()
            sid = json.loads(opened[1:])["sid"]
            auth = json.dumps({"room": said["slug"], "token": said["tokens"][n]})
            await (await http.post(f"{base}&sid={sid}", data=f"40{auth}")).text()
            heard = ""
            while '"hello"' not in heard:
                heard += await (await http.get(f"{base}&sid={sid}")).text()
            polls.append(asyncio.create_task(http.get(f"{base}&sid={sid}")))
        await asyncio.sleep(0.5)
        grown = memory_kib(pid) - before
        for poll in polls:
            poll.cancel()
        for poll in polls:
            with suppress(asyncio.CancelledError, aiohttp.ClientError):
                await poll
    return grown / more


def serve(kind: str, folder: Path) -> None:
    """The program of the other process."""
    import socket as sockets

    import uvicorn

    listener = sockets.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    port = listener.getsockname()[1]
    if kind == "plain":
        from bench.plain_chat import app

        config = uvicorn.Config(app, log_level="error", ws_per_message_deflate=False)
        print(json.dumps({"port": port}), flush=True)
    else:
        from bench.moim_chat import config_of

        config = config_of(folder, port, SECRET)
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make bench-chat")
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--serve")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.folder)
    else:
        asyncio.run(measure(options.sockets))
