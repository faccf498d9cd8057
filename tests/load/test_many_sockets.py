"""Two thousand people in two hundred rooms talk, and the server's memory stays as it is."""

import asyncio
import json
from pathlib import Path

import pytest

from bench.crowd import Crowd, memory_kib, moim_says
from moim.http.identity import Identities
from moim.meeting.ids import Identity
from tests.browser.server import MoimServer
from tests.waiting import until

pytestmark = pytest.mark.processes

ROOMS, EACH = 200, 10
WARM_ROUNDS, ROUNDS = 2, 6
GROWTH = 0.05
SECRET = "only for this measurement, and nothing else"
SETTINGS = {
    "MOIM_SECRET": SECRET,
    "MOIM_MAX_PARTICIPANTS": str(EACH),
    "MOIM_CONNECTIONS_PER_ADDRESS": "5000",
    "MOIM_ADDRESS_COMMANDS_BURST": "100000",
    "MOIM_ROOMS_PER_HOUR": "1000",
    "MOIM_STUN": "off",
}


async def test_two_thousand_sockets_hold_the_memory_flat(tmp_path: Path) -> None:
    server = MoimServer(tmp_path, SETTINGS)
    await server.start()
    rooms: list[Crowd] = []
    try:
        assert server.runs
        pid = server.pid
        identities = Identities(SECRET.encode())
        for number in range(ROOMS):
            slug = (await server.create_room(f"Room {number}")).slug
            crowd = Crowd(f"r{number}", server.port, pid)
            await asyncio.gather(*(seat(crowd, slug, identities, n) for n in range(EACH)))
            rooms.append(crowd)
        assert sum(len(crowd.sockets) for crowd in rooms) == ROOMS * EACH

        async def talk(rounds: int) -> None:
            for _ in range(rounds):
                await asyncio.gather(*(crowd.talk(1, 1, moim_says) for crowd in rooms))

        await talk(WARM_ROUNDS)
        before = memory_kib(pid)
        await talk(ROUNDS)
        heard = sum(len(tally.delays_ms) for crowd in rooms for tally in crowd.tallies.values())
        assert heard == ROOMS * EACH * (WARM_ROUNDS + ROUNDS), "everybody hears everything"
        await until(lambda: memory_kib(pid) < before * (1 + GROWTH), "the memory is flat")
        assert not any(one.closed for crowd in rooms for one in crowd.sockets)
    finally:
        for crowd in rooms:
            crowd.leave()
        await server.kill()


async def seat(crowd: Crowd, slug: str, identities: Identities, number: int) -> None:
    token = identities.token(Identity(f"u_{crowd.name}-{number}"))
    join = {"id": f"j{number}", "name": f"P{number}", "tab": f"tab-number-{number}"}
    asked = f'420["participant.join",{json.dumps(join)}]'
    await crowd.enter({"room": slug, "token": token}, asked)
