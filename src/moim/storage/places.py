"""Which server's SFU a room's media are on: one row for each room, changed by compare-and-set.

Each server with an SFU says again and again that it lives; one that has not for `DEAD_S`, or that
says that it is about to stop, loses its rooms to whoever writes itself into their rows first. One
that has not for `QUIET_S` is looked at more closely. Every
change of hands has an epoch that was never there before, also after the row was deleted: who wakes
up and finds another one in its row knows that the room is not its own any more. All times are those
of the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, case, delete, insert, or_, select, update

from moim.storage.database import Conflict, Database
from moim.storage.nodes import FORGOTTEN_S, now_of
from moim.storage.tables import place, sfu

DEAD_S: Final = 2.5
"""Less than a server's own: a seat waits, but a call that stands still is noticed at once."""
QUIET_S: Final = 1.0
"""Two words that did not come."""
AT_ONCE: Final = 50


class Health(StrEnum):
    """What a server with an SFU last said of itself."""

    ALIVE = "alive"
    QUIET = "quiet"
    """It may be slow, or dead."""
    DRAINING = "draining"
    """It is about to stop, and wants to be rid of its rooms."""
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a room's media are."""

    room: str
    node: str
    epoch: int
    health: Health
    url: str = ""
    """Where browsers are sent: a path, with the server's own address before it if it has one."""
    api_url: str = ""
    """Where the other servers reach it."""


class Places:
    """What one server writes and reads. All of it raises Unavailable while it cannot."""

    def __init__(self, database: Database, me: str) -> None:
        self._database = database
        self.me = me

    async def beat(self, url: str, api_url: str, *, draining: bool) -> None:
        """Say that this server's SFU lives, and where it is."""
        said = {"url": url, "api_url": api_url, "draining": draining, "seen_ms": self._now()}
        async with self._database.writing() as connection:
            mine = update(sfu).where(sfu.c.node_id == self.me).values(said)
            if not (await connection.execute(mine)).rowcount:
                await connection.execute(insert(sfu).values(node_id=self.me, **said))

    async def leave(self) -> None:
        """This server's SFU is no more; what is still on it is anybody's."""
        async with self._database.writing() as connection:
            await connection.execute(delete(sfu).where(sfu.c.node_id == self.me))

    async def forget_the_dead(self) -> None:
        """Delete what the long dead have said of themselves."""
        long_ago = sfu.c.seen_ms < self._now() - 1000 * FORGOTTEN_S
        async with self._database.writing() as connection:
            await connection.execute(delete(sfu).where(long_ago))

    async def others(self) -> Sequence[tuple[str, str]]:
        """The other servers that could take a room, each by its url and api_url."""
        lives = sfu.c.seen_ms >= self._since()
        there = lives & (sfu.c.node_id != self.me) & ~sfu.c.draining
        query = select(sfu.c.url, sfu.c.api_url).where(there).order_by(sfu.c.node_id)
        async with self._database.reading() as connection:
            return [(row.url, row.api_url) for row in await connection.execute(query)]

    async def urls(self) -> Sequence[str]:
        """Where browsers are sent, of every server that is not long dead, this one included."""
        async with self._database.reading() as connection:
            return (await connection.execute(select(sfu.c.url))).scalars().all()

    async def find(self, room: str) -> Placement | None:
        """Where a room is; None when it is nowhere."""
        async with self._database.reading() as connection:
            found = (await connection.execute(self._query().where(place.c.room == room))).first()
        return None if found is None else _placement(found)

    async def take(self, room: str, before: Placement | None) -> int | None:
        """Put a room here, if it still is where it was: the new epoch. None when it is not."""
        now = self._now()
        if before is None:
            first = insert(place).values(room=room, node_id=self.me, epoch=now)
            statement: Any = first.returning(place.c.epoch)
        else:
            unseen = case((now > place.c.epoch, now), else_=place.c.epoch + 1)
            same = (place.c.room == room) & (place.c.epoch == before.epoch)
            change = update(place).where(same).values(node_id=self.me, epoch=unseen)
            statement = change.returning(place.c.epoch)
        try:
            async with self._database.writing() as connection:
                epoch: int | None = (await connection.execute(statement)).scalar()
        except Conflict:
            return None
        return epoch

    async def release(self, room: str, epoch: int) -> None:
        """A room is nowhere any more, unless it has changed hands meanwhile."""
        gone = (place.c.room == room) & (place.c.epoch == epoch)
        async with self._database.writing() as connection:
            await connection.execute(delete(place).where(gone))

    async def mine(self) -> Mapping[str, int]:
        """The rooms that are here, each with its epoch."""
        query = select(place.c.room, place.c.epoch).where(place.c.node_id == self.me)
        async with self._database.reading() as connection:
            return {row.room: row.epoch for row in await connection.execute(query)}

    async def orphans(self) -> Sequence[Placement]:
        """Some of the rooms whose server is quiet, dead or about to stop; but not this one's."""
        lost = or_(sfu.c.node_id.is_(None), sfu.c.seen_ms < self._since(QUIET_S), sfu.c.draining)
        query = self._query().where(lost, place.c.node_id != self.me)
        async with self._database.reading() as connection:
            rows = await connection.execute(query.order_by(place.c.epoch).limit(AT_ONCE))
            return [_placement(row) for row in rows]

    def _query(self) -> Any:
        health = case(
            (or_(sfu.c.node_id.is_(None), sfu.c.seen_ms < self._since()), Health.DEAD.value),
            (sfu.c.draining, Health.DRAINING.value),
            (sfu.c.seen_ms < self._since(QUIET_S), Health.QUIET.value),
            else_=Health.ALIVE.value,
        )
        columns = (place, sfu.c.url, sfu.c.api_url, health.label("health"))
        return select(*columns).select_from(place.outerjoin(sfu, sfu.c.node_id == place.c.node_id))

    def _since(self, seconds: float = DEAD_S) -> ColumnElement[Any]:
        return self._now() - int(1000 * seconds)

    def _now(self) -> ColumnElement[Any]:
        return now_of(self._database)


def _placement(row: Any) -> Placement:
    url, api_url = row.url or "", row.api_url or ""
    return Placement(row.room, row.node_id, row.epoch, Health(row.health), url, api_url)
