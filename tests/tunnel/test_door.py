"""moim behind its tunnel: what strangers say is dropped, what is true is put in its place."""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from moim.app import create_app
from moim.media.ways import Ways
from moim.settings import Settings
from moim.tunnel.client.door import SOMEBODY, TunnelDoor

TUNNEL_PORT, OWN_PORT = 45_678, 3000
VISITORS = {50_001: "198.51.100.7", 50_002: "localhost", 50_003: "127.0.0.1", 50_004: "2001:db8::7"}


async def through(
    door: TunnelDoor,
    headers: Mapping[str, str] | None = None,
    port: int = TUNNEL_PORT,
    source: int = 50_001,
) -> Scope:
    """The scope that the app sees of a request."""
    seen: list[Scope] = []
    door._app = _Seeing(seen)
    named = {"host": "localhost:45678", **(headers or {})}
    await door(_scope(port, source, named), _never, _never_sent)
    return seen[0]


class _Seeing:
    def __init__(self, seen: list[Scope]) -> None:
        self._seen = seen

    async def __call__(self, scope: Scope, *_: Receive | Send) -> None:
        self._seen.append(scope)


async def _never() -> Any:
    raise AssertionError


async def _never_sent(_message: Any) -> None:
    raise AssertionError


def _scope(port: int, source: int, headers: Mapping[str, str]) -> Scope:
    return {
        "type": "http",
        "scheme": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "server": ("127.0.0.1", port),
        "client": ("127.0.0.1", source),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


def make_door(header: str | None = None, root_path: str = "") -> TunnelDoor:
    return TunnelDoor(
        _Seeing([]), port=TUNNEL_PORT, visitors=VISITORS, visitor_header=header, root_path=root_path
    )


async def test_a_visitor_is_who_the_tunnel_says_and_nothing_forged_arrives() -> None:
    door = make_door()
    door.opened("https://mina.tunnels.test")
    forged = {
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "evil.test",
        "x-forwarded-port": "1",
        "x-real-ip": "203.0.113.9",
        "forwarded": "for=203.0.113.9",
        "cf-connecting-ip": "203.0.113.9",
    }
    scope = await through(door, {**forged, "cookie": "a=b"})
    assert scope["client"] == ("198.51.100.7", 0)
    assert scope["scheme"] == "https"
    assert sorted(scope["headers"]) == [(b"cookie", b"a=b"), (b"host", b"mina.tunnels.test")]


@pytest.mark.parametrize(
    ("header", "source", "given", "client"),
    [
        (None, 50_002, {}, SOMEBODY),
        (None, 50_003, {}, SOMEBODY),
        (None, 59_999, {}, SOMEBODY),
        (None, 50_004, {}, "2001:db8::7"),
        # An unknown provider's headers are a stranger's.
        (None, 50_002, {"x-forwarded-for": "203.0.113.9"}, SOMEBODY),
        ("x-forwarded-for", 50_002, {"x-forwarded-for": "10.0.0.1, 203.0.113.9"}, "203.0.113.9"),
        ("x-forwarded-for", 50_002, {"x-forwarded-for": "nonsense"}, SOMEBODY),
        ("cf-connecting-ip", 50_002, {"cf-connecting-ip": "203.0.113.9"}, "203.0.113.9"),
        ("cf-connecting-ip", 50_001, {"x-forwarded-for": "203.0.113.9"}, "198.51.100.7"),
    ],
)
async def test_whom_a_visitor_counts_as(
    header: str | None, source: int, given: dict[str, str], client: str
) -> None:
    door = make_door(header)
    door.opened("https://mina.tunnels.test")
    assert (await through(door, given, source=source))["client"] == (client, 0)


async def test_a_path_of_the_other_end_is_where_moim_lives() -> None:
    door = make_door(root_path="/meet")
    assert door.opened("https://tunnels.test/mina/") == "https://tunnels.test/mina"
    scope = await through(door)
    assert scope["root_path"] == "/mina"
    assert (b"host", b"tunnels.test") in scope["headers"]
    assert door.opened("https://mina.tunnels.test") == "https://mina.tunnels.test/meet"
    assert "root_path" not in await through(door)


async def test_readers_on_this_machine_keep_their_own_address() -> None:
    door = make_door()
    door.opened("https://mina.tunnels.test")
    forged = await through(door, {"x-forwarded-for": "203.0.113.9"}, port=OWN_PORT)
    assert forged["client"] == ("127.0.0.1", 50_001)
    assert forged["scheme"] == "http"
    assert (b"x-forwarded-for", b"203.0.113.9") in forged["headers"]  # a proxy in front may say so


class Reader:
    """A browser at a running app, behind a door; through the tunnel or on this machine."""

    def __init__(self, app: Any, port: int, base: str) -> None:
        async def placed(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "scheme": "http", "server": ("127.0.0.1", port)}, receive, send)

        transport = httpx.ASGITransport(placed, client=("127.0.0.1", 50_001))
        self.web = httpx.AsyncClient(transport=transport, base_url=base, follow_redirects=True)
        self.base = base

    async def make_room(self) -> httpx.Response:
        page = await self.web.get("/")
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found is not None
        form = {"csrf": found[1], "name": "Tea", "visibility": "unlisted"}
        return await self.web.post("/rooms", data=form, headers={"origin": self.base})


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[TunnelDoor]:
    app = create_app(Settings(data_dir=tmp_path), ways=Ways(stun=("stun:stun.tunnels.test:3478",)))
    async with app.router.lifespan_context(app):
        door = make_door()
        door._app = app
        door.opened("https://mina.tunnels.test")
        yield door


async def test_a_stranger_makes_a_room_over_https(door: TunnelDoor) -> None:
    stranger = Reader(door, TUNNEL_PORT, "https://mina.tunnels.test")
    made = await stranger.make_room()
    assert made.status_code == 200
    assert "https://mina.tunnels.test/r/" in made.text
    cookies = [value for one in made.history for value in one.headers.get_list("set-cookie")]
    assert cookies
    assert all("secure" in one.lower() for one in cookies)
    assert "stun:stun.tunnels.test:3478" in made.text
    assert "wss://mina.tunnels.test" in made.headers["content-security-policy"]


async def test_a_page_of_elsewhere_may_not_post_through_the_tunnel(door: TunnelDoor) -> None:
    stranger = Reader(door, TUNNEL_PORT, "https://mina.tunnels.test")
    stranger.base = "https://evil.test"
    assert (await stranger.make_room()).status_code == 403


async def test_the_links_that_are_copied_on_this_machine_are_the_public_ones(
    door: TunnelDoor,
) -> None:
    local = Reader(door, OWN_PORT, "http://localhost:3000")
    made = await local.make_room()
    assert made.status_code == 200
    assert str(made.url).startswith("http://localhost:3000/r/")
    assert "https://mina.tunnels.test/r/" in made.text
    assert "https://mina.tunnels.test/h/" in made.text
    assert "http://localhost:3000/r/" not in made.text


def test_a_request_without_a_tunnel_has_links_of_its_own() -> None:
    from moim.http.links import Links

    connection = HTTPConnection(_scope(OWN_PORT, 1, {"host": "localhost:3000"}))
    assert Links.of(connection).guest("tea") == "http://localhost:3000/r/tea"
