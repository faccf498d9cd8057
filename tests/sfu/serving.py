"""The application served over real sockets in this process, its engine a fake."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from moim.listening import listen
from moim.sfu.app import create_app
from moim.sfu.clock import LoopClock
from moim.sfu.config import read_config
from moim.sfu.hub import Hub
from moim.sfu.tokens import Claims, Keys, VideoGrant
from moim.sfu.world import World
from moim.sfu_server import uvicorn_config
from tests.sfu.fakes import KEY, FakeEngine, FakeHooks


@dataclass
class Served:
    url: str
    hub: Hub
    engine: FakeEngine
    hooks: FakeHooks
    keys: Keys

    def token(self, identity: str = "ann", lifetime_s: float = 600, **grant: Any) -> str:
        made = VideoGrant(**{"room_join": True, "room": "room", **grant})
        return self.keys.sign(Claims(identity=identity, video=made), lifetime_s, key=KEY)

    def flush(self) -> None:
        while self.engine.events:
            self.hub.handle(self.engine.events.pop(0))


@asynccontextmanager
async def served(yaml: str = "") -> AsyncIterator[Served]:
    """Serve until the block ends."""
    config, _ = read_config(yaml, {}, dev=True)
    engine, hooks, keys = FakeEngine(), FakeHooks(), Keys(config.keys, time.time)
    hub = Hub(World(config, engine, LoopClock(), hooks, keys))
    listeners = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn_config(create_app(hub, config)))
    task = asyncio.create_task(server._serve(listeners.tcp))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{listeners.port}{config.path}"
        yield Served(url, hub, engine, hooks, keys)
    finally:
        hub.close()
        server.should_exit = True
        await task
        listeners.close()
