"""The virus check: a program of the operator's, asked about each file before anybody gets it.

It is given the file's path as its last argument and answers as `clamdscan` does: 0 for nothing
found, 1 for something found, anything else for "I cannot say". Source: clamdscan(1), RETURN CODES.
"""

import asyncio
import os
import shlex
from pathlib import Path
from typing import Final

from moim.meeting.errors import ErrorCode, Refused, Unavailable

TIMEOUT_S: Final = 300
_CLEAN: Final = 0
_FOUND: Final = 1


class Scanner:
    """Asks the program. Without one every file is fine."""

    def __init__(self, command: str | None, timeout_s: float = TIMEOUT_S) -> None:
        # A path on Windows has backslashes, which are no escapes there.
        self._command = shlex.split(command or "", posix=os.name != "nt")
        self._timeout_s = timeout_s

    async def check(self, path: Path) -> None:
        """Raises: `file_infected`; `file_unscanned` when the program cannot say."""
        if not self._command:
            return
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                str(path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise Unavailable(ErrorCode.FILE_UNSCANNED, str(error)) from error
        try:
            code = await asyncio.wait_for(process.wait(), self._timeout_s)
        except TimeoutError:
            raise Unavailable(ErrorCode.FILE_UNSCANNED, "the virus check took too long") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code == _FOUND:
            raise Refused(ErrorCode.FILE_INFECTED)
        if code != _CLEAN:
            raise Unavailable(ErrorCode.FILE_UNSCANNED, f"the virus check ended with {code}")
