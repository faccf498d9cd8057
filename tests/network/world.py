"""A small internet on one machine: servers with public addresses, homes behind routers.

    internet ─┬─ server   moim (pages, sockets and STUN, all on port 443)
              ├─ relay    coturn
              ├─ router ── lan ── people of one home
              └─ router ── lan ── people of another

The public addresses look like anybody's, because a relay refuses those of documentation and of
private networks; no packet to them ever leaves the namespaces.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, Self

from tests.network.bad_cable import BadCable
from tests.network.impairment import PERFECT
from tests.network.namespaces import Namespace, cable
from tests.network.routers import LAN, WAN, Kind, rules

SERVER: Final = 2
RELAY: Final = 3
FIRST_ROUTER: Final = 11

HOME_NETWORK: Final = "192.168.{}"
_FORWARD: Final = ("net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1")
# What stays in one network passes no router's rules.
SWITCH: Final = tuple(f"net/bridge/bridge-nf-call-{one}=0" for one in ("iptables", "ip6tables"))
_GATEWAY: Final = ("20.0.0.1", "fe80::1")


def public4(number: int) -> str:
    """The IPv4 address of a machine on the internet."""
    return f"20.0.0.{number}"


def public6(number: int) -> str:
    """The IPv6 address of a machine on the internet."""
    return f"2600:1::{number}"


@dataclass
class Home:
    """A router and the network behind it."""

    router: Namespace
    kind: Kind
    network: str
    """The first three numbers of its IPv4 addresses."""
    number: int

    def plug_in(self, machine: Namespace, last: int) -> None:
        """Join a machine to this home, with the address that ends in `last`."""
        cable(machine, "eth0", self.router, f"p{last}")
        self.connect(machine, last)

    def connect(self, machine: Namespace, last: int) -> None:
        """Let a machine in whose cable is there: `eth0` at its end, `p<last>` at the router's."""
        self.router.ip("link", "set", f"p{last}", "master", LAN)
        self.address(machine, last)

    def address(self, machine: Namespace, last: int) -> None:
        """Give a machine that is plugged in its address and its way out."""
        if self.kind is Kind.IPV6_ONLY:
            machine.ip("addr", "add", f"2600:1:{self.number}::{last}/64", "dev", "eth0", "nodad")
            machine.ip("route", "add", "default", "via", "fe80::1", "dev", "eth0")
        else:
            machine.ip("addr", "add", f"{self.network}.{last}/24", "dev", "eth0")
            machine.ip("route", "add", "default", "via", f"{self.network}.1")

    def become(self, kind: Kind) -> None:
        """Let the router treat its people otherwise from now on."""
        self.router.nft(rules(kind, f"{self.network}.2"))


@dataclass
class World:
    """Everything of one test; leaving it takes all away."""

    _stack: ExitStack = field(default_factory=ExitStack)
    _homes: int = 0

    def __enter__(self) -> Self:
        self.internet = self.machine("internet")
        self.internet.sysctl(*_FORWARD)
        self.server = self._public("server", SERVER)
        self.relay = self._public("relay", RELAY)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def machine(self, role: str) -> Namespace:
        """A machine that is joined to nothing yet."""
        namespace = Namespace(role)
        self._stack.callback(namespace.close)
        return namespace

    def home(self, kind: Kind, network: str | None = None) -> Home:
        """A home with a network of its own, unless another one's is named (`192.168.1`)."""
        number = FIRST_ROUTER + self._homes
        self._homes += 1
        router = self._public("router", number)
        router.sysctl(*_FORWARD)
        self.internet.ip("route", "add", f"2600:1:{number}::/64", "via", public6(number))
        router.ip("link", "add", LAN, "type", "bridge")
        router.sysctl(*SWITCH)
        router.ip("link", "set", LAN, "up")
        home = Home(router, kind, network or f"192.168.{number}", number)
        router.ip("addr", "add", f"{home.network}.1/24", "dev", LAN)
        router.ip("addr", "add", "fe80::1/64", "dev", LAN, "nodad")
        router.ip("route", "add", f"2600:1:{number}::/64", "dev", LAN)
        home.become(kind)
        return home

    def person(self, home: Home, last: int = 2) -> Namespace:
        """A machine in a home, for somebody's browser."""
        machine = self.machine(f"person{last}")
        home.plug_in(machine, last)
        return machine

    def person_on_bad_cable(
        self, home: Home, seed: int, last: int = 2
    ) -> tuple[Namespace, BadCable]:
        """The same with a cable that is perfect until it is told to become otherwise."""
        machine = self.machine(f"person{last}")
        bad = BadCable(machine, "eth0", home.router, f"p{last}", PERFECT, seed=seed)
        self._stack.enter_context(bad)
        home.connect(machine, last)
        return machine, bad

    def _public(self, role: str, number: int) -> Namespace:
        machine = self.machine(role)
        link = f"to{number}"
        cable(machine, WAN, self.internet, link)
        gateway4, gateway6 = _GATEWAY
        self.internet.ip("addr", "add", f"{gateway4}/32", "dev", link)
        self.internet.ip("addr", "add", f"{gateway6}/64", "dev", link, "nodad")
        self.internet.ip("route", "add", f"{public4(number)}/32", "dev", link)
        self.internet.ip("route", "add", f"{public6(number)}/128", "dev", link)
        machine.ip("addr", "add", f"{public4(number)}/32", "dev", WAN)
        machine.ip("addr", "add", f"{public6(number)}/128", "dev", WAN, "nodad")
        machine.ip("route", "add", "default", "via", gateway4, "dev", WAN, "onlink")
        machine.ip("route", "add", "default", "via", gateway6, "dev", WAN)
        return machine
