"""Somebody goes to another network in the middle of a call: how long until all is back?

The clock starts when the new network carries packets: a laptop that is still asking for an address
is nobody's fault here. What arrives is counted in both pages, before and after, by packets and by
decoded frames and sound.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.browser.person import Person, until
from tests.browser.troubles import SERVER_AWAY
from tests.network.calls import Ground
from tests.network.namespaces import Namespace, cable
from tests.network.routers import LAN, Kind
from tests.network.servers import PORT
from tests.network.world import SERVER, SWITCH, Home, World, public4

BACK_S: Final = 60
SAME_NETWORK: Final = "192.168.0"
SAME_MAC: Final = "02:00:00:00:00:01"
# A browser says so of what its old network had under way.
MOVED: Final = (
    *SERVER_AWAY,
    r"net::ERR_(NETWORK_CHANGED|INTERNET_DISCONNECTED|ADDRESS_UNREACHABLE|TIMED_OUT)",
    r"net::ERR_(CONNECTION_TIMED_OUT|NETWORK_IO_SUSPENDED|NAME_NOT_RESOLVED)",
)

# Twenty times a second: what arrived so far. Counters of a connection that was made anew begin at
# nothing, so the growth is summed up.
_COUNT = """
() => {
  const before = new Map(), total = { video: 0, frames: 0, audio: 0, energy: 0 };
  window.arrivals = [];
  const grow = (name, key, value) => {
    const last = before.get(name + key) ?? 0;
    before.set(name + key, value);
    total[name] += value >= last ? value - last : value;
  };
  const look = async () => {
    const at_ms = Date.now();
    for (const [index, peer] of window.testPeers.entries()) {
      if (peer.connectionState === "closed") continue;
      for (const entry of (await peer.getStats()).values()) {
        if (entry.type !== "inbound-rtp") continue;
        const key = `${index}/${entry.ssrc}`;
        grow(entry.kind, key, entry.packetsReceived ?? 0);
        if (entry.kind === "video") grow("frames", key, entry.framesDecoded ?? 0);
        else grow("energy", key, entry.totalAudioEnergy ?? 0);
      }
    }
    window.arrivals.push({ at_ms, ...total });
    setTimeout(look, 50);
  };
  void look();
}
"""


@dataclass(frozen=True, slots=True)
class Back:
    """How long after the new network was there, in ms, for each page and each sense."""

    ms: dict[str, float]

    @property
    def all_ms(self) -> float:
        """Until everybody saw and heard again."""
        return max(self.ms.values())


async def count_arrivals(person: Person) -> None:
    """Begin to count what arrives in a page."""
    await person.page.evaluate(_COUNT)


async def back_after(people: dict[str, Person], since_ms: float) -> Back:
    """Wait until everybody sees and hears something that came after a moment (Unix ms).

    Raises:
        AssertionError: somebody does not within a minute.
    """
    found: dict[str, float] = {}

    async def all_back() -> bool:
        for name, person in people.items():
            samples: list[dict[str, float]] = await person.page.evaluate("() => window.arrivals")
            for sense, packets, decoded in (
                ("sees", "video", "frames"),
                ("hears", "audio", "energy"),
            ):
                at_ms = _first(samples, since_ms, packets, decoded)
                if at_ms is not None:
                    found[f"{name} {sense}"] = at_ms - since_ms
        return len(found) == 2 * len(people)

    await until(all_back, f"sound and picture to come back (there: {found})", BACK_S)
    return Back(found)


def _first(
    samples: Sequence[dict[str, float]], since_ms: float, packets: str, decoded: str
) -> float | None:
    """When something was decoded that came in new packets, or None when it was not yet."""
    later = [sample for sample in samples if sample["at_ms"] >= since_ms]
    arrived = [sample for sample in later if sample[packets] > later[0][packets]]
    for sample in arrived:
        if sample[decoded] > arrived[0][decoded]:
            return sample["at_ms"]
    return None


@dataclass
class Traveller:
    """Somebody whose machine goes to a home that is new to them, again and again."""

    world: World
    kind: Kind
    machine: Namespace

    async def move(self, gap_s: float = 0) -> float:
        """Unplug it and plug it in elsewhere; gives when packets flow there, in Unix ms."""
        self.machine.ip("link", "delete", "eth0")
        home = self.world.home(self.kind)
        await asyncio.sleep(gap_s)
        home.plug_in(self.machine, 2)
        return await _flow(self.machine)


@dataclass
class Stayer:
    """Somebody whose router is exchanged: their own machine sees no change at all, and only finds
    that nothing comes any more."""

    world: World
    kind: Kind
    machine: Namespace
    switch: Namespace

    async def move(self, gap_s: float = 0) -> float:
        """Exchange the router for another with the same address inside, and no memory."""
        self.switch.ip("link", "delete", "outer")
        home = alike(self.world, self.kind)
        await asyncio.sleep(gap_s)
        uplink(self.switch, home)
        return await _flow(self.machine)


def alike(world: World, kind: Kind) -> Home:
    """A home whose router looks like all others of this kind from inside."""
    home = world.home(kind, SAME_NETWORK)
    home.router.ip("link", "set", LAN, "address", SAME_MAC)
    return home


def uplink(switch: Namespace, home: Home) -> None:
    """Join a switch to a home's router."""
    cable(switch, "outer", home.router, "p2")
    switch.ip("link", "set", "outer", "master", LAN)
    home.router.ip("link", "set", "p2", "master", LAN)


async def _flow(machine: Namespace) -> float:
    """When the server can be reached from a machine, in Unix ms."""

    def connect() -> bool:
        try:
            socket.create_connection((public4(SERVER), PORT), 1).close()
        except OSError:
            return False
        return True

    async def flows() -> bool:
        return await asyncio.to_thread(machine.inside, connect)

    await until(flows, "the new network", BACK_S)
    return time.time() * 1000


@dataclass
class Journey:
    """A call whose second person changes their network."""

    mina: Person
    jun: Person
    way: Traveller | Stayer

    async def go(self, gap_s: float = 0) -> Back:
        """Change once, and wait until both see and hear again."""
        since_ms = await self.way.move(gap_s)
        return await back_after({"Mina": self.mina, "Jun": self.jun}, since_ms)


async def travel(here: Ground, kind: Kind) -> Journey:
    """Mina stays at home, and Jun's machine moves."""
    machine = here.world.person(here.world.home(kind))
    return await _journey(here, kind, Traveller(here.world, kind, machine))


async def stay(here: Ground, kind: Kind) -> Journey:
    """Mina stays at home, and Jun too, with another router."""
    switch, machine = here.world.machine("switch"), here.world.machine("person2")
    switch.sysctl(*SWITCH)
    switch.ip("link", "add", LAN, "type", "bridge")
    switch.ip("link", "set", LAN, "up")
    cable(machine, "eth0", switch, "inner")
    switch.ip("link", "set", "inner", "master", LAN)
    home = alike(here.world, kind)
    uplink(switch, home)
    home.address(machine, 2)
    return await _journey(here, kind, Stayer(here.world, kind, machine, switch))


async def _journey(here: Ground, kind: Kind, way: Traveller | Stayer) -> Journey:
    at_home = here.world.person(here.world.home(kind))
    mina, jun = await here.two_in_a_call(at_home, way.machine)
    for party in here.guests.parties:
        party.troubles.allow(*MOVED)
    for person in (mina, jun):
        await person.sees()
        await person.hears()
        await count_arrivals(person)
    return Journey(mina, jun, way)
