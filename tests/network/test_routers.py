"""Each kind of router treats datagrams as its name says: asked with sockets, without a browser."""

import socket
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import pytest

from tests.network.namespaces import Namespace
from tests.network.routers import Kind
from tests.network.world import RELAY, SERVER, World, public4
from tests.programs import need, need_namespaces

pytestmark = pytest.mark.network

PORTS = (5001, 5002)
INSIDE_PORT = 6000
SILENCE_S = 0.3
PATIENCE_S = 5

Address = tuple[str, int]


def bound(address: str, port: int) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((address, port))
    one.settimeout(PATIENCE_S)
    return one


def udp(machine: Namespace, address: str, port: int) -> socket.socket:
    return machine.inside(partial(bound, address, port))


def heard(by: socket.socket) -> bool:
    """Whether a datagram is there soon."""
    by.settimeout(SILENCE_S)
    try:
        by.recv(100)
    except TimeoutError:
        return False
    return True


class Outside(NamedTuple):
    """Sockets on the internet: two ports of one machine, and one of another."""

    first: socket.socket
    other_port: socket.socket
    other_machine: socket.socket


@pytest.fixture
def world() -> Iterator[World]:
    need_namespaces()
    need("ip")
    need("nft")
    with World() as made:
        yield made


@pytest.fixture
def outside(world: World) -> Iterator[Outside]:
    found = Outside(
        udp(world.server, public4(SERVER), PORTS[0]),
        udp(world.server, public4(SERVER), PORTS[1]),
        udp(world.relay, public4(RELAY), PORTS[0]),
    )
    yield found
    for one in found:
        one.close()


def person(world: World, kind: Kind) -> socket.socket:
    home = world.home(kind)
    return udp(world.person(home), f"{home.network}.2", INSIDE_PORT)


def seen_as(person: socket.socket, by: socket.socket) -> Address:
    """The public address that somebody outside sees."""
    person.sendto(b"hello", by.getsockname())
    _, address = by.recvfrom(100)
    found: Address = address
    return found


@pytest.mark.parametrize(
    ("kind", "port", "machine"),
    [
        (Kind.FULL_CONE, True, True),
        (Kind.RESTRICTED, True, False),
        (Kind.PORT_RESTRICTED, False, False),
        (Kind.SYMMETRIC, False, False),
    ],
)
def test_who_may_answer(
    world: World, outside: Outside, kind: Kind, port: bool, machine: bool
) -> None:
    with person(world, kind) as inside:
        place = seen_as(inside, outside.first)
        outside.first.sendto(b"answer", place)
        assert heard(inside)
        outside.other_port.sendto(b"not asked", place)
        assert heard(inside) is port
        outside.other_machine.sendto(b"not asked", place)
        assert heard(inside) is machine


@pytest.mark.parametrize(
    ("kind", "same"),
    [
        (Kind.FULL_CONE, True),
        (Kind.RESTRICTED, True),
        (Kind.PORT_RESTRICTED, True),
        (Kind.SYMMETRIC, False),
    ],
)
def test_whether_one_is_seen_under_one_port_by_all(
    world: World, outside: Outside, kind: Kind, same: bool
) -> None:
    with person(world, kind) as inside:
        places = {seen_as(inside, one) for one in outside}
    assert len(places) == (1 if same else 3)


def test_where_udp_is_blocked_nothing_of_it_comes_through(world: World, outside: Outside) -> None:
    for kind in (Kind.UDP_BLOCKED, Kind.ONLY_443):
        with person(world, kind) as inside:
            inside.sendto(b"hello", outside.first.getsockname())
            assert not heard(outside.first)


@pytest.mark.parametrize(
    ("kind", "port", "passes"),
    [(Kind.UDP_BLOCKED, 3478, True), (Kind.ONLY_443, 3478, False), (Kind.ONLY_443, 443, True)],
)
def test_which_tcp_passes(world: World, kind: Kind, port: int, passes: bool) -> None:
    machine = world.person(world.home(kind))
    place = (public4(SERVER), port)

    def reached() -> bool:
        try:
            socket.create_connection(place, PATIENCE_S if passes else SILENCE_S).close()
        except TimeoutError:
            return False
        return True

    with world.server.inside(partial(socket.create_server, place)):
        assert machine.inside(reached) is passes
