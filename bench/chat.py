"""What a chat message costs: `make bench-chat ARGS="--sockets 200 --rounds 12"`.

moim, a plain python-socketio server, and one that only writes bytes, each a process of its own with
uvloop, hold the same number of Socket.IO connections in one room. In turns, some of them say
something at the same time and everybody hears it: moim decides, commits (SQLite, synchronous=FULL)
and tells; the plain one emits; the bare one writes what it got. The server's CPU is what the kernel
counts for its process, divided by the messages that arrived; the time is that from sending until
the kernel has the frame in a hearer's socket.

First comes a line of JSON for one who speaks alone, then one for five who speak at the same time,
and last one for all of it, each message counted: `{"cpu_us_per_delivery",
"plain_cpu_us_per_delivery", "p99_ms", "plain_p99_ms", …}`, and with `bare_` the least that a server
can do. `idle_kib` is the memory of one more seat, `polling_idle_kib` that of one by long polls.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import reduce
from pathlib import Path
from typing import Any

import aiohttp

from bench.crowd import PATIENCE_S, Crowd, Tally, memory_kib, moim_says, plain_says

ROUNDS = 12
PER_ROUND = 10
AT_ONCE = (1, 5)
"""How many say something at the same time: alone, and in a lively room."""
SECRET = "only for this measurement, and nothing else"  # noqa: S105 - of no server anywhere
LINE_BYTES = 2**24


@asynccontextmanager
async def served(kind: str, folder: Path) -> Any:
    """A server in a process of its own; gives its port, its process and what else it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.chat", "--serve", kind, "--folder", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        said = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE_S))
        yield said["port"], process.pid, said
    finally:
        process.kill()
        await process.wait()


async def measure(sockets: int, rounds: int) -> None:
    """Everything, in turns, and what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            served("moim", Path(folder)) as ours,
            served("plain", Path(folder)) as theirs,
            served("bare", Path(folder)) as nothing,
        ):
            moim, plain, bare = (
                Crowd("m", *ours[:2]),
                Crowd("p", *theirs[:2]),
                Crowd("b", *nothing[:2]),
            )
            crowds = {"": moim, "plain_": plain, "bare_": bare}
            idle = await fill(moim, (plain, bare), sockets, ours[2])
            turns = [(moim, moim_says), (plain, plain_says), (bare, plain_says)]
            for turn in range(rounds + 1):
                for at_once in AT_ONCE:
                    for crowd, says in turns if turn % 2 else reversed(turns):
                        await crowd.talk(PER_ROUND, at_once, says)
                if turn == 0:  # the first one warms up
                    for crowd, _ in turns:
                        crowd.tallies.clear()
            memory = {
                "idle_kib": round(idle, 1),
                "polling_idle_kib": round(await polling_memory(ours[0], ours[1], ours[2]), 1),
            }
    every = {"sockets": sockets, "load": round(os.getloadavg()[0], 1)}
    for at_once in AT_ONCE:
        told = {prefix: crowd.tallies[at_once] for prefix, crowd in crowds.items()}
        print(json.dumps({"at_once": at_once, **figures(told), **every}), flush=True)
    told = {prefix: total(crowd.tallies.values()) for prefix, crowd in crowds.items()}
    print(json.dumps({**figures(told), **memory, **every}))


def total(tallies: Iterable[Tally]) -> Tally:
    """Of everybody, however many spoke at once."""
    return reduce(Tally.__add__, tallies)


def figures(told: Mapping[str, Tally]) -> dict[str, float]:
    """What the deliveries of each server were like, by what is put before their names."""
    found: dict[str, float] = {}
    for prefix, tally in told.items():
        ordered = sorted(tally.delays_ms)
        found[f"{prefix}cpu_us_per_delivery"] = round(1e6 * tally.cpu_s / len(ordered), 1)
        found[f"{prefix}kernel_us_per_delivery"] = round(1e6 * tally.kernel_s / len(ordered), 1)
        found[f"{prefix}p50_ms"] = round(statistics.median(ordered), 1)
        found[f"{prefix}p99_ms"] = round(ordered[int(len(ordered) * 0.99)], 1)
    return found


async def fill(moim: Crowd, others: tuple[Crowd, ...], sockets: int, said: dict[str, Any]) -> float:
    """Everybody comes in. Returns the memory of one more seat, in KiB."""
    before = 0
    for n in range(sockets):
        token = said["tokens"][n]
        join = {"id": f"j{n}", "name": f"P{n}", "tab": f"tab-number-{n}"}
        await moim.enter(
            {"room": said["slug"], "token": token},
            f'420["participant.join",{json.dumps(join)}]',
        )
        for other in others:
            await other.enter({}, None)
        if n == sockets // 10:
            before = memory_kib(moim.pid)
    await asyncio.sleep(1)  # what their coming caused is told
    return (memory_kib(moim.pid) - before) / (sockets - sockets // 10 - 1)


async def polling_memory(port: int, pid: int, said: dict[str, Any], more: int = 100) -> float:
    """The memory of one more seat by long polls, each of which waits, in KiB."""
    base = f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling"
    before = memory_kib(pid)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        polls = [await _seated_poll(http, base, said, n) for n in range(more)]
        await asyncio.sleep(1)  # what their coming caused is told
        grown = memory_kib(pid) - before
        for poll in polls:
            poll.cancel()
        for poll in polls:
            with suppress(asyncio.CancelledError, aiohttp.ClientError):
                await poll
    return grown / more


async def _seated_poll(
    http: aiohttp.ClientSession, base: str, said: dict[str, Any], number: int
) -> "asyncio.Task[None]":
    """Somebody who has sat down by long polls; polls on, as a browser does."""
    opened = await (await http.get(base)).text()
    address = f"{base}&sid={json.loads(opened[1:])['sid']}"
    token = said["tokens"][-1 - number]
    join = {"id": f"jp{number}", "name": f"Q{number}", "tab": f"tab-of-poll-{number}"}

    async def until_heard(word: str) -> None:
        heard = ""
        while word not in heard:
            heard += await (await http.get(address)).text()

    async def go_on() -> None:
        while True:
            heard = await (await http.get(address)).text()
            if "2" in heard.split("\x1e"):
                await (await http.post(address, data="3")).text()

    auth = json.dumps({"room": said["slug"], "token": token})
    await (await http.post(address, data=f"40{auth}")).text()
    await until_heard('"hello"')
    await (await http.post(address, data=f'420["participant.join",{json.dumps(join)}]')).text()
    await until_heard("430[")
    return asyncio.create_task(go_on())


def serve(kind: str, folder: Path) -> None:
    """The program of the other process."""
    import socket as sockets

    import uvicorn

    listener = sockets.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    port = listener.getsockname()[1]
    if kind == "bare":
        import uvloop

        from bench.bare_chat import Bare

        async def bare() -> None:
            server = await asyncio.get_running_loop().create_server(Bare, sock=listener)
            print(json.dumps({"port": port}), flush=True)
            await server.serve_forever()

        uvloop.run(bare())
    elif kind == "plain":
        from bench.plain_chat import app

        config = uvicorn.Config(app, log_level="error", ws_per_message_deflate=False)
        print(json.dumps({"port": port}), flush=True)
        uvicorn.Server(config).run([listener])
    else:
        from bench.moim_chat import config_of

        uvicorn.Server(config_of(folder, port, SECRET)).run([listener])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make bench-chat")
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--serve")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.folder)
    else:
        asyncio.run(measure(options.sockets, options.rounds))
