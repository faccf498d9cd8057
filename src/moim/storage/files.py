"""The store of files: what each room has and is about to have, within its quota."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.features.file import FILES_OF_A_ROOM, File
from moim.meeting.ids import FileId, Identity, RoomId
from moim.storage.database import Database
from moim.storage.file_parts import FileParts
from moim.storage.images import ImageStore
from moim.storage.tables import file, room


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file from the beginning of its upload on."""

    room_id: RoomId
    file_id: FileId
    owner: Identity
    owner_name: str
    file_name: str
    size_bytes: int
    transfer: str | None
    created_ms: int
    sha256: str | None = None
    """Known once it is whole and checked."""
    announced: bool = False

    @property
    def shared(self) -> File:
        """The file as the room is told of it."""
        assert self.sha256 is not None  # noqa: S101 - only a whole file is announced
        return File(
            file_id=self.file_id,
            file_name=self.file_name,
            bytes=self.size_bytes,
            sha256=self.sha256,
            transfer=self.transfer,
        )


class FileStore:
    """The files of all rooms: rows in the database, bytes below one folder."""

    def __init__(self, database: Database, parts: FileParts, room_max_bytes: int) -> None:
        self._database = database
        self._room_max_bytes = room_max_bytes
        self.parts = parts

    async def add(self, row: FileRow) -> None:
        """Take the space for an upload. Raises: `quota_reached`; Unavailable."""
        query = select(func.count(), func.coalesce(func.sum(file.c.size_bytes), 0)).where(
            file.c.room_id == row.room_id
        )
        async with self._database.writing() as connection:
            # Read where nobody else writes (on PostgreSQL the room's row is locked): two uploads
            # cannot both take the last of a quota.
            await connection.execute(_locked(row.room_id))
            count, taken = (await connection.execute(query)).one()
            if count >= FILES_OF_A_ROOM or taken + row.size_bytes > self._room_max_bytes:
                raise Refused(ErrorCode.QUOTA_REACHED)
            await connection.execute(insert(file).values(**_values(row)))

    async def find(self, room: RoomId, file_id: FileId) -> FileRow:
        """One file, whole or not. Raises: `file_unknown`; Unavailable."""
        query = select(file).where(file.c.room_id == room, file.c.file_id == file_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise Refused(ErrorCode.FILE_UNKNOWN)
        return FileRow(**row)

    async def unannounced(self) -> Sequence[FileRow]:
        """What is coming in, and what is whole and was not announced. Raises: Unavailable."""
        query = select(file).where(file.c.announced.is_(False)).order_by(file.c.created_ms)
        async with self._database.reading() as connection:
            return [FileRow(**row) for row in (await connection.execute(query)).mappings()]

    async def checked(self, row: FileRow) -> None:
        """A file is whole and has its digest. Raises: Unavailable."""
        await self._change(row, sha256=row.sha256)

    async def announced(self, row: FileRow) -> None:
        """Everybody knows of it. Raises: Unavailable."""
        await self._change(row, announced=True)

    async def delete(self, room: RoomId, file_id: FileId) -> None:
        """Remove a file, whole or not, and give its space back. Gone already is fine.

        Raises: Unavailable.
        """
        await self.parts.delete(room, file_id)
        mine = (file.c.room_id == room) & (file.c.file_id == file_id)
        async with self._database.writing() as connection:
            await connection.execute(delete(file).where(mine))

    async def strays(self, before_s: float) -> Sequence[tuple[RoomId, FileId]]:
        """Bytes without a row, there since a time (seconds since 1970). Raises: Unavailable."""
        old = await self.parts.stored_before(before_s)
        if not old:
            return []
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(file.c.room_id, file.c.file_id))).all()
        known = {(row.room_id, row.file_id) for row in rows}
        return [one for one in old if one not in known]

    async def _change(self, row: FileRow, **changes: object) -> None:
        mine = (file.c.room_id == row.room_id) & (file.c.file_id == row.file_id)
        async with self._database.writing() as connection:
            await connection.execute(update(file).where(mine).values(**changes))


def _values(row: FileRow) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in file.columns}


class StoresOfRooms:
    """Where a file may be whose event was scrubbed: its id does not tell an image from a file."""

    def __init__(self, images: ImageStore, files: FileStore) -> None:
        self._images = images
        self._files = files

    async def delete(self, room: RoomId, file_id: FileId) -> None:
        """Remove it wherever it is. Gone already is fine. Raises: Unavailable."""
        await self._images.delete(room, file_id)
        await self._files.delete(room, file_id)


def _locked(room_id: RoomId) -> Select[tuple[str]]:
    return select(room.c.id).where(room.c.id == room_id).with_for_update()
