"""The bytes of files on the disk: `<folder>/<room>/<file id>`, with `.part` behind it while they
come in.

A file gets its name only once it is whole and flushed, so that what has that name is never half a
file. Whatever blocks runs in a thread; a failing disk is told by `storage_full` or
`storage_failed`.
"""

import asyncio
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.ids import FileId, RoomId
from moim.storage.disk import disk_failures, sync_folder

UNFINISHED: Final = ".part"
# An id is a part of a path: nothing else may become one.
_ID: Final = re.compile(r"(RM|F)_[A-Za-z0-9_-]{8,60}")
_BLOCK_BYTES: Final = 1024 * 1024


class Part:
    """A file that comes in, open behind its last byte."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file = file
        self.offset = offset

    async def write(self, data: bytes) -> None:
        """Append. What a full disk took before it was full stays, and is counted."""
        await asyncio.to_thread(self._write, data)

    async def keep(self) -> None:
        """Flush to the disk: from here on these bytes outlive a crash."""
        await asyncio.to_thread(self._keep)

    async def cut(self, offset: int) -> None:
        """Take back what came after an offset."""
        await asyncio.to_thread(self._cut, offset)

    async def close(self) -> None:
        await asyncio.to_thread(self._file.close)

    def _write(self, data: bytes) -> None:
        with disk_failures():
            try:
                left = memoryview(data)
                while left:
                    written = self._file.write(left)
                    left = left[written:]
            finally:
                self.offset = self._file.tell()

    def _keep(self) -> None:
        with disk_failures():
            os.fsync(self._file.fileno())

    def _cut(self, offset: int) -> None:
        with disk_failures():
            self._file.truncate(offset)
            self._file.seek(offset)
            self.offset = offset


class FileParts:
    """All files below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, room: RoomId, file_id: FileId) -> Path:
        """Where a whole file is. Raises: `file_unknown` for what is no id."""
        if not _ID.fullmatch(room) or not _ID.fullmatch(file_id):
            raise Refused(ErrorCode.FILE_UNKNOWN)
        return self._folder / room / file_id

    def unfinished_path(self, room: RoomId, file_id: FileId) -> Path:
        """Where it is while it comes in. Raises: `file_unknown`."""
        path = self.path(room, file_id)
        return path.with_name(path.name + UNFINISHED)

    async def whole(self, room: RoomId, file_id: FileId) -> tuple[Path, os.stat_result]:
        """A whole file, and what the disk knows of it. Raises: `file_unknown`, `storage_failed`."""
        path = self.path(room, file_id)
        return path, await asyncio.to_thread(self._look, path)

    async def offset(self, room: RoomId, file_id: FileId) -> int:
        """How many bytes are there of a file that comes in. Raises: `storage_failed`."""
        return await asyncio.to_thread(self._offset, self.unfinished_path(room, file_id))

    async def open(self, room: RoomId, file_id: FileId) -> Part:
        """Go on behind the last byte. Raises: `storage_full`, `storage_failed`."""
        return await asyncio.to_thread(self._open, self.unfinished_path(room, file_id))

    async def digest(self, room: RoomId, file_id: FileId) -> str:
        """SHA-256 of what came in, read block by block. Raises: `storage_failed`."""
        return await asyncio.to_thread(self._digest, self.unfinished_path(room, file_id))

    async def finish(self, room: RoomId, file_id: FileId) -> None:
        """Give a file its name; one that has it already is fine. Raises: `storage_failed`."""
        await asyncio.to_thread(self._finish, self.path(room, file_id))

    async def delete(self, room: RoomId, file_id: FileId) -> None:
        """Remove a file, whole or not. Gone already is fine. Raises: `storage_failed`."""
        whole, part = self.path(room, file_id), self.unfinished_path(room, file_id)
        await asyncio.to_thread(self._delete, (whole, part))

    async def stored_before(self, at_s: float) -> Sequence[tuple[RoomId, FileId]]:
        """What was there at a time, in seconds since 1970. Raises: `storage_failed`."""
        return await asyncio.to_thread(self._stored_before, at_s)

    def _look(self, whole: Path) -> os.stat_result:
        with disk_failures():
            try:
                return whole.stat()
            except FileNotFoundError:
                raise Refused(ErrorCode.FILE_UNKNOWN) from None

    def _offset(self, part: Path) -> int:
        with disk_failures():
            try:
                return part.stat().st_size
            except FileNotFoundError:
                return 0  # nothing has come yet

    def _open(self, part: Path) -> Part:
        with disk_failures():
            part.parent.mkdir(parents=True, exist_ok=True)
            file = part.open("ab", buffering=0)
            return Part(file, file.seek(0, os.SEEK_END))

    def _digest(self, part: Path) -> str:
        with disk_failures(), part.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
            return digest.hexdigest()

    def _finish(self, whole: Path) -> None:
        part = whole.with_name(whole.name + UNFINISHED)
        with disk_failures():
            if whole.exists() and not part.exists():
                return
            with part.open("r+b") as file:
                os.fsync(file.fileno())
            part.replace(whole)
            sync_folder(whole.parent)

    def _delete(self, paths: Sequence[Path]) -> None:
        with disk_failures():
            for path in paths:
                path.unlink(missing_ok=True)

    def _stored_before(self, at_s: float) -> list[tuple[RoomId, FileId]]:
        if not self._folder.is_dir():
            return []  # nobody has sent a file yet
        with disk_failures():
            return [
                (RoomId(path.parent.name), FileId(path.name.removesuffix(UNFINISHED)))
                for path in self._folder.glob("*/*")
                # Whatever else somebody has put there stays.
                if _ID.fullmatch(path.parent.name)
                and _ID.fullmatch(path.name.removesuffix(UNFINISHED))
                and path.stat().st_mtime < at_s
            ]
