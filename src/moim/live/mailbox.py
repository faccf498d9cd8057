"""What a room has been asked and has not answered yet."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from moim.live.seats import Connection
from moim.meeting.errors import ErrorCode, MoimError, Unavailable
from moim.meeting.feature import Command
from moim.meeting.ids import CommandId, Identity, MeetingId, Sid

MOST_WAITING = 1000
MOST_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command led to: the seq of its last event, or of the room when there was none."""

    seq: int
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Ask:
    """A command on its way. Its ids are made once, so that deciding again changes nothing."""

    actor: Identity
    command_id: CommandId
    command: Command
    connection: Connection | None
    sid: Sid
    meeting_id: MeetingId
    reply: "asyncio.Future[Answer | MoimError]"
    """A refusal is a value here: nobody may be there any more to hear an exception."""

    @property
    def key(self) -> tuple[Identity, CommandId]:
        return self.actor, self.command_id

    def answer(self, said: Answer | MoimError) -> None:
        """Once; whoever has gone away is not waited for."""
        if not self.reply.done():
            self.reply.set_result(said)


class Mailbox:
    """A bounded queue that is emptied by the handful."""

    def __init__(self) -> None:
        self._asks: deque[Ask] = deque()
        self._something = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._asks)

    @property
    def closed(self) -> bool:
        return self._closed

    def put(self, ask: Ask) -> None:
        """Raises: Unavailable (`busy`, `server_stopping`)."""
        if self._closed:
            raise Unavailable(ErrorCode.SERVER_STOPPING)
        if len(self._asks) >= MOST_WAITING:
            raise Unavailable(ErrorCode.BUSY)
        self._asks.append(ask)
        self._something.set()

    def close(self) -> None:
        """Take no more; what is in it is still handed out."""
        self._closed = True
        self._something.set()

    def nudge(self) -> None:
        """Let `take` return, even with nothing."""
        self._something.set()

    async def take(self) -> list[Ask] | None:
        """All that waits, as many as fit one transaction; empty after a nudge. None once it is
        closed and empty."""
        await self._something.wait()
        handful = [self._asks.popleft() for _ in range(min(len(self._asks), MOST_AT_ONCE))]
        if not handful and self._closed:
            return None
        if not self._asks and not self._closed:
            self._something.clear()
        return handful
