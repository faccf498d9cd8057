"""LiveKit's own server as a process, where it was built: `make test` does so where Go is."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from livekit import api

from tests.browser.server import free_port
from tests.real_server import RealServer
from tools.bootstrap.bench import find_peer

KEY, SECRET = "livekit", "a-secret-of-more-than-thirty-two-letters"
START_S = 30.0


class LiveKitServer(RealServer):
    """One server on the loopback; its addresses stay the same over `kill()` and `start()`.

    `webhook` is told what happens. Skips the test where there is no such program.
    """

    def __init__(self, folder: Path, webhook: str | None = None) -> None:
        super().__init__(folder, "livekit.log")
        program = find_peer()
        if program is None:
            pytest.skip("LiveKit's server is not here: `make test` builds it where Go is")
        self.port = free_port()
        config = folder / "livekit.yaml"
        lines = [
            f"port: {self.port}",
            "bind_addresses: [127.0.0.1]",
            f"keys: {{{KEY}: {SECRET}}}",
            "rtc:",
            f"  udp_port: {free_port()}",
            "  tcp_port: 0",
            "  node_ip: 127.0.0.1",
            "  use_external_ip: false",
            "  enable_loopback_candidate: true",
            "  ips: {includes: [127.0.0.1/32]}",
            "logging: {level: error}",
        ]
        if webhook is not None:
            lines.append(f"webhook: {{api_key: {KEY}, urls: ['{webhook}']}}")
        config.write_text("\n".join(lines), encoding="utf-8")
        self._command = (str(program), "--config", str(config))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, identity: str, room: str = "room", **grants: Any) -> str:
        """A token as a back end makes it, with LiveKit's own library."""
        video = api.VideoGrants(**{"room_join": True, "room": room, **grants})
        made = api.AccessToken(KEY, SECRET).with_identity(identity).with_name(identity.title())
        return made.with_grants(video).to_jwt()

    async def start(self) -> None:
        """Start the process and wait until it answers.

        Raises: RuntimeError with its log when it ended, or did not answer in time
        """
        env = {name: value for name, value in os.environ.items() if "LIVEKIT" not in name}
        async with httpx.AsyncClient() as http:
            await self._launch(self._command, env, lambda: self._answers(http), START_S)

    async def _answers(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(self.url)).is_success
        except httpx.TransportError:
            return False
