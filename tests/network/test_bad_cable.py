"""Packets through a real bad cable: between two machines, by the kernel and this process."""

import socket
import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.network.bad_cable import BadCable
from tests.network.impairment import PERFECT, Conditions
from tests.network.namespaces import Namespace
from tests.network.world import World
from tests.programs import need, need_namespaces

pytestmark = pytest.mark.network

ADDRESSES = ("192.168.9.1", "192.168.9.2")
PORT = 7000
PATIENCE_S = 5


@pytest.fixture
def ends() -> Iterator[tuple[Namespace, Namespace]]:
    need_namespaces()
    need("ip")
    with World() as world:
        yield world.machine("a"), world.machine("b")


def joined(ends: tuple[Namespace, Namespace], conditions: Conditions, seed: int = 1) -> BadCable:
    return BadCable(ends[0], "eth0", ends[1], "eth0", conditions, seed=seed)


def sockets(ends: tuple[Namespace, Namespace]) -> list[socket.socket]:
    """A UDP socket on each machine."""

    def bound(address: str) -> socket.socket:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((address, PORT))
        one.settimeout(PATIENCE_S)
        return one

    made = []
    for machine, address in zip(ends, ADDRESSES, strict=True):
        machine.ip("addr", "add", f"{address}/24", "dev", "eth0")
        made.append(machine.inside(partial(bound, address)))
    return made


def send(there: socket.socket, back: socket.socket, count: int) -> list[int]:
    """Numbers that arrive of those that are sent, until the last one, which is sent until then."""
    for number in range(count):
        there.sendto(number.to_bytes(4), (ADDRESSES[1], PORT))
    arrived: list[int] = []
    back.settimeout(0.2)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            number = int.from_bytes(back.recv(100))
        except TimeoutError:
            there.sendto(count.to_bytes(4), (ADDRESSES[1], PORT))
            continue
        if number == count:
            return arrived
        arrived.append(number)
    raise AssertionError(f"nothing came any more after {len(arrived)}")


def test_a_perfect_cable_carries_all_in_order(ends: tuple[Namespace, Namespace]) -> None:
    with joined(ends, PERFECT):
        a, b = sockets(ends)
        with a, b:
            assert send(a, b, 100) == list(range(100))
            assert a.getsockname() == (ADDRESSES[0], PORT)


def test_a_bad_one_loses_what_its_dice_say(ends: tuple[Namespace, Namespace]) -> None:
    with joined(ends, Conditions(loss=0.3), seed=5) as cable:
        a, b = sockets(ends)
        with a, b:
            arrived = send(a, b, 200)
    # Each line had packets of the kernel's own (neighbour discovery) beside ours.
    assert 90 < len(arrived) < 180
    assert cable.there.lost >= 200 - len(arrived)


def test_it_can_get_better_while_it_is_in_use(ends: tuple[Namespace, Namespace]) -> None:
    with joined(ends, Conditions(loss=0.99)) as cable:
        a, b = sockets(ends)
        with a, b:
            cable.become(PERFECT, seed=1)
            assert send(a, b, 50) == list(range(50))


def test_delay_is_there_in_both_directions(ends: tuple[Namespace, Namespace]) -> None:
    with joined(ends, Conditions(delay_ms=60)):
        a, b = sockets(ends)
        with a, b:
            began = time.monotonic()
            a.sendto(b"there", (ADDRESSES[1], PORT))
            _, address = b.recvfrom(100)
            b.sendto(b"back", address)
            a.recv(100)
            assert time.monotonic() - began >= 0.12
