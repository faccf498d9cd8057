"""moim in one network, the tunnel's server in another, and a cable between them that can be cut.

The addresses look public, so that the relay may send to them; they exist in the namespaces only.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from moim.tunnel.client.own_key import own_key
from tests.programs import need, need_namespaces
from tests.tunnel.world import public

pytestmark = pytest.mark.network

DEADLINE_S = 60
SERVER, LAPTOP, MOVED = "11.0.7.1", "11.0.7.2", "11.0.7.3"
HTTP, SSH, TURN = 8080, 2222, 3478
URL = f"http://mina.tunnels.test:{HTTP}"
HOST = URL.removeprefix("http://")


class Networks:
    """Two namespaces, `laptop` and `server`, with a cable between them."""

    def __init__(self) -> None:
        self.server, self.laptop = (f"moim-{os.getpid()}-{end}" for end in ("tunnel", "laptop"))

    def make(self) -> None:
        for one in (self.server, self.laptop):
            self._ip("netns", "add", one)
            self.at(one, "link", "set", "lo", "up")
        end = ("type", "veth", "peer", "name", "cable", "netns", self.laptop)
        self.at(self.server, "link", "add", "cable", *end)
        for one, address in ((self.server, SERVER), (self.laptop, LAPTOP)):
            self.at(one, "addr", "add", f"{address}/24", "dev", "cable")
            self.at(one, "link", "set", "cable", "up")

    def unmake(self) -> None:
        for one in (self.server, self.laptop):
            with suppress(subprocess.CalledProcessError):
                self._ip("netns", "delete", one)

    def cut(self) -> None:
        self.at(self.laptop, "link", "set", "cable", "down")

    def join(self) -> None:
        self.at(self.laptop, "link", "set", "cable", "up")

    def move(self) -> None:
        """The laptop gets another address: another Wi-Fi."""
        self.at(self.laptop, "addr", "del", f"{LAPTOP}/24", "dev", "cable")
        self.at(self.laptop, "addr", "add", f"{MOVED}/24", "dev", "cable")

    def at(self, where: str, *words: str) -> None:
        self._ip("-n", where, *words)

    @staticmethod
    def _ip(*words: str) -> None:
        subprocess.run([need("ip"), *words], check=True, capture_output=True, timeout=DEADLINE_S)


@pytest.fixture
def networks() -> Iterator[Networks]:
    need_namespaces()
    networks = Networks()
    try:
        networks.make()
        yield networks
    finally:
        networks.unmake()


class Running:
    """A program in one of the networks, and the lines that it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    async def says(self, part: str, times: int = 1) -> str:
        """The line, once it has been said so many times."""

        def found() -> list[str]:
            return [line for line in self.lines if part in line]

        await until(lambda: len(found()) >= times, lambda: f"{part!r} in {self.lines}")
        return found()[times - 1]

    async def tell(self, line: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


async def until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        if condition():
            return
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what()}"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def running(where: str, *command: str, **env: str) -> AsyncIterator[Running]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("MOIM_")}
    process = await asyncio.create_subprocess_exec(
        *(need("ip"), "netns", "exec", where, *command),
        env={**plain, "PYTHONUNBUFFERED": "1", **env},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    program = Running(process)
    try:
        yield program
    finally:
        await program.end()


@asynccontextmanager
async def tunnel_server(networks: Networks, folder: Path, *more: str) -> AsyncIterator[Running]:
    command = (
        *(sys.executable, "-m", "moim", "tunnel-server", "--url", f"http://tunnels.test:{HTTP}"),
        *("--host", SERVER, "--port", str(HTTP), "--ssh-port", str(SSH)),
        *("--data-dir", str(folder), *more),
    )
    async with running(networks.server, *command) as server:
        await server.says("Ctrl-C stops.")
        yield server


@asynccontextmanager
async def tunnelled(networks: Networks, folder: Path) -> AsyncIterator[tuple[Running, str]]:
    """A moim with a tunnel that stands, and a room in it."""
    command = (sys.executable, "-m", "moim", "--port", "3000")
    env = {"MOIM_DATA_DIR": str(folder), "MOIM_TUNNEL": f"mina@{SERVER}:{SSH}"}
    async with running(networks.laptop, *command, **env) as laptop:
        await laptop.says("Whoever has the link")
        yield laptop, await make_room(networks)


ROOM = """
import re, sys, httpx
with httpx.Client(base_url=sys.argv[1], follow_redirects=True, timeout=30) as web:
    csrf = re.search(r'name="csrf" value="([^"]+)"', web.get("/").text)[1]
    form = {"csrf": csrf, "name": "Tea", "visibility": "unlisted"}
    made = web.post("/rooms", data=form, headers={"origin": sys.argv[1]})
    print("room", str(made.url), re.search(r'https?://[^"]+/r/[^"]+', made.text)[0])
"""


async def make_room(networks: Networks) -> str:
    """Made on the laptop itself; the link to copy is the tunnel's all the same."""
    command = (sys.executable, "-c", ROOM, "http://localhost:3000")
    async with running(networks.laptop, *command) as program:
        _, local, link = (await program.says("room ")).split()
    assert local.startswith("http://localhost:3000/r/")
    assert link.startswith(f"{URL}/r/")
    return link.rpartition("/")[2]


@asynccontextmanager
async def visitor(networks: Networks, room: str) -> AsyncIterator[Running]:
    program = Path(__file__).parent / "programs" / "visitor.py"
    command = (sys.executable, str(program), SERVER, str(HTTP), HOST, room)
    async with running(networks.server, *command) as visitor:
        await visitor.says('{"page": 200}')
        await visitor.says('{"ws": "hello"}')
        await visitor.says('{"sio": "hello"}')
        yield visitor


def let_in(folder: Path, laptop: Path) -> None:
    """Add the laptop's key, as its owner would have sent it."""
    from moim.tunnel.server.users import Users, users_file

    Users(users_file(folder)).add("mina", public(own_key(laptop / "tunnel")))


async def test_a_meeting_is_reached_from_another_network_and_outlives_cuts_and_moves(
    networks: Networks, tmp_path: Path
) -> None:
    let_in(tmp_path / "server", tmp_path / "laptop")
    async with (
        tunnel_server(networks, tmp_path / "server", "--no-turn"),
        tunnelled(networks, tmp_path / "laptop") as (laptop, room),
    ):
        assert await laptop.says("Tunnel  ") == f"Tunnel  {URL}"
        async with visitor(networks, room) as guest:
            networks.move()
            assert await laptop.says("The tunnel is back") == f"The tunnel is back  {URL}"
            await guest.says('{"ws": "closed"}')
            await guest.tell()
            await guest.says('{"page": 200}', times=2)
        async with visitor(networks, room) as guest:
            networks.cut()
            await laptop.says("Trying again.", times=2)
            networks.join()
            assert await laptop.says("The tunnel is back", times=2) == f"The tunnel is back  {URL}"
            await guest.tell()
            await guest.says('{"page": 200}', times=2)
            laptop.process.kill()
            await laptop.process.wait()
            await guest.tell()
            await guest.says('{"page": 404}')


async def test_a_changed_host_key_is_refused_from_another_network(
    networks: Networks, tmp_path: Path
) -> None:
    laptop = tmp_path / "laptop"
    let_in(tmp_path / "server", laptop)
    let_in(tmp_path / "impostor", laptop)
    async with (
        tunnel_server(networks, tmp_path / "server", "--no-turn"),
        tunnelled(networks, laptop),
    ):
        pass
    command = (
        *(sys.executable, "-m", "moim", "tunnel", "--to", f"mina@{SERVER}:{SSH}"),
        *("--port", "3000", "--data-dir", str(laptop)),
    )
    async with (
        tunnel_server(networks, tmp_path / "impostor", "--no-turn"),
        running(networks.laptop, *command) as program,
    ):
        await program.says("shows another key than before")
        await program.says("moim: code tunnel_host_key_changed")
        assert await program.process.wait() == 2


async def test_openssh_gets_a_tunnel_and_nothing_else(networks: Networks, tmp_path: Path) -> None:
    ssh = need("ssh")
    folder = tmp_path / "server"
    let_in(folder, tmp_path / "laptop")
    key = tmp_path / "laptop" / "tunnel" / "id_ed25519"
    options = (
        *("-F", "none", "-i", str(key), "-p", str(SSH), "-o", "IdentitiesOnly=yes"),
        *("-o", "StrictHostKeyChecking=accept-new"),
        *("-o", f"UserKnownHostsFile={tmp_path / 'hosts'}", "-o", "ExitOnForwardFailure=yes"),
    )
    there = f"mina@{SERVER}"
    async with tunnel_server(networks, folder, "--no-turn"):
        for refused in (
            (there,),
            ("-T", there, "id"),
            ("-s", there, "sftp"),
            ("-N", "-R", "2200:localhost:3000", there),
            ("-W", f"{SERVER}:{HTTP}", there),
        ):
            async with running(networks.laptop, ssh, *options, *refused) as program:
                async with asyncio.timeout(DEADLINE_S):
                    assert await program.process.wait() == 255, program.lines
        forward = ("-N", "-R", "tea:80:localhost:3000", there)
        look = f"import httpx; print('page', httpx.get('http://{SERVER}:{HTTP}/', headers="
        look += "{'host': 'tea-mina.tunnels.test'}).status_code)"
        async with running(networks.laptop, ssh, *options, *forward):
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    async with running(networks.server, sys.executable, "-c", look) as program:
                        # There is a tunnel, and nobody behind it.
                        if "502" in await program.says("page "):
                            break


async def test_the_relay_of_the_tunnels_server_serves_its_meetings_and_nobody_else(
    networks: Networks, tmp_path: Path
) -> None:
    need("turnserver")
    client, peer = need("turnutils_uclient"), need("turnutils_peer")
    folder, laptop = tmp_path / "server", tmp_path / "laptop"
    let_in(folder, laptop)
    asks = (client, "-n", "5", "-c", "-y", "-p", str(TURN), "-e", LAPTOP, "-r", "3480")
    async with tunnel_server(networks, folder) as server:
        assert f"stun:tunnels.test:{TURN}" in await server.says("TURN      ")
        async with (
            tunnelled(networks, laptop) as (said, room),
            visitor(networks, room) as guest,
            running(networks.laptop, peer, "-L", LAPTOP, "-p", "3480"),
        ):
            assert f"STUN    stun:tunnels.test:{TURN}" in await said.says("STUN    ")
            ice: dict[str, Any] = json.loads(await guest.says('{"ice": '))["ice"]
            (relay,) = (one for one in ice["servers"] if "credential" in one)
            assert relay["urls"] == [
                f"turn:tunnels.test:{TURN}?transport=udp",
                f"turn:tunnels.test:{TURN}?transport=tcp",
            ]
            mine = ("-u", relay["username"], "-w", relay["credential"])
            for way in ((), ("-t",)):
                async with running(networks.laptop, *asks, *way, *mine, SERVER) as program:
                    async with asyncio.timeout(DEADLINE_S):
                        assert await program.process.wait() == 0, program.lines
                    lost = [line for line in program.lines if "Total lost packets" in line]
                    assert re.search(r"Total lost packets 0 ", lost[-1]), program.lines
            forged = ("-u", relay["username"], "-w", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
            async with running(networks.laptop, *asks, *forged, SERVER) as program:
                async with asyncio.timeout(DEADLINE_S):
                    assert await program.process.wait() != 0, program.lines
