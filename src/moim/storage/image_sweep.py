"""Removes the image files that nothing can show: left by a crash between storing and announcing,
pushed out of what waits for its author, or never sent.

A file goes only when its room is known and neither a message nor a waiting upload has it. A folder
of a room that the database does not know stays: rooms are never deleted, so it is the database that
is a wrong or an older one.
"""

import time
from collections.abc import Awaitable, Callable, Collection

import structlog

from moim.meeting.errors import Unavailable
from moim.meeting.ids import FileId, RoomId
from moim.meeting.images import image
from moim.meeting.rules import apply
from moim.storage.images import ImageStore
from moim.storage.journal import Journal
from moim.storage.messages import Messages

# An upload is announced within seconds of being stored; a disk that hangs may need longer.
UNANNOUNCED_S = 3600
# A browser keeps what it could not send while the server was away; nobody waits for weeks.
UNSENT_S = 7 * 24 * 3600

_log = structlog.get_logger("moim.storage")


class ImageSweep:
    """Goes through the folders of all rooms."""

    def __init__(
        self,
        store: ImageStore,
        journal: Journal,
        messages: Messages,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._journal = journal
        self._messages = messages
        self._now_s = now_s

    async def for_ever(self, pause: Callable[[], Awaitable[None]]) -> None:
        """Sweep, pause, again. A disk or database that is away is tried again the next time."""
        while True:
            try:
                removed = await self.sweep()
            except Unavailable as error:
                _log.warning("image_sweep_failed", cause=str(error))
            except Exception:
                # The supervisor of this task: a bug here must not go unseen until the next start.
                _log.exception("image_sweep_broke")
            else:
                if removed:
                    _log.info("images_swept", files=removed)
            await pause()

    async def sweep(self) -> int:
        """Remove what nothing can show. Returns how many files. Raises: Unavailable."""
        return sum([await self._sweep_room(room) for room in await self._store.rooms()])

    async def _sweep_room(self, room: RoomId) -> int:
        now_s = self._now_s()
        old = await self._store.stored_before(room, now_s - UNANNOUNCED_S)
        shown = await self._messages.images(room) if old else set()
        unseen = [file for file in old if FileId(file.name) not in shown]
        if not unseen:
            return 0
        waiting = await self._waiting(room)
        if waiting is None:
            _log.warning("images_of_unknown_room", room=room, files=len(unseen))
            return 0
        # Asked again after what waits: an image that was sent between the two is in one of them.
        shown = await self._messages.images(room)
        gone = [
            file.name
            for file in unseen
            if FileId(file.name) not in shown
            and (FileId(file.name) not in waiting or file.stored_s < now_s - UNSENT_S)
        ]
        await self._store.remove(room, gone)
        return len(gone)

    async def _waiting(self, room: RoomId) -> Collection[FileId] | None:
        """What may still be sent; None when there is no such room."""
        fold, tail = await self._journal.load(room)
        for stored in tail:
            fold = apply(fold, stored)
        if not fold.slug:
            return None
        return {one.file_id for held in image.of(fold).waiting.values() for one in held}
