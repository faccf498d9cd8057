"""The SFU rooms of this server among several: which are here, and what becomes of the others'.

Twice a second it says that its SFU lives, closes the rooms that are not its own any more (it slept,
and another server took them), and takes those of a server that is dead or about to stop. Who takes
a room tells the meeting, which moves there as it moves between the planes: make before break.

A server judges others only while it writes itself: one that could not, because it slept or because
the database was away, first gives them time to be heard again. One that has been quiet for a moment
is knocked at: where its machine says that nobody listens any more, it was killed, and is not waited
for any longer.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, Protocol

import structlog

from moim.live.drain import LOOK_S, Drain, LeftRooms
from moim.live.knocking import nobody_listens
from moim.live.looking import look_again_and_again
from moim.media.places import Where, address_in
from moim.meeting.errors import ErrorCode, MoimError, Unavailable
from moim.storage.places import AT_ONCE, DEAD_S, Health, Placement, Places

EVERY_S: Final = 0.5
GAP_S: Final = 1.5
"""So long between two words of its own, and this server does not know how the others are."""
STEADY_S: Final = 2.0
"""After such a gap it waits so long."""
UNUSED_S: Final = 20.0
"""A room that nobody entered by then, or that ended, is given up."""
_RARELY: Final = 20
_NOW_AND_THEN: Final = 4
MOST_NAMED: Final = 32
"""Addresses of servers that a page is told. They stand in a header, and proxies take heads of some
KiB; to the servers beyond these pages go by the proxy."""
_TRIES: Final = 3
_LOOKS_FOR_A_TAKER: Final = 20
_SILENT: Final = "the room's server does not answer"
_log = structlog.get_logger("moim.live")

Knock = Callable[[str], Awaitable[bool]]
"""Whether nobody listens at an address."""
Tell = Callable[[str, int], Awaitable[None]]
"""A room, by its slug, is here from now on, with that epoch: its meeting is to follow."""


class OwnRooms(LeftRooms, Protocol):
    """The SFU of this server."""

    @property
    def api_url(self) -> str:
        """Where this server finds its API."""

    def names(self) -> Collection[str]:
        """The rooms that are open on it."""

    def send_back(self, room: str) -> None:
        """Close a room, and tell everybody in it to connect anew."""


class Placing:
    """`moim.media.places.Places` of several servers."""

    def __init__(
        self,
        rows: Places,
        sfu: OwnRooms,
        url: str,
        api_url: str,
        now_s: Callable[[], float] = time.monotonic,
        knock: Knock = nobody_listens,
    ) -> None:
        self._rows = rows
        self._sfu = sfu
        self._url = url
        self._api_url = api_url
        self._now_s = now_s
        self._knock = knock
        self._held: dict[str, tuple[int, float]] = {}
        """The rooms that are here: the epoch, and since when, by this process's clock."""
        self._tell: Tell | None = None
        self._drain = Drain(rows, sfu, now_s)
        self._beat_at = float("-inf")
        self._sure_at = float("-inf")
        """When it was last looked which rooms are its own: who has slept is sure of none."""
        self._steady_since = float("inf")
        self._telling: set[asyncio.Task[None]] = set()
        self.addresses: tuple[str, ...] = ()
        """Where browsers reach servers past the proxy, as of the last look: this one's and the
        others'. A page that is not told one goes by the proxy."""
        self.taken = 0
        """Rooms that were another server's before, since the start."""

    @asynccontextmanager
    async def watching(self, tell: Tell) -> AsyncIterator[None]:
        """Work for as long as the block lasts, then say that this SFU is gone."""
        self._tell = tell
        looking = look_again_and_again(
            self._look_once,
            partial(asyncio.sleep, EVERY_S),
            away="sfu_places_away",
            broke="placing_broke",
        )
        task = asyncio.create_task(looking, name="placing")
        try:
            yield
        finally:
            for one in (task, *self._telling):
                one.cancel()
            await asyncio.gather(task, *self._telling, return_exceptions=True)
            with suppress(Unavailable):
                await self._rows.leave()

    # Places

    @property
    def here(self) -> Where:
        return Where.at(self._url, self._sfu.api_url)

    async def find(self, room: str) -> Where | None:
        found = await self._rows.find(room)
        return None if found is None else self._where(found)

    async def place(self, room: str) -> Where:
        if self._drain.to_others:
            return await self._elsewhere(room)
        for _ in range(_TRIES):
            found = await self._rows.find(room)
            mine = found is not None and found.node == self._rows.me
            if found is not None and (mine or not await self._may_take(found)):
                return self._where(found)
            if self._drain.begun:
                break
            if await self._take(room, found):
                return self.here
        raise Unavailable(ErrorCode.SFU_UNREACHABLE, _SILENT)

    async def _elsewhere(self, room: str) -> Where:
        """Where a room is that is not to be here any more, or soon will be. Raises: Unavailable."""
        for _ in range(_LOOKS_FOR_A_TAKER):
            found = await self._rows.find(room)
            others = await self._rows.others()
            mine = found is not None and found.node == self._rows.me
            if found is not None and not mine and found.health is not Health.DEAD:
                return self._where(found)
            if not others:
                break
            if not mine:
                return Where.at(*others[0])  # it takes what is nowhere, or with the dead
            await asyncio.sleep(LOOK_S)
        raise Unavailable(ErrorCode.SFU_UNREACHABLE, _SILENT)

    def holds(self, room: str) -> bool:
        """Whether a room is here, as far as this server knows without asking."""
        fresh = self._now_s() - self._sure_at < DEAD_S
        return room in self._held and fresh and not self._drain.begun

    def held(self) -> int:
        """How many rooms are here."""
        return len(self._held)

    def _where(self, found: Placement) -> Where:
        """Raises: Unavailable for a server that is dead, until somebody takes the room."""
        if found.node == self._rows.me:
            return self.here
        if found.health is Health.DEAD:
            raise Unavailable(ErrorCode.SFU_UNREACHABLE, _SILENT)
        return Where.at(found.url, found.api_url)

    async def _may_take(self, found: Placement) -> bool:
        if found.health in (Health.ALIVE, Health.DRAINING):
            return found.health is Health.DRAINING
        if self._now_s() - self._steady_since < STEADY_S:
            return False
        return found.health is Health.DEAD or await self._knock(found.api_url)

    async def _take(self, room: str, before: Placement | None) -> bool:
        epoch = await self._rows.take(room, before)
        if epoch is None:
            return False
        self._held[room] = (epoch, self._now_s())
        if before is not None:
            self.taken += 1
            _log.info("sfu_room_taken", cause=before.health.value, epoch=epoch)
            self._move(room, epoch)
        return True

    def _move(self, room: str, epoch: int) -> None:
        assert self._tell is not None  # noqa: S101 - rooms change hands while `watching`
        tell = self._tell

        async def follow() -> None:
            try:
                await tell(room, epoch)
            except MoimError as error:  # no room of moim's: its clients come back by themselves
                _log.info("sfu_room_not_followed", code=error.code.value)
            except Exception:
                _log.exception("sfu_room_not_followed")

        task = asyncio.create_task(follow())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    # Watching

    async def _look_once(self, number: int) -> None:
        while await self.look():
            pass  # more than one handful was left behind
        if number % _NOW_AND_THEN == 0:
            await self.look_for_addresses()
        if number % _RARELY == 0:
            await self._rows.forget_the_dead()

    async def look(self) -> bool:
        """Once: say that this SFU lives, give up what is not its own, take what nobody has.

        Returns whether there may be more to take. Raises: Unavailable, Conflict.
        """
        await self._beat()
        looking_since = self._now_s()
        await self._give_up()
        self._sure_at = looking_since
        return not self._drain.begun and await self._take_over()

    async def look_for_addresses(self) -> None:
        """See where browsers reach the servers. Raises: Unavailable."""
        found = {address_in(url) for url in await self._rows.urls()}
        self.addresses = tuple(sorted(one for one in found if one is not None)[:MOST_NAMED])

    async def _beat(self) -> None:
        await self._rows.beat(self._url, self._api_url, draining=self._drain.begun)
        now = self._now_s()
        if now - self._beat_at > GAP_S:
            self._steady_since = now
        self._beat_at = now

    async def _give_up(self) -> None:
        """Close what is not here any more; let go of what nobody uses."""
        held = dict(self._held)
        if not held:
            return
        mine = await self._rows.mine()
        for room, (epoch, since) in held.items():
            if mine.get(room) != epoch:
                if self._drain.begun:
                    continue  # it has gone on purpose, and closes when its people have followed
                if self._held.get(room) == (epoch, since):
                    del self._held[room]
                    _log.warning("sfu_room_lost", epoch=epoch)
                    self._sfu.send_back(room)
            elif room not in self._sfu.names() and self._now_s() - since > UNUSED_S:
                del self._held[room]
                await self._rows.release(room, epoch)

    async def _take_over(self) -> bool:
        """Returns whether there may be more."""
        taken = 0
        lost: dict[str, bool] = {}
        for orphan in await self._rows.orphans():
            if orphan.node not in lost:
                lost[orphan.node] = await self._may_take(orphan)
            if lost[orphan.node]:
                taken += await self._take(orphan.room, orphan)
        return taken == AT_ONCE

    # Stopping

    @property
    def draining(self) -> bool:
        """Whether this server is about to stop."""
        return self._drain.begun

    async def drain(self) -> None:
        """Let the others take the rooms, and wait, not for ever, until who needs it followed."""
        await self._drain.run(tuple(self._held), self._beat)

    def send_back(self) -> None:
        """Tell everybody who is still here to connect anew."""
        for room in tuple(self._sfu.names()):
            self._sfu.send_back(room)
