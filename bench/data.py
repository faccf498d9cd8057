"""`make bench-data`: how fast files and messages go between two pages of one call.

A file through moim and the same bytes through a bare data channel go in turns between the same two
pages, so that what else the machine does is felt by both; the medians are compared. Then a file of
a gigabyte shows what it costs the two pages in memory. The last line is JSON:

    file_mb_s            a file, from "Get it" until it is checked and on the disk (10⁶ bytes a s)
    bare_mb_s            a data channel with nothing around it
    renderer_growth_mb   the larger of the two pages' growth over the gigabyte, at its peak
    p2p_p50_ms, …        a message of 100 bytes over a data channel, one way
    socket_p50_ms, …     a chat message of 100 bytes, through the server and its journal, one way
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import BrowserContext, Playwright, async_playwright

from tests.browser.chromium import arguments, program
from tests.browser.person import Person
from tests.browser.server import Links, MoimServer
from tests.browser.sharing import open_files

PROGRAM = Path(__file__).with_name("data.js").read_text(encoding="utf-8")
MIB = 1024 * 1024
MESSAGES = 200
P2P_EVERY_MS = 20
# A connection may give 20 commands a second for long.
SOCKET_EVERY_MS = 60
LOOK_S = 0.5


class Pair:
    """Two pages of one call, and a bare connection between them."""

    def __init__(self, mina: Person, jun: Person, folder: Path) -> None:
        self.mina = mina
        self.jun = jun
        self._folder = folder

    async def connect(self) -> None:
        one, other = self.mina.page, self.jun.page
        for page in (one, other):
            await page.evaluate(PROGRAM)
            await page.evaluate("bench.make()")
        offer = await one.evaluate("bench.describe(null)")
        answer = await other.evaluate("(offer) => bench.describe(offer)", offer)
        await one.evaluate("(answer) => bench.accept(answer)", answer)
        await asyncio.gather(*(page.evaluate("bench.ready()") for page in (one, other)))

    async def bare(self, size: int) -> float:
        """Megabytes a second of a bare channel."""
        receiving = asyncio.create_task(
            self.jun.page.evaluate("(total) => bench.receive(total)", size)
        )
        await asyncio.sleep(0.2)
        await self.mina.page.evaluate("(total) => bench.send(total)", size)
        return float(await receiving)

    async def file(self, size: int) -> float:
        """Megabytes a second of a file through moim."""
        path = self._folder / f"{size}.bin"
        if not path.exists():
            with path.open("wb") as file:
                block = os.urandom(MIB)
                for _ in range(size // MIB):
                    file.write(block)
        await self.mina.page.get_by_test_id("files-input").set_input_files(path)
        speed = float(await self.jun.page.evaluate("(size) => bench.file(size)", size))
        for person in (self.mina, self.jun):
            await person.page.get_by_test_id("file-dismiss").click()
        return speed

    async def p2p(self) -> list[float]:
        """Milliseconds of messages over a data channel."""
        return await self._took(f"hear({MESSAGES})", f"say({MESSAGES}, {P2P_EVERY_MS})")

    async def socket(self, room: Links) -> list[float]:
        """Milliseconds of chat messages, in a room of its own."""
        address = room.guest.replace("http", "ws").replace(f"/r/{room.slug}", "/ws")
        for person, name in ((self.mina, "Mina"), (self.jun, "Jun")):
            given = [f"{address}?room={room.slug}", name]
            await person.page.evaluate("([address, name]) => bench.sit(address, name)", given)
        return await self._took(f"listen({MESSAGES})", f"write({MESSAGES}, {SOCKET_EVERY_MS})")

    async def _took(self, hear: str, say: str) -> list[float]:
        hearing = asyncio.create_task(self.jun.page.evaluate(f"bench.{hear}"))
        await asyncio.sleep(0.2)
        await self.mina.page.evaluate(f"bench.{say}")
        found: list[float] = await hearing
        return found


class Memory:
    """What the pages' own processes hold, looked at twice a second. Linux alone tells it so."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._before: dict[int, float] = {}
        self._peak: dict[int, float] = {}
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Memory":
        self._before = {pid: private_mb(pid) for pid in self._pids}
        self._peak = dict(self._before)
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        while True:
            for pid in self._pids:
                self._peak[pid] = max(self._peak[pid], private_mb(pid))
            await asyncio.sleep(LOOK_S)

    @property
    def growth_mb(self) -> float:
        """The most that one of them grew by."""
        return max(self._peak[pid] - self._before[pid] for pid in self._pids)


