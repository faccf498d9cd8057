"""One app from one factory: under a path, behind proxies, twice in a process, inside another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from moim.app import create_app, lifespan
from moim.http.identity import Identities, Person
from moim.meeting.ids import Identity
from moim.settings import Settings, signing_key
from tests.http.forms import send
from tests.signalling.server import (
    Client,
    MakeClient,
    PlainClient,
    SocketIoClient,
    serving,
)

MINA = Identity("u_mina")
CLIENTS: dict[str, MakeClient] = {
    "websocket": lambda: SocketIoClient("websocket"),
    "polling": lambda: SocketIoClient("polling"),
    "plain": PlainClient,
}


class StripsPrefix:
    """A proxy that takes the prefix off, as some do."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            path = scope["path"].removeprefix(self.prefix) or "/"
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(scope, receive, send)


async def works(app: FastAPI, settings: Settings, base: str) -> None:
    """Somebody makes a room on the home page, opens it, and talks to themselves by every door."""
    async with httpx.AsyncClient(follow_redirects=True) as browser:
        home = await browser.get(f"{base}/", headers={"accept": "text/html"})
        assert home.status_code == 200, home.text
        room = await send(browser, home, 0, name="Friday tea", visibility="listed")
        assert room.status_code == 200, room.text
        assert str(room.url).startswith(f"{base}/r/")
        slug = str(room.url).removeprefix(f"{base}/r/").partition("?")[0]
        listed = await browser.get(f"{base}/api/rooms")
        assert "Friday tea" in listed.text
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies.jar)
        for name, make in CLIENTS.items():
            client = make()
            await client.connect(base, {"room": slug}, {"Cookie": cookies})
            assert (await client.inbox.get("hello"))["role"] == "host"
            join = {"name": "Mina", "tab": f"tab-{name}-of-mina", "take_over": True}
            assert (await client.ask("participant.join", join))["ok"]
            assert (await client.ask("chat.send", {"text": "hi"}, f"id-{name}"))["ok"]
            await client.inbox.get("chat.sent")
            await client.close()


async def test_at_the_root(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    app = create_app(settings)
    async with serving(app) as base:
        await works(app, settings, base)


@pytest.mark.parametrize("strips", [True, False], ids=["proxy-strips", "proxy-does-not"])
async def test_under_a_path_whether_the_proxy_strips_it_or_not(
    tmp_path: Path, strips: bool
) -> None:
    settings = Settings(data_dir=tmp_path, root_path="/meet")
    app = create_app(settings)
    async with serving(StripsPrefix(app, "/meet") if strips else app) as base:
        await works(app, settings, f"{base}/meet")


async def test_twice_in_one_process_without_knowing_of_each_other(tmp_path: Path) -> None:
    settings = [Settings(data_dir=tmp_path / name) for name in ("one", "two")]
    apps = [create_app(one) for one in settings]
    async with serving(apps[0]) as first, serving(apps[1]) as second:
        await works(apps[0], settings[0], first)
        await works(apps[1], settings[1], second)
        made = await apps[0].state.rooms.create(MINA, "Only here", listed=True)
        async with httpx.AsyncClient() as browser:
            assert "Only here" in (await browser.get(f"{first}/api/rooms")).text
            assert "Only here" not in (await browser.get(f"{second}/api/rooms")).text
            assert (await browser.get(f"{second}/r/{made.slug}")).status_code == 404


async def test_mounted_in_another_app_which_knows_its_people(tmp_path: Path) -> None:
    async def identify(connection: HTTPConnection) -> Person | None:
        user = connection.headers.get("x-user")
        return Person(user) if user else None

    settings = Settings(data_dir=tmp_path)
    moim = create_app(settings, identify=identify)
    outer = FastAPI(lifespan=lifespan(moim))
    outer.mount("/office/meet", moim)
    person = await Identities(signing_key(settings), identify).identify(
        HTTPConnection({"type": "http", "headers": [(b"x-user", b"mina")]})
    )
    assert person is not None
    async with serving(outer) as base:
        made = await moim.state.rooms.create(person, "Tea", listed=True)
        for make in CLIENTS.values():
            client = make()
            await client.connect(f"{base}/office/meet", {"room": made.slug}, {"X-User": "mina"})
            hello = await client.inbox.get("hello")
            assert (hello["identity"], hello["role"]) == (person, "host")
            await client.close()


async def test_an_app_whose_lifespan_does_not_run_says_what_is_missing(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    with pytest.raises(RuntimeError, match="lifespan"):
        await app.state.rooms.create(MINA, "Tea", listed=True)


@asynccontextmanager
async def seated(settings: Settings) -> AsyncIterator[tuple[FastAPI, str, list[Client]]]:
    """Three people in a room, one by each door."""
    app = create_app(settings)
    async with serving(app) as base:
        made = await app.state.rooms.create(MINA, "Tea", listed=True)
        identities = Identities(signing_key(settings))
        clients: list[Client] = []
        for name, make in CLIENTS.items():
            client = make()
            token = identities.token(Identity(f"u_{name}"))
            await client.connect(base, {"room": made.slug, "token": token})
            join = {"name": name, "tab": f"tab-of-{name}"}
            assert (await client.ask("participant.join", join))["ok"]
            clients.append(client)
        yield app, made.slug, clients
        for client in clients:
            await client.close()


async def test_a_server_with_open_sockets_stops_within_two_seconds(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with seated(Settings(data_dir=tmp_path)) as (_, _, clients):
        began = loop.time()
        stopping = clients
    assert loop.time() - began < 2
    for client in stopping:
        await client.closed()


async def test_a_restarted_server_knows_who_was_in_the_room(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    async with seated(settings) as (_, slug, _):
        pass
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        card = await app.state.rooms.find(slug)
        assert card.people == 3
        assert await app.state.rooms.is_seated(slug, Identity("u_polling"))
