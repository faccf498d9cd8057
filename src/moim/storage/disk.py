"""What a disk does to whoever writes on it: failures by our names, and names that are durable."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from moim.meeting.errors import ErrorCode, Unavailable

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def disk_failures() -> Iterator[None]:
    """Calls by our names what a disk can do. Raises: `storage_full`, `storage_failed`."""
    try:
        yield
    except OSError as error:
        code = ErrorCode.STORAGE_FULL if error.errno in _FULL else ErrorCode.STORAGE_FAILED
        raise Unavailable(code, str(error)) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows cannot open one, and needs it not."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
