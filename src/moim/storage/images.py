"""Where image files are kept: `<folder>/<room>/<file id>`, whole or not at all.

An image is written beside its place, flushed to the disk and renamed, so that neither a crash nor a
full disk leaves half of one. Everything that touches the disk runs in a thread.
"""

import asyncio
import os
import re
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from moim.meeting.errors import ErrorCode, Refused, Unavailable
from moim.meeting.ids import FileId, RoomId
from moim.meeting.images import MediaType
from moim.storage.disk import disk_failures, sync_folder

# An id is a part of a path: nothing else may become one.
_ID = re.compile(r"(RM|F)_[A-Za-z0-9_-]{8,60}")
_UNFINISHED = ".part"
_MAGIC: tuple[tuple[bytes, MediaType], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image on disk, ready to be sent as it is."""

    path: Path
    media_type: MediaType
    size_bytes: int


@dataclass(frozen=True, slots=True)
class OldFile:
    """A file of a room's folder: an image, or what a crash left of one. Seconds since 1970."""

    name: str
    stored_s: float


class ImageStore:
    """The images of all rooms below one folder, each room with a quota in bytes."""

    def __init__(self, folder: Path, room_max_bytes: int) -> None:
        self._folder = folder
        self._room_max_bytes = room_max_bytes
        self._writing = threading.Lock()

    async def keep(self, room: RoomId, file_id: FileId, data: bytes) -> None:
        """Store an image for good before returning.

        Raises: `quota_reached` when the room's images would take too much, `storage_full` when the
        disk does, `storage_failed` for what else a disk can do.
        """
        await asyncio.to_thread(self._keep, self._path(room, file_id), data)

    async def find(self, room: RoomId, file_id: FileId) -> StoredImage:
        """Where an image is. Raises: `image_unknown`."""
        return await asyncio.to_thread(self._find, room, file_id)

    async def delete(self, room: RoomId, file_id: FileId) -> None:
        """Remove an image, for instance because its message was deleted. Gone already is fine.

        Raises: `storage_failed`.
        """
        path = self._path(room, file_id)
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            raise Unavailable(ErrorCode.STORAGE_FAILED, str(error)) from error

    async def rooms(self) -> Sequence[RoomId]:
        """The rooms that have a folder here. Raises: `storage_failed`."""
        try:
            return await asyncio.to_thread(self._rooms)
        except OSError as error:
            raise Unavailable(ErrorCode.STORAGE_FAILED, str(error)) from error

    async def stored_before(self, room: RoomId, at_s: float) -> Sequence[OldFile]:
        """A room's files that were there at a time. Raises: `storage_failed`."""
        try:
            return await asyncio.to_thread(self._stored_before, room, at_s)
        except OSError as error:
            raise Unavailable(ErrorCode.STORAGE_FAILED, str(error)) from error

    async def remove(self, room: RoomId, names: Collection[str]) -> None:
        """Remove files by the names that `stored_before` told. Raises: `storage_failed`."""
        try:
            await asyncio.to_thread(self._remove, room, names)
        except OSError as error:
            raise Unavailable(ErrorCode.STORAGE_FAILED, str(error)) from error

    def _rooms(self) -> list[RoomId]:
        try:
            with os.scandir(self._folder) as entries:
                found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []  # nobody has sent an image yet
        return [RoomId(name) for name in sorted(found) if _ID.fullmatch(name)]

    def _stored_before(self, room: RoomId, at_s: float) -> list[OldFile]:
        with os.scandir(self._folder / room) as entries:
            files = [e for e in entries if _is_ours(e.name) and e.is_file(follow_symlinks=False)]
            old = [OldFile(entry.name, entry.stat().st_mtime) for entry in files]
        return [file for file in old if file.stored_s < at_s]

    def _remove(self, room: RoomId, names: Collection[str]) -> None:
        for name in names:
            (self._folder / room / name).unlink(missing_ok=True)

    def _path(self, room: RoomId, file_id: FileId) -> Path:
        if not _ID.fullmatch(room) or not _ID.fullmatch(file_id):
            raise Refused(ErrorCode.IMAGE_UNKNOWN)
        return self._folder / room / file_id

    def _keep(self, path: Path, data: bytes) -> None:
        # One writer at a time, so that two uploads cannot both take the last of a quota.
        with self._writing, disk_failures():
            path.parent.mkdir(parents=True, exist_ok=True)
            if _taken(path.parent) + len(data) > self._room_max_bytes:
                raise Refused(ErrorCode.QUOTA_REACHED)
            _write_whole(path, data)

    def _find(self, room: RoomId, file_id: FileId) -> StoredImage:
        path = self._path(room, file_id)
        try:
            with path.open("rb") as file:
                head = file.read(16)
                size = os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            raise Refused(ErrorCode.IMAGE_UNKNOWN) from None
        except OSError as error:
            raise Unavailable(ErrorCode.STORAGE_FAILED, str(error)) from error
        for magic, media_type in _MAGIC:
            if head.startswith(magic):
                return StoredImage(path, media_type, size)
        raise Refused(ErrorCode.IMAGE_UNKNOWN)


def _is_ours(name: str) -> bool:
    # Whatever else somebody has put there stays.
    return _ID.fullmatch(name.removesuffix(_UNFINISHED)) is not None


def _taken(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.is_file())


def _write_whole(path: Path, data: bytes) -> None:
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        with unfinished.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