def renderers_of(profile: Path) -> list[int]:
    """The processes in which the pages of a browser run. Source: proc_pid_stat(5)."""
    told: dict[int, str] = {}
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told[int(folder.name)] = (folder / "cmdline").read_text(errors="replace")
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
        except (OSError, IndexError):
            continue  # it ended while it was read

    def belongs(pid: int) -> bool:
        while pid > 1:
            if f"--user-data-dir={profile}" in told.get(pid, ""):
                return True
            pid = parents.get(pid, 0)
        return False

    found = [pid for pid, words in told.items() if "--type=renderer" in words and belongs(pid)]
    if not found:
        raise RuntimeError("no renderer was found")
    return found


def private_mb(pid: int) -> float:
    """Memory of one process alone, in 10⁶ bytes. Source: proc_pid_smaps_rollup(5)."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    kilobytes = [int(line.split()[1]) for line in told.splitlines() if line.startswith("Private_")]
    return sum(kilobytes) * 1024 / 1e6


def percentile(values: list[float], part: float) -> float:
    """The value below which that part of all values is."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


async def measure(rounds: int, size: int, large: int) -> dict[str, float]:
    """Everything, in one call between two browsers with profiles of their own, as people have
    them: a private window keeps its files in memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Nothing of it goes into the store at the same time: its upload would be measured as well.
        server = MoimServer(folder, {"MOIM_FILE_MAX_BYTES": "1"})
        await server.start()
        try:
            async with async_playwright() as playwright:
                room = await server.create_room()
                profiles = [folder / "mina", folder / "jun"]
                contexts = [await _browser(playwright, profile) for profile in profiles]
                people = [Person(context.pages[0]) for context in contexts]
                for person, called in zip(people, ("Mina", "Jun"), strict=True):
                    await person.open(room.guest)
                    await person.join(called)
                    await open_files(person)
                pair = Pair(people[0], people[1], folder)
                await pair.connect()
                pids = [pid for profile in profiles for pid in renderers_of(profile)]
                found = await _measured(pair, pids, server, rounds, size, large)
                for context in contexts:
                    await context.close()
        finally:
            await server.kill()
    return found


async def _browser(playwright: Playwright, profile: Path) -> BrowserContext:
    return await playwright.chromium.launch_persistent_context(
        profile, executable_path=program(), args=arguments(), locale="en-GB"
    )


async def _measured(
    pair: Pair, pids: Sequence[int], server: MoimServer, rounds: int, size: int, large: int
) -> dict[str, float]:
    p2p = await pair.p2p()
    socket = await pair.socket(await server.create_room())
    await pair.bare(size // 4)
    await pair.file(size // 4)
    bare, files = [], []
    for n in range(rounds):
        bare.append(await pair.bare(size))
        files.append(await pair.file(size))
        print(f"round {n + 1}: bare {bare[-1]:.1f}, file {files[-1]:.1f} MB/s", file=sys.stderr)
    async with Memory(pids) as memory:
        speed = await pair.file(large)
    print(f"{large / 1e6:.0f} MB at {speed:.1f} MB/s", file=sys.stderr)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()}", file=sys.stderr)
    return {
        "file_mb_s": round(statistics.median(files), 1),
        "bare_mb_s": round(statistics.median(bare), 1),
        "renderer_growth_mb": round(memory.growth_mb, 1),
        "p2p_p50_ms": round(percentile(p2p, 0.5), 1),
        "p2p_p95_ms": round(percentile(p2p, 0.95), 1),
        "socket_p50_ms": round(percentile(socket, 0.5), 1),
        "socket_p95_ms": round(percentile(socket, 0.95), 1),
    }


def main() -> None:
    """Measure, and print the line."""
    parser = argparse.ArgumentParser(prog="make bench-data", description="Files between two pages")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (5)")
    parser.add_argument("--size-mib", type=int, default=128, help="bytes of a turn (128)")
    parser.add_argument("--large-mib", type=int, default=1024, help="the large file (1024)")
    given = parser.parse_args()
    found = asyncio.run(measure(given.rounds, given.size_mib * MIB, given.large_mib * MIB))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
