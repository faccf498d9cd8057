"""The networks that a call must work in, and the way that it takes in each."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.network.namespaces import Namespace
from tests.network.routers import Kind
from tests.network.world import World


class Way(StrEnum):
    """How picture and sound travel, as somebody's own browser sees it."""

    NEAR = "direct, one network"
    DIRECT = "direct"
    RELAY_UDP = "TURN/UDP"
    RELAY_TCP = "TURN/TCP"
    RELAY_TLS = "TURN/TLS"
    THEIR_RELAY = "the other's TURN"


TURN: Final = {Way.RELAY_UDP: "udp", Way.RELAY_TCP: "tcp", Way.RELAY_TLS: "tls"}

MESSAGES: Final = {
    Way.NEAR: "path_direct",
    Way.DIRECT: "path_internet",
    Way.RELAY_UDP: "path_relay_udp",
    Way.RELAY_TCP: "path_relay_tcp",
    Way.RELAY_TLS: "path_relay_tls",
    Way.THEIR_RELAY: "path_relay",
}
"""The message of the connection panel for each."""

Places = Callable[[World], tuple[Namespace, Namespace]]


@dataclass(frozen=True, slots=True)
class Network:
    """Two places for people, and the way between them."""

    name: str
    way: Way
    places: Places
    ipv6: bool = False
    turn: tuple[Way, ...] = tuple(TURN)
    """How the relay may be reached, as far as moim tells."""

    def allows(self, ways: set[Way]) -> bool:
        """Whether these are what the two ends may see: one relay between them is enough."""
        if self.way in TURN:
            return self.way in ways and ways <= {self.way, Way.THEIR_RELAY}
        return ways == {self.way}


def _two(one: Kind, other: Kind) -> Places:
    def places(world: World) -> tuple[Namespace, Namespace]:
        return world.person(world.home(one)), world.person(world.home(other))

    return places


def _one_lan(world: World) -> tuple[Namespace, Namespace]:
    home = world.home(Kind.SYMMETRIC)
    return world.person(home, 2), world.person(home, 3)


def _same_addresses(world: World) -> tuple[Namespace, Namespace]:
    homes = [world.home(Kind.PORT_RESTRICTED, "192.168.0") for _ in range(2)]
    return world.person(homes[0]), world.person(homes[1])


NETWORKS: Final = (
    Network("one LAN", Way.NEAR, _one_lan),
    Network("two LANs with the same addresses", Way.DIRECT, _same_addresses),
    Network("full cone", Way.DIRECT, _two(Kind.FULL_CONE, Kind.FULL_CONE)),
    Network("restricted cone", Way.DIRECT, _two(Kind.RESTRICTED, Kind.RESTRICTED)),
    Network("port-restricted cone", Way.DIRECT, _two(Kind.PORT_RESTRICTED, Kind.PORT_RESTRICTED)),
    Network("symmetric and full cone", Way.DIRECT, _two(Kind.SYMMETRIC, Kind.FULL_CONE)),
    Network(
        "symmetric and port-restricted",
        Way.RELAY_UDP,
        _two(Kind.SYMMETRIC, Kind.PORT_RESTRICTED),
    ),
    Network("symmetric", Way.RELAY_UDP, _two(Kind.SYMMETRIC, Kind.SYMMETRIC)),
    # Over TCP or TLS is a race where both are offered: a browser takes what is there first.
    Network(
        "UDP blocked",
        Way.RELAY_TCP,
        _two(Kind.UDP_BLOCKED, Kind.UDP_BLOCKED),
        turn=(Way.RELAY_UDP, Way.RELAY_TCP),
    ),
    Network("only TCP 443", Way.RELAY_TLS, _two(Kind.ONLY_443, Kind.ONLY_443)),
    Network("IPv6 only", Way.DIRECT, _two(Kind.IPV6_ONLY, Kind.IPV6_ONLY), ipv6=True),
)
