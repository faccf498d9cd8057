"""A call of two people in one of the networks, from nothing to the end."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Playwright

from tests.browser.person import Person, until
from tests.browser.server import Links
from tests.network import certificate
from tests.network.guests import Guests, connect_ms, enter_timed, way_by_panel
from tests.network.namespaces import Namespace
from tests.network.networks import TURN, Network, Way
from tests.network.servers import Coturn, RemoteMoim
from tests.network.world import RELAY, World, public4, public6


@dataclass
class Ground:
    """A world with its two servers running, and a room."""

    world: World
    moim: RemoteMoim
    guests: Guests
    room: Links

    async def two_in_a_call(self, one: Namespace, other: Namespace) -> tuple[Person, Person]:
        """Mina, who waits in the room, and Jun, who comes; their connection is yet to be made."""
        mina, jun = await self.guests.person(one), await self.guests.person(other)
        await mina.enter(self.room.guest, "Mina")
        await enter_timed(jun, self.room.guest, "Jun")
        return mina, jun

    def check_troubles(self) -> None:
        """Raises AssertionError with what a page complained of."""
        for party in self.guests.parties:
            party.troubles.check()


@asynccontextmanager
async def ground(
    playwright: Playwright,
    folder: Path,
    *,
    turn: Sequence[Way] = tuple(TURN),
    ipv6: bool = False,
) -> AsyncIterator[Ground]:
    """Build it, and take all of it away whatever happens."""
    made = certificate.make(folder, public4(RELAY), public6(RELAY))
    with World() as world:
        moim = RemoteMoim(world.server, folder, turn, ipv6)
        coturn = Coturn(world.relay, folder, made)
        guests = Guests(playwright, folder, moim.origin, made.trust)
        try:
            await coturn.start()
            await moim.start()
            yield Ground(world, moim, guests, await moim.create_room())
        finally:
            await guests.close()
            await moim.kill()
            await coturn.stop()


@dataclass(frozen=True, slots=True)
class Result:
    """How a call went in one network."""

    ways: set[Way]
    connect_ms: float


async def try_call(playwright: Playwright, folder: Path, network: Network) -> Result:
    """Two people call each other in a network; both see and hear.

    Raises:
        AssertionError: they do not, or a page complained.
    """
    async with ground(playwright, folder, turn=network.turn, ipv6=network.ipv6) as here:
        people = await here.two_in_a_call(*network.places(here.world))
        for person in people:
            await person.sees()
            await person.hears()
        ways = await _settled(people, network)
        here.check_troubles()
        return Result(ways, await connect_ms(people[1]))


async def _settled(people: Sequence[Person], network: Network) -> set[Way]:
    """The ways that the panels name. A relay may come first until a direct way is found, and each
    panel learns of it at a moment of its own: what is named in the end counts."""
    ways: set[Way] = set()

    async def as_designed() -> bool:
        ways.clear()
        for person in people:
            ways.add(await way_by_panel(person))
        return network.allows(ways)

    with suppress(AssertionError):
        await until(as_designed, "the way to settle")
    return ways
