"""A real `moim sfu` process on free ports, which a test can kill and start again."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
from livekit import api

from tests.browser.server import free_port

START_S = 30.0
KEY, SECRET = "devkey", "secret"


class SfuServer:
    """One server; its addresses stay the same over `kill()` and `start()`."""

    def __init__(self, folder: Path, yaml: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "sfu.log"
        self._config = folder / "sfu.yaml"
        lines = [f"port: {self.port}", f"rtc: {{udp_port: {free_port()}}}", yaml]
        self._config.write_text("\n".join(lines), encoding="utf-8")
        self._process: asyncio.subprocess.Process | None = None

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
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "moim", "sfu", "--dev", "--config", str(self._config)),
                cwd=self.folder,
                env=plain,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            async with asyncio.timeout(START_S), aiohttp.ClientSession() as http:
                while not await self._answers(http):
                    if self._process.returncode is not None:
                        break
                    await asyncio.sleep(0.03)
        except TimeoutError:
            pass
        else:
            if self._process.returncode is None:
                return
        raise RuntimeError(f"the server did not start:\n{self.said()}")

    async def kill(self) -> None:
        """As if the power had gone."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop, and give its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        async with asyncio.timeout(START_S):
            return await self._process.wait()

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

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
