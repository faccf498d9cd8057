"""A moim in a process of its own, behind a tunnel server in the test's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from moim.tunnel.client.own_key import own_key
from moim.tunnel.server.program import TunnelServer
from tests.browser.server import MoimServer
from tests.tunnel.world import HOST, public, until


@asynccontextmanager
async def tunnelled(folder: Path, server: TunnelServer, **more: str) -> AsyncIterator[MoimServer]:
    """A moim whose tunnel stands."""
    moim = MoimServer(
        folder,
        {
            "MOIM_TUNNEL": f"mina@{HOST}:{server.ssh_port}",
            "MOIM_TUNNEL_HOST_KEY": server.fingerprint,
            **more,
        },
    )
    server.users.add("mina", public(own_key(folder / "data" / "tunnel")))
    await moim.start()
    try:
        await until(lambda: server.tunnels.find("mina") is not None)
        await until(lambda: "Whoever has the link" in moim.said())
        yield moim
    finally:
        await moim.kill()
