"""A deployment of several servers, of real programs: moim, nginx, PostgreSQL and Redis."""

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.browser.server import MoimServer
from tests.https.pebble import free_port
from tests.https.pebble import until as until_soon
from tests.postgres import Postgres
from tests.programs import need
from tests.redis_server import RedisServer

SECRET = "the same on all servers of a deployment"
SERVED_BY = "x-served-by"
"""The header in which the tests' proxy says which server answered: host and port."""
CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"


class ClusterServer(MoimServer):
    """One moim of several; all keep their files in one folder."""

    def __init__(
        self,
        folder: Path,
        name: str,
        settings: Mapping[str, str],
        program: Sequence[str] | None = None,
        *,
        sfu: bool = False,
        own_address: bool = False,
    ) -> None:
        own = folder / name
        own.mkdir(parents=True, exist_ok=True)
        shared = {"MOIM_DATA_DIR": str(folder / "data"), "MOIM_STUN": "off"}
        super().__init__(own, {**shared, **settings})
        self.name = name
        if sfu:
            self._settings |= {
                "MOIM_NODE": name,
                "MOIM_NODE_URL": f"http://127.0.0.1:{self.port}",
                "MOIM_SFU_UDP_PORT": "0",
            }
        if own_address:
            self._settings["MOIM_NODE_PUBLIC_URL"] = self.own_address
        if program is not None:
            self.program = program

    @property
    def own_address(self) -> str:
        """Where a page finds it past the proxy: not the name that pages are opened by."""
        return f"http://127.0.0.1:{self.port}"


class Nginx:
    """The proxy as `deploy/nginx.conf` has it, before servers on this machine."""

    def __init__(
        self, folder: Path, ports: Sequence[int], *, sticky: bool = True, leads: bool = True
    ) -> None:
        """Without `leads` it has no way to the SFU of one server alone."""
        self._program = need("nginx")
        self._folder = folder / "nginx"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        text = CONFIGURATION.read_text(encoding="utf-8")
        text = text.replace("listen 8080", f"listen 127.0.0.1:{self.port}")
        self.log = self._folder / "access.log"
        text = text.replace("/var/log/nginx/access.log", str(self.log))
        text = re.sub(r"moim-(\d):3000", lambda found: _server(ports, int(found[1])), text)
        if not sticky:
            text = re.sub(r"^ *hash .*$", "", text, flags=re.MULTILINE)
        if not leads:
            text = re.sub(r"location /livekit/n/[^}]*}", "", text)
        (self._folder / "moim.conf").write_text(text, encoding="utf-8")
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {self._folder}/{kind};\n" for kind in kinds)
        around = f"daemon off; pid {self._folder}/nginx.pid; error_log stderr; "
        around += "user root;\n" if free_to_be_root() else "\n"
        around += "events { worker_connections 4096; }\n"
        around += f"http {{ add_header {SERVED_BY} $upstream_addr; {temporary} "
        around += f"include {self._folder}/moim.conf; }}\n"
        (self._folder / "nginx.conf").write_text(around, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [self._program, "-p", str(self._folder), "-c", f"{self._folder}/nginx.conf"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until_soon((self._folder / "nginx.pid").exists, "nginx listens")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


def _server(ports: Sequence[int], number: int) -> str:
    """The address of the nth server; the file names two, and there may be one."""
    return f"127.0.0.1:{ports[min(number, len(ports)) - 1]}"


def free_to_be_root() -> bool:
    """Whether nginx may say whose its workers are."""
    return os.name != "nt" and os.geteuid() == 0


class Deployment:
    """Everything, started together; any part may be stopped and started again."""

    def __init__(
        self,
        folder: Path,
        *,
        servers: int = 2,
        sticky: bool = True,
        settings: Mapping[str, str] | None = None,
        program: Sequence[str] | None = None,
        postgres_folder: Path | None = None,
        sfu: bool = False,
        own_addresses: bool = False,
    ) -> None:
        self.postgres = Postgres(folder=postgres_folder)
        self.redis = RedisServer()
        common = {
            "MOIM_DATABASE_URL": self.postgres.url(),
            "MOIM_REDIS_URL": self.redis.url,
            "MOIM_SECRET": SECRET,
            **(settings or {}),
        }
        self.servers = [
            ClusterServer(folder, f"moim-{n}", common, program, sfu=sfu, own_address=own_addresses)
            for n in range(1, servers + 1)
        ]
        ports = [one.port for one in self.servers]
        self.proxy = Nginx(folder, ports, sticky=sticky, leads=not own_addresses)

    async def start(self) -> None:
        self.postgres.start()
        self.redis.start()
        await asyncio.gather(*(server.start() for server in self.servers))
        self.proxy.start()

    async def stop(self) -> None:
        self.proxy.stop()
        for server in self.servers:
            await server.kill()
        self.redis.stop()
        self.postgres.remove()


@asynccontextmanager
async def deployed(
    folder: Path,
    *,
    servers: int = 2,
    sticky: bool = True,
    settings: Mapping[str, str] | None = None,
    program: Sequence[str] | None = None,
    postgres_folder: Path | None = None,
    sfu: bool = False,
    own_addresses: bool = False,
) -> AsyncIterator[Deployment]:
    """A deployment for as long as the block lasts; with `sfu` each server has one, which pages
    reach by the proxy, or past it with `own_addresses`."""
    one = Deployment(
        folder,
        servers=servers,
        sticky=sticky,
        settings=settings,
        program=program,
        postgres_folder=postgres_folder,
        sfu=sfu,
        own_addresses=own_addresses,
    )
    try:
        await one.start()
        yield one
    finally:
        await one.stop()
