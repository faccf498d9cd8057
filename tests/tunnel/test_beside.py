"""`moim --tunnel` and `moim tunnel` as programs, with the other end in the test's own process."""

import asyncio
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import httpx
import pytest
import socketio
import websockets
from aiohttp.abc import AbstractResolver, ResolveResult

from moim.tunnel.client.own_key import own_key
from moim.tunnel.server.program import TunnelServer
from tests.browser.server import MoimServer
from tests.signalling.server import _read_at_once
from tests.tunnel.running import tunnelled
from tests.tunnel.world import (
    DEADLINE_S,
    HOST,
    answering,
    browser,
    echo,
    public,
    tunnel_server,
    until,
)

pytestmark = pytest.mark.processes

PUBLIC = "mina.tunnels.test"


class Everywhere(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=HOST, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TunnelServer]:
    async with tunnel_server(tmp_path / "server", url="http://tunnels.test") as server:
        yield server


async def test_a_meeting_goes_through_the_tunnel_and_ends_with_moim(
    tmp_path: Path, server: TunnelServer
) -> None:
    folder = tmp_path / "moim"
    folder.mkdir()
    async with tunnelled(folder, server) as moim, browser(server) as web:
        said = moim.said()
        assert f"Tunnel  http://{PUBLIC}\n" in said
        assert "no QR code" in said  # plain HTTP has no camera
        assert "STUN    none" in said  # this server was told to have none

        room = await moim.create_room()
        page = await web.get(f"/r/{room.slug}", headers={"host": PUBLIC})
        assert page.status_code == 200
        assert f"http://{PUBLIC}/r/{room.slug}" in page.text
        cookie = page.headers["set-cookie"].partition(";")[0]

        async with websockets.connect(
            f"ws://{PUBLIC}/ws?room={room.slug}",
            host=HOST,
            port=server.port,
            proxy=None,
            origin=websockets.Origin(f"http://{PUBLIC}"),
            additional_headers={"Cookie": cookie},
        ) as wire:
            assert '"hello"' in str(await asyncio.wait_for(wire.recv(), DEADLINE_S))
            assert await moim.stop() == 0
            heard: list[str] = []

            async def listen() -> None:
                while True:
                    heard.append(str(await asyncio.wait_for(wire.recv(), DEADLINE_S)))

            with pytest.raises(websockets.ConnectionClosed) as closed:
                await listen()
            assert [one for one in heard if "server_stopping" in one]
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012  # the whole farewell came through
        await until(lambda: server.tunnels.find("mina") is None)


async def test_socketio_is_held_through_the_tunnel(tmp_path: Path, server: TunnelServer) -> None:
    folder = tmp_path / "moim"
    folder.mkdir()
    async with tunnelled(folder, server) as moim, browser(server) as web:
        room = await moim.create_room()
        page = await web.get(f"/r/{room.slug}", headers={"host": PUBLIC})
        cookie = page.headers["set-cookie"].partition(";")[0]
        for transport in ("websocket", "polling"):
            async with aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=Everywhere()), middlewares=[_read_at_once]
            ) as session:
                client = socketio.AsyncClient(reconnection=False, http_session=session)
                hello = asyncio.Event()
                client.on("hello", lambda _data, hello=hello: hello.set())
                await client.connect(
                    f"http://{PUBLIC}:{server.port}",
                    headers={"Origin": f"http://{PUBLIC}", "Cookie": cookie},
                    auth={"room": room.slug},
                    transports=[transport],
                )
                await asyncio.wait_for(hello.wait(), DEADLINE_S)
                await client.disconnect()


async def test_a_killed_moim_leaves_nothing_open(tmp_path: Path, server: TunnelServer) -> None:
    folder = tmp_path / "moim"
    folder.mkdir()
    async with tunnelled(folder, server) as moim, browser(server) as web:
        await moim.kill()
        await until(lambda: server.tunnels.find("mina") is None)
        assert (await web.get("/", headers={"host": PUBLIC})).status_code == 404


async def test_a_refused_tunnel_is_said_with_its_code_and_the_meeting_goes_on(
    tmp_path: Path, server: TunnelServer
) -> None:
    moim = MoimServer(
        tmp_path,
        {
            "MOIM_TUNNEL": f"mina@{HOST}:{server.ssh_port}",
            "MOIM_TUNNEL_HOST_KEY": "SHA256:nobody",
        },
    )
    await moim.start()
    try:
        await until(lambda: "moim: code tunnel_host_key_unexpected\n" in moim.said())
        async with httpx.AsyncClient() as local:
            assert (await local.get(f"{moim.url}/healthz")).is_success
    finally:
        await moim.kill()


async def test_any_local_server_has_a_tunnel_until_ctrl_c(
    tmp_path: Path, server: TunnelServer
) -> None:
    server.users.add("mina", public(own_key(tmp_path / "tunnel")))
    async with answering(echo) as local, browser(server) as web:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "moim", "tunnel", "--port", str(local.port)),
            *("--to", f"mina@{HOST}:{server.ssh_port}", "--name", "tea"),
            *("--data-dir", str(tmp_path)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert program.stdout is not None
        said = ""
        async with asyncio.timeout(DEADLINE_S):
            while "Ctrl-C closes it." not in said:
                said += (await program.stdout.readline()).decode()
        url = re.search(r"Tunnel  http://(\S+)", said)
        assert url is not None
        assert url[1] == "tea-mina.tunnels.test"
        assert (await web.get("/", headers={"host": url[1]})).status_code == 200
        program.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(program.wait(), DEADLINE_S) == 0
        await until(lambda: len(server.tunnels) == 0)
