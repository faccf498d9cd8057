"""The front door: whose request it is, what of it is passed on, and what is not let in."""

import asyncio
import ssl
import time
from pathlib import Path

import httpx
import pytest
import websockets

from moim.tunnel.server.limits import Limits
from moim.tunnel.server.program import TunnelServer
from moim.tunnel.streams import LINGER_S, WINDOW_BYTES
from tests.tunnel.world import (
    DEADLINE_S,
    HOST,
    Laptop,
    answering,
    browser,
    host_of,
    tunnel_server,
    until,
)

MINA = b"host: mina.tunnels.test\r\n"


async def say(server: TunnelServer, said: bytes) -> bytes:
    """Everything that the door answers to some bytes, until it closes."""
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write(said)
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()
    writer.close()
    return answer


async def test_what_a_visitor_says_of_itself_is_not_believed(
    server: TunnelServer, laptop: Laptop
) -> None:
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/admin",
        "X-Real-IP": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "Proxy-Authorization": "Basic x",
        "X-Secret": "1",
        "Connection": "keep-alive, X-Secret",
    }
    async with laptop.at(server) as url, browser(server) as web:
        head = (await web.get("/", headers={**host_of(url), **forged})).text.lower()
    assert "203.0.113.9" not in head
    for gone in ("forwarded:", "x-real-ip", "prefix", "proxy-authorization", "x-secret"):
        assert not [line for line in head.splitlines() if line.startswith(gone)]
    assert f"x-forwarded-for: {HOST}\r\n" in head
    assert "x-forwarded-proto: http\r\n" in head
    assert "x-forwarded-host: mina.tunnels.test\r\n" in head
    assert head.count("\r\nhost:") == 1


async def test_a_proxy_in_front_is_believed_as_far_as_it_is_named(
    tmp_path: Path, laptop: Laptop
) -> None:
    url = "https://tunnels.test"
    async with (
        tunnel_server(tmp_path / "server", url=url, trusted_proxies=(HOST,)) as server,
        laptop.at(server) as url,
        browser(server) as web,
    ):
        assert url == "https://mina.tunnels.test"
        sent = {"X-Forwarded-For": "192.0.2.1, 198.51.100.7", "X-Forwarded-Proto": "https"}
        head = (await web.get("/", headers={**host_of(url), **sent})).text.lower()
        assert "x-forwarded-for: 198.51.100.7\r\n" in head
        assert list(laptop.local.visitors.values()) == ["198.51.100.7"]
        # Another visitor on the same connection of the proxy has a line of their own.
        sent["X-Forwarded-For"] = "198.51.100.8"
        await web.get("/", headers={**host_of(url), **sent})
        await until(lambda: list(laptop.local.visitors.values()) == ["198.51.100.8"])


async def test_https_is_insisted_on_where_the_address_says_so(
    tmp_path: Path, laptop: Laptop
) -> None:
    async with (
        tunnel_server(tmp_path / "server", url="https://tunnels.test:8443") as server,
        laptop.at(server) as url,
        browser(server) as web,
    ):
        there = await web.get("/r/tea?a=1", headers=host_of(url))
        assert there.status_code == 308
        assert there.headers["location"] == "https://mina.tunnels.test:8443/r/tea?a=1"


async def test_tunnels_under_paths(tmp_path: Path, laptop: Laptop) -> None:
    async with (
        tunnel_server(tmp_path / "server", by_path=True) as server,
        laptop.at(server) as url,
        browser(server) as web,
    ):
        assert url == "http://tunnels.test/mina"
        head = (await web.get("/mina/r/tea?a=1")).text
        assert head.startswith("GET /r/tea?a=1 HTTP/1.1\r\n")
        assert "x-forwarded-prefix: /mina\r\n" in head
        with_slash = await web.get("/mina?a=1")
        assert (with_slash.status_code, with_slash.headers["location"]) == (308, "/mina/?a=1")
        for other in ("/", "/minax/", "/%6dina/"):
            assert (await web.get(other)).status_code == 404


async def test_nobody_else_can_be_reached_through_the_door(
    server: TunnelServer, laptop: Laptop
) -> None:
    async with laptop.at(server):
        for said in (
            b"GET / HTTP/1.1\r\nhost: tunnels.test\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: a.mina.tunnels.test\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: mina.tunnels.test.evil.test\r\n\r\n",
            b"GET http://mina.tunnels.test/ HTTP/1.1\r\n" + MINA + b"\r\n",
            b"CONNECT mina.tunnels.test:80 HTTP/1.1\r\n" + MINA + b"\r\n",
        ):
            assert (await say(server, said)).startswith(b"HTTP/1.1 404 "), said


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + MINA + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + MINA + b"transfer-encoding: gzip, chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + MINA + b"a: b\r\n c\x00: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET  /\r\n\r\n",
    ],
)
async def test_what_is_no_clear_request_is_refused_before_any_tunnel(
    server: TunnelServer, laptop: Laptop, said: bytes
) -> None:
    async with laptop.at(server):
        answer = await say(server, said)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), answer[:80]
        assert laptop.local.visitors == {}


