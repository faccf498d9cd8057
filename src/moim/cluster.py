"""What a server needs to be one of several: a name, the bus, the neighbourhood, the mini-apps' bus.

It is imported where `MOIM_REDIS_URL` is set; otherwise a room asks `moim.live.alone`, and the
packages of `moim[cluster]` need not be there.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from moim.live.neighbourhood import Neighbourhood
from moim.live.placing import OwnRooms, Placing
from moim.live.redis_bus import RedisBus
from moim.live.registry import Registry
from moim.signalling.app_bus import AppBus
from moim.signalling.sticky import Sticky
from moim.storage.database import Database
from moim.storage.nodes import Nodes
from moim.storage.places import Places

NAME_BYTES = 9


@dataclass
class Cluster:
    """One server's part of a deployment of several."""

    me: str
    bus: RedisBus
    apps: AppBus
    sticky: Sticky = field(init=False)
    neighbourhood: Neighbourhood | None = None
    placing: Placing | None = None
    """Where each SFU room lives; None where the servers share a LiveKit, or have no SFU."""

    def __post_init__(self) -> None:
        self.sticky = Sticky(self.me, self._others, self.bus.tell_servers)

    @classmethod
    def of(cls, redis_url: str) -> "Cluster":
        """A server with a new name: what the one before it left is that one's."""
        me = "n_" + secrets.token_urlsafe(NAME_BYTES)
        return cls(me, RedisBus(redis_url, me), AppBus(redis_url))

    def join(self, database: Database) -> Neighbourhood:
        """Who holds which seat, by that database."""
        self.neighbourhood = Neighbourhood(Nodes(database, self.me))
        return self.neighbourhood

    def place(self, database: Database, sfu: OwnRooms, url: str, api_url: str) -> Placing:
        """Rooms of this server's own SFU, among those of the others; `url` is where browsers
        reach it: a path that the proxy leads here, with an address of its own before it if any."""
        self.placing = Placing(Places(database, self.me), sfu, url, api_url)
        return self.placing

    def sfu_addresses(self) -> tuple[str, ...]:
        """Where pages reach servers past the proxy, as far as it is known at this moment."""
        return self.placing.addresses if self.placing else ()

    def _others(self) -> frozenset[str]:
        return self.neighbourhood.others if self.neighbourhood else frozenset()

    @asynccontextmanager
    async def running(
        self, registry: Registry, refuse_misled: Callable[[str], None]
    ) -> AsyncIterator[None]:
        """Hear the others, and be heard, for as long as the block lasts."""
        assert self.neighbourhood is not None  # noqa: S101 - `join` made it
        self.bus.start(registry.hear, refuse_misled)
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self.neighbourhood.watching(registry))
                if self.placing is not None:

                    async def follow(slug: str, epoch: int) -> None:
                        (await registry.find(slug)).planes.relocate(epoch)

                    await stack.enter_async_context(self.placing.watching(follow))
                yield
        finally:
            await self.bus.stop()
