"""LiveKit's Go SDK (pion inside), unmodified: `gopher` publishes again what it sees and hears."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.sfu.clients.sdk import Picture, people, until
from tests.sfu.clients.server import SfuServer

pytestmark = pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")

HERE = Path(__file__).parent
ANN, BOB = Picture(60, 200), Picture(180, 90)
BUILD_S = 540
STOP_S = 20
both_ways = pytest.mark.parametrize("single", [False, True], ids=["two-pcs", "one-pc"])


class Gopher:
    """One process, and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.startswith(b"{"):
                self.said.append(json.loads(line))

    def events(self) -> list[str]:
        return [one["event"] for one in self.said]

    async def tells(self, event: str) -> None:
        await until(lambda: event in self.events(), lambda: f"no {event}: {self.said}")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built where Go is."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        pytest.skip("Go is not here: https://go.dev/dl")
    built = tmp_path_factory.mktemp("go") / "gopher"
    done = subprocess.run(
        [go, "build", "-o", str(built), "."],
        cwd=HERE / "gopher",
        env={**os.environ, "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    if "dial tcp" in done.stderr:
        pytest.skip("Go's module proxy cannot be reached")
    assert done.returncode == 0, done.stderr
    return built


@asynccontextmanager
async def gopher(program: Path, server: SfuServer) -> AsyncIterator[Gopher]:
    url, token = server.url.replace("http", "ws"), server.token("gopher")
    process = await asyncio.create_subprocess_exec(
        str(program), "-url", url, "-token", token, stdout=asyncio.subprocess.PIPE
    )
    one = Gopher(process)
    listening = asyncio.create_task(one.listen())
    try:
        yield one
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


@both_ways
async def test_pion_and_libwebrtc_see_hear_and_write_to_each_other(
    server: SfuServer, program: Path, single: bool
) -> None:
    async with gopher(program, server) as echo, people("ann", "bob") as (ann, bob):
        await echo.tells("joined")
        await ann.join(server, single=single)
        await ann.show(ANN)
        await ann.hum(440)
        # Her own picture and sound, over pion and back.
        await asyncio.gather(ann.sees("gopher", ANN), ann.hears("gopher", 440))
        await bob.join(server, single=single)
        await asyncio.gather(bob.sees("gopher", ANN), bob.hears("gopher", 440))
        await ann.room.local_participant.publish_data("hello", topic="words")
        await until(lambda: len(ann.data) == 1, lambda: f"ann got {ann.data}; {echo.said}")
        assert (ann.data[0].data, ann.data[0].topic) == (b"echo: hello", "words")
        assert not {"reconnecting", "failed", "disconnected"} & set(echo.events())
        echo.process.terminate()
        async with asyncio.timeout(STOP_S):
            assert await echo.process.wait() == 0
        await until(
            lambda: "gopher" not in ann.room.remote_participants, lambda: "gopher is still there"
        )


async def test_pion_gets_one_of_several_layers(server: SfuServer, program: Path) -> None:
    async with gopher(program, server) as echo, people("ann") as (ann,):
        await echo.tells("joined")
        await ann.join(server)
        await ann.show(ANN, simulcast=True)
        await ann.sees("gopher", ANN)
        kinds = [one["mime"].lower() for one in echo.said if one["event"] == "subscribed"]
        assert kinds == ["video/vp8"]
        assert not {"reconnecting", "failed", "disconnected"} & set(echo.events())
