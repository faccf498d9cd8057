"""A reverse proxy as small as it can be: it may take a prefix off, or take no WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.browser.server import free_port

HEAD_BYTES = 64 * 1024


@asynccontextmanager
async def proxy(
    target_port: int, *, strip: str = "", websockets: bool = True
) -> AsyncIterator[int]:
    """Passes on to a port of this machine; gives its own port. `strip` is taken off each path."""
    port = free_port()
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await _pass_on(reader, writer, target_port, strip, websockets)
        finally:
            await _close(writer)
            tasks.discard(task)

    server = await asyncio.start_server(accept, "localhost", port, limit=HEAD_BYTES)
    try:
        yield port
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    port: int,
    strip: str,
    websockets: bool,
) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, rest = head.split(b"\r\n", 1)
    method, path, version = first.split(b" ")
    if strip and path.startswith(strip.encode()):
        path = path.removeprefix(strip.encode()) or b"/"
    upgrade = b"upgrade: websocket" in rest.lower()
    if upgrade and not websockets:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        return
    if not upgrade:
        # One request a connection, so that the next one's head is seen too.
        lines = [line for line in rest.split(b"\r\n") if not line.lower().startswith(b"connection")]
        rest = b"Connection: close\r\n" + b"\r\n".join(lines)
    there, back = await asyncio.open_connection("localhost", port)
    back.write(b" ".join([method, path, version]) + b"\r\n" + rest)
    try:
        async with asyncio.TaskGroup() as both:
            upward = both.create_task(_pump(reader, back))
            both.create_task(_pump(there, writer)).add_done_callback(lambda _: upward.cancel())
    finally:
        await _close(back)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(HEAD_BYTES):
            sink.write(data)
            await sink.drain()
