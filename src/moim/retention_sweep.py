"""Takes back what is older than its room keeps messages, as their authors would.

Each deletion is an ordinary command of the server with an id made of the message's seq, so two
servers that sweep at once delete once. A room that has nothing old is not opened.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from moim.live.ports import Clock
from moim.live.registry import Registry
from moim.meeting.errors import ErrorCode, MoimError, Refused, Unavailable
from moim.meeting.feature import Command
from moim.meeting.features.chat import DeleteMessage
from moim.meeting.features.private import DeletePrivate
from moim.meeting.ids import SYSTEM, CommandId, RoomId
from moim.storage.messages import Messages
from moim.storage.rooms import Rooms

AT_ONCE: Final = 100
DAY_MS: Final = 24 * 3600 * 1000

_log = structlog.get_logger("moim.retention")


class RetentionSweep:
    """Goes through the rooms that do not keep messages for ever."""

    def __init__(self, registry: Registry, rooms: Rooms, messages: Messages, clock: Clock) -> None:
        self._registry = registry
        self._rooms = rooms
        self._messages = messages
        self._clock = clock

    async def for_ever(self, pause: Callable[[], Awaitable[None]]) -> None:
        """Sweep, pause, again. What fails is tried again the next time."""
        while True:
            try:
                deleted = await self.sweep()
            except Unavailable as error:
                _log.warning("retention_sweep_failed", cause=str(error))
            except Exception:
                # the supervisor of this task: a bug here must not go unseen until the next start
                _log.exception("retention_sweep_broke")
            else:
                if deleted:
                    _log.info("messages_swept", messages=deleted)
            await pause()

    async def sweep(self) -> int:
        """Take back what is too old. Returns how many messages. Raises: Unavailable."""
        return sum([await self._sweep_room(*one) for one in await self._rooms.forgetting()])

    async def _sweep_room(self, room_id: RoomId, days: int) -> int:
        before_ms = self._clock.now_ms() - days * DAY_MS
        deleted = 0
        while old := await self._messages.said_before(room_id, before_ms, AT_ONCE):
            room = await self._registry.open(room_id)
            asked = [
                room.submit(SYSTEM, CommandId(f"retention-{seq}"), _deletion(seq, private))
                for seq, private in old
            ]
            said = await asyncio.gather(*asked)
            for answer in said:
                if isinstance(answer, MoimError) and not _is_gone(answer):
                    raise Unavailable(answer.code, "a message could not be swept")
            deleted += len(old)
        return deleted


def _deletion(seq: int, private: bool) -> Command:
    return DeletePrivate(seq=seq) if private else DeleteMessage(seq=seq)


def _is_gone(answer: MoimError) -> bool:
    """Its author was faster."""
    return isinstance(answer, Refused) and answer.code is ErrorCode.MESSAGE_DELETED
