"""`pip install "moim[sfu]"` from the built wheels, as somebody who has no Rust."""

import asyncio
import os
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.browser.server import free_port
from tests.packaging.building import uv
from tests.sfu.clients.sdk import Picture, people
from tests.sfu.clients.server import SfuServer
from tools.bootstrap import engine

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.skipif(engine.missing() is not None, reason="the engine cannot be built here"),
    pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning"),
]

START_S = 60.0
ANN, BOB = Picture(60, 200), Picture(180, 90)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`moim` in an empty environment, installed from two wheels."""
    dist = tmp_path_factory.mktemp("dist")
    for package in ("moim", "moim-engine"):
        uv("build", "--wheel", "--package", package, "--out-dir", dist)
    (wheel,) = dist.glob("moim-0*.whl")
    (engine_wheel,) = dist.glob("moim_engine-*.whl")
    assert "-cp311-abi3-" in engine_wheel.name, "one wheel for each Python from 3.11 on"
    environment = tmp_path_factory.mktemp("env") / "env"
    uv("venv", "--python", sys.executable, environment)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    wanted = f"moim[sfu] @ {wheel.as_uri()}"
    uv("pip", "install", "--python", scripts / "python", "--find-links", dist, wanted)
    return scripts / "moim"


async def test_livekit_clients_meet_on_it_with_the_key_of_the_quickstart(
    program: Path, tmp_path: Path
) -> None:
    server = SfuServer(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(str(program), "sfu", "--dev", "--port", str(server.port)),
        cwd=tmp_path,
        env={"UDP_PORT": str(free_port())},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        await answers(server.url)
        async with people("ann", "bob") as (ann, bob):
            await ann.join(server)
            await bob.join(server)
            await ann.show(ANN)
            await ann.hum(440)
            await bob.show(BOB)
            await asyncio.gather(bob.sees("ann", ANN), bob.hears("ann", 440), ann.sees("bob", BOB))
    finally:
        process.terminate()
        said, _ = await process.communicate()
    assert b"API key devkey, secret secret" in said
    assert b"Traceback" not in said


async def answers(url: str) -> None:
    async with asyncio.timeout(START_S), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url) as response:
                    assert response.status == 200
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
