"""A laptop with an echoing server, and the other end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moim.tunnel.server.program import TunnelServer
from tests.tunnel.world import Laptop, answering, echo, tunnel_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TunnelServer]:
    async with tunnel_server(tmp_path / "server") as server:
        yield server


@pytest.fixture
async def laptop(tmp_path: Path) -> AsyncIterator[Laptop]:
    async with answering(echo) as local:
        yield Laptop(tmp_path / "laptop", local)
