"""Several servers, people who talk all the time, and everything that can go wrong around them.

kill      SIGKILL of any server, started again
pause     SIGSTOP of a server, later SIGCONT
redis     Redis is gone for a while
postgres  PostgreSQL is gone for a while
clock     the clock of one server jumps by hours (libfaketime, of our process alone)
disk      the disk of PostgreSQL is full for a while (a small tmpfs; root only)
"""

import asyncio
import itertools
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from tests.chaos.caller import TRANSIENT, Caller, create_room, new_browser
from tests.chaos.history import Verdict, judge
from tests.cluster.deployment import ClusterServer, Deployment, deployed

PEOPLE = 6
PAUSE_S = 0.05
AGAIN_S = 0.2
DISK_MIB = 384
DISK_MIB_PER_S = 0.5
"""What people say fills it, too: a long run needs a larger one, or it is full for good."""
SETTLE_S = 90
GRACE_S = 60
"""Longer than a fault lasts: who comes back has their seat."""
FAKETIME = "libfaketimeMT.so.1"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long, in seconds: from one kill to the next, and how long each other fault lasts."""

    kill_least_s: float
    kill_most_s: float
    away_s: float
    paused_s: float
    rest_s: float


LONG = Pace(kill_least_s=5, kill_most_s=35, away_s=60, paused_s=30, rest_s=20)
SHORT = Pace(kill_least_s=3, kill_most_s=6, away_s=4, paused_s=7, rest_s=1)


@dataclass(frozen=True, slots=True)
class Report:
    """What a storm has shown."""

    verdict: Verdict
    kills: int
    faults: tuple[str, ...]
    recovery_p95_ms: int

    def line(self) -> dict[str, object]:
        """The last line of `make chaos`."""
        return {
            **asdict(self.verdict),
            "kills": self.kills,
            "recovery_p95_ms": self.recovery_p95_ms,
        }


class Talker(Caller):
    """Says one numbered message after the other, by whichever server answers."""

    def __init__(
        self, browser: httpx.AsyncClient, slug: str, name: str, servers: Sequence[ClusterServer]
    ) -> None:
        super().__init__(browser, slug, name)
        self._servers = itertools.cycle(servers)
        self.server: ClusterServer | None = None
        self.acknowledged: dict[str, int] = {}
        self.recovering_since: float | None = None
        self.recoveries_ms: list[float] = []

    def base(self) -> str:
        self.server = next(self._servers)
        return self.server.origin

    async def talk(self, stop: asyncio.Event) -> None:
        """Until it is told to stop; what was begun is seen through to its acknowledgement."""
        number = 0
        while not stop.is_set():
            number += 1
            text = f"{self.name} {number}"
            self.acknowledged[text] = await self._say(f"{self.name}-{number}", text)
            if self.recovering_since is not None:
                self.recoveries_ms.append((time.monotonic() - self.recovering_since) * 1000)
                self.recovering_since = None
            await asyncio.sleep(PAUSE_S)

    async def _say(self, command_id: str, text: str) -> int:
        while True:
            said = await self._ask(command_id, "chat.send", {"text": text}, now=False)
            if said["ok"]:
                seq: int = said["seq"]
                return seq
            code = said["error"]["code"]
            assert code in TRANSIENT | {"not_present"}, code
            if code == "not_present":  # the seat has ended: come in again
                self.sid = None
                with suppress(Exception):
                    assert self._socket is not None
                    await self._socket.close()
            await asyncio.sleep(AGAIN_S)


class Storm:
    """The faults, one after the other, and kills all the time."""

    def __init__(
        self, one: Deployment, talkers: Sequence[Talker], pace: Pace, clock: Path, disk: Path | None
    ) -> None:
        self._one = one
        self._talkers = talkers
        self._pace = pace
        self._clock = clock
        self._disk = disk
        self._dice = random.Random(20)
        self._paused: set[str] = set()
        self._full = False
        self.kills = 0
        self.faults: list[str] = []

    async def rage(self, seconds: float) -> None:
        """For so long; afterwards everything runs again."""
        kinds: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("redis", self._redis),
            *([("disk", self._fill)] if self._disk is not None else []),
            ("pause", self._pause),
            ("postgres", self._postgres),
            ("clock", self._jump),
        ]
        killing = asyncio.create_task(self._kill_again_and_again())
        try:
            until = time.monotonic() + seconds
            for name, fault in itertools.cycle(kinds):
                if time.monotonic() >= until:
                    return
                await fault()
                self.faults.append(name)
                await asyncio.sleep(self._pace.rest_s)
        finally:
            killing.cancel()
            with suppress(asyncio.CancelledError):
                await killing
            for server in self._one.servers:
                if not server.runs:
                    await server.start()

    async def _kill_again_and_again(self) -> None:
        while True:
            pace = self._pace
            await asyncio.sleep(self._dice.uniform(pace.kill_least_s, pace.kill_most_s))
            alive = [one for one in self._one.servers if one.name not in self._paused]
            victim = self._dice.choice(alive)
            for talker in self._talkers:
                if talker.server is victim and self._journal_is_there:
                    talker.recovering_since = time.monotonic()
            await victim.kill()
            self.kills += 1
            await self._start(victim)

    @property
    def _journal_is_there(self) -> bool:
        """Else who recovers waits for PostgreSQL, however fast the servers are."""
        return self._one.postgres.runs and not self._full

    async def _start(self, server: ClusterServer) -> None:
        """It may not start while the database is away; a supervisor would try again."""
        while True:
            try:
                await server.start()
            except RuntimeError:
                await server.kill()
                await asyncio.sleep(1)
            else:
                return

    async def _redis(self) -> None:
        self._one.redis.stop()
        await asyncio.sleep(self._pace.away_s)
        await asyncio.to_thread(self._one.redis.start)

    async def _postgres(self) -> None:
        self._one.postgres.kill()
        await asyncio.sleep(self._pace.away_s)
        await asyncio.to_thread(self._one.postgres.start)

    async def _pause(self) -> None:
        server = self._dice.choice(self._one.servers)
        if not server.runs:
            return
        self._paused.add(server.name)
        server.pause()
        await asyncio.sleep(self._pace.paused_s)
        server.resume()
        self._paused.discard(server.name)

    async def _jump(self) -> None:
        for jump in ("+2h", "-3h", "+0"):
            self._clock.write_text(jump + "\n", encoding="ascii")
            await asyncio.sleep(self._pace.rest_s)

    async def _fill(self) -> None:
        assert self._disk is not None
        filler = self._disk / "filler"
        free = shutil.disk_usage(self._disk).free
        self._full = True
        with filler.open("wb") as file, suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, free - 4096)
        await asyncio.sleep(self._pace.away_s)
        filler.unlink()
        self._full = False
        if not self._one.postgres.runs:  # without room for its log it stops rather than lie
            await asyncio.to_thread(self._one.postgres.start)


@contextmanager
def small_disk(seconds: float) -> Iterator[Path | None]:
    """A disk of its own for PostgreSQL for so long a run, where one can be made."""
    folder = Path(tempfile.mkdtemp(prefix="moim-disk-"))
    folder.chmod(0o755)  # whoever PostgreSQL runs as must get into it
    size = f"size={DISK_MIB + round(DISK_MIB_PER_S * seconds)}m,mode=0755"
    command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    may = os.name != "nt" and os.geteuid() == 0
    if not may or subprocess.run(command, capture_output=True, check=False).returncode:
        folder.rmdir()
        yield None
        return
    try:
        (folder / "postgres").mkdir()
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
        folder.rmdir()


def faketime() -> Path | None:
    """The library that tells a process another time."""
    return next(Path("/usr/lib").glob(f"*/faketime/{FAKETIME}"), None)


async def storm(folder: Path, seconds: float, pace: Pace, servers: int = 2) -> Report:
    """A deployment in a storm; the report says what came of it."""
    clock = folder / "clock"
    clock.write_text("+0\n", encoding="ascii")
    settings = {"MOIM_GRACE_S": str(GRACE_S), "MOIM_COMMANDS_PER_S": "1000"}
    library = faketime()
    if library is not None:
        settings |= {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk(seconds))
        place = disk / "postgres" if disk is not None else None
        one = await stack.enter_async_context(
            deployed(folder, servers=servers, settings=settings, postgres_folder=place)
        )
        browsers = [await new_browser(one.servers[0].origin) for _ in range(PEOPLE)]
        for browser in browsers:
            stack.push_async_callback(browser.aclose)
        slug = await create_room(browsers[0], "Storm")
        talkers = []
        for n, browser in enumerate(browsers):
            talker = Talker(browser, slug, f"caller{n}", one.servers)
            talkers.append(await stack.enter_async_context(talker))
        stop = asyncio.Event()
        talking = [asyncio.create_task(talker.talk(stop)) for talker in talkers]
        weather = Storm(one, talkers, pace, clock, disk)
        await weather.rage(seconds)
        await asyncio.sleep(pace.rest_s)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*talking), SETTLE_S)
        late = await new_browser(one.servers[0].origin)
        stack.push_async_callback(late.aclose)
        async with Caller(late, slug, "reader") as reader:
            messages = await reader.history()
        acknowledged = {text: seq for one in talkers for text, seq in one.acknowledged.items()}
        recoveries = [ms for talker in talkers for ms in talker.recoveries_ms]
    return Report(
        judge(acknowledged, messages),
        weather.kills,
        tuple(weather.faults),
        round(_p95(recoveries)),
    )


def _p95(values: Sequence[float]) -> float:
    if len(values) < 2:
        return max(values, default=0.0)
    return statistics.quantiles(values, n=20)[-1]
