"""`make nat` and `make impairment`: calls of real browsers in networks of namespaces, measured.

One line of JSON for each network, move or line. Root on Linux is needed; elsewhere it says so and
does nothing.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Playwright, async_playwright

from tests.network.calls import ground, try_call
from tests.network.fares import fares
from tests.network.impairment import Conditions
from tests.network.moves import stay, travel
from tests.network.namespaces import sweep
from tests.network.networks import NETWORKS, Network
from tests.network.routers import Kind
from tests.programs import need, need_namespaces

PROGRAMS: Final = ("ip", "nft", "turnserver", "turnadmin")
MOVES: Final = {
    "another network, direct": (travel, Kind.PORT_RESTRICTED),
    "another network, TURN/UDP": (travel, Kind.SYMMETRIC),
    "another network, TURN/TLS": (travel, Kind.ONLY_443),
    "another router, direct": (stay, Kind.PORT_RESTRICTED),
}
LOSSES: Final = (0.0, 0.02, 0.05, 0.1, 0.2)
REST_S: Final = 3


async def networks(playwright: Playwright, only: str | None) -> bool:
    """A call in each network: {"network", "path", "ok", "connect_ms"}."""
    fine = True
    for network in NETWORKS:
        if only is None or only == network.name:
            fine &= await _network(playwright, network)
    return fine


async def _network(playwright: Playwright, network: Network) -> bool:
    line: dict[str, object] = {"network": network.name, "path": None, "ok": False}
    try:
        with tempfile.TemporaryDirectory() as folder:
            result = await try_call(playwright, Path(folder), network)
    except AssertionError as error:
        line["why"] = str(error).splitlines()[0]
    else:
        line["path"] = " and ".join(sorted(result.ways))
        line["ok"] = network.allows(result.ways)
        line["connect_ms"] = round(result.connect_ms)
    _say(line)
    return bool(line["ok"])


async def moves(
    playwright: Playwright, only: str | None, trips: int, gap_s: float, rest_s: float
) -> bool:
    """Somebody moves to and fro: {"move", "trips", "p50_ms", "p95_ms", "max_ms"}."""
    for name, (change, kind) in MOVES.items():
        if only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            async with ground(playwright, Path(folder)) as here:
                call = await change(here, kind)
                found = []
                for _ in range(trips):
                    await asyncio.sleep(rest_s)
                    found.append((await call.go(gap_s)).all_ms)
        _say(
            {
                "move": name,
                "gap_s": gap_s,
                "rest_s": rest_s,
                "trips": trips,
                "p50_ms": round(statistics.median(found)),
                "p95_ms": round(statistics.quantiles(found, n=20, method="inclusive")[-1]),
                "max_ms": round(max(found)),
            }
        )
    return True


async def impairment(playwright: Playwright, seconds: float, burst: float) -> bool:
    """A call at each loss, in both directions of one person's line."""
    lines = [
        Conditions(loss=loss, burst=burst if loss else 1, delay_ms=20, jitter_ms=5)
        for loss in LOSSES
    ]
    with tempfile.TemporaryDirectory() as folder:
        found = await fares(playwright, Path(folder), lines, seconds)
    for line, one in zip(lines, found, strict=True):
        _say(
            {
                "loss": line.loss,
                "burst": line.burst,
                "lost": round(one.lost, 3),
                "frames_per_s": round(one.frames_per_s, 1),
                "frozen": round(one.frozen, 3),
                "concealed": round(one.concealed, 3),
                "kbit_per_s": round(one.bitrate_bps / 1000),
            }
        )
    return True


def _say(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


async def _main(arguments: argparse.Namespace) -> bool:
    async with async_playwright() as playwright:
        if arguments.impairment:
            return await impairment(playwright, arguments.seconds, arguments.burst)
        if arguments.move:
            only, trips, gap_s = arguments.only, arguments.trips, arguments.gap
            return await moves(playwright, only, trips, gap_s, arguments.rest)
        return await networks(playwright, arguments.only)


def main() -> int:
    """Exit code 1 when a call did not come about by the way that it should take."""
    parser = argparse.ArgumentParser(prog="make nat", description=__doc__)
    parser.add_argument("--only", choices=[*(network.name for network in NETWORKS), *MOVES])
    parser.add_argument("--move", action="store_true", help="change a network in a call")
    parser.add_argument("--trips", type=int, default=20, help="how often, for each kind")
    parser.add_argument("--gap", type=float, default=0, help="seconds without any network")
    parser.add_argument("--rest", type=float, default=REST_S, help="seconds before each change")
    parser.add_argument("--impairment", action="store_true", help="a call at each loss")
    parser.add_argument("--seconds", type=float, default=20, help="how long at each loss")
    parser.add_argument("--burst", type=float, default=1, help="packets lost in a row")
    arguments = parser.parse_args()
    try:
        need_namespaces()
        for program in PROGRAMS:
            need(program)
    except pytest.skip.Exception as reason:
        print(f"Skipped, {len(NETWORKS)} networks: {reason}")
        return 0
    sweep()
    return 0 if asyncio.run(_main(arguments)) else 1


if __name__ == "__main__":
    sys.exit(main())