async def test_one_request_is_not_smuggled_in_another(server: TunnelServer, laptop: Laptop) -> None:
    inner = b"GET /admin HTTP/1.1\r\nhost: x\r\n\r\n"
    smuggled = b"".join(
        [
            b"POST /a HTTP/1.1\r\n" + MINA,
            b"content-length: %d\r\ntransfer-encoding: chunked\r\n" % (5 + len(inner)),
            b"connection: close\r\n\r\n",
            b"0\r\n\r\n" + inner,
        ]
    )
    seen: list[bytes] = []

    async def remember(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await reader.read()

    async with answering(remember) as local:
        laptop.local = local
        async with laptop.at(server):
            await say(server, smuggled)
    assert len(seen) == 1
    assert b"content-length" not in seen[0].lower()
    assert b"/admin" not in seen[0]


async def test_a_head_has_a_size_and_a_time(tmp_path: Path, laptop: Laptop) -> None:
    limits = Limits(head_bytes=4096, head_s=0.3)
    async with tunnel_server(tmp_path / "server", limits=limits) as server, laptop.at(server):
        large = b"GET / HTTP/1.1\r\n" + MINA + b"cookie: " + b"a" * 8192 + b"\r\n\r\n"
        assert (await say(server, large)).startswith(b"HTTP/1.1 431 ")
        assert (await say(server, b"GET / HTTP/1.1\r\n")).startswith(b"HTTP/1.1 408 ")
        assert await say(server, b"") == b""


async def test_one_address_and_one_tunnel_have_so_many_connections(
    tmp_path: Path, laptop: Laptop
) -> None:
    limits = Limits(connections_per_address=3, connections_per_tunnel=2)
    async with (
        tunnel_server(tmp_path / "server", limits=limits) as server,
        laptop.at(server) as url,
        browser(server) as first,
        browser(server) as second,
        browser(server) as third,
    ):
        for one in (first, second):
            assert (await one.get("/", headers=host_of(url))).status_code == 200
        full = await third.get("/", headers=host_of(url))
        assert (full.status_code, full.headers["retry-after"]) == (503, "10")
        held = [await asyncio.open_connection(HOST, server.port) for _ in range(2)]
        async with asyncio.timeout(DEADLINE_S):
            assert b"" in [await reader.read() for reader, _ in held[1:]]
        for _, writer in held:
            writer.close()


async def test_a_laptop_whose_server_is_down_gets_a_sentence(
    server: TunnelServer, laptop: Laptop
) -> None:
    laptop.local.port = 1  # nobody listens there
    async with laptop.at(server) as url, browser(server) as web:
        page = await web.get("/", headers=host_of(url))
        assert page.status_code == 502
        assert 'lang="ko"' in page.text


async def test_a_reader_who_does_not_read_stops_the_sender_and_fills_no_memory(
    server: TunnelServer, laptop: Laptop
) -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"a" * 65_536)
            await writer.drain()
            sent += 65_536

    async with answering(pour) as local:
        laptop.local = local
        async with laptop.at(server):
            _, writer = await asyncio.open_connection(HOST, server.port, limit=1024)
            writer.write(b"GET / HTTP/1.1\r\n" + MINA + b"\r\n")
            before = -1
            async with asyncio.timeout(DEADLINE_S):
                while sent != before or not sent:
                    before = sent
                    await asyncio.sleep(0.5)
            # Three sockets have buffers of the system's, of up to 10 MB; ours are some windows.
            assert sent < 40 * WINDOW_BYTES + 30 * 10**6
            writer.transport.abort()
            await until(lambda: not laptop.local.visitors)


async def test_a_server_that_does_not_read_stops_the_visitor(
    server: TunnelServer, laptop: Laptop
) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(DEADLINE_S)

    async with answering(deaf) as local:
        laptop.local = local
        async with laptop.at(server):
            _, writer = await asyncio.open_connection(HOST, server.port)
            writer.write(b"POST / HTTP/1.1\r\n" + MINA + b"content-length: 1000000000\r\n\r\n")
            sent = 0

            async def push() -> None:
                nonlocal sent
                while sent < 10**9:
                    writer.write(b"a" * 65_536)
                    await asyncio.wait_for(writer.drain(), 2)
                    sent += 65_536

            with pytest.raises(TimeoutError):
                await push()
            assert sent < 40 * WINDOW_BYTES + 30 * 10**6
            writer.transport.abort()


async def test_a_tunnel_is_slowed_down_to_its_rate(tmp_path: Path, laptop: Laptop) -> None:
    rate = 200_000
    async with (
        tunnel_server(tmp_path / "server", limits=Limits(bytes_per_s=rate)) as server,
        laptop.at(server) as url,
        browser(server) as web,
    ):
        began = time.monotonic()
        await web.post("/", content=b"a" * rate, headers=host_of(url))  # and back again
        # Twice the rate, less the second that is free at the beginning.
        assert time.monotonic() - began > 0.8


