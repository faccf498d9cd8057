"""A server of ours as a process of its own: started until it answers, killed as by a power cut."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path


class RealServer:
    """One process at a time and the log of all of them."""

    def __init__(self, folder: Path, log: str) -> None:
        self.folder = folder
        self.log = folder / log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None, "it does not run"
        return self._process.pid

    async def kill(self) -> None:
        """As if the power had gone: SIGKILL, nothing is closed or written any more."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    async def _launch(
        self,
        program: Sequence[str],
        env: Mapping[str, str],
        answers: Callable[[], Awaitable[bool]],
        patience_s: float,
    ) -> None:
        """Start the process and wait until it answers.

        Raises: RuntimeError when it ended, or did not answer in time; the text is its log.
        """
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *program,
                cwd=self.folder,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            async with asyncio.timeout(patience_s):
                while not await answers():
                    if self._process.returncode is not None:
                        break
                    await asyncio.sleep(0.03)
        except TimeoutError:
            pass
        else:
            if self._process.returncode is None:
                return
        raise RuntimeError(f"the server did not start:\n{self.said()}")
