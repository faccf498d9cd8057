"""People of a mesh whom a browser sees and hears, and nobody encodes anything for.

Their signalling is here, as docs/protocol.md has it; their connections are in the load generator
(`moim-load --replay mesh`), which answers offers and plays recordings. They never offer, so two of
them never meet: the browser that is measured has as many connections as in a mesh of people.
"""

import asyncio
import contextlib
import itertools
import json
import secrets
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.caller import Caller

AGAIN_S, LATEST_AGAIN_S = 0.25, 3.0
STOP_S = 5


class Connections:
    """The generator's end: an offer in, an answer out, one at a time."""

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a generator is spoken to by its pipes")
        self._writing, self._reading = process.stdin, process.stdout
        self._turn = asyncio.Lock()

    def close(self) -> None:
        """Tells the generator to end."""
        self._writing.close()

    async def answer(self, peer: str, sdp: str) -> dict[str, Any]:
        """Gives `{sdp, sources}`. Raises: RuntimeError, the generator has ended."""
        async with self._turn:
            self._writing.write(json.dumps({"peer": peer, "sdp": sdp}).encode() + b"\n")
            line = await self._reading.readline()
        if not line:
            raise RuntimeError("the load generator has ended")
        found: dict[str, Any] = json.loads(line)
        return found


@asynccontextmanager
async def generator(program: Path, *options: str) -> AsyncIterator[Process]:
    """The load generator, until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        program, *options, stdin=PIPE, stdout=PIPE, limit=1024 * 1024
    )
    try:
        yield process
    finally:
        Connections(process).close()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()


class MeshPerson(Caller):
    """One participant with a microphone and a camera."""

    def __init__(
        self, browser: httpx.AsyncClient, slug: str, name: str, connections: Connections
    ) -> None:
        super().__init__(browser, slug, name)
        self._connections = connections
        # The other's connection, to ours and the number of signals that it sent.
        self._links: dict[str, tuple[str, itertools.count[int]]] = {}
        self._numbers_sent = itertools.count(secrets.randbelow(10**9))
        self._taken: set[tuple[str, int]] = set()
        self._unheard: dict[int, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def publish(self) -> None:
        """Says what is played; the browsers play nothing else."""
        for source in ("microphone", "camera"):
            await self.command("track.publish", source=source, muted=False)

    async def __aexit__(self, *why: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().__aexit__(*why)

    def passing(self, event: str, data: dict[str, Any]) -> None:
        """Signals, and that ours have arrived."""
        if event == "signal":
            self._begin(self._signalled(data["from"], data["payload"]))
        elif event == "signal.acked" and data["payload"]["n"] in self._unheard:
            self._unheard[data["payload"]["n"]].set()

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _signalled(self, other: str, signal: dict[str, Any]) -> None:
        epoch, n, data = signal["epoch"], signal["n"], signal["data"]
        await self.command("signal.ack", to=other, epoch=epoch, n=n)
        if (other, n) in self._taken:
            return
        self._taken.add((other, n))
        # The other finds us by the address in our answer: its own ones are not needed.
        if signal["kind"] != "description" or data["type"] != "offer":
            return
        theirs = data["link"]["from"]
        ours, places = self._links.setdefault(theirs, (secrets.token_hex(8), itertools.count(1)))
        answer = await self._connections.answer(f"{self.identity}/{ours}", data["sdp"])
        answer = {
            "type": "answer",
            "sdp": answer["sdp"],
            "sources": answer["sources"],
            "link": {"from": ours, "to": theirs, "place": next(places)},
        }
        await self._tell(other, epoch, answer)

    async def _tell(self, other: str, epoch: int, data: dict[str, Any]) -> None:
        """Again and again until it has arrived."""
        n, wait_s = next(self._numbers_sent), AGAIN_S
        heard = self._unheard[n] = asyncio.Event()
        signal = {"to": other, "epoch": epoch, "n": n, "kind": "description", "data": data}
        while not heard.is_set():
            await self.command("signal.send", **signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), wait_s)
            wait_s = min(wait_s * 1.5, LATEST_AGAIN_S)
        del self._unheard[n]


def options(media: Path, **given: object) -> Sequence[str]:
    """The generator's options."""
    named = {"media": media, **given}
    return [word for name, value in named.items() for word in (f"--{name}", str(value))]
