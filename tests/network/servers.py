"""The two servers of the small internet: moim, and coturn as moim configures it."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import httpx

from moim.media.turn import CoturnOptions, coturn_config
from tests.browser.person import until
from tests.browser.server import Links, MoimServer
from tests.network.certificate import Certificate
from tests.network.namespaces import Namespace
from tests.network.networks import TURN, Way
from tests.network.world import RELAY, SERVER, public4, public6
from tests.programs import need

PORT: Final = 443
"""Of the pages, and of TURN over TLS: what the strictest networks let out."""
TURN_PORT: Final = 3478
SECRET: Final = "a-secret-that-two-servers-of-one-test-share"


class RemoteMoim(MoimServer):
    """A moim on a machine of a test network, under that machine's public address."""

    def __init__(
        self,
        machine: Namespace,
        folder: Path,
        turn: Sequence[Way] = tuple(TURN),
        ipv6: bool = False,
    ) -> None:
        relay = f"[{public6(RELAY)}]" if ipv6 else public4(RELAY)
        urls = {
            Way.RELAY_UDP: f"turn:{relay}:{TURN_PORT}?transport=udp",
            Way.RELAY_TCP: f"turn:{relay}:{TURN_PORT}?transport=tcp",
            Way.RELAY_TLS: f"turns:{relay}:{PORT}?transport=tcp",
        }
        settings = {"MOIM_HOST": "::", "MOIM_TURN_URLS": " ".join(urls[way] for way in turn)}
        super().__init__(folder, {**settings, "MOIM_TURN_SECRET": SECRET})
        self.port = PORT
        self.program = (*machine.prefix, sys.executable, "-m", "moim")
        self._machine = machine
        self._address = f"[{public6(SERVER)}]" if ipv6 else public4(SERVER)

    @property
    def origin(self) -> str:
        """The address of the pages, as people type it."""
        return f"http://{self._address}:{self.port}"

    async def create_room(self, name: str = "Friday tea", *, listed: bool = False) -> Links:
        """Create a room, asked for from the server's own machine."""
        make = super().create_room
        return await asyncio.to_thread(
            self._machine.inside, lambda: asyncio.run(make(name, listed=listed))
        )

    async def _answers(self, browser: httpx.AsyncClient) -> bool:  # noqa: ARG002 - not from here
        def ask() -> bool:
            asking = HTTPConnection(self._address.strip("[]"), self.port, timeout=5)
            try:
                asking.request("GET", "/healthz")
                return asking.getresponse().status == 200
            except OSError:
                return False
            finally:
                asking.close()

        return await asyncio.to_thread(self._machine.inside, ask)


class Coturn:
    """Debian's coturn on a machine of a test network, with the configuration that moim prints."""

    def __init__(self, machine: Namespace, folder: Path, certificate: Certificate) -> None:
        self._machine = machine
        self._log = folder / "coturn.log"
        self._config = folder / "turnserver.conf"
        options = CoturnOptions(
            secret=SECRET,
            realm="moim.test",
            port=TURN_PORT,
            tls_port=PORT,
            cert=certificate.cert,
            key=certificate.key,
            listening_ips=(public4(RELAY), public6(RELAY)),
            log="stdout",
            state_dir=folder,
        )
        self._config.write_text(coturn_config(options), encoding="ascii")
        # Made beforehand: coturn's threads would make it at the first requests, get into each
        # other's way ("database is locked") and refuse somebody.
        subprocess.run(
            [need("turnadmin"), "--list", f"--userdb={folder / 'turndb'}"],
            check=True,
            capture_output=True,
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            AssertionError: it does not; the text is its log.
        """
        command = [*self._machine.prefix, need("turnserver"), "-c", str(self._config)]
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            await until(self._listens, "coturn")
        except AssertionError as error:
            said = self._log.read_text(encoding="utf-8", errors="replace")
            raise AssertionError(f"{error}\n{said}") from None

    async def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _listens(self) -> bool:
        def connect() -> bool:
            try:
                for port in (TURN_PORT, PORT):
                    socket.create_connection((public4(RELAY), port), 1).close()
            except OSError:
                return False
            return True

        return await asyncio.to_thread(self._machine.inside, connect)
