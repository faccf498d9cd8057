"""The SFU put together: keys, engine, rooms, webhooks, and the application around them."""

import time
from collections.abc import Sequence
from typing import Final

from moim.sfu.app import Asgi, create_app
from moim.sfu.clock import LoopClock
from moim.sfu.config import SfuConfig
from moim.sfu.hub import Hub
from moim.sfu.media_engine import MediaEngine
from moim.sfu.ports import Relays, no_relays
from moim.sfu.tokens import Keys
from moim.sfu.webhooks import Webhooks
from moim.sfu.world import World


class Sfu:
    """Made inside a running loop; `app` is to be served, and `close` to be awaited."""

    def __init__(
        self,
        config: SfuConfig,
        *,
        bind: Sequence[tuple[str, int]],
        advertise: Sequence[str] = (),
        tcp: Sequence[tuple[str, int]] = (),
        threads: int = 1,
        relays: Relays = no_relays,
    ) -> None:
        """tcp: where clients without UDP may connect; port 0 is the number of the UDP port
        relays: TURN servers for a participant's sid, beside those of the configuration

        Raises: EngineMissing, OSError for an address that cannot be bound"""
        keys = Keys(config.keys, time.time)
        self._engine: Final = MediaEngine(bind=bind, advertise=advertise, tcp=tcp, threads=threads)
        self._webhooks: Final = Webhooks(config.webhook, keys)
        world = World(config, self._engine.port, LoopClock(), self._webhooks, keys, relays=relays)
        self.hub: Final = Hub(world)
        self.app: Final[Asgi] = create_app(self.hub, config)
        self._engine.start(self.hub.handle)

    @property
    def candidates(self) -> list[tuple[str, int]]:
        """The addresses that clients are told to send media to."""
        return self._engine.candidates

    @property
    def tcp_candidates(self) -> list[tuple[str, int]]:
        """The addresses that clients without UDP are told to connect to."""
        return self._engine.tcp_candidates

    async def close(self) -> None:
        """End all rooms, deliver what webhooks wait, stop the engine."""
        self.hub.close()
        await self._webhooks.close()
        self._engine.close()
