"""What waits in the server for one browser, or from it, has a bound."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from engineio.async_socket import AsyncSocket
from socketio import packet

from moim.meeting.errors import ErrorCode
from moim.settings import Settings
from moim.signalling.engine import Engine, EngineLimits
from moim.signalling.packets import refused_name, strict_packets
from moim.signalling.rates import Places

MIB = 1024 * 1024


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """With one open transport, `slow`, that nothing takes packets from."""
    engine = Engine(EngineLimits({"/": MIB}, connections_per_address=2))
    assert await connect(engine, "slow", "127.0.0.1") is None
    yield engine
    await engine.stop()


async def connect(engine: Engine, name: str, host: str) -> Any:
    """As the library does it for a transport of that address."""
    engine.server.eio.sockets[name] = AsyncSocket(engine.server.eio, name)
    environ = {"asgi.scope": {"type": "http", "client": (host, 4000)}}
    answer = await engine._connected(name, environ)
    if answer is False:
        del engine.server.eio.sockets[name]
    return answer


def waiting(engine: Engine) -> list[Any]:
    socket = engine.server.eio.sockets.get("slow")
    return [one.data for one in socket.queue._queue if one is not None] if socket else []


async def answer(engine: Engine, size: int) -> None:
    said = packet.Packet(packet.ACK, data=["x" * size], id=1)
    await engine.server._send_packet("slow", said)


async def test_answers_to_who_does_not_read_them_fill_no_memory(engine: Engine) -> None:
    for _ in range(7):
        await answer(engine, MIB)
    assert len(waiting(engine)) == 7
    for _ in range(20):
        await answer(engine, MIB)
        assert sum(map(len, filter(None, waiting(engine)))) < 9 * MIB
    await engine.hang_up_all()
    assert not engine.alive("slow")


async def test_one_answer_that_is_larger_than_the_bound_arrives(engine: Engine) -> None:
    await answer(engine, 20 * MIB)
    assert len(waiting(engine)) == 1
    assert engine.alive("slow")


async def test_a_dead_socket_is_found_long_before_its_seat_is_given_away(engine: Engine) -> None:
    library = engine.server.eio
    assert library.ping_interval == 5
    assert (
        library.ping_interval + library.ping_timeout <= Settings.model_fields["grace_s"].default / 2
    )


async def test_one_address_leaves_a_limited_number_of_transports_open(engine: Engine) -> None:
    for number in range(4):
        assert await connect(engine, f"t{number}", f"2001:db8::{number}") is None
    assert await connect(engine, "t4", "2001:db8::4") is False
    assert await connect(engine, "t5", "192.0.2.5") is None
    await engine._disconnected("t0", "gone")
    await engine._disconnected("t0", "gone")
    assert await connect(engine, "t6", "2001:db8::6") is None
    assert await connect(engine, "t7", "2001:db8::7") is False


def test_connections_of_one_customer_count_together() -> None:
    places = Places(1)
    assert places.take("2001:db8::1")
    assert not places.take("2001:db8::2")
    assert places.take("2001:db8:0:1::2")
    places.give_back("2001:db8::1")
    assert places.take("2001:db8::2")


def test_attachments_count_for_the_size_of_their_packet() -> None:
    kind = strict_packets({"/apps": 1000})
    event = kind(encoded_packet='53-/apps,["move",{"_placeholder":true,"num":0}]')
    assert not event.add_attachment(b"x" * 600)
    assert not event.add_attachment(b"x" * 600)
    assert event.add_attachment(b"x" * 10_000_000)
    assert event.data == [refused_name(ErrorCode.FRAME_TOO_LARGE)]
    assert sum(map(len, event.attachments)) <= 1000


def test_attachments_within_the_size_are_put_where_they_belong() -> None:
    kind = strict_packets({"/apps": 1000})
    event = kind(encoded_packet='51-/apps,["move",{"_placeholder":true,"num":0}]')
    assert event.add_attachment(b"x" * 600)
    assert event.data == ["move", b"x" * 600]
