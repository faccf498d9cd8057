"""A served moim with one room, and clients for people in it."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from moim.app import create_app
from moim.http.identity import Identities
from moim.meeting.ids import Identity
from moim.settings import Settings, signing_key
from tests.laid_out import lay_out_file
from tests.signalling.server import DOORS, Client, serving

MINA, JUN, SORA = Identity("u_mina"), Identity("u_jun"), Identity("u_sora")


@dataclass
class Site:
    """A served app, the room of Mina in it, and everybody who is connected."""

    app: FastAPI
    base: str
    slug: str
    identities: Identities
    make: Any
    clients: list[Client] = field(default_factory=list)

    async def connect(self, who: Identity, door: str | None = None, **changes: Any) -> Client:
        """A connection of somebody. Raises: RefusedConnection."""
        client: Client = DOORS[door]() if door else self.make()
        headers = changes.pop("headers", None)
        auth = {"room": self.slug, "token": self.identities.token(who), **changes}
        await client.connect(self.base, auth, headers)
        self.clients.append(client)
        return client

    async def seated(self, who: Identity, door: str | None = None) -> tuple[Client, dict[str, Any]]:
        """Somebody who has joined, and the answer they got."""
        client = await self.connect(who, door)
        said = await client.ask("participant.join", {"name": who[2:], "tab": f"tab-of-{who}"})
        assert said["ok"], said
        return client, said


@pytest.fixture(params=list(DOORS))
def make_client(request: pytest.FixtureRequest) -> Any:
    """Each kind of client in turn."""
    return DOORS[request.param]


def quick(tmp_path: Path, **changes: Any) -> Settings:
    """Settings for a test."""
    usual = {"sfu": False, "commands_burst": 30, "commands_per_s": 1}
    return Settings(data_dir=tmp_path, **{**usual, **changes})


@pytest.fixture
async def site(tmp_path: Path, make_client: Any) -> AsyncIterator[Site]:
    """A served app, for each kind of client."""
    async with opened(quick(tmp_path), make_client) as one:
        yield one


class opened:  # noqa: N801 - reads as a function
    """`async with opened(settings, make) as site`."""

    def __init__(self, settings: Settings, make: Any) -> None:
        self._settings = settings
        self._make = make

    async def __aenter__(self) -> Site:
        await lay_out_file(self._settings.data_dir / "moim.db")
        app = create_app(self._settings)
        self._serving = serving(app)
        base = await self._serving.__aenter__()
        made = await app.state.rooms.create(MINA, "Friday tea", listed=True)
        identities = Identities(signing_key(self._settings))
        self._site = Site(app, base, made.slug, identities, self._make)
        return self._site

    async def __aexit__(self, *error: object) -> None:
        for client in self._site.clients:
            with suppress(Exception):
                await client.close()
        await self._serving.__aexit__(None, None, None)