async def test_a_visitor_who_goes_frees_the_place_at_once(
    server: TunnelServer, laptop: Laptop
) -> None:
    async def think(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        await reader.read()  # until the other side closes

    async with answering(think) as local:
        laptop.local = local
        async with laptop.at(server):
            _, writer = await asyncio.open_connection(HOST, server.port)
            writer.write(b"GET / HTTP/1.1\r\n" + MINA + b"\r\n")
            await until(lambda: bool(laptop.local.visitors))
            writer.close()
            await until(lambda: not laptop.local.visitors)
            found = server.tunnels.find("mina")
            await until(lambda: found is not None and found.connections == 0)


async def test_a_websocket_is_held_and_closed_from_both_sides(
    server: TunnelServer, laptop: Laptop
) -> None:
    async def talk(socket: websockets.ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with websockets.serve(talk, HOST, 0, max_size=None) as local:
        laptop.local.port = next(iter(local.sockets)).getsockname()[1]
        async with laptop.at(server):
            async with websockets.connect(
                "ws://mina.tunnels.test/ws",
                host=HOST,
                port=server.port,
                proxy=None,
                max_size=None,
            ) as socket:
                for size in (1, 100_000, 3_000_000):
                    await socket.send(b"a" * size)
                    assert len(await asyncio.wait_for(socket.recv(), DEADLINE_S)) == size
            await until(lambda: not laptop.local.visitors)


async def test_a_refused_websocket_is_a_request_like_others(
    server: TunnelServer, laptop: Laptop
) -> None:
    upgrade = b"GET /ws HTTP/1.1\r\n" + MINA + b"connection: Upgrade\r\nupgrade: websocket\r\n\r\n"
    last = b"GET /after HTTP/1.1\r\n" + MINA + b"connection: close\r\n\r\n"
    async with laptop.at(server):
        answer = await say(server, upgrade + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b"upgrade: websocket\r\n" in answer
    assert b"GET /after HTTP/1.1" in answer


async def test_a_silent_websocket_is_closed_in_the_end(tmp_path: Path, laptop: Laptop) -> None:
    async def listen(socket: websockets.ServerConnection) -> None:
        await socket.wait_closed()

    limits = Limits(quiet_s=0.5)
    async with (
        websockets.serve(listen, HOST, 0, ping_interval=None) as local,
        tunnel_server(tmp_path / "server", limits=limits) as server,
    ):
        laptop.local.port = next(iter(local.sockets)).getsockname()[1]
        async with (
            laptop.at(server),
            websockets.connect(
                "ws://mina.tunnels.test/ws",
                host=HOST,
                port=server.port,
                proxy=None,
                ping_interval=None,
            ) as socket,
        ):
            async with asyncio.timeout(DEADLINE_S):
                await socket.wait_closed()


async def test_a_websocket_over_tls_closes_as_soon_as_its_server_closes(
    tmp_path: Path, laptop: Laptop
) -> None:
    from moim.lan import LanHost, ensure_certificates
    from tests.net.test_lan import NOW

    async def leave(socket: websockets.ServerConnection) -> None:
        await socket.recv()
        socket.transport.close()  # without a word, as a server that is killed

    pem = ensure_certificates(tmp_path / "ca", LanHost("a", ()), NOW).server
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with (
        websockets.serve(leave, HOST, 0) as local,
        tunnel_server(tmp_path / "server", url="https://tunnels.test", cert=pem, key=pem) as server,
    ):
        laptop.local.port = next(iter(local.sockets)).getsockname()[1]
        async with (
            laptop.at(server),
            websockets.connect(
                "wss://mina.tunnels.test/ws",
                host=HOST,
                port=server.port,
                ssl=trusting,
                proxy=None,
            ) as wire,
        ):
            await wire.send("go")
            began = time.monotonic()
            await asyncio.wait_for(wire.wait_closed(), DEADLINE_S)
            assert time.monotonic() - began < LINGER_S / 2


async def test_its_own_certificate_is_read_again_when_it_was_renewed(
    tmp_path: Path, laptop: Laptop
) -> None:
    from moim.lan import LanHost, ensure_certificates
    from tests.net.test_lan import NOW

    made = [
        ensure_certificates(tmp_path / name, LanHost(name, ()), NOW).server for name in ("a", "b")
    ]
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def put(number: int) -> None:
        pem = made[number].read_bytes()
        cert.write_bytes(pem)
        key.write_bytes(pem)

    put(0)
    async with (
        tunnel_server(
            tmp_path / "server", url="https://tunnels.test", cert=cert, key=key
        ) as server,
        laptop.at(server),
    ):
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        async with httpx.AsyncClient(
            base_url=f"https://{HOST}:{server.port}", verify=trusting
        ) as web:
            page = await web.get("/", headers={"host": "mina.tunnels.test"})
            assert "x-forwarded-proto: https\r\n" in page.text
            before = await asyncio.to_thread(ssl.get_server_certificate, (HOST, server.port))
            put(1)

            async def renewed() -> None:
                place = (HOST, server.port)
                while True:
                    if before != await asyncio.to_thread(ssl.get_server_certificate, place):
                        return
                    await asyncio.sleep(0.1)

            await asyncio.wait_for(renewed(), DEADLINE_S)
            # Who was connected still is.
            assert (await web.get("/", headers={"host": "mina.tunnels.test"})).status_code == 200
