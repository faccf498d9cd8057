"""The servers of a deployment, and which of them holds which seat.

A server writes its row again and again; one that has not for `DEAD_S` is dead to the others, and
so are the connections that it held. All times are those of the database: the clocks of servers
differ, and jump.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, cast, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moim.meeting.ids import RoomId, Sid
from moim.storage.database import Database
from moim.storage.tables import holder, node, room

DEAD_S: Final = 5
FORGOTTEN_S: Final = 60
"""Then the rows of a dead server are deleted. One that was only asleep writes them again."""
AT_ONCE: Final = 5000


@dataclass(frozen=True, slots=True)
class Hold:
    """A connection to this server sits on a seat."""

    room: RoomId
    sid: Sid
    tab: str


class Nodes:
    """The rows of one server, and what it reads of the others'."""

    def __init__(self, database: Database, me: str) -> None:
        self._database = database
        self.me = me

    async def beat(
        self,
        taken: Collection[Hold] = (),
        released: Collection[Sid] = (),
        kept: Collection[Hold] = (),
    ) -> None:
        """Say that this server lives, and which seats it has taken and let go of since. What it
        has `kept` while it was thought dead is its own only where nobody has taken it since.

        Raises: Unavailable.
        """
        now = self._now()
        async with self._database.writing() as connection:
            mine = update(node).where(node.c.id == self.me).values(seen_ms=now)
            if not (await connection.execute(mine)).rowcount:
                await connection.execute(insert(node).values(id=self.me, seen_ms=now))
            if released:
                gone = holder.c.sid.in_(released) & (holder.c.node_id == self.me)
                await connection.execute(delete(holder).where(gone))
            if kept:
                query = select(holder.c.sid).where(holder.c.sid.in_([hold.sid for hold in kept]))
                known = set((await connection.execute(query)).scalars())
                await self._insert(connection, [hold for hold in kept if hold.sid not in known])
            if taken:
                # By deleting and inserting: an upsert is spelt differently by each database.
                sids = [hold.sid for hold in taken]
                await connection.execute(delete(holder).where(holder.c.sid.in_(sids)))
                await self._insert(connection, taken)

    async def _insert(self, connection: AsyncConnection, holds: Collection[Hold]) -> None:
        rows = [
            {"sid": hold.sid, "room_id": hold.room, "node_id": self.me, "tab": hold.tab}
            for hold in holds
        ]
        if rows:
            await connection.execute(insert(holder), rows)

    async def leave(self) -> None:
        """This server stops: nobody waits until it is dead. Raises: Unavailable."""
        async with self._database.writing() as connection:
            await connection.execute(delete(holder).where(holder.c.node_id == self.me))
            await connection.execute(delete(node).where(node.c.id == self.me))

    async def forget_the_dead(self) -> None:
        """Delete what the long dead have left. Raises: Unavailable."""
        dead = node.c.seen_ms < self._now() - 1000 * FORGOTTEN_S
        async with self._database.writing() as connection:
            ids = (await connection.execute(select(node.c.id).where(dead))).scalars().all()
            if ids:
                await connection.execute(delete(holder).where(holder.c.node_id.in_(ids)))
                await connection.execute(delete(node).where(node.c.id.in_(ids)))

    async def alive(self) -> Sequence[str]:
        """The servers that live, this one included. Raises: Unavailable."""
        async with self._database.reading() as connection:
            query = select(node.c.id).where(self._lives()).order_by(node.c.id)
            return (await connection.execute(query)).scalars().all()

    async def tab_of(self, sid: Sid) -> str | None:
        """The page that holds a seat by another living server. Raises: Unavailable."""
        query = select(holder.c.tab).join(node, node.c.id == holder.c.node_id)
        query = query.where(holder.c.sid == sid, holder.c.node_id != self.me, self._lives())
        async with self._database.reading() as connection:
            found: str | None = (await connection.execute(query)).scalar()
            return found

    async def elsewhere(self, rooms: Sequence[RoomId]) -> Mapping[RoomId, Mapping[Sid, str]]:
        """By room, the seats that other living servers hold, each with its page's tab.

        Raises: Unavailable.
        """
        found: dict[RoomId, dict[Sid, str]] = {one: {} for one in rooms}
        query = select(holder).join(node, node.c.id == holder.c.node_id)
        query = query.where(holder.c.node_id != self.me, self._lives())
        async with self._database.reading() as connection:
            for some in _handfuls(rooms):
                rows = await connection.execute(query.where(holder.c.room_id.in_(some)))
                for row in rows:
                    found[row.room_id][row.sid] = row.tab
        return found

    async def seqs(self, rooms: Sequence[RoomId]) -> Mapping[RoomId, int]:
        """By room, the number of its last event. Raises: Unavailable."""
        found: dict[RoomId, int] = {}
        async with self._database.reading() as connection:
            for some in _handfuls(rooms):
                query = select(room.c.id, room.c.seq).where(room.c.id.in_(some))
                found |= {RoomId(row.id): row.seq for row in await connection.execute(query)}
        return found

    async def unattended(self) -> Sequence[RoomId]:
        """Rooms with seats of which no living server holds any. Raises: Unavailable."""
        attended = exists().where(
            holder.c.room_id == room.c.id, node.c.id == holder.c.node_id, self._lives()
        )
        query = select(room.c.id).where(room.c.people > 0, ~attended)
        async with self._database.reading() as connection:
            return [RoomId(one) for one in (await connection.execute(query)).scalars()]

    def _lives(self) -> ColumnElement[bool]:
        return node.c.seen_ms >= self._now() - 1000 * DEAD_S

    def _now(self) -> ColumnElement[Any]:
        return now_of(self._database)


def now_of(database: Database) -> ColumnElement[Any]:
    """Unix milliseconds by the database's clock."""
    if database.sqlite:
        since_1970 = func.julianday("now") - 2440587.5
        return cast(since_1970 * 86_400_000, BigInteger)
    return cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger)


def _handfuls(rooms: Sequence[RoomId]) -> list[Sequence[RoomId]]:
    return [rooms[at : at + AT_ONCE] for at in range(0, len(rooms), AT_ONCE)]
