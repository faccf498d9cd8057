"""A real `moim sfu` process on free ports, which a test can kill and start again."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from livekit import api

from tests.browser.server import free_port
from tests.real_server import RealServer

START_S = 30.0
KEY, SECRET = "devkey", "secret"


class SfuServer(RealServer):
    """One server; its addresses stay the same over `kill()` and `start()`."""

    def __init__(self, folder: Path, yaml: str = "") -> None:
        super().__init__(folder, "sfu.log")
        self.port, self.udp_port = free_port(), free_port()
        self._config = folder / "sfu.yaml"
        lines = [f"port: {self.port}", f"rtc: {{udp_port: {self.udp_port}}}", yaml]
        self._config.write_text("\n".join(lines), encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def token(self, identity: str, room: str = "room", **grants: Any) -> str:
        """A token as a back end makes it, with LiveKit's own library."""
        video = api.VideoGrants(**{"room_join": True, "room": room, **grants})
        return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(video).to_jwt()

    async def start(self) -> None:
        """Start the process and wait until it answers.

        Raises: RuntimeError with its log when it ended, or did not answer in time
        """
        plain = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("MOIM_", "LIVEKIT_"))
        }
        program = (sys.executable, "-m", "moim", "sfu", "--dev", "--config", str(self._config))
        async with aiohttp.ClientSession() as http:
            await self._launch(program, plain, lambda: self._answers(http), START_S)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, yaml: str = "") -> "AsyncIterator[SfuServer]":
        """A server that is there until the end, and whose log is clean then."""
        server = cls(folder, yaml)
        await server.start()
        try:
            yield server
        finally:
            await server.kill()
        server.check_log()

    async def stop(self) -> int:
        """Ask it to stop, and give its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        async with asyncio.timeout(START_S):
            return await self._process.wait()

    def check_log(self) -> None:
        """Fail for anything that the server reported as an error, or let slip."""
        said = self.said()
        assert not re.search(r'"level": ?"error"|\[error|Traceback', said), said
        assert "eyJ" not in said, "a token is in the log"

    async def _answers(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(self.url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False
