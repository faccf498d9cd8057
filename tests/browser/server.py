"""A real moim process on a free port, which a test can kill and start again."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from tests.real_server import RealServer

START_S = 60.0


def free_port() -> int:
    """A port that nobody listens on, for TCP and UDP alike; asked of the system, then let go."""
    for _ in range(50):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


class MoimServer(RealServer):
    """One server and its data folder; the address stays the same over `kill()` and `start()`."""

    # How it is started, in a folder of its own.
    program: Sequence[str] = (sys.executable, "-m", "moim")

    def __init__(
        self, folder: Path, settings: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        super().__init__(folder, "moim.log")
        self.port = port or free_port()
        self._settings = dict(settings or {})

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def url(self) -> str:
        """Where moim's own pages begin, without a slash at the end."""
        return self.origin + self._settings.get("MOIM_ROOT_PATH", "")

    async def start(self) -> None:
        """Starts the process and waits until it answers.

        Raises:
            RuntimeError: it ended, or did not answer in time; the text is its log.
        """
        # Whatever MOIM_* the developer has set is for the developer's own server.
        plain = {key: value for key, value in os.environ.items() if not key.startswith("MOIM_")}
        own = {"MOIM_DATA_DIR": str(self.folder / "data"), "MOIM_PORT": str(self.port)}
        if not any(key.startswith(("MOIM_SFU", "MOIM_LIVEKIT")) for key in self._settings):
            # Whether the engine is built or not, what is not about the SFU sees the mesh alone.
            own["MOIM_SFU"] = "false"
        async with httpx.AsyncClient() as browser:
            await self._launch(
                self.program,
                {**plain, **own, **self._settings},
                lambda: self._answers(browser),
                START_S,
            )

    def pause(self) -> None:
        """It stays connected and answers nothing, until it is killed."""
        assert self._process is not None, "it does not run"
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """What was paused goes on."""
        assert self._process is not None, "it does not run"
        self._process.send_signal(signal.SIGCONT)

    async def stop(self, patience_s: float = 10) -> int:
        """Asks it to stop, and gives its exit code."""
        assert self._process is not None, "it does not run"
        if self._process.returncode is None:
            self._process.terminate()
        try:
            return await asyncio.wait_for(self._process.wait(), patience_s)
        except TimeoutError:
            await self.kill()
            raise

    async def restart(self) -> None:
        """Killed and started again, over the same data on the same port."""
        await self.kill()
        await self.start()

    async def create_room(self, name: str = "Friday tea", *, listed: bool = False) -> "Links":
        """Creates a room as a browser without JavaScript would."""
        async with httpx.AsyncClient(base_url=self.origin, follow_redirects=True) as browser:
            home = await browser.get(f"{self.url}/")
            csrf = re.search(r'name="csrf" value="([^"]+)"', home.text)
            assert csrf is not None, home.text
            visibility = "listed" if listed else "unlisted"
            form = {"csrf": csrf[1], "name": name, "visibility": visibility}
            origin = {"origin": self.origin}
            page = await browser.post(f"{self.url}/rooms", data=form, headers=origin)
            assert page.status_code == 200, page.text
            host = re.search(r"/h/[\w-]+/[\w-]+", page.text)
            assert host is not None, page.text
            return Links(guest=str(page.url), host=self.url + host[0])

    async def _answers(self, browser: httpx.AsyncClient) -> bool:
        try:
            return (await browser.get(f"{self.url}/healthz")).is_success
        except httpx.TransportError:
            return False


class Links:
    """The two addresses of a room."""

    def __init__(self, guest: str, host: str) -> None:
        self.guest = guest
        self.host = host

    @property
    def slug(self) -> str:
        return self.guest.rpartition("/")[2]
