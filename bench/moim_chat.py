"""moim as `moim` serves it, with one room for the crowd of `bench.chat`."""

import asyncio
import json
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from moim.app import create_app
from moim.http.identity import Identities
from moim.meeting.ids import Identity
from moim.serve import uvicorn_config
from moim.settings import Settings, signing_key

PEOPLE = 2000


def config_of(folder: Path, port: int, secret: str) -> uvicorn.Config:
    """What uvicorn serves; once it is up, a line of JSON says the port, the room and tokens."""
    settings = Settings(
        data_dir=folder,
        secret=SecretStr(secret),
        max_participants=500,
        connections_per_address=10_000,
        commands_burst=10_000,
        commands_per_s=10_000,
        address_commands_burst=1_000_000,
        stun=False,
        sfu=False,
    )
    app = create_app(settings)
    identities = Identities(signing_key(settings))

    async def announced() -> None:
        made = await app.state.rooms.create(Identity("u_0"), "Crowd", listed=False)
        tokens = [identities.token(Identity(f"u_{n}")) for n in range(PEOPLE)]
        print(json.dumps({"port": port, "slug": made.slug, "tokens": tokens}), flush=True)

    tasks: list[asyncio.Task[None]] = []

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return

        async def when_up(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                tasks.append(asyncio.create_task(announced()))

        await app(scope, receive, when_up)

    return uvicorn_config(settings, around)
