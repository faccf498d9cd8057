"""Who says nothing, or nearly nothing, does not hold a connection."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect

from moim.patience import patient_for

SHORT_S = 0.4


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": "still here"})
        await receive()
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await asyncio.sleep(2 * SHORT_S if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(hello, http=patient_for(SHORT_S), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def held_s(port: int, *pieces: bytes) -> float:
    """How long the server keeps somebody who sends one piece after the other, slowly."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()

    async def drip() -> None:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(SHORT_S / 4)

    dripping = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    if not await reader.read(1000):
                        break
                except ConnectionResetError:
                    break
        return time.monotonic() - began
    finally:
        dripping.cancel()
        writer.close()


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"GET /", *([b"a"] * 100)),
        (b"GET / HTTP/1.1\r\n", *(b"X-%d: y\r\n" % n for n in range(100))),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /", *([b"a"] * 100)),
    ],
    ids=["nothing", "letters", "headers", "a second request"],
)
async def test_a_head_that_does_not_end_is_not_waited_for(pieces: tuple[bytes, ...]) -> None:
    async with served() as port:
        assert SHORT_S / 2 < await held_s(port, *pieces) < 10


async def test_an_answer_and_a_websocket_may_take_longer() -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert b"hello" in await reader.read()
        writer.close()
        async with connect(f"ws://127.0.0.1:{port}/", proxy=None) as ws:
            await asyncio.sleep(2 * SHORT_S)
            await ws.send("?")
            assert await ws.recv() == "still here"
