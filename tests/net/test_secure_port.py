"""One port for HTTPS and HTTP, on each event loop that moim runs on."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from moim import secure_port
from moim.lan import LanHost, ensure_certificates, server_context
from moim.listening import listen
from moim.secure_port import redirect
from moim.serve import uvicorn_config
from moim.settings import load_settings

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop]
try:
    import uvloop
except ImportError:  # Windows
    pass
else:
    LOOPS.append(uvloop.new_event_loop)


@dataclass
class Door:
    """An open port and a client's TLS context that trusts it."""

    port: int
    trusting: ssl.SSLContext
    server: uvicorn.Server
    left_open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def knock(self, first_bytes: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(first_bytes)
        self.left_open.append(writer)

    async def ask(self, request: bytes, *, tls: bool) -> bytes:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.trusting if tls else None
        )
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return answer


async def scheme_and_size(scope: dict[str, Any], receive: Any, send: Any) -> None:
    size = 0
    more = True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = f"{scope['scheme']} {size}".encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def at_the_door(
    loop: Callable[[], asyncio.AbstractEventLoop],
    folder: Path,
    visit: Callable[[Door], Awaitable[None]],
    **chosen: Any,
) -> None:
    made = ensure_certificates(folder, LanHost("kitchen", ()), datetime.now(UTC))

    async def main() -> None:
        context = server_context(made.server)
        settings = load_settings(data_dir=folder, **chosen)
        config = uvicorn_config(settings, scheme_and_size, lambda: context)
        config.lifespan = "off"
        server = uvicorn.Server(config)
        listeners = listen("127.0.0.1", 0)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(listeners.tcp)
        door = Door(listeners.port, ssl.create_default_context(cafile=str(made.ca)), server)
        try:
            await visit(door)
        finally:
            await asyncio.wait_for(server.shutdown(listeners.tcp), 5)
            for writer in door.left_open:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


GET = b"GET /x HTTP/1.1\r\nHost: kitchen.local:3000\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("loop", LOOPS)
def test_both_kinds_are_served_to_this_machine(
    loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    async def visit(door: Door) -> None:
        assert (await door.ask(GET, tls=True)).endswith(b"https 0")
        assert (await door.ask(GET, tls=False)).endswith(b"http 0")
        body = bytes(300_000)
        post = GET.replace(b"GET", b"POST").replace(
            b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert (await door.ask(post + body, tls=True)).endswith(b"https 300000")
        assert (await door.ask(post + body, tls=False)).endswith(b"http 300000")

    at_the_door(loop, tmp_path, visit)


@pytest.mark.parametrize("loop", LOOPS)
def test_plain_http_from_elsewhere_is_sent_to_https(
    loop: Callable[[], asyncio.AbstractEventLoop],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(secure_port._SecurePort, "_from_this_machine", lambda _: False)

    async def visit(door: Door) -> None:
        answer = await door.ask(GET, tls=False)
        assert answer.startswith(b"HTTP/1.1 307 ")
        assert b"\r\nLocation: https://kitchen.local:3000/x\r\n" in answer
        assert (await door.ask(GET, tls=True)).endswith(b"https 0")

    at_the_door(loop, tmp_path, visit)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_does_not_trust_or_finish_leaves_nothing_behind(
    loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    async def visit(door: Door) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(
                "127.0.0.1", door.port, ssl=ssl.create_default_context(), server_hostname="kitchen"
            )
        assert b"HTTP" not in await door.ask(b"\x16\x03\x01\x00\x05hello", tls=False)
        # These say nothing, or stop in the middle: a stop of the server must not wait for them.
        await door.knock(b"")
        await door.knock(b"\x16\x03\x01\x02\x00")
        assert (await door.ask(GET, tls=True)).endswith(b"https 0")

    at_the_door(loop, tmp_path, visit)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_says_nothing_is_not_waited_for_for_ever(
    loop: Callable[[], asyncio.AbstractEventLoop],
    tmp_path: Path,
) -> None:
    async def visit(door: Door) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert not door.server.server_state.connections

    at_the_door(loop, tmp_path, visit, head_timeout_s=0.05)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil/../\r\n\r\n",
        b"\x00\xff" * 5000,
    ],
)
def test_a_request_without_a_clear_address_is_refused(head: bytes) -> None:
    assert redirect(head).startswith(b"HTTP/1.1 400 ")
    assert b"Location" not in redirect(head)


def test_a_path_cannot_write_a_header() -> None:
    head = b"GET /a%0d%0aX:1?b=c HTTP/1.1\r\nhost:\t[fd00::1]:3000\r\n\r\n"
    assert b"\r\nLocation: https://[fd00::1]:3000/a%0d%0aX:1?b=c\r\n" in redirect(head)
