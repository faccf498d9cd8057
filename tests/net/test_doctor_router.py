"""The doctor's look at the router: real sockets, servers that see what a router would show them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from moim.doctor import BAD, NOTE, OK, Finding, router
from moim.listening import listen_udp
from moim.media import stun
from moim.media.stun_message import (
    BINDING_SUCCESS,
    OTHER_ADDRESS,
    XOR_MAPPED_ADDRESS,
    attribute,
    encode,
    parse,
    xored,
)
from moim.settings import load_settings

Place = tuple[str, int]
OUTSIDE = ip_address("198.51.100.7")


class Behind(asyncio.DatagramProtocol):
    """A STUN server that a router stands in front of: it sees the face that the router shows."""

    def __init__(self, face: int, other: Place | None) -> None:
        self._face = face
        self._other = other
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Place) -> None:
        asked = parse(data)
        told = [attribute(XOR_MAPPED_ADDRESS, xored(OUTSIDE, self._face, asked.transaction_id))]
        if self._other is not None:
            host, port = self._other
            plain = b"\x00\x01" + port.to_bytes(2) + ip_address(host).packed
            told.append(attribute(OTHER_ADDRESS, plain))
        self._transport.sendto(encode(BINDING_SUCCESS, asked.transaction_id, *told), addr)


@asynccontextmanager
async def behind(face: int, other: Place | None = None) -> AsyncIterator[Place]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Behind(face, other), local_addr=("127.0.0.1", 0), family=socket.AF_INET
    )
    try:
        host, port = transport.get_extra_info("sockname")
        yield host, port
    finally:
        transport.close()


async def found(*servers: Place) -> list[Finding]:
    return [finding async for finding in router.network(list(servers))]


async def test_one_face_for_two_servers_is_good_for_direct_calls() -> None:
    async with behind(6000) as one, behind(6000) as two:
        (finding,) = await found(one, two)
    assert finding.level == OK
    assert "198.51.100.7:6000 outside" in finding.words
    assert "works well for direct calls" in finding.words


async def test_another_face_for_each_server_needs_a_relay() -> None:
    async with behind(6000) as one, behind(6001) as two:
        (finding,) = await found(one, two)
    assert finding.level == NOTE
    assert "198.51.100.7:6001 for another server" in finding.words
    assert "needs a relay" in finding.words


@pytest.mark.parametrize(("face", "words"), [(6000, "works well"), (6001, "needs a relay")])
async def test_a_server_with_a_second_address_is_asked_there_too(face: int, words: str) -> None:
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(behind(face))
        first = await stack.enter_async_context(behind(6000, second))
        (finding,) = await found(first)
    assert words in finding.words


async def test_one_server_alone_shows_the_address_and_not_the_kind() -> None:
    async with behind(6000) as one:
        (finding,) = await found(one)
    assert finding.level == OK
    assert "a second STUN server would show" in finding.words


async def test_a_silent_server_is_a_fault_with_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "PATIENCE_S", 0.05)
    (nobody,) = listen_udp("127.0.0.1", 0)
    with nobody:
        port = nobody.getsockname()[1]
        (finding,) = await found(("127.0.0.1", port))
    assert finding.level == BAD
    assert f"UDP port {port}" in finding.words
    assert "MOIM_STUN_URLS" in finding.words


async def test_the_second_port_answers_is_free_or_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "PATIENCE_S", 0.2)
    sockets = listen_udp("localhost", 0)
    port = sockets[0].getsockname()[1]
    assert (await router.second_port(port)).level == BAD
    server = stun.StunServer()
    await server.start(sockets)
    try:
        finding = await router.second_port(port)
        assert (finding.level, finding.words) == (OK, f"answers on UDP port {port}")
    finally:
        server.stop()
    await asyncio.sleep(0)
    assert "free" in (await router.second_port(port)).words


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"stun_urls": ("own", "stun:stun.example.org")}, [("stun.example.org", 3478)]),
        ({"stun_urls": ("stun:[2001:db8::1]:99",)}, [("2001:db8::1", 99)]),
        ({"stun_urls": ("stuns:stun.example.org",)}, []),
        (
            {
                "stun_urls": ("stun:turn.example.org",),
                "turn_urls": (
                    "turn:turn.example.org",
                    "turn:turn.example.org?transport=tcp",
                    "turns:turn.example.org",
                    "turn:other.example.org:5000?transport=udp",
                ),
                "turn_secret": "x" * 32,
            },
            [("turn.example.org", 3478), ("other.example.org", 5000)],
        ),
    ],
)
def test_the_servers_of_the_settings_are_asked_once_each(
    tmp_path: Path, changes: dict[str, Any], expected: list[Place]
) -> None:
    ask: Callable[[Any], list[Place]] = router._servers
    assert ask(load_settings(data_dir=tmp_path, **changes)) == expected
