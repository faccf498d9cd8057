"""What a server that is about to stop does for the rooms of its SFU.

Others take the rooms; then moim's own clients follow by themselves, make before break, and who was
just joining arrives. Who came with a LiveKit client is told last to connect anew: by then the room
answers at its new place, so that the first attempt is the only one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Final, Protocol

import structlog

from moim.meeting.errors import Unavailable
from moim.meeting.visitors import identity_of
from moim.storage.database import Conflict
from moim.storage.places import Places

DRAIN_S: Final = 10.0
"""Nobody is waited for any longer."""
LOOK_S: Final = 0.1
_log = structlog.get_logger("moim.live")


class LeftRooms(Protocol):
    """Those of the SFU that is about to stop."""

    def identities(self, room: str) -> Collection[str]:
        """Who is in one of them."""

    def arriving(self, room: str) -> bool:
        """Whether somebody was let into it whose media are not connected yet."""


class Drain:
    """One server's, once in its life."""

    def __init__(
        self, rows: Places, sfu: LeftRooms, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._rows = rows
        self._sfu = sfu
        self._now_s = now_s
        self.begun = False
        self.to_others = False
        """Whether others can take the rooms: nobody is let into one here any more."""

    async def run(self, rooms: Collection[str], beat: Callable[[], Awaitable[None]]) -> None:
        """Wait, not for ever, until all of that has happened. `beat` tells the others."""
        self.begun = True
        since = self._now_s()
        people = sum(len(self._sfu.identities(room)) for room in rooms)
        _log.info("drain_begun", rooms=len(rooms), people=people)
        moved = 0
        with suppress(Unavailable, Conflict):
            self.to_others = bool(await self._rows.others())
            await beat()
            while self.to_others:
                left = set(rooms) & set(await self._rows.mine())
                moved = len(rooms) - len(left)
                late = self._now_s() - since > DRAIN_S
                if late or not (left or any(self._awaited(room) for room in rooms)):
                    break
                await asyncio.sleep(LOOK_S)
        took_ms = round(1000 * (self._now_s() - since))
        left_behind = sum(len(self._sfu.identities(room)) for room in rooms if self._awaited(room))
        _log.info("drain_ended", moved=moved, left_behind=left_behind, took_ms=took_ms)

    def _awaited(self, room: str) -> bool:
        """Whether somebody of moim's own is still there, or somebody is only just coming."""
        own = any(identity_of(one) == one for one in self._sfu.identities(room))
        return own or self._sfu.arriving(room)
