"""`make dev`: moim restarts when Python or a view is saved, the page reloads when the client is.

A call goes on meanwhile: its media runs from browser to browser, its page connects again by itself
and takes its seat, and only a change of the client's own files reloads the page.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NoReturn

from watchfiles import Change, DefaultFilter, awatch

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "moim"
BUILT = SOURCE / "http" / "static" / "app"
# The folder of the build, too: the first build makes it.
READ_ANEW = (BUILT.parent, SOURCE / "http" / "templates")
WEB = ROOT / "web"
VITE = WEB / "node_modules" / "vite" / "bin" / "vite.js"
# A process that does not stop by then is killed: whatever it held is in the journal.
STOP_S = 0.3


class _Sources(DefaultFilter):
    """What a process reads once: not what the build writes, nor views, which it reads anew."""

    def __call__(self, change: Change, path: str) -> bool:
        if any(Path(path).is_relative_to(folder) for folder in READ_ANEW):
            return False
        return super().__call__(change, path)


class Server:
    """The moim process, started anew for each saved file.

    The next process waits already, with everything imported that is not ours: that is the long
    part of a start, and it would be the long part of a reload.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self._spare: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = self._spare or await self._prepare()
        with contextlib.suppress(ConnectionError):
            assert self._process.stdin is not None  # noqa: S101 - `_prepare` asked for it
            self._process.stdin.write(b"go\n")
            self._process.stdin.close()
        self._spare = await self._prepare()

    async def stop(self) -> None:
        if self._process is not None:
            await _stop(self._process, told=False)
            self._process = None

    async def close(self) -> None:
        """The end, after Ctrl-C."""
        for process in (self._spare, self._process):
            if process is not None:
                await _stop(process, told=process is self._process)

    async def restart(self, because: str) -> None:
        begun = time.monotonic()
        await self.stop()
        await self.start()
        print(f"  ↻  {because} ({time.monotonic() - begun:.1f} s to stop)", flush=True)

    async def _prepare(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tools.dev_process", *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            env={**os.environ, "MOIM_DEV": "1"},
        )


@contextlib.asynccontextmanager
async def client_builds(node: str) -> AsyncIterator[None]:
    """Vite builds the client whenever one of its files is saved."""
    process = await asyncio.create_subprocess_exec(
        *(node, VITE, "build", "--watch", "--mode", "development", "--logLevel", "warn"),
        cwd=WEB,
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        await _stop(process, told=True)


async def _stop(process: asyncio.subprocess.Process, *, told: bool) -> None:
    """Ends a process. Ctrl-C has `told` it already, and a second word would hurry it."""
    if told:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_S)
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def serve(node: str, arguments: Sequence[str]) -> None:
    server = Server(arguments)
    async with client_builds(node):
        await server.start()
        try:
            async for changes in awatch(SOURCE, watch_filter=_Sources(), step=50, debounce=100):
                names = sorted({Path(path).name for _, path in changes})
                await server.restart(", ".join(names[:3]) + (" …" if len(names) > 3 else ""))
        finally:
            await server.close()


def _as_ctrl_c(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1], sys.argv[2:]))
