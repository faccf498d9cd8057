"""Two servers in this process, on one PostgreSQL and one Redis, with a room of Mina's."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from moim.app import create_app
from moim.http.identity import Identities
from moim.meeting.ids import Identity
from moim.settings import Settings, signing_key
from tests.postgres import Postgres
from tests.redis_server import RedisServer
from tests.signalling.server import DOORS, Client, serving
from tests.storage.conftest import emptied

MINA, JUN, SORA = Identity("u_mina"), Identity("u_jun"), Identity("u_sora")
GRACE_S = 3


@dataclass
class Pair:
    """Two servers, one deployment."""

    apps: list[Any]
    bases: list[str]
    slug: str
    identities: Identities
    stack: AsyncExitStack

    async def connect(self, server: int, who: Identity, door: str = "plain-websocket") -> Client:
        """A connection of somebody to one of the servers."""
        client = DOORS[door]()
        auth = {"room": self.slug, "token": self.identities.token(who)}
        await client.connect(self.bases[server], auth)
        self.stack.push_async_callback(_gone, client)
        return client

    async def seated(
        self, server: int, who: Identity, door: str = "plain-websocket", **fields: Any
    ) -> tuple[Client, dict[str, Any]]:
        """Somebody who has asked for the seat there, and the answer."""
        client = await self.connect(server, who, door)
        asked = {"name": who[2:], "tab": f"tab-of-{who}", **fields}
        return client, await client.ask("participant.join", asked)


async def _gone(client: Client) -> None:
    with suppress(Exception):  # the server may have closed it
        await client.close()


def settings_of(folder: Path, postgres: Postgres, redis: RedisServer, **changes: Any) -> Settings:
    """Those of each server of a deployment."""
    return Settings(
        data_dir=folder,
        database_url=postgres.url(),
        redis_url=redis.url,
        secret=SecretStr("the same on all servers of a deployment"),
        grace_s=GRACE_S,
        stun=False,
        **changes,
    )


@pytest.fixture
async def pair(
    tmp_path: Path, postgres: Postgres, redis_server: RedisServer
) -> AsyncIterator[Pair]:
    """Both up, and the room there."""
    settings = settings_of(tmp_path, postgres, redis_server)
    await emptied(postgres.url())
    async with AsyncExitStack() as stack:
        apps = [create_app(settings) for _ in range(2)]
        bases = [await stack.enter_async_context(serving(app)) for app in apps]
        made = await apps[0].state.rooms.create(MINA, "Friday tea", listed=True)
        clients = await stack.enter_async_context(AsyncExitStack())
        yield Pair(apps, bases, made.slug, Identities(signing_key(settings)), clients)
