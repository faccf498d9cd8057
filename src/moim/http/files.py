"""Takes files in: which ones, from whom, piece by piece, checked and announced when whole.

One write at a time goes to one file. A connection that was lost may still look open here when its
browser is back, so a newer one sends the older away instead of being refused.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import structlog

from moim.http.scanning import Scanner
from moim.meeting.errors import ErrorCode, MoimError, Refused, Unavailable
from moim.meeting.features.file import File
from moim.meeting.file_names import clean_file_name, ending
from moim.meeting.ids import FileId, Identity, RoomId
from moim.storage.files import FileRow, FileStore

UPLOADS_AT_ONCE: Final = 32
UPLOADS_OF_ONE: Final = 4
SCANS_AT_ONCE: Final = 2
UNFINISHED_S: Final = 24 * 3600
"""How long an upload that nobody goes on with is kept."""
# Bytes are on the disk before they have a row only while a row is being written.
STRAY_S: Final = 3600

_log = structlog.get_logger("moim.http.files")


class Announcer(Protocol):
    """Tells a room of a file."""

    async def share_file(self, room: RoomId, owner: Identity, name: str, file: File) -> None:
        """Twice is once. Raises: `barred`; Unavailable."""


@dataclass(frozen=True, slots=True)
class FileRules:
    """What an operator allows. `kinds` are endings in small letters; none given is any."""

    max_bytes: int
    kinds: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Turn:
    """Who writes to one file now, and how many want to."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when whoever writes should make room."""
    wanted: int = 0


class FileDesk:
    """The uploads of all rooms."""

    def __init__(
        self,
        store: FileStore,
        rules: FileRules,
        scanner: Scanner,
        announcer: Announcer,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.rules = rules
        self._scanner = scanner
        self._announcer = announcer
        self._now_s = now_s
        self._turns: dict[FileId, _Turn] = {}
        self._scanning = asyncio.Semaphore(SCANS_AT_ONCE)
        self._uploading: Counter[Identity] = Counter()

    async def begin(
        self,
        room: RoomId,
        owner: Identity,
        owner_name: str,
        *,
        file_name: str,
        size_bytes: int,
        transfer: str | None,
    ) -> FileRow:
        """Make room for a file.

        Raises: `file_name_invalid`, `file_too_large`, `file_type_refused`, `quota_reached`;
        Unavailable.
        """
        try:
            name = clean_file_name(file_name)
        except ValueError:  # PydanticCustomError is one
            raise Refused(ErrorCode.FILE_NAME_INVALID) from None
        if size_bytes > self.rules.max_bytes:
            raise Refused(ErrorCode.FILE_TOO_LARGE)
        if self.rules.kinds and ending(name) not in self.rules.kinds:
            raise Refused(ErrorCode.FILE_TYPE_REFUSED)
        row = FileRow(
            room_id=room,
            file_id=FileId("F_" + secrets.token_urlsafe(16)),
            owner=owner,
            owner_name=owner_name,
            file_name=name,
            size_bytes=size_bytes,
            transfer=transfer,
            created_ms=int(self._now_s() * 1000),
        )
        await self.store.add(row)
        return row

    @asynccontextmanager
    async def writing(self, row: FileRow) -> AsyncIterator[asyncio.Event]:
        """The turn of one request at one file; the event asks it to leave to a newer one.

        Raises: `rate_limited`, `busy`.
        """
        turn = self._turns.setdefault(row.file_id, _Turn())
        turn.wanted += 1
        try:
            turn.left.set()
            async with turn.lock:
                turn.left = asyncio.Event()
                with self._counted(row.owner):
                    yield turn.left
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                self._turns.pop(row.file_id, None)

    def _counted(self, owner: Identity) -> "_Place":
        if self._uploading[owner] >= UPLOADS_OF_ONE:
            raise Refused(ErrorCode.RATE_LIMITED)
        if self._uploading.total() >= UPLOADS_AT_ONCE:
            raise Unavailable(ErrorCode.BUSY)
        return _Place(self._uploading, owner)

    async def offset(self, row: FileRow) -> int:
        """How much of a file is there."""
        if row.sha256 is not None:
            return row.size_bytes
        return await self.store.parts.offset(row.room_id, row.file_id)

    async def complete(self, row: FileRow) -> None:
        """Check a file whose last byte is here, give it its name and tell the room. Twice is once.

        Raises: `file_infected` and `barred`, and the file is gone then; `file_unscanned`, and it
        waits; Unavailable.
        """
        room, file_id = row.room_id, row.file_id
        try:
            if row.sha256 is None:
                row = replace(row, sha256=await self._checked(row))
                await self.store.checked(row)
            await self.store.parts.finish(room, file_id)
            if not row.announced:
                await self._announcer.share_file(room, row.owner, row.owner_name, row.shared)
                await self.store.announced(row)
        except Refused as refusal:
            _log.info("file_refused", room=room, code=refusal.code.value)
            await self.store.delete(room, file_id)
            raise

    async def _checked(self, row: FileRow) -> str:
        parts = self.store.parts
        if not row.size_bytes:
            await (await parts.open(row.room_id, row.file_id)).close()  # nothing was ever written
        async with self._scanning:
            await self._scanner.check(parts.unfinished_path(row.room_id, row.file_id))
            return await parts.digest(row.room_id, row.file_id)

    async def sweep_for_ever(self, pause: Callable[[], Awaitable[None]]) -> None:
        """Sweep, pause, again. A disk or database that is away is tried again the next time."""
        while True:
            try:
                await self.sweep()
            except MoimError as error:
                _log.warning("file_sweep_failed", cause=str(error))
            except Exception:
                # The supervisor of this task: a bug here must not go unseen until the next start.
                _log.exception("file_sweep_broke")
            await pause()

    async def sweep(self) -> None:
        """Complete what a crash left, remove what nobody goes on with. Raises: Unavailable."""
        for row in await self.store.unannounced():
            if row.file_id in self._turns:
                continue
            if await self.offset(row) == row.size_bytes:
                await self._complete_late(row)
            elif row.created_ms < (self._now_s() - UNFINISHED_S) * 1000:
                await self.store.delete(row.room_id, row.file_id)
                _log.info("file_upload_expired", room=row.room_id)
        for room, file_id in await self.store.strays(self._now_s() - STRAY_S):
            await self.store.delete(room, file_id)
            _log.info("stray_file_removed", room=room)

    async def _complete_late(self, row: FileRow) -> None:
        try:
            async with self.writing(row):
                await self.complete(await self.store.find(row.room_id, row.file_id))
        except Refused:
            return  # gone, and told in the log
        except Unavailable as error:
            _log.warning("file_waits", room=row.room_id, code=error.code.value)


class _Place:
    """One of somebody's uploads under way."""

    def __init__(self, counter: Counter[Identity], owner: Identity) -> None:
        self._counter = counter
        self._owner = owner

    def __enter__(self) -> None:
        self._counter[self._owner] += 1

    def __exit__(self, *_: object) -> None:
        self._counter[self._owner] -= 1
        if not self._counter[self._owner]:
            del self._counter[self._owner]
