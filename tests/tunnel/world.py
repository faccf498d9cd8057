"""Both ends of a tunnel in one process, over real SSH on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import httpx

from moim.tunnel.client.host_keys import HostKeys
from moim.tunnel.client.local import LocalServer
from moim.tunnel.client.own_key import own_key
from moim.tunnel.client.places import Place
from moim.tunnel.client.reach import Up, wanted
from moim.tunnel.client.ssh import SshTunnel
from moim.tunnel.server.limits import Limits
from moim.tunnel.server.names import Doorplate
from moim.tunnel.server.program import ServerOptions, TunnelServer

HOST = "127.0.0.1"
DEADLINE_S = 60
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another task brings about."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


@asynccontextmanager
async def tunnel_server(
    folder: Path, *, url: str = "http://tunnels.test", limits: Limits | None = None, **more: Any
) -> AsyncIterator[TunnelServer]:
    """A server on free ports. `more` are further options."""
    chosen = {"host": HOST, "port": 0, "ssh_port": 0, "relay": False, **more}
    plate = Doorplate.read(url, by_path=chosen.pop("by_path", False))
    server = TunnelServer(
        ServerOptions(plate=plate, folder=folder, limits=limits or Limits(), **chosen)
    )
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


@dataclass
class Laptop:
    """Somebody's machine with a local server; `ups` are the addresses that it was told."""

    folder: Path
    local: LocalServer
    name: str = "mina"
    ups: list[Up] = field(default_factory=list)

    @property
    def key(self) -> asyncssh.SSHKey:
        return own_key(self.folder)

    def tunnel(self, port: int, asked: str | None = None, demanded: str | None = None) -> SshTunnel:
        return SshTunnel(
            place=Place(HOST, self.name, port),
            wanted=wanted(asked),
            local=self.local,
            host_keys=HostKeys(self.folder, demanded),
            key=self.key,
        )

    @asynccontextmanager
    async def at(self, server: TunnelServer, asked: str | None = None) -> AsyncIterator[str]:
        """Known there, and with a tunnel that stands; gives its address."""
        server.users.add(self.name, public(self.key))
        before = len(self.ups)
        holding = asyncio.ensure_future(self.tunnel(server.ssh_port, asked).hold(self.ups.append))
        try:
            await until(lambda: len(self.ups) > before or holding.done())
            if holding.done():
                holding.result()
            yield self.ups[-1].url
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[LocalServer]:
    """A local server made of one handler for each connection."""

    running: set[asyncio.Task[None]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        gone = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*gone):
            await handler(reader, writer)
        writer.transport.abort() if task.cancelling() else writer.close()
        running.discard(task)

    server = await asyncio.start_server(handled, HOST, 0)
    try:
        yield LocalServer(HOST, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for one in running:
            one.cancel()
        await asyncio.gather(*running)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each request with its own head and body, and keeps the connection."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        body = head + await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()


@asynccontextmanager
async def browser(server: TunnelServer) -> AsyncIterator[httpx.AsyncClient]:
    """Comes to the front door; each request names the host that it is for."""
    base = f"http://{HOST}:{server.port}"
    async with httpx.AsyncClient(base_url=base, timeout=DEADLINE_S) as client:
        yield client


def host_of(url: str) -> dict[str, str]:
    """The Host header for the address of a tunnel."""
    return {"host": url.partition("://")[2].partition("/")[0]}
