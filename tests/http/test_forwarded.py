"""Who is asking behind proxies: believed from the right, as far as trust goes, and no further."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from moim.http.forwarded import Forwarded, HeaderFamily, Trusted, forwarded_hops
from tests.signalling.server import Server

Headers = list[tuple[str, str]]
PROXIES = ("10.0.0.0/8", "fd00::/8", "127.0.0.1")


async def seen(
    peer: str | None,
    headers: Headers,
    *,
    trusted: tuple[str, ...] = PROXIES,
    family: HeaderFamily = "x-forwarded",
    kind: str = "http",
) -> tuple[str | None, str]:
    """The address and the scheme that the app sees of a request."""
    got: dict[str, Any] = {}

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        got.update(scope)

    async def nothing(*_: Any) -> Any:
        raise AssertionError("nobody asks")

    scope = {
        "type": kind,
        "scheme": {"http": "http", "websocket": "ws"}[kind],
        "client": None if peer is None else (peer, 5000),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    before = dict(scope)
    await Forwarded(app, trusted, family)(scope, nothing, nothing)
    assert scope == before  # a server may look at it again
    return (got["client"][0] if got["client"] else None), got["scheme"]


FOR, PROTO = "X-Forwarded-For", "X-Forwarded-Proto"


@pytest.mark.parametrize(
    ("peer", "headers", "visitor", "scheme"),
    [
        # One proxy.
        ("10.0.0.2", [(FOR, "198.51.100.7"), (PROTO, "https")], "198.51.100.7", "https"),
        ("fd00::2", [(FOR, "2001:db8::7")], "2001:db8::7", "http"),
        ("::ffff:10.0.0.2", [(FOR, "198.51.100.7")], "198.51.100.7", "http"),
        ("127.0.0.1", [(FOR, "::ffff:198.51.100.7")], "198.51.100.7", "http"),
        ("10.0.0.2", [(FOR, "[2001:db8::7]:4711")], "2001:db8::7", "http"),
        ("10.0.0.2", [(FOR, "198.51.100.7:4711")], "198.51.100.7", "http"),
        ("10.0.0.2", [(PROTO, "https")], "10.0.0.2", "https"),
        ("10.0.0.2", [(PROTO, "WSS")], "10.0.0.2", "https"),
        ("10.0.0.2", [(PROTO, "gopher")], "10.0.0.2", "http"),
        ("10.0.0.2", [], "10.0.0.2", "http"),
        # A visitor who writes the headers before the proxy does.
        ("10.0.0.2", [(FOR, "1.1.1.1, 198.51.100.7"), (PROTO, "http")], "198.51.100.7", "http"),
        ("10.0.0.2", [(FOR, "1.1.1.1"), (FOR, "198.51.100.7")], "198.51.100.7", "http"),
        ("10.0.0.2", [(FOR, "10.0.0.9, 198.51.100.7")], "198.51.100.7", "http"),
        ("10.0.0.2", [(FOR, "1.1.1.1"), (PROTO, "https, http")], "1.1.1.1", "http"),
        # A chain of proxies, each of which adds.
        ("10.0.0.2", [(FOR, "1.1.1.1, 198.51.100.7, 10.0.0.3")], "198.51.100.7", "http"),
        (
            "10.0.0.2",
            [(FOR, "1.1.1.1, 198.51.100.7, 10.0.0.3"), (PROTO, "http, https, http")],
            "198.51.100.7",
            "https",
        ),
        ("10.0.0.2", [(FOR, "198.51.100.7, 203.0.113.9, 10.0.0.3")], "203.0.113.9", "http"),
        ("10.0.0.2", [(FOR, "10.0.0.9, 10.0.0.3")], "10.0.0.9", "http"),
        # What is no address ends the belief: the nearest proxy stands for its visitor.
        ("10.0.0.2", [(FOR, "1.1.1.1, unknown")], "10.0.0.2", "http"),
        ("10.0.0.2", [(FOR, "1.1.1.1, ")], "10.0.0.2", "http"),
        ("10.0.0.2", [(FOR, "1.1.1.1, <script>")], "10.0.0.2", "http"),
        # A peer that nobody trusts is the visitor, whatever it says.
        ("198.51.100.7", [(FOR, "1.1.1.1"), (PROTO, "https")], "198.51.100.7", "http"),
        ("2001:db8::7", [(FOR, "10.0.0.2"), (PROTO, "https")], "2001:db8::7", "http"),
        (None, [(FOR, "1.1.1.1"), (PROTO, "https")], None, "http"),
        # The other family, and the host, are not read.
        ("10.0.0.2", [("Forwarded", "for=1.1.1.1;proto=https")], "10.0.0.2", "http"),
    ],
)
async def test_x_forwarded_is_read_from_the_right(
    peer: str | None, headers: Headers, visitor: str | None, scheme: str
) -> None:
    assert await seen(peer, headers) == (visitor, scheme)


@pytest.mark.parametrize(
    ("value", "visitor", "scheme"),
    [
        ("for=198.51.100.7;proto=https", "198.51.100.7", "https"),
        ('For="[2001:db8::7]:4711"; Proto=https;by=10.0.0.2', "2001:db8::7", "https"),
        ("for=1.1.1.1;proto=https, for=198.51.100.7;proto=http", "198.51.100.7", "http"),
        ("for=198.51.100.7;proto=https, for=10.0.0.3;proto=http", "198.51.100.7", "https"),
        ("for=_hidden;proto=https", "10.0.0.2", "https"),
        ("for=unknown", "10.0.0.2", "http"),
        # Quotes that are never closed must not swallow what the proxy adds after them.
        ('for="1.1.1.1;proto=https, for=198.51.100.7;proto=http', "198.51.100.7", "http"),
        ("for=1.1.1.1;for=2.2.2.2, for=198.51.100.7", "198.51.100.7", "http"),
        ('for="1.1.1.1, 10.0.0.9", for=198.51.100.7', "198.51.100.7", "http"),
        ("nonsense", "10.0.0.2", "http"),
        ("", "10.0.0.2", "http"),
    ],
)
async def test_forwarded_is_read_from_the_right(value: str, visitor: str, scheme: str) -> None:
    headers = [("Forwarded", value), (FOR, "9.9.9.9"), (PROTO, "https")]
    assert await seen("10.0.0.2", headers, family="forwarded") == (visitor, scheme)
    untrusted = ("198.51.100.9", "http")
    assert await seen("198.51.100.9", headers, family="forwarded") == untrusted


async def test_sockets_are_secure_behind_https_too() -> None:
    headers = [(FOR, "198.51.100.7"), (PROTO, "https")]
    assert await seen("10.0.0.2", headers, kind="websocket") == ("198.51.100.7", "wss")
    assert await seen("10.0.0.2", [(PROTO, "wss")], kind="websocket") == ("10.0.0.2", "wss")
    assert await seen("198.51.100.7", headers, kind="websocket") == ("198.51.100.7", "ws")


async def test_a_peer_on_a_unix_socket_is_believed_when_it_is_named() -> None:
    headers = [(FOR, "1.1.1.1, 198.51.100.7"), (PROTO, "https")]
    assert await seen(None, headers) == (None, "http")
    assert await seen("", headers) == ("", "http")
    for peer in (None, ""):
        assert await seen(peer, headers, trusted=("unix",)) == ("198.51.100.7", "https")
    # It is the peer that may be nameless, not an address in the list.
    assert await seen(None, [(FOR, "1.1.1.1, x")], trusted=("unix",)) == (None, "http")


async def test_with_a_star_everybody_is_believed() -> None:
    headers = [(FOR, "198.51.100.7, 203.0.113.9"), (PROTO, "https")]
    assert await seen("203.0.113.1", headers, trusted=("*",)) == ("198.51.100.7", "https")
    assert await seen("10.0.0.2", headers, trusted=()) == ("10.0.0.2", "http")


def test_networks_of_one_kind_do_not_hold_the_other() -> None:
    everything4 = Trusted(["0.0.0.0/0"])
    assert "198.51.100.7" in everything4
    assert "2001:db8::1" not in everything4
    assert "fe80::1%eth0" in Trusted(["fe80::/10"])
    assert "name" not in Trusted(["10.0.0.0/8"])
    assert None not in Trusted(["0.0.0.0/0", "::/0"])


def test_a_very_long_header_is_read_in_reasonable_time() -> None:
    began = time.monotonic()
    for value in ('"' * 60_000, 'for="' + "\\" * 60_000, "a=b;" * 15_000, "," * 60_000):
        forwarded_hops([value])
    assert time.monotonic() - began < 20


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets here")
async def test_behind_a_real_unix_socket_the_proxys_word_counts(tmp_path: Path) -> None:
    async def who(scope: Any, _receive: Any, send: Any) -> None:
        body = f"{scope['client']} {scope['scheme']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def asked(trusted: tuple[str, ...]) -> str:
        path = str(tmp_path / "moim.sock")
        app = Forwarded(who, trusted)
        config = uvicorn.Config(app, uds=path, lifespan="off", log_config=None, proxy_headers=False)
        server = Server(config)
        serving = asyncio.create_task(server._serve())
        try:
            await asyncio.wait_for(server.up.wait(), 20)
            transport = httpx.AsyncHTTPTransport(uds=path)
            async with httpx.AsyncClient(transport=transport) as nginx:
                headers = {FOR: "1.1.1.1, 198.51.100.7", PROTO: "https"}
                return (await nginx.get("http://moim/", headers=headers)).text
        finally:
            server.should_exit = True
            await serving

    assert await asked(("unix",)) == "('198.51.100.7', 0) https"
    assert await asked(("127.0.0.1", "::1")) == "None http"
