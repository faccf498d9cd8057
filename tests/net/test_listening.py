"""Listening: one number on every address, and a taken port gets a sentence with a way out."""

import asyncio
import errno
import socket

import pytest

from moim.listening import ListenError, Listeners, free_port_near, listen, listen_udp, places_of


def numbers(listeners: Listeners) -> set[int]:
    return {one.getsockname()[1] for one in (*listeners.tcp, *listeners.udp)}


def test_localhost_is_both_loopbacks_under_one_number() -> None:
    listeners = listen("localhost", 0)
    try:
        listeners.udp = listen_udp("localhost", listeners.port)
        assert numbers(listeners) == {listeners.port}
        assert listeners.tcp[0].getsockname()[0] == "127.0.0.1"
        with socket.create_connection(("127.0.0.1", listeners.port), 5):
            pass
    finally:
        listeners.close()


def test_a_busy_port_is_named_with_a_free_one() -> None:
    listeners = listen("localhost", 0)
    try:
        with pytest.raises(ListenError, match=f"Port {listeners.port} is used.*--port") as refusal:
            listen("localhost", listeners.port)
        assert refusal.value.code == "port_busy"
        with pytest.raises(ListenError, match="is used by another program"):
            listen("0.0.0.0", listeners.port)
    finally:
        listeners.close()


def test_a_port_that_is_busy_on_ipv6_alone_is_busy() -> None:
    try:
        other = listen("::1", 0)
    except ListenError:
        pytest.skip("no IPv6 on this machine")
    try:
        with pytest.raises(ListenError, match="is used"):
            listen("localhost", other.port)
    finally:
        other.close()


def test_a_stopped_server_leaves_its_port_at_once() -> None:
    first = listen("localhost", 0)
    with socket.create_connection(("127.0.0.1", first.port), 5):
        accepted, _ = first.tcp[0].accept()
        accepted.close()
        first.close()
    listen("localhost", first.port).close()


def test_the_suggested_port_can_be_had() -> None:
    port = free_port_near(20_000)
    assert port is not None
    listen("localhost", port).close()


@pytest.mark.parametrize("host", ["nobody.invalid", "203.0.113.99"])
def test_an_address_that_is_not_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(ListenError) as refusal:
        listen(host, 0)
    assert refusal.value.code == "address_unknown"


def test_a_system_without_ipv6_serves_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def without_ipv6(family: int = -1, kind: int = -1, *rest: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, kind, *rest)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    listeners = listen("localhost", 0)
    assert [one.family for one in listeners.tcp] == [socket.AF_INET]
    listeners.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "*"])
def test_everywhere_is_both_families(host: str) -> None:
    assert [address for _, address in places_of(host)] == ["0.0.0.0", "::"]


async def test_an_answer_in_two_parts_waits_for_nobody() -> None:
    """asyncio turns Nagle's algorithm off for sockets that say that they are TCP."""
    listeners = listen("127.0.0.1", 0)
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def met(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one = writer.get_extra_info("socket")
        accepted.set_result(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(met, sock=listeners.tcp[0]):
        reader, writer = await asyncio.open_connection("127.0.0.1", listeners.port)
        await reader.read()
        writer.close()
        assert accepted.result()
    listeners.close()
